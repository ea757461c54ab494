#include "run/guardian.hpp"

#include <linux/close_range.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <unordered_map>
#include <vector>

#include "run/caller.hpp"

namespace lastack::run {
namespace {

sigset_t watched_signals() {
  sigset_t all;
  ::sigemptyset(&all);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP}) ::sigaddset(&all, signal);
  return all;
}

/// A stream tells a reset where its other end goes while octets lie there that nobody has read.
void leave_unread(int far) {
  const std::byte octet{};
  (void)::send(far, &octet, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void reset_all(const Ledger& ledger) {
  std::unordered_map<std::uint64_t, int> near_of;
  const auto entries = ledger.all();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i] != 0) near_of[entries[i]] = static_cast<int>(i);
  }
  const Holders holders = holders_of([&](std::uint64_t inode) { return near_of.contains(inode); });
  for (const auto& [inode, all] : holders) {
    const Holder& one = all.front();
    const OwnedFd far = Caller(one.process).borrow(one.descriptor);
    if (far && inode_of(far.get()) == inode) leave_unread(far.get());
  }
}

/// The supervisor's end, and nothing else: SIGTERM is for it, the terminal's signals it has got
/// itself.
int outlive(pid_t supervisor) {
  const sigset_t signals = watched_signals();
  for (;;) {
    int status = 0;
    if (::waitpid(supervisor, &status, WNOHANG) == supervisor) return status;
    if (::sigwaitinfo(&signals, nullptr) == SIGTERM) ::kill(supervisor, SIGTERM);
  }
}

}  // namespace

Ledger::Ledger() {
  rlimit limit{};
  constexpr rlim_t kMost = 1U << 20U;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const std::size_t count = std::min(limit.rlim_max, kMost);  // as Program::prepare() raises it
  void* const memory = ::mmap(nullptr, count * sizeof(entries_[0]), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  entries_ = {static_cast<std::atomic<std::uint64_t>*>(memory), count};
}

Ledger::~Ledger() {
  if (!entries_.empty()) ::munmap(entries_.data(), entries_.size_bytes());
}

void Ledger::note(int near, std::uint64_t inode) {
  const auto index = static_cast<std::size_t>(near);
  if (index < entries_.size()) entries_[index] = inode;
}

std::optional<Outlived> stand_guard(const Ledger& ledger) {
  const sigset_t signals = watched_signals();
  sigset_t before;
  ::sigprocmask(SIG_BLOCK, &signals, &before);
  const auto supervisor =
      static_cast<pid_t>(::syscall(SYS_clone, CLONE_FILES | SIGCHLD, nullptr, nullptr, nullptr, 0));
  if (supervisor <= 0) {
    if (supervisor == 0) ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // without us nobody waits for the run
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    return std::nullopt;
  }
  const Outlived outlived{supervisor, outlive(supervisor)};
  if (!WIFSIGNALED(outlived.status)) return outlived;
  reset_all(ledger);
  ::close_range(STDERR_FILENO + 1, ~0U, 0);  // with the near ends, and what calls wait at
  while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
  return outlived;
}

}  // namespace lastack::run
