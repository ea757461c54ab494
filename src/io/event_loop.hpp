// Descriptors that become ready, and the real clock.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "base/time.hpp"

namespace lastack::io {

/// CLOCK_MONOTONIC, in the units that hosts are told the time in.
[[nodiscard]] TimePoint monotonic_now();
/// What the clock on the wall says: time since 1970, UTC.
[[nodiscard]] Duration wall_now();

/// What a descriptor is watched for. That it has hung up or failed is told in any case.
enum class Watch : std::uint8_t { input, output, hang_up };

/// One thread's epoll. Handlers may add and remove descriptors, their own too.
class EventLoop {
 public:
  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  /// Calls `ready` whenever `descriptor` has something to read, takes something, or has hung up.
  /// False where it can't be waited for: a regular file never has to be.
  bool add(int descriptor, std::function<void()> ready, Watch watch = Watch::input);
  void remove(int descriptor);
  /// Waits until something is ready, or until `deadline`; then calls the handlers.
  void wait(TimePoint deadline);
  /// From now on it asks again and again for so long before it sleeps: what comes meanwhile is not
  /// kept waiting for a processor to wake up, and this one is busy all the time. 0: never.
  void poll_busily(Duration most) { busy_ = most; }

  /// Readable while a handler has something to do: for another's loop.
  [[nodiscard]] int descriptor() const { return epoll_; }

 private:
  int epoll_;
  Duration busy_{0};
  std::map<int, std::function<void()>> handlers_;
};

/// Blocks SIGINT and SIGTERM for this process and makes them readable; -1 where that fails.
[[nodiscard]] int stop_signals();
/// The signal that made it readable, 0 for none: the next one is news again.
int take_signal(int descriptor);

}  // namespace lastack::io
