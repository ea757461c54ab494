// Time as lastack sees it: a value handed in, never read from a clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace lastack {

/// A span of time in whole microseconds; std::chrono literals (`200ms`) convert to it.
using Duration = std::chrono::duration<std::int64_t, std::micro>;

/// The clock that TimePoint counts on. It has no now(): whoever calls a door says what time it is.
struct InjectedClock {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<InjectedClock, Duration>;
  static constexpr bool is_steady = true;
};

/// A moment, in microseconds since an origin that the owner of the host chose. Never goes back.
using TimePoint = InjectedClock::time_point;

/// Later than every moment: what a deadline that is not set compares as.
inline constexpr TimePoint kNever = TimePoint::max();

}  // namespace lastack
