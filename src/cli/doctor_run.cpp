// What lastack run needs of this machine, by trying it.
#include <fmt/core.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "cli/doctor.hpp"
#include "run/caller.hpp"
#include "run/descriptor.hpp"
#include "run/notifier.hpp"
#include "run/pidfd.hpp"

namespace lastack::cli {
namespace {

/// A filter that lets everything pass, and a descriptor that would be told of calls; -errno.
int new_listener() {
  sock_filter allow{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = SECCOMP_RET_ALLOW};
  sock_fprog program{.len = 1, .filter = &allow};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -errno;
  const long fd =
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  return fd >= 0 ? static_cast<int>(fd) : -errno;
}

int try_listener() { return std::max(0, -new_listener()); }

/// What `probe(child)` says of a process that was started here.
template <typename Probe>
int asked_of_child(Probe probe) {
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) {
    for (;;) ::pause();
  }
  const int error = probe(child);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return error;
}

int try_borrowing(pid_t child) {
  const run::OwnedFd process(::pidfd_open(child, 0));
  if (!process) return errno;
  const run::OwnedFd borrowed(::pidfd_getfd(process.get(), STDERR_FILENO, 0));
  return borrowed ? 0 : errno;
}

int try_handing_over() {
  const int listener = new_listener();
  return listener < 0 ? -listener : run::Notifier(run::OwnedFd(listener)).try_giving();
}

int try_waking_up() {
  const int listener = new_listener();
  if (listener < 0) return -listener;
  return run::Notifier(run::OwnedFd(listener)).wakes_at_once() ? 0 : EINVAL;
}

Finding found(const char* name, int error, const char* good, const char* remedy) {
  Finding finding{.name = name, .works = error == 0, .what = good, .remedy = {}};
  if (finding.works) return finding;
  finding.what = std::strerror(error);
  finding.remedy = remedy;
  return finding;
}

}  // namespace

std::vector<Finding> find_run() {
  constexpr const char* kOthers = "another run, or a sandbox, listens to this process's calls";
  const int listens = asked_apart(try_listener);
  std::vector<Finding> all;
  all.push_back(
      found("seccomp notification", listens, "a program's calls can be answered",
            listens == EBUSY
                ? "leave the run, or the sandbox, that already listens to this process's calls"
                : "Linux 5.0 or later with CONFIG_SECCOMP_FILTER; in a container a profile "
                  "that allows seccomp()"));
  if (listens == EBUSY) all.back().what = kOthers;
  all.push_back(found("pidfd_getfd", asked_of_child(try_borrowing),
                      "descriptors of a program can be borrowed",
                      "Linux 5.6 or later, kernel.yama.ptrace_scope at most 1; in a container a "
                      "profile that allows pidfd_getfd() and pidfd_open()"));
  all.push_back(found("process memory", asked_of_child(run::try_memory_of),
                      "arguments of a program's calls can be read, and answers written",
                      "kernel.yama.ptrace_scope at most 1; in a container a profile that allows "
                      "process_vm_readv() and process_vm_writev()"));
  if (listens != 0) return all;  // the others need one
  all.push_back(found("descriptors handed over", asked_apart(try_handing_over),
                      "a program gets one with its answer (SECCOMP_ADDFD_FLAG_SEND)",
                      "Linux 5.14 or later; in a container a profile that allows all of ioctl()"));
  Finding wakes = found("synchronous wake-up", asked_apart(try_waking_up),
                        "who is answered goes on at once", "Linux 6.6 or later");
  if (!wakes.works)
    wakes.what = "is not there: runs work, and what opens many connections is slower";
  all.push_back(std::move(wakes));
  return all;
}

std::optional<Finding> missing_for_runs(const std::vector<Finding>& findings) {
  constexpr std::array<std::string_view, 4> kNeeded = {"seccomp notification", "pidfd_getfd",
                                                       "process memory", "descriptors handed over"};
  const auto missing = std::ranges::find_if(findings, [&](const Finding& one) {
    return !one.works && std::ranges::find(kNeeded, one.name) != kNeeded.end();
  });
  return missing == findings.end() ? std::nullopt : std::optional(*missing);
}

}  // namespace lastack::cli
