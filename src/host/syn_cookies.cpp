#include "host/syn_cookies.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "host/flow_table.hpp"

namespace lastack::host {
namespace {

using Options = wire::TcpOptions;

/// Segment sizes that a cookie can name: the smallest of all, those that hosts must take, those of
/// tunnels and of Ethernet, and of its jumbo frames. The largest that is not above the peer's is
/// taken.
constexpr std::array<std::uint16_t, 8> kSizes{64, 536, 1220, 1300, 1400, 1440, 1460, 8940};
constexpr std::uint32_t kSizeBits = 3;
constexpr std::uint32_t kSizeMask = (1U << kSizeBits) - 1;

// In the stamp: four bits of window scale, one for SACK.
constexpr std::uint32_t kStampMask = 31;
constexpr std::uint32_t kNoScale = 15;
constexpr std::uint32_t kSack = 16;
constexpr std::uint8_t kMostScale = 14;  // RFC 7323 §2.3

std::uint32_t index_of(std::uint16_t size) {
  const auto above = std::ranges::upper_bound(kSizes, size);
  return above == kSizes.begin() ? 0 : static_cast<std::uint32_t>(above - kSizes.begin() - 1);
}

std::uint32_t offers(const Options& kept) {
  return (kept.has(Options::kWindowScale) ? kept.window_scale : kNoScale) |
         (kept.has(Options::kSackPermitted) ? kSack : 0U);
}

void add(Options& options, Options::Present what) {
  options.present = static_cast<std::uint8_t>(options.present | what);
}

/// What number and stamp say of the SYN's options.
Options read(std::uint32_t number, const Options& ack) {
  Options said;
  add(said, Options::kMss);
  said.mss = kSizes[number & kSizeMask];
  if (!ack.has(Options::kTimestamps)) return said;
  add(said, Options::kTimestamps);
  said.ts_val = ack.ts_val;
  const std::uint32_t scale = ack.ts_ecr & kNoScale;
  if (scale != kNoScale) {
    add(said, Options::kWindowScale);
    said.window_scale = static_cast<std::uint8_t>(scale);
  }
  if ((ack.ts_ecr & kSack) != 0) add(said, Options::kSackPermitted);
  return said;
}

std::int64_t slot_of(TimePoint now) { return now.time_since_epoch() / SynCookies::kSlot; }

}  // namespace

Options SynCookies::kept(const Options& syn, bool stamped, std::uint16_t default_mss) {
  Options said;
  add(said, Options::kMss);
  said.mss = kSizes[index_of(syn.has(Options::kMss) ? syn.mss : default_mss)];
  if (!stamped) return said;
  add(said, Options::kTimestamps);
  said.ts_val = syn.ts_val;
  if (syn.has(Options::kWindowScale)) {
    add(said, Options::kWindowScale);
    said.window_scale = std::min(syn.window_scale, kMostScale);
  }
  if (syn.has(Options::kSackPermitted)) add(said, Options::kSackPermitted);
  return said;
}

/// 29 bits of hash in front of the size. That the hash knows what was kept makes a changed size or
/// stamp as good as a wrong number.
std::uint32_t SynCookies::number_in(std::int64_t slot, const Flow& flow, Seq irs,
                                    const Options& kept) const {
  const std::uint32_t index = index_of(kept.mss);
  const std::uint32_t stamped = kept.has(Options::kTimestamps) ? 1 : 0;
  const std::array<std::uint32_t, 6> words{
      hash_of(flow, key_), irs.raw(), static_cast<std::uint32_t>(slot), index,
      offers(kept),        stamped};
  const auto hash = keyed_hash({key_[1], key_[0]}, std::as_bytes(std::span(words)));
  return static_cast<std::uint32_t>(hash) << kSizeBits | index;
}

Seq SynCookies::number(const Flow& flow, Seq irs, const Options& kept, TimePoint now) const {
  return Seq(number_in(slot_of(now), flow, irs, kept));
}

std::uint32_t SynCookies::stamp(std::uint32_t value, const Options& kept) {
  const std::uint32_t stamp = (value & ~kStampMask) | offers(kept);
  return static_cast<std::int32_t>(stamp - value) > 0 ? stamp - (kStampMask + 1) : stamp;
}

std::optional<wire::TcpHeader> SynCookies::syn_of(const Flow& flow, const wire::TcpHeader& ack,
                                                  TimePoint now) const {
  const Seq irs = ack.seq - 1;
  const std::uint32_t number = (ack.ack - 1).raw();
  const Options said = read(number, ack.options);
  const std::int64_t slot = slot_of(now);
  if (number != number_in(slot, flow, irs, said) &&
      number != number_in(slot - 1, flow, irs, said)) {
    return std::nullopt;
  }
  return wire::TcpHeader{.source_port = flow.remote.port,
                         .destination_port = flow.local.port,
                         .seq = irs,
                         .ack = {},
                         .flags = wire::Flag::syn,
                         .window = ack.window,
                         .urgent = 0,
                         .options = said};
}

}  // namespace lastack::host
