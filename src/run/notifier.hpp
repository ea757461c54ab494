// Calls that wait for an answer: seccomp's user notification (seccomp_unotify(2)).
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>

#include "run/descriptor.hpp"

struct seccomp_notif_addfd;

namespace lastack::run {

/// One call of one thread, which sleeps until it is answered.
struct Call {
  std::uint64_t id = 0;
  pid_t thread = 0;
  int number = 0;  ///< __NR_...
  std::array<std::uint64_t, 6> arguments{};

  [[nodiscard]] int descriptor() const { return static_cast<int>(arguments[0]); }
  [[nodiscard]] int integer(std::size_t i) const { return static_cast<int>(arguments[i]); }
};

class Notifier {
 public:
  explicit Notifier(OwnedFd listener);

  /// Whether give() is there (Linux 5.14) and allowed: 0, or errno.
  [[nodiscard]] int try_giving() const;
  /// Whether who is answered goes on at once (Linux 6.6).
  [[nodiscard]] bool wakes_at_once() const { return wakes_at_once_; }

  /// To be polled for input.
  [[nodiscard]] int descriptor() const { return listener_.get(); }
  /// A call that waits, once the descriptor was told to be readable: else this would wait for one.
  /// Nothing where a signal has ended it meanwhile.
  [[nodiscard]] std::optional<Call> next() const;
  /// Whether it waits still: a signal ends the wait, and the thread may be another's by then. What
  /// was read of its memory before this is said to hold was its.
  [[nodiscard]] bool waits(const Call& call) const;

  // Answers. False where the call does not wait any more: then nothing has happened.

  /// `value` as the kernel returns it: -errno for a failure.
  bool answer(const Call& call, std::int64_t value) const;
  /// The kernel shall do it.
  bool pass(const Call& call) const;
  /// The call returns a new descriptor, of what `ours` is one. -errno where it could not have it:
  /// -ENOENT where it does not wait any more, in all other cases it does.
  [[nodiscard]] int give(const Call& call, int ours, bool close_on_exec) const;
  /// Puts what `ours` refers to in the place of one of the caller's descriptors. -errno.
  [[nodiscard]] int replace(const Call& call, int ours, int theirs, bool close_on_exec) const;

 private:
  [[nodiscard]] int handed(seccomp_notif_addfd& given) const;

  OwnedFd listener_;
  bool wakes_at_once_;
};

}  // namespace lastack::run
