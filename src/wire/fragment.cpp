#include "wire/fragment.hpp"

#include <optional>

#include "wire/checksum.hpp"

namespace lastack::wire {
namespace {

constexpr std::uint16_t kMoreV4 = 0x2000;
constexpr std::uint16_t kOffsetV4 = 0x1fff;  // in units of eight octets
constexpr std::uint16_t kMoreV6 = 1;

constexpr std::size_t kTotalAtV4 = 2;
constexpr std::size_t kFieldAtV4 = 6;
constexpr std::size_t kProtocolAtV4 = 9;
constexpr std::size_t kChecksumAtV4 = 10;
constexpr std::size_t kLengthAtV6 = 4;

constexpr std::uint8_t kErroneousFieldCode = 0;  // code of ICMPv6's parameter problem

void put_u16(MutableBytes into, std::size_t at, std::uint32_t value) {
  Writer(into.subspan(at, 2)).u16(value);
}

/// Only the header's own length is looked at again: parse_ip() has seen to the rest.
std::optional<HeaderProblem> read_v4(Bytes packet, Fragment& f) {
  Reader in(packet);
  const std::size_t header = (in.u8() & 0x0fU) * 4U;
  f.traffic_class = in.u8();
  const std::size_t total = in.u16();
  f.field.identification = in.u16();
  const std::uint16_t place = in.u16();
  f.field.offset = static_cast<std::uint16_t>((place & kOffsetV4) * kFragmentUnit);
  f.field.more = (place & kMoreV4) != 0;
  in.skip(1);
  f.protocol = in.u8();
  in.skip(2);
  f.source = IpAddress::from(in.bytes(4));
  f.destination = IpAddress::from(in.bytes(4));
  if (!in.ok() || header < kIpv4Header || total < header || total > packet.size()) {
    return HeaderProblem{ParseError::truncated};
  }
  if (f.field.offset == 0 && !f.field.more) return HeaderProblem{ParseError::bad_fragment};
  f.header = static_cast<std::uint16_t>(header);
  f.named_at = kProtocolAtV4;
  f.at = f.header;
  f.size = static_cast<std::uint16_t>(total - header);
  return std::nullopt;
}

std::optional<HeaderProblem> read_v6(Bytes packet, Fragment& f) {
  const auto walked = walk_extensions(packet);
  if (!walked) return walked.error();
  if (!walked->fragment) return HeaderProblem{ParseError::bad_fragment};
  Reader in(packet);
  f.traffic_class = static_cast<std::uint8_t>(in.u32() >> 20U & 0xffU);
  const std::size_t length = in.u16();
  in.skip(2);
  f.source = IpAddress::from(in.bytes(16));
  f.destination = IpAddress::from(in.bytes(16));
  f.field = *walked->fragment;
  f.protocol = walked->protocol;
  f.header = static_cast<std::uint16_t>(walked->fragment_at);
  f.named_at = static_cast<std::uint16_t>(walked->fragment_named_at);
  f.at = static_cast<std::uint32_t>(walked->end);
  f.size = static_cast<std::uint16_t>(kIpv6Header + length - walked->end);
  return std::nullopt;
}

/// What the sender of a piece that can't be is told; only IPv6's is (RFC 8200 §4.5).
HeaderProblem bad_fragment(bool v4, std::size_t at) {
  if (v4) return {.error = ParseError::bad_fragment};
  return {.error = ParseError::bad_fragment,
          .told = true,
          .code = kErroneousFieldCode,
          .pointer = static_cast<std::uint32_t>(at)};
}

/// RFC 1858 §3, RFC 3128 §4: no piece may hide flags and ports of TCP from those who look at the
/// first one only, nor write over them.
bool hides_tcp(const Fragment& f) {
  if (f.protocol != kProtocolTcp) return false;
  return f.field.offset < kTcpHeader && (f.field.offset > 0 || f.size < kTcpHeader);
}

std::optional<HeaderProblem> check(const Fragment& f) {
  const bool v4 = f.source.is_v4();
  if (f.size == 0) return HeaderProblem{ParseError::bad_fragment};
  if (f.field.more && f.size % kFragmentUnit != 0) return bad_fragment(v4, kLengthAtV6);
  const std::size_t fixed = v4 ? 0 : kIpv6Header;  // not counted in the length
  if (f.header - fixed + f.end() > kMostPacket) return bad_fragment(v4, f.at - kFragmentUnit + 2);
  if (v4 && hides_tcp(f)) return HeaderProblem{ParseError::tiny_fragment};
  return std::nullopt;
}

}  // namespace

std::expected<Fragment, HeaderProblem> parse_fragment(Bytes packet) {
  std::expected<Fragment, HeaderProblem> result;
  if (packet.empty()) return std::unexpected(HeaderProblem{ParseError::truncated});
  const bool v4 = (std::to_integer<unsigned>(packet[0]) >> 4U) == 4;
  auto problem = v4 ? read_v4(packet, *result) : read_v6(packet, *result);
  if (!problem) problem = check(*result);
  if (problem) result = std::unexpected(*problem);
  return result;
}

std::size_t emit_fragment_header(const IpHeader& header, const FragmentField& field,
                                 std::size_t payload, MutableBytes into) {
  IpHeader outer = header;
  if (header.source.is_v4()) {
    outer.identification = static_cast<std::uint16_t>(field.identification);
    outer.dont_fragment = false;
    const std::size_t size = emit_ip(outer, payload, into);
    if (size == 0) return 0;
    put_u16(into, kFieldAtV4, field.offset / kFragmentUnit | (field.more ? kMoreV4 : 0U));
    put_u16(into, kChecksumAtV4, 0);
    Sum sum;
    sum.add(into.first(size));
    put_u16(into, kChecksumAtV4, sum.checksum());
    return size;
  }
  outer.protocol = kFragmentHeader;
  if (into.size() < kMostFragmentHeader) return 0;
  const std::size_t size = emit_ip(outer, payload + kFragmentUnit, into);
  if (size == 0) return 0;
  Writer out(into.subspan(size, kFragmentUnit));
  out.u8(header.protocol);
  out.u8(0);
  out.u16(field.offset | (field.more ? kMoreV6 : 0U));
  out.u32(field.identification);
  return size + kFragmentUnit;
}

void make_whole(MutableBytes header, const Fragment& first, std::size_t payload, std::uint8_t ecn) {
  const std::uint32_t traffic_class = (first.traffic_class & 0xfcU) | ecn;
  if (first.source.is_v4()) {
    header[1] = static_cast<std::byte>(traffic_class);
    put_u16(header, kTotalAtV4, static_cast<std::uint32_t>(header.size() + payload));
    put_u16(header, kFieldAtV4, 0);
    put_u16(header, kChecksumAtV4, 0);
    Sum sum;
    sum.add(header);
    put_u16(header, kChecksumAtV4, sum.checksum());
    return;
  }
  const std::uint32_t label = Reader(Bytes(header)).u32() & 0x000fffffU;
  Writer(header.first(4)).u32(0x60000000U | traffic_class << 20U | label);
  put_u16(header, kLengthAtV6, static_cast<std::uint32_t>(header.size() - kIpv6Header + payload));
  header[first.named_at] = static_cast<std::byte>(first.protocol);
}

}  // namespace lastack::wire
