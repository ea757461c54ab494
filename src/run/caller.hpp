// The thread behind a call: its memory and its descriptors.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "io/event_loop.hpp"
#include "run/descriptor.hpp"

namespace lastack::run {

/// What is to be written into another's memory, and where.
struct Written {
  std::uint64_t at = 0;
  std::span<const std::byte> octets;
};

/// Who it is holds only while its call waits: see Notifier::waits().
class Caller {
 public:
  explicit Caller(pid_t thread) : thread_(thread) {}

  /// All of it, or false: EFAULT for the caller.
  [[nodiscard]] bool read(std::uint64_t at, std::span<std::byte> into) const;
  [[nodiscard]] bool write(std::uint64_t at, std::span<const std::byte> octets) const;
  /// One after the other.
  [[nodiscard]] bool write(const Written& first, const Written& second) const;
  template <typename T>
  [[nodiscard]] std::optional<T> value(std::uint64_t at) const {
    T read_here{};
    if (!read(at, std::as_writable_bytes(std::span(&read_here, 1)))) return std::nullopt;
    return read_here;
  }

  /// A descriptor of our own for what `descriptor` is to it (pidfd_getfd(2)); none where it has no
  /// such, or may not be looked into.
  [[nodiscard]] OwnedFd borrow(int descriptor) const;

 private:
  pid_t thread_;
};

/// Whether memory of a child that is still what it was forked as can be read and written: 0, or
/// errno.
[[nodiscard]] int try_memory_of(pid_t child);

/// Whether its process has handlers of signals: its calls may be ended, and made again.
[[nodiscard]] bool catches_signals(pid_t thread);

/// Threads that have called and may call again: what stands for them is kept until they end, since
/// to open it costs more than to use it.
class Callers {
 public:
  /// It outlives this.
  explicit Callers(io::EventLoop& loop);
  Callers(const Callers&) = delete;
  Callers& operator=(const Callers&) = delete;
  ~Callers() { loop_->remove_watcher(watcher_); }

  /// As Caller has it. One that is gone is noticed, whoever has its number by then.
  [[nodiscard]] OwnedFd borrow(pid_t thread, int descriptor);

 private:
  static constexpr std::size_t kMost = 16;
  struct Kept {
    pid_t thread = 0;
    OwnedFd pidfd;
  };
  [[nodiscard]] Kept& place_of(pid_t thread) {
    return kept_[static_cast<std::size_t>(thread) % kMost];
  }

  io::EventLoop* loop_;
  io::EventLoop::WatcherId watcher_;
  std::array<Kept, kMost> kept_;
};

/// Which socket it is, the same for all descriptors of it; 0 where it is none.
[[nodiscard]] std::uint64_t inode_of(int descriptor);

/// One descriptor of a process.
struct Holder {
  pid_t process = 0;
  int descriptor = -1;
};

/// Who holds sockets, by inode.
using Holders = std::unordered_map<std::uint64_t, std::vector<Holder>>;

/// Everybody who is seen to hold one of the sockets that are `wanted`, by looking through all
/// processes; not this one.
[[nodiscard]] Holders holders_of(const std::function<bool(std::uint64_t inode)>& wanted);

/// All that a thread has of one of them.
[[nodiscard]] std::vector<int> descriptors_of(pid_t thread, std::uint64_t inode);

/// Whose thread it is: what leads the process.
[[nodiscard]] pid_t process_of(pid_t thread);

}  // namespace lastack::run
