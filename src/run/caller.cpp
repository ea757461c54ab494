#include "run/caller.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include "run/pidfd.hpp"

namespace lastack::run {
namespace {

// Linux 6.9, newer than the headers: a thread that leads no process has one, too.
constexpr unsigned kOfThread = O_EXCL;

OwnedFd open_pidfd(pid_t thread) {
  OwnedFd opened(::pidfd_open(thread, kOfThread));
  if (opened || errno != EINVAL) return opened;
  return OwnedFd(::pidfd_open(process_of(thread), 0));
}

template <typename T>
bool number_in(std::string_view text, T& into) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), into);
  return read.ec == std::errc() && read.ptr == text.data() + text.size();
}

/// Calls `tell(descriptor, inode)` for each socket that a process, or a thread, has.
template <typename Tell>
void each_socket(const std::filesystem::path& process, Tell&& tell) {
  constexpr std::string_view kSocket = "socket:[";
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(process / "fd", ignored)) {
    const std::string what = std::filesystem::read_symlink(entry.path(), ignored).native();
    if (!what.starts_with(kSocket)) continue;
    std::uint64_t inode = 0;
    int descriptor = -1;
    const auto number =
        std::string_view(what).substr(kSocket.size(), what.size() - kSocket.size() - 1);
    if (!number_in(number, inode)) continue;
    if (number_in(entry.path().filename().native(), descriptor)) tell(descriptor, inode);
  }
}

}  // namespace

pid_t process_of(pid_t thread) {
  std::ifstream status("/proc/" + std::to_string(thread) + "/status");
  for (std::string word; status >> word;) {
    pid_t process = 0;
    if (word == "Tgid:" && status >> process) return process;
  }
  return -1;
}

bool Caller::read(std::uint64_t at, std::span<std::byte> into) const {
  if (into.empty()) return true;
  const iovec here{into.data(), into.size()};
  const iovec there{reinterpret_cast<void*>(at), into.size()};  // NOLINT: another's address
  return ::process_vm_readv(thread_, &here, 1, &there, 1, 0) == static_cast<ssize_t>(into.size());
}

bool Caller::write(std::uint64_t at, std::span<const std::byte> octets) const {
  if (octets.empty()) return true;
  const iovec here{const_cast<std::byte*>(octets.data()), octets.size()};  // NOLINT: only read
  const iovec there{reinterpret_cast<void*>(at), octets.size()};           // NOLINT: as above
  return ::process_vm_writev(thread_, &here, 1, &there, 1, 0) ==
         static_cast<ssize_t>(octets.size());
}

bool Caller::write(const Written& first, const Written& second) const {
  std::array<iovec, 2> here{};
  std::array<iovec, 2> there{};
  std::size_t all = 0;
  std::size_t count = 0;
  for (const Written* one : {&first, &second}) {
    if (one->octets.empty()) continue;
    here[count] = {const_cast<std::byte*>(one->octets.data()), one->octets.size()};  // NOLINT
    there[count] = {reinterpret_cast<void*>(one->at), one->octets.size()};           // NOLINT
    all += one->octets.size();
    ++count;
  }
  return all == 0 || ::process_vm_writev(thread_, here.data(), count, there.data(), count, 0) ==
                         static_cast<ssize_t>(all);
}

OwnedFd Caller::borrow(int descriptor) const {
  const OwnedFd process = open_pidfd(thread_);
  return OwnedFd(process ? ::pidfd_getfd(process.get(), descriptor, 0) : -1);
}

bool catches_signals(pid_t thread) {
  std::ifstream status("/proc/" + std::to_string(thread) + "/status");
  for (std::string word; status >> word;) {
    if (word == "SigCgt:" && status >> word) {
      return word.find_first_not_of('0') != std::string::npos;
    }
  }
  return false;
}

int try_memory_of(pid_t child) {
  static std::byte octet{};
  const Caller caller(child);
  const auto at = reinterpret_cast<std::uint64_t>(&octet);  // NOLINT: the same in both
  const std::span<std::byte> one(&octet, 1);
  return caller.read(at, one) && caller.write(at, one) ? 0 : errno;
}

Callers::Callers(io::EventLoop& loop) : loop_(&loop) {
  watcher_ = loop_->add({.note =
                             [this](std::uint64_t number, std::uint32_t) {  // it has ended
                               const auto thread = static_cast<pid_t>(number);
                               Kept& kept = place_of(thread);
                               if (kept.thread == thread) kept = {};
                             },
                         .act = {}});
}

OwnedFd Callers::borrow(pid_t thread, int descriptor) {
  Kept& kept = place_of(thread);
  if (kept.thread == thread && kept.pidfd) {
    OwnedFd borrowed(::pidfd_getfd(kept.pidfd.get(), descriptor, 0));
    if (borrowed || errno != ESRCH) return borrowed;
  }
  kept = {thread, OwnedFd(::pidfd_open(thread, kOfThread))};
  if (!kept.pidfd) kept.pidfd = OwnedFd(::pidfd_open(thread, 0));  // where it leads its process
  // Others would have their process's, which may live on when their number is another thread's.
  if (!kept.pidfd) return Caller(thread).borrow(descriptor);
  loop_->watch(watcher_, kept.pidfd.get(), static_cast<std::uint64_t>(thread), EPOLLIN | EPOLLET);
  return OwnedFd(::pidfd_getfd(kept.pidfd.get(), descriptor, 0));
}

std::uint64_t inode_of(int descriptor) {
  struct stat about{};
  if (::fstat(descriptor, &about) != 0 || !S_ISSOCK(about.st_mode)) return 0;
  return about.st_ino;
}

Holders holders_of(const std::function<bool(std::uint64_t inode)>& wanted) {
  namespace fs = std::filesystem;
  Holders holders;
  std::error_code ignored;
  const auto self = ::getpid();
  const auto guardian = ::getppid();  // has all descriptors that this process has
  for (const auto& process : fs::directory_iterator("/proc", ignored)) {
    Holder holder;
    if (!number_in(process.path().filename().native(), holder.process)) continue;
    if (holder.process == self || holder.process == guardian) continue;
    each_socket(process.path(), [&](int descriptor, std::uint64_t inode) {
      if (!wanted(inode)) return;
      holder.descriptor = descriptor;
      holders[inode].push_back(holder);
    });
  }
  return holders;
}

std::vector<int> descriptors_of(pid_t thread, std::uint64_t inode) {
  std::vector<int> all;
  each_socket("/proc/" + std::to_string(thread), [&](int descriptor, std::uint64_t found) {
    if (found == inode) all.push_back(descriptor);
  });
  return all;
}

}  // namespace lastack::run
