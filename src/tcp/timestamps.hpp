// The timestamps option: our clock, and which of two stamps is older (RFC 7323 §3 to §5).
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace lastack::tcp {

/// After so long TS.Recent may have wrapped and says nothing (RFC 7323 §5.5).
inline constexpr Duration kTimestampLife = 24 * 24h;

/// Timestamps as one connection keeps them.
struct Timestamps {
  std::uint32_t recent = 0;    ///< TS.Recent
  std::uint32_t offset = 0;    ///< added to our clock, one for each connection (§5.4)
  std::uint32_t recent_s = 0;  ///< second since the origin in which TS.Recent was taken

  void take(std::uint32_t val, TimePoint now) {
    recent = val;
    recent_s = static_cast<std::uint32_t>(now.time_since_epoch() / 1s);
  }

  /// TSval: milliseconds of our clock.
  [[nodiscard]] std::uint32_t value(TimePoint now) const {
    return static_cast<std::uint32_t>(now.time_since_epoch() / 1ms) + offset;
  }
  /// PAWS (§5.3): `val` is older than what was taken, and that still counts.
  [[nodiscard]] bool outdates(std::uint32_t val, TimePoint now) const;

  friend bool operator==(const Timestamps&, const Timestamps&) = default;
};

/// Whether timestamp `a` is older than `b`, modulo 2^32 (§5.2).
[[nodiscard]] constexpr bool older(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b) < 0;
}

inline bool Timestamps::outdates(std::uint32_t val, TimePoint now) const {
  return now.time_since_epoch() - recent_s * 1s < kTimestampLife && older(val, recent);
}

}  // namespace lastack::tcp
