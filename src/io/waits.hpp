// A call that may wait on the public Loop.
#pragma once

#include <cerrno>
#include <optional>

#include "lastack/loop.hpp"
#include "socket/blocking.hpp"
#include "socket/stack_core.hpp"

namespace lastack::io {

/// One call of Blocking, with a loop for the world. A loop that can't go on ends it, however long
/// it has time.
class Waits {
 public:
  Waits(Loop& loop, socket::StackCore& core)
      : calls(
            core.sockets, [this, &loop](TimePoint until) { return step(loop, until); },
            core.time()),
        core_(&core) {}
  Waits(const Waits&) = delete;
  Waits& operator=(const Waits&) = delete;

  socket::Blocking calls;

  /// Why the loop could not go on: ENETDOWN, EDEADLK; 0 where it could.
  [[nodiscard]] int problem() const { return problem_; }

 private:
  TimePoint step(Loop& loop, TimePoint until) {
    const auto fine = loop.turn(until);
    if (fine) return core_->time();
    problem_ = fine.error().number == EDEADLK ? EDEADLK : ENETDOWN;
    return kNever;
  }

  socket::StackCore* core_;
  int problem_ = 0;
};

}  // namespace lastack::io
