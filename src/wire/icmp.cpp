#include "wire/icmp.hpp"

#include <algorithm>
#include <array>

#include "wire/ip.hpp"

namespace lastack::wire {
namespace {

struct Number {
  IcmpKind kind;
  std::uint8_t type;
};

constexpr std::array kNumbersV4{
    Number{IcmpKind::echo_reply, 0},         Number{IcmpKind::unreachable, 3},
    Number{IcmpKind::packet_too_big, 3},  // told apart by its code
    Number{IcmpKind::echo_request, 8},       Number{IcmpKind::time_exceeded, 11},
    Number{IcmpKind::parameter_problem, 12},
};
constexpr std::array kNumbersV6{
    Number{IcmpKind::unreachable, 1},    Number{IcmpKind::packet_too_big, 2},
    Number{IcmpKind::time_exceeded, 3},  Number{IcmpKind::parameter_problem, 4},
    Number{IcmpKind::echo_request, 128}, Number{IcmpKind::echo_reply, 129},
};

// IPv4's messages that ask or answer; all others are errors, or may be.
constexpr std::array<std::uint8_t, 10> kNoErrorsV4{0, 8, 9, 10, 13, 14, 15, 16, 17, 18};
constexpr std::uint8_t kInformational = 0x80;  // IPv6: the highest bit of the type says so
constexpr std::uint8_t kRedirectV6 = 137;

std::span<const Number> numbers(Family family) {
  return family == Family::v4 ? std::span<const Number>(kNumbersV4) : kNumbersV6;
}

IcmpKind kind_of(Family family, std::uint8_t type, std::uint8_t code) {
  const auto all = numbers(family);
  const auto found = std::ranges::find(all, type, &Number::type);
  if (found == all.end()) {
    return is_icmp_error(family, type) ? IcmpKind::other_error : IcmpKind::other;
  }
  const bool needs_cut = family == Family::v4 && found->kind == IcmpKind::unreachable &&
                         code == icmp4::kFragmentationNeeded;
  return needs_cut ? IcmpKind::packet_too_big : found->kind;
}

}  // namespace

bool is_icmp_error(Family family, std::uint8_t type) {
  if (family == Family::v4) return std::ranges::find(kNoErrorsV4, type) == kNoErrorsV4.end();
  return (type & kInformational) == 0 || type == kRedirectV6;
}

std::expected<ParsedIcmp, ParseError> parse_icmp(Family family, Bytes message) {
  Reader in(message);
  const std::uint8_t type = in.u8();
  ParsedIcmp parsed;
  IcmpMessage& m = parsed.message;
  m.code = in.u8();
  m.kind = kind_of(family, type, m.code);
  in.skip(2);
  const std::uint32_t rest = in.u32();
  if (!in.ok()) return std::unexpected(ParseError::truncated);
  const bool v4 = family == Family::v4;
  switch (m.kind) {
    case IcmpKind::echo_request:
    case IcmpKind::echo_reply:
      m.identifier = static_cast<std::uint16_t>(rest >> 16U);
      m.sequence = static_cast<std::uint16_t>(rest);
      break;
    case IcmpKind::packet_too_big: m.mtu = v4 ? rest & 0xffffU : rest; break;
    case IcmpKind::parameter_problem: m.pointer = v4 ? rest >> 24U : rest; break;
    default: break;
  }
  parsed.body = in.bytes(in.left());
  return parsed;
}

std::size_t emit_icmp(Family family, const IcmpMessage& message, MutableBytes into) {
  const auto all = numbers(family);
  const auto found = std::ranges::find(all, message.kind, &Number::kind);
  if (found == all.end() || into.size() < kIcmpHeader) return 0;
  const bool v4 = family == Family::v4;
  std::uint32_t rest = std::uint32_t{message.identifier} << 16U | message.sequence;
  if (message.kind == IcmpKind::packet_too_big) rest = v4 ? message.mtu & 0xffffU : message.mtu;
  if (message.kind == IcmpKind::parameter_problem) {
    rest = v4 ? message.pointer << 24U : message.pointer;
  }
  Writer out(into);
  out.u8(found->type);
  out.u8(message.code);
  out.u16(0);
  out.u32(rest);
  return kIcmpHeader;
}

void set_icmp_checksum(MutableBytes message, std::uint16_t checksum) {
  Writer(message.subspan(2, 2)).u16(checksum);
}

Sum icmp_sum(const IpAddress& source, const IpAddress& destination, Bytes message) {
  Sum sum;
  if (!source.is_v4()) {
    sum = pseudo_header(source, destination, kProtocolIcmpv6,
                        static_cast<std::uint32_t>(message.size()));
  }
  sum.add(message);
  return sum;
}

}  // namespace lastack::wire
