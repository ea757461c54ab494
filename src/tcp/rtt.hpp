// Round-trip time and the retransmission timeout that follows from it (RFC 6298).
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace lastack::tcp {

struct RttLimits {
  Duration initial;
  Duration min;
  Duration max;
};

/// Smoothed round-trip time. Spans are kept in microseconds, 32 bits (71 minutes).
class RttEstimator {
 public:
  /// Takes a measurement (RFC 6298 §2.2, §2.3); `rtt` must not stem from a retransmitted segment
  /// unless timestamps told which copy was acknowledged (Karn).
  void sample(Duration rtt);

  [[nodiscard]] bool measured() const { return srtt_ != 0; }
  [[nodiscard]] Duration srtt() const { return Duration(srtt_); }
  [[nodiscard]] Duration rttvar() const { return Duration(rttvar_); }
  /// The timeout after `backoff` doublings, within the limits (§2.4, §2.5, §5.5).
  [[nodiscard]] Duration rto(const RttLimits& limits, unsigned backoff = 0) const;
  /// Forgets what was measured: it no longer describes the path.
  void forget() { *this = {}; }

  friend bool operator==(const RttEstimator&, const RttEstimator&) = default;

 private:
  std::uint32_t srtt_ = 0;  ///< 0: nothing measured yet
  std::uint32_t rttvar_ = 0;
};

}  // namespace lastack::tcp
