// Descriptors that become ready, and the real clock.
#pragma once

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "base/time.hpp"
#include "io/patience.hpp"

namespace lastack::io {

/// CLOCK_MONOTONIC, in the units that hosts are told the time in.
[[nodiscard]] TimePoint monotonic_now();
/// What the clock on the wall says: time since 1970, UTC.
[[nodiscard]] Duration wall_now();

/// What a descriptor is watched for. That it has hung up or failed is told in any case.
enum class Watch : std::uint8_t { input, output, hang_up };

/// Who watches descriptors in great number, each under a number of his. By edges (EPOLLET) to watch
/// one costs a call in its whole life.
struct Watcher {
  /// Notes what epoll says of one: nothing may be done about it there.
  std::function<void(std::uint64_t number, std::uint32_t events)> note;
  /// Does what there is to do, once all news are noted.
  std::function<void()> act;
};

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

  using WatcherId = std::uint8_t;
  /// At most 63 of them, those that were removed as well.
  WatcherId add(Watcher watcher);
  /// Nobody is told of what it watches any more.
  void remove_watcher(WatcherId id) { watchers_[id] = {}; }
  /// `events`: epoll's. `descriptor` is watched until it is closed. Of a number 56 bits count.
  void watch(WatcherId id, int descriptor, std::uint64_t number, std::uint32_t events) const;
  /// Other events from now on; what holds already is told anew.
  void watch_anew(WatcherId id, int descriptor, std::uint64_t number, std::uint32_t events) const;
  /// All news are noted by their watchers, and acted on by nobody.
  void look();

  /// Waits until something is ready, or until `deadline`; then calls the handlers.
  void wait(TimePoint deadline);
  /// From now on it asks again and again for so long before it sleeps: what comes meanwhile is not
  /// kept waiting for a processor to wake up, and this one is busy all the time. 0: never.
  void poll_busily(Duration most) { busy_ = most; }
  /// For handlers: more is likely to come at once. The wait that comes next asks for a moment
  /// before it sleeps, as far as that has been worth it (Patience).
  void expect_more() { expects_more_ = true; }

  /// Readable while a handler has something to do: for another's loop.
  [[nodiscard]] int descriptor() const { return epoll_; }

 private:
  static constexpr std::size_t kMostEvents = 64;
  static constexpr unsigned kIdAt = 56;  // what epoll keeps: a watcher's, and behind it the number
  static constexpr std::uint64_t kNumber = (std::uint64_t{1} << kIdAt) - 1;

  void control(int what, WatcherId id, int descriptor, std::uint64_t number,
               std::uint32_t events) const;
  std::uint64_t note(std::span<const epoll_event> events);
  [[nodiscard]] Duration patience(TimePoint deadline);
  [[nodiscard]] int ask(std::span<epoll_event> room, TimePoint deadline);

  int epoll_;
  Duration busy_{0};
  Patience patience_;
  bool expects_more_ = false;
  std::map<int, std::function<void()>> handlers_;
  std::vector<Watcher> watchers_ = std::vector<Watcher>(1);  ///< by id; handlers have the first
};

/// Blocks SIGINT and SIGTERM for this process and makes them readable; -1 where that fails.
[[nodiscard]] int stop_signals();
/// The signal that made it readable, 0 for none: the next one is news again.
int take_signal(int descriptor);

}  // namespace lastack::io
