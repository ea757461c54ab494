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
  const auto took = static_cast<std::uint64_t>(r);  // unsigned ones are divided by a shift
  const std::uint64_t error = took > srtt_ ? took - srtt_ : srtt_ - took;
  rttvar_ = static_cast<std::uint32_t>((3 * std::uint64_t{rttvar_} + error) / 4);
  srtt_ =
      static_cast<std::uint32_t>(std::max<std::uint64_t>(1, (7 * std::uint64_t{srtt_} + took) / 8));
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
