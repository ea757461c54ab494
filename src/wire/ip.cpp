#include "wire/ip.hpp"

#include <cstring>
#include <optional>

#include "wire/extensions.hpp"
#include "wire/header_problem.hpp"
#include "wire/ipv4_options.hpp"

namespace lastack::wire {
namespace {

constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint16_t kFragment = 0x3fff;  // more fragments, or an offset

bool stop(HeaderProblem& problem, ParseError error) {
  problem = {error};
  return false;
}

/// Each says whether it went well; else `problem` tells the story.
[[gnu::always_inline]] inline bool parse_v4(Bytes packet, ParsedIp& parsed,
                                            HeaderProblem& problem) {
  if (packet.size() < kIpv4Header) return stop(problem, ParseError::truncated);
  const std::size_t header_length = (std::to_integer<unsigned>(packet[0]) & 0x0fU) * 4U;
  const std::size_t total = read_at<std::uint16_t>(packet, 2);
  const std::uint16_t fragment = read_at<std::uint16_t>(packet, 6);
  parsed.header.traffic_class = std::to_integer<std::uint8_t>(packet[1]);
  parsed.header.identification = read_at<std::uint16_t>(packet, 4);
  parsed.header.dont_fragment = (fragment & kDontFragment) != 0;
  parsed.header.hop_limit = std::to_integer<std::uint8_t>(packet[8]);
  parsed.header.protocol = std::to_integer<std::uint8_t>(packet[9]);
  parsed.header.source = IpAddress::from(packet.subspan<12, 4>());
  parsed.header.destination = IpAddress::from(packet.subspan<16, 4>());
  if (header_length < kIpv4Header || total < header_length) {
    return stop(problem, ParseError::bad_length);
  }
  if (total > packet.size()) return stop(problem, ParseError::truncated);
  Sum sum;
  sum.add(packet.first<kIpv4Header>());
  if (header_length > kIpv4Header) sum.add(packet.first(header_length).subspan(kIpv4Header));
  if (sum.checksum() != 0) return stop(problem, ParseError::bad_checksum);
  if (header_length > kIpv4Header) {
    if (const auto bad = check_ipv4_options(packet.first(header_length))) {
      problem = *bad;
      return false;
    }
  }
  if ((fragment & kFragment) != 0) return stop(problem, ParseError::fragment);
  parsed.payload = packet.subspan(header_length, total - header_length);
  return true;
}

[[gnu::noinline]] bool pass_extensions(Bytes packet, ParsedIp& parsed, HeaderProblem& problem) {
  const auto walked = walk_extensions(packet);
  if (!walked) {
    problem = walked.error();
    return false;
  }
  if (walked->fragment) return stop(problem, ParseError::fragment);
  parsed.header.protocol = walked->protocol;
  parsed.payload = parsed.payload.subspan(walked->end - kIpv6Header);
  return true;
}

[[gnu::always_inline]] inline bool parse_v6(Bytes packet, ParsedIp& parsed,
                                            HeaderProblem& problem) {
  Reader in(packet);
  const std::uint32_t first = in.u32();
  parsed.header.traffic_class = static_cast<std::uint8_t>(first >> 20U & 0xffU);
  const std::size_t length = in.u16();
  parsed.header.protocol = in.u8();
  parsed.header.hop_limit = in.u8();
  parsed.header.source = IpAddress::from(in.bytes(16));
  parsed.header.destination = IpAddress::from(in.bytes(16));
  parsed.payload = in.bytes(length);
  if (!in.ok()) return stop(problem, ParseError::truncated);
  if (parsed.header.source.is_v4() || parsed.header.destination.is_v4()) {
    return stop(problem, ParseError::bad_address);  // IPv4-mapped: never on the wire
  }
  if (is_extension(parsed.header.protocol)) return pass_extensions(packet, parsed, problem);
  return true;
}

/// Inlined into both who ask: parse_ip() sees every packet, header_problem() few.
[[gnu::always_inline]] inline bool parse(Bytes packet, ParsedIp& parsed, HeaderProblem& problem) {
  if (packet.empty()) return stop(problem, ParseError::truncated);
  switch (std::to_integer<unsigned>(packet[0]) >> 4U) {
    case 4: return parse_v4(packet, parsed, problem);
    case 6: return parse_v6(packet, parsed, problem);
    default: return stop(problem, ParseError::bad_version);
  }
}

}  // namespace

std::expected<ParsedIp, ParseError> parse_ip(Bytes packet) {
  std::expected<ParsedIp, ParseError> result;  // filled where it is returned, not copied there
  HeaderProblem problem;
  if (!parse(packet, *result, problem)) result = std::unexpected(problem.error);
  return result;
}

std::optional<HeaderProblem> header_problem(Bytes packet) {
  ParsedIp parsed;
  HeaderProblem problem;
  return parse(packet, parsed, problem) ? std::nullopt : std::optional(problem);
}

namespace {

void emit_v4(const IpHeader& header, std::uint32_t total, MutableBytes into) {
  write_at(into, 0, 0x45000000U | std::uint32_t{header.traffic_class} << 16U | total);
  write_at(
      into, 4,
      std::uint32_t{header.identification} << 16U | (header.dont_fragment ? kDontFragment : 0U));
  write_at(into, 8, std::uint32_t{header.hop_limit} << 24U | std::uint32_t{header.protocol} << 16U);
  write_at(into, 12, header.source.last_word());
  write_at(into, 16, header.destination.last_word());
  Sum sum;
  sum.add(Bytes(into).first<kIpv4Header>());
  write_at(into, 10, sum.checksum());
}

void emit_v6(const IpHeader& header, std::uint32_t payload, MutableBytes into) {
  write_at(into, 0, 0x60000000U | std::uint32_t{header.traffic_class} << 20U);
  write_at(into, 4, payload << 16U | std::uint32_t{header.protocol} << 8U | header.hop_limit);
  std::memcpy(into.data() + 8, header.source.mapped().data(), 16);
  std::memcpy(into.data() + 24, header.destination.mapped().data(), 16);
}

}  // namespace

std::size_t emit_ip(const IpHeader& header, std::size_t payload, MutableBytes into) {
  const bool v4 = header.source.is_v4();
  const std::size_t size = v4 ? kIpv4Header : kIpv6Header;
  const std::size_t counted = v4 ? size + payload : payload;
  if (into.size() < size || counted > 0xffff) return 0;
  if (v4) {
    emit_v4(header, static_cast<std::uint32_t>(counted), into);
  } else {
    emit_v6(header, static_cast<std::uint32_t>(counted), into);
  }
  return size;
}

}  // namespace lastack::wire
