#include "wire/udp.hpp"

#include <algorithm>

namespace lastack::wire {
namespace {

constexpr std::size_t kUdpChecksumAt = 6;

}  // namespace

std::expected<ParsedUdp, ParseError> parse_udp(Bytes octets) {
  Reader in(octets);
  ParsedUdp parsed;
  parsed.header.source_port = in.u16();
  parsed.header.destination_port = in.u16();
  const std::size_t length = in.u16();
  parsed.summed = in.u16() != 0;
  if (!in.ok()) return std::unexpected(ParseError::truncated);
  if (length < kUdpHeader || length > octets.size()) {
    return std::unexpected(ParseError::bad_length);
  }
  parsed.datagram = octets.first(length);
  parsed.payload = parsed.datagram.subspan(kUdpHeader);
  return parsed;
}

std::size_t emit_udp(const UdpHeader& header, std::size_t payload, MutableBytes into) {
  if (into.size() < kUdpHeader || payload > kMostPacket - kUdpHeader) return 0;
  Writer out(into);
  out.u16(header.source_port);
  out.u16(header.destination_port);
  out.u16(static_cast<std::uint32_t>(kUdpHeader + payload));
  out.u16(0);
  return kUdpHeader;
}

Sum udp_sum(const IpAddress& source, const IpAddress& destination, Bytes datagram) {
  Sum sum =
      pseudo_header(source, destination, kProtocolUdp, static_cast<std::uint32_t>(datagram.size()));
  sum.add(datagram);
  return sum;
}

void set_udp_checksum(const IpAddress& source, const IpAddress& destination,
                      MutableBytes datagram) {
  const std::uint16_t sum = udp_sum(source, destination, datagram).checksum();
  Writer(datagram.subspan(kUdpChecksumAt, 2)).u16(sum == 0 ? 0xffffU : sum);
}

std::size_t emit_udp_packet(IpHeader ip, const UdpHeader& udp, Bytes payload, MutableBytes into) {
  const std::size_t front = ip_header_size(ip.source.family());
  ip.protocol = kProtocolUdp;
  const std::size_t size = udp_packet_size(ip.source.family(), payload.size());
  if (into.size() < size || emit_ip(ip, size - front, into) == 0) return 0;
  const auto datagram = into.subspan(front, size - front);
  emit_udp(udp, payload.size(), datagram);
  std::ranges::copy(payload, datagram.begin() + kUdpHeader);
  set_udp_checksum(ip.source, ip.destination, datagram);
  return size;
}

bool udp_sum_is_right(const IpAddress& source, const IpAddress& destination, const ParsedUdp& udp) {
  if (!udp.summed) return source.is_v4();
  return udp_sum(source, destination, udp.datagram).checksum() == 0;
}

}  // namespace lastack::wire
