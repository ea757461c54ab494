// Descriptors that become readable, and the real clock.
#pragma once

#include <functional>
#include <map>

#include "base/time.hpp"

namespace lastack::io {

/// CLOCK_MONOTONIC, in the units that hosts are told the time in.
[[nodiscard]] TimePoint monotonic_now();
/// What the clock on the wall says: time since 1970, UTC.
[[nodiscard]] Duration wall_now();

/// One thread's epoll. Handlers may add and remove descriptors, their own too.
class EventLoop {
 public:
  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  /// Calls `readable` whenever `descriptor` has something to read, or has hung up.
  void add(int descriptor, std::function<void()> readable);
  void remove(int descriptor);
  /// Waits until something is readable, or until `deadline`; then calls the handlers.
  void wait(TimePoint deadline);

 private:
  int epoll_;
  std::map<int, std::function<void()>> handlers_;
};

/// Blocks SIGINT and SIGTERM for this process and makes them readable; -1 where that fails.
[[nodiscard]] int stop_signals();
/// Takes the signal that made it readable: the next one is news again.
void forget_signal(int descriptor);

}  // namespace lastack::io
