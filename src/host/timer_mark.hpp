// Where a timer stands, told without a look at the wheel.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace lastack::host {

/// About when a timer fires, in 32 bits: enough to say without a look at the wheel that a deadline
/// does not come before it.
class TimerMark {
 public:
  void set(TimePoint deadline, TimePoint now) {
    mark_ = deadline - now < kFar ? mark_of(deadline) : kUnknown;
  }
  void forget() { mark_ = kUnknown; }
  /// Of a deadline that is not before the timer fires, for certain.
  [[nodiscard]] bool covers(TimePoint deadline) const {
    const auto later = static_cast<std::int32_t>(mark_of(deadline) - mark_);
    return mark_ != kUnknown && later > 0;
  }

 private:
  static constexpr unsigned kUnit = 10;   // 1,024 microseconds
  static constexpr Duration kFar = 240h;  // of the 600 in which half of all marks come round
  static constexpr std::uint32_t kUnknown = 0;
  [[nodiscard]] static std::uint32_t mark_of(TimePoint at) {
    return static_cast<std::uint32_t>(at.time_since_epoch().count() >> kUnit);
  }
  std::uint32_t mark_ = kUnknown;
};

}  // namespace lastack::host
