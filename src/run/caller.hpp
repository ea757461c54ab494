// The thread behind a call: its memory and its descriptors.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "run/descriptor.hpp"

namespace lastack::run {

/// Who it is holds only while its call waits: see Notifier::waits().
class Caller {
 public:
  explicit Caller(pid_t thread) : thread_(thread) {}

  /// All of it, or false: EFAULT for the caller.
  [[nodiscard]] bool read(std::uint64_t at, std::span<std::byte> into) const;
  [[nodiscard]] bool write(std::uint64_t at, std::span<const std::byte> octets) const;
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

/// Which socket it is, the same for all descriptors of it; 0 where it is none.
[[nodiscard]] std::uint64_t inode_of(int descriptor);

/// One descriptor of a process.
struct Holder {
  pid_t process = 0;
  int descriptor = -1;
};

/// Somebody who holds the socket, by looking through all processes; nothing where nobody is seen.
[[nodiscard]] std::optional<Holder> find_holder(std::uint64_t inode);

}  // namespace lastack::run
