// The way of a segment through a real packet: written with wire/, checked and read with wire/.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack_test {

using lastack::wire::Family;

/// The packet that carries `header` and so many octets, from and to addresses of `family`.
inline std::vector<std::byte> packet_of(const lastack::wire::TcpHeader& header,
                                        std::uint32_t payload, Family family) {
  using namespace lastack::wire;
  const bool v4 = family == Family::v4;
  const IpHeader ip{.source = *IpAddress::parse(v4 ? "10.0.0.1" : "fd00::1"),
                    .destination = *IpAddress::parse(v4 ? "10.0.0.2" : "fd00::2"),
                    .protocol = kProtocolTcp};
  const std::size_t segment = header_size(header) + payload;
  std::vector<std::byte> packet(ip_header_size(family) + segment, std::byte{0x5a});
  const std::size_t at = emit_ip(ip, segment, packet);
  const MutableBytes tcp = MutableBytes(packet).subspan(at);
  EXPECT_EQ(emit_tcp(header, tcp), header_size(header));
  set_tcp_checksum(tcp, tcp_sum(ip.source, ip.destination, tcp).checksum());
  return packet;
}

/// What the other end reads. A header that does not come through as it was fails the test.
inline lastack::wire::TcpHeader through_wire(const lastack::wire::TcpHeader& header,
                                             std::uint32_t payload, Family family) {
  using namespace lastack::wire;
  const auto packet = packet_of(header, payload, family);
  const auto ip = parse_ip(packet);
  if (!ip) {
    ADD_FAILURE() << "IP: " << to_string(ip.error());
    return header;
  }
  EXPECT_EQ(tcp_sum(ip->header.source, ip->header.destination, ip->payload).checksum(), 0);
  const auto tcp = parse_tcp(ip->payload);
  if (!tcp) {
    ADD_FAILURE() << "TCP: " << to_string(tcp.error());
    return header;
  }
  EXPECT_EQ(tcp->payload.size(), payload);
  EXPECT_EQ(tcp->header, header);
  return tcp->header;
}

}  // namespace lastack_test
