#include "wire/mld.hpp"

#include <array>
#include <chrono>

#include "wire/checksum.hpp"
#include "wire/extensions.hpp"

namespace lastack::wire {
namespace {

constexpr std::uint8_t kReport = 143;
constexpr std::size_t kHopByHopHeader = 8;

/// §5.1.3: milliseconds; from 32768 on three bits of exponent and twelve of mantissa.
Duration max_response(std::uint16_t code) {
  if (code < 0x8000) return std::chrono::milliseconds(code);
  const unsigned exponent = code >> 12U & 7U;
  return std::chrono::milliseconds(((code & 0xfffU) | 0x1000U) << (exponent + 3));
}

}  // namespace

std::expected<MldQuery, NdpError> parse_mld_query(const IpHeader& ip, Bytes icmp) {
  Reader in(icmp);
  const std::uint8_t type = in.u8();
  const std::uint8_t code = in.u8();
  in.skip(2);
  MldQuery query;
  query.max_response = max_response(in.u16());
  in.skip(2);
  query.group = IpAddress::from(in.bytes(16));
  if (!in.ok()) return std::unexpected(NdpError::truncated);
  if (type != kMldQuery) return std::unexpected(NdpError::unknown);
  if (ip.hop_limit != 1) return std::unexpected(NdpError::bad_hop_limit);
  Sum sum = pseudo_header(ip.source, ip.destination, kProtocolIcmpv6,
                          static_cast<std::uint32_t>(icmp.size()));
  sum.add(icmp);
  if (sum.checksum() != 0) return std::unexpected(NdpError::bad_checksum);
  if (code != 0) return std::unexpected(NdpError::bad_code);
  const bool of_all = query.group.is_unspecified() && !query.group.is_v4();
  if (!ip.source.is_link_local() || (!of_all && !query.group.is_multicast())) {
    return std::unexpected(NdpError::bad_address);
  }
  return query;
}

std::size_t emit_mld_report(const IpAddress& source, std::span<const MldRecord> records,
                            MutableBytes into) {
  const IpAddress destination = mld_routers();
  if (records.size() > kMostMldRecords || into.size() < kIpv6Header + kHopByHopHeader) return 0;
  Writer front(into.subspan(kIpv6Header));
  front.u8(kProtocolIcmpv6);
  front.u8(0);            // no more than eight octets
  front.u32(0x05020000);  // router alert: MLD (RFC 2711)
  front.u16(0x0100);      // padding
  const MutableBytes icmp = into.subspan(kIpv6Header + kHopByHopHeader);
  Writer out(icmp);
  out.u8(kReport);
  out.zeros(5);
  out.u16(static_cast<std::uint32_t>(records.size()));
  for (const MldRecord& record : records) {
    out.u8(static_cast<std::uint32_t>(record.kind));
    out.zeros(3);  // no auxiliary data, no sources
    out.bytes(record.group.bytes());
  }
  const IpHeader ip{
      .source = source, .destination = destination, .protocol = kHopByHop, .hop_limit = 1};
  if (!out.ok() || emit_ip(ip, kHopByHopHeader + out.at(), into) == 0) return 0;
  Sum sum =
      pseudo_header(source, destination, kProtocolIcmpv6, static_cast<std::uint32_t>(out.at()));
  sum.add(icmp.first(out.at()));
  Writer(icmp.subspan(2, 2)).u16(sum.checksum());
  return kIpv6Header + kHopByHopHeader + out.at();
}

IpAddress mld_routers() {
  std::array<std::byte, 16> octets{std::byte{0xff}, std::byte{2}};
  octets[15] = std::byte{0x16};
  return IpAddress::from(octets);
}

}  // namespace lastack::wire
