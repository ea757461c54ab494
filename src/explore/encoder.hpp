// The form in which states are compared: equal states are equal octets.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "tcp/tcb.hpp"

namespace lastack::explore {

class Encoder {
 public:
  explicit Encoder(std::vector<std::uint8_t>& into) : into_(into) {}
  void byte(std::uint64_t value) { into_.push_back(static_cast<std::uint8_t>(value)); }
  void small(Offset value) { byte(static_cast<std::uint64_t>(value + 2)); }
  void word(std::uint64_t value) {
    for (unsigned shift = 0; shift < 64; shift += 8) byte(value >> shift);
  }
  /// Relative to `now`, in halves of a second; 255 for never.
  void deadline(TimePoint at, TimePoint now) {
    byte(at == kNever ? 255U : static_cast<std::uint64_t>((at - now + 250ms) / 500ms + 1));
  }
  /// How long ago, in the same.
  void stamped(TimePoint at, TimePoint now) {
    byte(static_cast<std::uint64_t>(std::min<std::int64_t>((now - at + 250ms) / 500ms, 255)));
  }
  /// A window that takes all the octets there will ever be is as good as any larger one.
  void window(Offset octets) { byte(static_cast<std::uint64_t>(std::clamp<Offset>(octets, 0, 8))); }
  /// How far a stamp lies behind the clock it was taken from, in halves of a second.
  void stamp(std::uint32_t val, TimePoint clock) {
    const auto now = static_cast<std::uint32_t>(clock.time_since_epoch() / 1ms);
    byte(std::min<std::uint32_t>((now - val) / 500, 255));
  }
  void ranges(std::span<const Range> all) {
    byte(all.size());
    for (const Range& r : all) {
      small(r.begin);
      small(r.end);
    }
  }
  /// The same where what lies beyond any window is old or new, however far.
  void near(Seq s, Seq base) {
    constexpr std::int32_t kFar = 120;
    const std::int32_t far = std::clamp(distance(base, s), -kFar, kFar) + kFar;
    byte(static_cast<std::uint64_t>(far));
  }
  void seq(Seq s, Seq base) { word(static_cast<std::uint32_t>(distance(base, s))); }

 private:
  std::vector<std::uint8_t>& into_;
};

/// `peers_now` is the clock of whom it talks to.
void encode(Encoder& out, const tcp::Tcb& t, TimePoint now, TimePoint peers_now);

}  // namespace lastack::explore
