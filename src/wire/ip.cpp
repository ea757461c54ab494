#include "wire/ip.hpp"

#include <optional>

namespace lastack::wire {
namespace {

constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint16_t kFragment = 0x3fff;  // more fragments, or an offset
constexpr std::size_t kMostExtensions = 8;

enum Extension : std::uint8_t { kHopByHop = 0, kRouting = 43, kFragmentHeader = 44, kOptions = 60 };

std::optional<ParseError> parse_v4(Bytes packet, ParsedIp& parsed) {
  Reader in(packet);
  const std::size_t header_length = (in.u8() & 0x0fU) * 4U;
  parsed.header.traffic_class = in.u8();
  const std::size_t total = in.u16();
  parsed.header.identification = in.u16();
  const std::uint16_t fragment = in.u16();
  parsed.header.hop_limit = in.u8();
  parsed.header.protocol = in.u8();
  in.skip(2);
  parsed.header.source = IpAddress::from(in.bytes(4));
  parsed.header.destination = IpAddress::from(in.bytes(4));
  if (!in.ok()) return ParseError::truncated;
  if (header_length < kIpv4Header || total < header_length) {
    return ParseError::bad_length;
  }
  if (total > packet.size()) return ParseError::truncated;
  Sum sum;
  sum.add(packet.first(header_length));
  if (sum.checksum() != 0) return ParseError::bad_checksum;
  if ((fragment & kFragment) != 0) return ParseError::fragment;
  parsed.payload = packet.subspan(header_length, total - header_length);
  return std::nullopt;
}

bool is_extension(std::uint8_t protocol) {
  return protocol == kHopByHop || protocol == kRouting || protocol == kOptions;
}

std::optional<ParseError> parse_v6(Bytes packet, ParsedIp& parsed) {
  Reader in(packet);
  const std::uint32_t first = in.u32();
  parsed.header.traffic_class = static_cast<std::uint8_t>(first >> 20U & 0xffU);
  const std::size_t length = in.u16();
  parsed.header.protocol = in.u8();
  parsed.header.hop_limit = in.u8();
  parsed.header.source = IpAddress::from(in.bytes(16));
  parsed.header.destination = IpAddress::from(in.bytes(16));
  parsed.payload = in.bytes(length);
  if (!in.ok()) return ParseError::truncated;
  if (parsed.header.source.is_v4() || parsed.header.destination.is_v4()) {
    return ParseError::bad_address;  // IPv4-mapped: never on the wire
  }
  for (std::size_t i = 0; is_extension(parsed.header.protocol); ++i) {
    Reader extension(parsed.payload);
    parsed.header.protocol = extension.u8();
    const std::size_t size = (extension.u8() + 1U) * 8U;
    if (!extension.ok() || size > parsed.payload.size() || i == kMostExtensions) {
      return ParseError::bad_extension;
    }
    parsed.payload = parsed.payload.subspan(size);
  }
  if (parsed.header.protocol == kFragmentHeader) return ParseError::fragment;
  return std::nullopt;
}

std::optional<ParseError> parse(Bytes packet, ParsedIp& parsed) {
  if (packet.empty()) return ParseError::truncated;
  switch (std::to_integer<unsigned>(packet[0]) >> 4U) {
    case 4: return parse_v4(packet, parsed);
    case 6: return parse_v6(packet, parsed);
    default: return ParseError::bad_version;
  }
}

}  // namespace

std::expected<ParsedIp, ParseError> parse_ip(Bytes packet) {
  std::expected<ParsedIp, ParseError> result;  // filled where it is returned, not copied there
  if (const auto error = parse(packet, *result)) result = std::unexpected(*error);
  return result;
}

std::size_t emit_ip(const IpHeader& header, std::size_t payload, MutableBytes into) {
  const std::size_t size = ip_header_size(header.source.family());
  if (into.size() < size || payload > 0xffff) return 0;
  Writer out(into.first(size));
  if (header.source.is_v4()) {
    if (payload + size > 0xffff) return 0;
    out.u8(0x45);
    out.u8(header.traffic_class);
    out.u16(static_cast<std::uint32_t>(payload + size));
    out.u16(header.identification);
    out.u16(kDontFragment);
    out.u8(header.hop_limit);
    out.u8(header.protocol);
    out.u16(0);
    out.bytes(header.source.bytes());
    out.bytes(header.destination.bytes());
    Sum sum;
    sum.add(into.first(size));
    Writer(into.subspan(10, 2)).u16(sum.checksum());
  } else {
    out.u32(0x60000000U | std::uint32_t{header.traffic_class} << 20U);
    out.u16(static_cast<std::uint32_t>(payload));
    out.u8(header.protocol);
    out.u8(header.hop_limit);
    out.bytes(header.source.bytes());
    out.bytes(header.destination.bytes());
  }
  return size;
}

}  // namespace lastack::wire
