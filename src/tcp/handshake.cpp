#include "tcp/handshake.hpp"

#include <algorithm>

namespace lastack::tcp {
namespace {

constexpr std::uint8_t kMostShift = 14;  // RFC 7323 §2.3
/// DEVIATES: RFC 9293 §3.7.1, MUST-16: a peer that names less gets so much all the same. Options
/// would leave no room for data.
constexpr std::uint16_t kSmallestMss = 64;

}  // namespace

std::uint8_t window_shift(std::uint32_t buffer) {
  std::uint8_t shift = 0;
  while (shift < kMostShift && (buffer >> shift) > 0xffff) ++shift;
  return shift;
}

Agreement offer_of(const Settings& settings) {
  Agreement offer;
  offer.window_scaling = settings.window_scaling;
  if (offer.window_scaling) offer.receive_scale = window_shift(settings.receive_buffer);
  offer.timestamps = settings.timestamps;
  offer.sack = settings.sack;
  return offer;
}

Agreement agree(const wire::TcpOptions& theirs, const Agreement& offer, std::uint16_t mss,
                std::uint16_t default_mss) {
  using Options = wire::TcpOptions;
  Agreement agreed;
  const std::uint16_t named = theirs.has(Options::kMss) ? theirs.mss : default_mss;
  agreed.send_mss = std::max(std::min(named, mss), kSmallestMss);
  agreed.window_scaling = offer.window_scaling && theirs.has(Options::kWindowScale);
  if (agreed.window_scaling) {
    agreed.send_scale = std::min(theirs.window_scale, kMostShift);
    agreed.receive_scale = offer.receive_scale;
  }
  agreed.timestamps = offer.timestamps && theirs.has(Options::kTimestamps);
  agreed.sack = offer.sack && theirs.has(Options::kSackPermitted);
  return agreed;
}

wire::TcpOptions syn_options(const Agreement& offer, std::uint16_t mss, std::uint32_t ts_val,
                             std::uint32_t ts_ecr) {
  using Options = wire::TcpOptions;
  Options options;
  const auto add = [&options](bool wanted, Options::Present option) {
    if (wanted) options.present = static_cast<std::uint8_t>(options.present | option);
  };
  add(true, Options::kMss);
  add(offer.window_scaling, Options::kWindowScale);
  add(offer.sack, Options::kSackPermitted);
  add(offer.timestamps, Options::kTimestamps);
  options.mss = mss;
  if (offer.window_scaling) options.window_scale = offer.receive_scale;
  if (offer.timestamps) {
    options.ts_val = ts_val;
    options.ts_ecr = ts_ecr;
  }
  return options;
}

}  // namespace lastack::tcp
