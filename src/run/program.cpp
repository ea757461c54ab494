#include "run/program.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "run/caller.hpp"
#include "run/filter.hpp"
#include "run/pidfd.hpp"

namespace lastack::run {
namespace {

constexpr int kNoFilter = 1 << 16;  // added to errno by who could not have one

/// Sockets of the machine that were inherited would reach its network past us.
void close_inherited_sockets() {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
    const int fd = std::atoi(entry.path().filename().c_str());
    int domain = 0;
    socklen_t size = sizeof domain;
    if (fd <= STDERR_FILENO) continue;
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) continue;
    if (domain == AF_INET || domain == AF_INET6 || domain == AF_PACKET) {
      (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
  }
}

[[noreturn]] void fail(const OwnedFd& to, int error) {
  (void)!::write(to.get(), &error, sizeof error);
  ::_exit(127);
}

/// In the child.
[[noreturn]] void become(const std::vector<std::string>& words, const OwnedFd& from,
                         const OwnedFd& to) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  close_inherited_sockets();
  char go = 0;
  if (::read(from.get(), &go, 1) != 1) ::_exit(127);
  const int listener = install_filter();
  if (listener < 0) fail(to, kNoFilter - listener);
  if (::write(to.get(), &listener, sizeof listener) != sizeof listener) ::_exit(127);
  if (::read(from.get(), &go, 1) != 1) ::_exit(127);
  ::close(listener);
  ::execvp(arguments[0], arguments.data());
  fail(to, errno);
}

/// Every socket of the run needs a descriptor here, and the limit is one for each of its programs.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

NotStarted failure(std::string what, int error) { return {std::move(what), error}; }

}  // namespace

std::expected<Program, NotStarted> Program::prepare(const std::vector<std::string>& words) {
  std::array<int, 2> down{};
  std::array<int, 2> up{};
  if (::pipe2(down.data(), O_CLOEXEC) != 0) return std::unexpected(failure("make a pipe", errno));
  OwnedFd from_us(down[0]);
  OwnedFd to_it(down[1]);
  if (::pipe2(up.data(), O_CLOEXEC) != 0) return std::unexpected(failure("make a pipe", errno));
  OwnedFd from_it(up[0]);
  OwnedFd to_us(up[1]);
  const pid_t process = ::fork();
  if (process < 0) return std::unexpected(failure("start a process", errno));
  if (process == 0) {
    to_it.close();
    from_it.close();
    become(words, from_us, to_us);
  }
  raise_descriptor_limit();
  return Program(process, std::move(to_it), std::move(from_it));
}

std::expected<OwnedFd, NotStarted> Program::listener() {
  int told = -1;
  if (::write(to_.get(), "g", 1) != 1 || ::read(from_.get(), &told, sizeof told) != sizeof told) {
    return std::unexpected(failure("start a process", ECHILD));
  }
  if (told >= kNoFilter) {
    return std::unexpected(failure("put a program under a filter", told - kNoFilter));
  }
  const OwnedFd process(::pidfd_open(process_, 0));
  OwnedFd listener(process ? ::pidfd_getfd(process.get(), told, 0) : -1);
  if (!listener)
    return std::unexpected(failure("look into a process that was started here", errno));
  if (const int error = try_memory_of(process_); error != 0) {
    return std::unexpected(
        failure("read and write memory of a process that was started here", error));
  }
  return listener;
}

std::optional<NotStarted> Program::begin() {
  int error = 0;
  if (::write(to_.get(), "g", 1) != 1) return failure("start a process", ECHILD);
  const ssize_t told = ::read(from_.get(), &error, sizeof error);
  if (told == sizeof error) return failure("run", error);
  return std::nullopt;  // exec() has closed the pipe
}

void adopt_orphans() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

Ended reap(pid_t program) {
  Ended ended;
  for (;;) {
    int status = 0;
    const pid_t process = ::waitpid(-1, &status, WNOHANG);
    if (process == 0) return ended;
    if (process < 0) {
      ended.all = errno == ECHILD;
      return ended;
    }
    if (process == program) ended.status = status;
  }
}

}  // namespace lastack::run
