#include "tcp/rtt.hpp"

#include <algorithm>

namespace lastack::tcp {
namespace {

constexpr std::int64_t kLongest = 0xffffffff;
constexpr unsigned kMostDoublings = 30;

}  // namespace

void RttEstimator::sample(Duration rtt) {
  const std::int64_t r = std::clamp<std::int64_t>(rtt.count(), 1, kLongest);
  if (srtt_ == 0) {
    srtt_ = static_cast<std::uint32_t>(r);
    rttvar_ = static_cast<std::uint32_t>(r / 2);
    return;
  }
  const std::int64_t error = r > srtt_ ? r - srtt_ : srtt_ - r;
  rttvar_ = static_cast<std::uint32_t>((3 * std::int64_t{rttvar_} + error) / 4);
  srtt_ = static_cast<std::uint32_t>(std::max<std::int64_t>(1, (7 * std::int64_t{srtt_} + r) / 8));
}

Duration RttEstimator::rto(const RttLimits& limits, unsigned backoff) const {
  Duration rto = limits.initial;
  // The limit below is taken of the variance term, as the RFC's clock granularity G is: a steady
  // path then keeps a margin of `min` above its round-trip time.
  if (measured()) rto = srtt() + std::max(4 * rttvar(), limits.min);
  rto = std::min(rto, limits.max);
  for (unsigned i = 0; i < std::min(backoff, kMostDoublings) && rto < limits.max; ++i) rto *= 2;
  return std::min(rto, limits.max);
}

}  // namespace lastack::tcp
