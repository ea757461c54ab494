#include "wire/quote.hpp"

#include "wire/extensions.hpp"
#include "wire/ip.hpp"

namespace lastack::wire {
namespace {

constexpr std::uint16_t kQuotedOffset = 0x1fff;
constexpr std::size_t kQuotedProtocolAt = 9;
constexpr std::size_t kPortsAndSeq = 8;

bool read_v4(Bytes quoted, Quote& quote) {
  Reader in(quoted);
  const std::size_t header = (in.u8() & 0x0fU) * 4U;
  in.skip(1);
  quote.length = in.u16();
  in.skip(2);
  quote.later_piece = (in.u16() & kQuotedOffset) != 0;
  in.skip(1);
  quote.protocol = in.u8();
  quote.named_at = kQuotedProtocolAt;
  in.skip(2);
  quote.source = IpAddress::from(in.bytes(4));
  quote.destination = IpAddress::from(in.bytes(4));
  if (!in.ok() || header < kIpv4Header || header > quoted.size()) return false;
  quote.payload = quoted.subspan(header);
  return true;
}

bool read_v6(Bytes quoted, Quote& quote) {
  const auto passed = skip_extensions(quoted);
  if (!passed) return false;
  Reader in(quoted);
  in.skip(4);
  quote.length = std::uint32_t{in.u16()} + kIpv6Header;
  in.skip(2);
  quote.source = IpAddress::from(in.bytes(16));
  quote.destination = IpAddress::from(in.bytes(16));
  quote.protocol = passed->protocol;
  quote.named_at = passed->named_at;
  quote.later_piece = passed->fragment && passed->fragment->offset > 0;
  quote.payload = quoted.subspan(passed->end);
  return !quote.source.is_v4() && !quote.destination.is_v4();
}

}  // namespace

std::optional<Quote> parse_quote(Bytes quoted) {
  if (quoted.empty()) return std::nullopt;
  Quote quote;
  const unsigned version = std::to_integer<unsigned>(quoted[0]) >> 4U;
  if (version != 4 && version != 6) return std::nullopt;
  if (!(version == 4 ? read_v4(quoted, quote) : read_v6(quoted, quote))) return std::nullopt;
  const bool ported = quote.protocol == kProtocolTcp || quote.protocol == kProtocolUdp;
  quote.has_transport = ported && !quote.later_piece && quote.payload.size() >= kPortsAndSeq;
  if (quote.has_transport) {
    Reader in(quote.payload);
    quote.source_port = in.u16();
    quote.destination_port = in.u16();
    quote.seq = Seq(in.u32());
  }
  return quote;
}

}  // namespace lastack::wire
