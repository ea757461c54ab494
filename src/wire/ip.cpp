#include "wire/ip.hpp"

#include <optional>

#include "wire/extensions.hpp"
#include "wire/header_problem.hpp"
#include "wire/ipv4_options.hpp"

namespace lastack::wire {
namespace {

constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint16_t kFragment = 0x3fff;  // more fragments, or an offset

[[gnu::always_inline]] inline std::optional<HeaderProblem> parse_v4(Bytes packet,
                                                                    ParsedIp& parsed) {
  Reader in(packet);
  const std::size_t header_length = (in.u8() & 0x0fU) * 4U;
  parsed.header.traffic_class = in.u8();
  const std::size_t total = in.u16();
  parsed.header.identification = in.u16();
  const std::uint16_t fragment = in.u16();
  parsed.header.dont_fragment = (fragment & kDontFragment) != 0;
  parsed.header.hop_limit = in.u8();
  parsed.header.protocol = in.u8();
  in.skip(2);
  parsed.header.source = IpAddress::from(in.bytes(4));
  parsed.header.destination = IpAddress::from(in.bytes(4));
  if (!in.ok()) return HeaderProblem{ParseError::truncated};
  if (header_length < kIpv4Header || total < header_length) {
    return HeaderProblem{ParseError::bad_length};
  }
  if (total > packet.size()) return HeaderProblem{ParseError::truncated};
  Sum sum;
  sum.add(packet.first(header_length));
  if (sum.checksum() != 0) return HeaderProblem{ParseError::bad_checksum};
  if (header_length > kIpv4Header) {
    if (const auto problem = check_ipv4_options(packet.first(header_length))) return problem;
  }
  if ((fragment & kFragment) != 0) return HeaderProblem{ParseError::fragment};
  parsed.payload = packet.subspan(header_length, total - header_length);
  return std::nullopt;
}

[[gnu::noinline]] std::optional<HeaderProblem> pass_extensions(Bytes packet, ParsedIp& parsed) {
  const auto walked = walk_extensions(packet);
  if (!walked) return walked.error();
  if (walked->fragment) return HeaderProblem{ParseError::fragment};
  parsed.header.protocol = walked->protocol;
  parsed.payload = parsed.payload.subspan(walked->end - kIpv6Header);
  return std::nullopt;
}

[[gnu::always_inline]] inline std::optional<HeaderProblem> parse_v6(Bytes packet,
                                                                    ParsedIp& parsed) {
  Reader in(packet);
  const std::uint32_t first = in.u32();
  parsed.header.traffic_class = static_cast<std::uint8_t>(first >> 20U & 0xffU);
  const std::size_t length = in.u16();
  parsed.header.protocol = in.u8();
  parsed.header.hop_limit = in.u8();
  parsed.header.source = IpAddress::from(in.bytes(16));
  parsed.header.destination = IpAddress::from(in.bytes(16));
  parsed.payload = in.bytes(length);
  if (!in.ok()) return HeaderProblem{ParseError::truncated};
  if (parsed.header.source.is_v4() || parsed.header.destination.is_v4()) {
    return HeaderProblem{ParseError::bad_address};  // IPv4-mapped: never on the wire
  }
  if (is_extension(parsed.header.protocol)) return pass_extensions(packet, parsed);
  return std::nullopt;
}

/// Inlined into both who ask: parse_ip() sees every packet, header_problem() few.
[[gnu::always_inline]] inline std::optional<HeaderProblem> parse(Bytes packet, ParsedIp& parsed) {
  if (packet.empty()) return HeaderProblem{ParseError::truncated};
  switch (std::to_integer<unsigned>(packet[0]) >> 4U) {
    case 4: return parse_v4(packet, parsed);
    case 6: return parse_v6(packet, parsed);
    default: return HeaderProblem{ParseError::bad_version};
  }
}

}  // namespace

std::expected<ParsedIp, ParseError> parse_ip(Bytes packet) {
  std::expected<ParsedIp, ParseError> result;  // filled where it is returned, not copied there
  if (const auto problem = parse(packet, *result)) result = std::unexpected(problem->error);
  return result;
}

std::optional<HeaderProblem> header_problem(Bytes packet) {
  ParsedIp parsed;
  return parse(packet, parsed);
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
    out.u16(header.dont_fragment ? kDontFragment : 0U);
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
