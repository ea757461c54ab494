// UDP headers: what is read, what is written, and which checksums are right.
#include "wire/udp.hpp"

#include <gtest/gtest.h>

#include "wire/packets.hpp"

namespace lastack_test {
namespace {

using lastack::wire::ParseError;
namespace wire = lastack::wire;

const auto kV4 = address("10.0.0.1");
const auto kV6 = address("fd00::1");

Octets datagram(const wire::IpAddress& from, const wire::IpAddress& to, const Octets& payload) {
  Octets out(wire::kUdpHeader);
  wire::emit_udp({1234, 53}, payload.size(), out);
  out = out + payload;
  wire::set_udp_checksum(from, to, out);
  return out;
}

std::uint16_t field(const Octets& datagram, std::size_t at) {
  return wire::Reader(Bytes(datagram).subspan(at)).u16();
}

TEST(Udp, AHeaderOfTheRfc) {
  const Octets in = octets({0x04, 0xd2, 0x00, 0x35, 0, 10, 0xbe, 0xef, 1, 2});
  const auto udp = wire::parse_udp(in);
  ASSERT_TRUE(udp);
  EXPECT_EQ(udp->header, (wire::UdpHeader{1234, 53}));
  EXPECT_TRUE(udp->summed);
  EXPECT_TRUE(std::ranges::equal(udp->payload, octets({1, 2})));
  EXPECT_EQ(udp->datagram.size(), 10U);
}

TEST(Udp, APacketWhole) {
  const Octets payload = octets({1, 2, 3});
  for (const auto& [from, to] : {std::pair(kV4, address("10.0.0.2")), std::pair(kV6, kV6)}) {
    Octets packet(wire::udp_packet_size(from.family(), payload.size()));
    ASSERT_EQ(
        wire::emit_udp_packet({.source = from, .destination = to}, {1234, 53}, payload, packet),
        packet.size());
    const auto ip = wire::parse_ip(packet);
    ASSERT_TRUE(ip);
    EXPECT_EQ(ip->header.destination, to);
    EXPECT_EQ(ip->header.protocol, wire::kProtocolUdp);
    EXPECT_EQ(Octets(ip->payload.begin(), ip->payload.end()), datagram(from, to, payload));
    packet.pop_back();
    EXPECT_EQ(wire::emit_udp_packet({.source = from, .destination = to}, {}, payload, packet), 0U);
  }
}

TEST(Udp, WhatStandsBehindItsLengthIsPadding) {
  const Octets in = octets({0, 1, 0, 2, 0, 9, 0, 0, 7, 8, 9});
  const auto udp = wire::parse_udp(in);
  ASSERT_TRUE(udp);
  EXPECT_TRUE(std::ranges::equal(udp->payload, octets({7})));
  EXPECT_EQ(udp->datagram.size(), 9U);
  EXPECT_FALSE(udp->summed);
  EXPECT_EQ(wire::parse_udp(octets({0, 1, 0, 2, 0, 8, 0, 0, 7}))->payload.size(), 0U);
}

TEST(Udp, HostileLengths) {
  for (std::size_t size = 0; size < 8; ++size) {
    EXPECT_EQ(wire::parse_udp(Octets(size)).error(), ParseError::truncated) << size;
  }
  for (const int length : {0, 1, 7, 11, 255}) {
    const Octets in = octets({0, 1, 0, 2, 0, length, 0, 0, 1, 2});
    EXPECT_EQ(wire::parse_udp(in).error(), ParseError::bad_length) << length;
  }
  EXPECT_EQ(wire::parse_udp(octets({0, 1, 0, 2, 0xff, 0xff, 0, 0, 1, 2})).error(),
            ParseError::bad_length);
}

TEST(Udp, WrittenAndReadAgain) {
  const Octets out = datagram(kV6, kV6, counted(5));
  const auto udp = wire::parse_udp(out);
  ASSERT_TRUE(udp);
  EXPECT_EQ(udp->header, (wire::UdpHeader{1234, 53}));
  EXPECT_TRUE(std::ranges::equal(udp->payload, counted(5)));
  EXPECT_TRUE(wire::udp_sum_is_right(kV6, kV6, *udp));
  Octets small(7);
  EXPECT_EQ(wire::emit_udp({1, 2}, 0, small), 0U);
  Octets room(8);
  EXPECT_EQ(wire::emit_udp({1, 2}, 65528, room), 0U);
  EXPECT_EQ(wire::emit_udp({1, 2}, 65527, room), 8U);
  EXPECT_EQ(wire::most_udp_payload(wire::Family::v4), 65507U);
  EXPECT_EQ(wire::most_udp_payload(wire::Family::v6), 65527U);
}

TEST(Udp, AnyOctetChangedIsSeen) {
  for (const auto& at : {kV4, kV6}) {
    for (const std::size_t size : {0U, 1U, 2U, 33U}) {
      const Octets good = datagram(at, at, counted(size));
      ASSERT_TRUE(wire::udp_sum_is_right(at, at, *wire::parse_udp(good)));
      for (std::size_t i = 0; i < good.size(); ++i) {
        Octets bad = good;
        bad[i] ^= std::byte{0x10};
        const auto udp = wire::parse_udp(bad);
        if (udp) EXPECT_FALSE(wire::udp_sum_is_right(at, at, *udp)) << size << " at " << i;
      }
      EXPECT_FALSE(wire::udp_sum_is_right(at, address(at.is_v4() ? "10.0.0.2" : "fd00::2"),
                                          *wire::parse_udp(good)));
    }
  }
}

/// RFC 768: zero says that there is no checksum; RFC 8200 §8.1: which IPv6 does not allow.
TEST(Udp, NoChecksumAtAll) {
  const Octets bare = octets({0, 1, 0, 2, 0, 9, 0, 0, 7});
  EXPECT_TRUE(wire::udp_sum_is_right(kV4, kV4, *wire::parse_udp(bare)));
  EXPECT_FALSE(wire::udp_sum_is_right(kV6, kV6, *wire::parse_udp(bare)));
}

/// A datagram whose checksum comes out as zero is sent with ffff, and that is right.
TEST(Udp, ASumOfZeroIsSentAsAllOnes) {
  for (const auto& at : {kV4, kV6}) {
    const Octets first = datagram(at, at, octets({0, 0}));
    const std::uint16_t sum = field(first, 6);
    const Octets out =
        datagram(at, at, octets({sum >> 8, sum & 0xff}));  // what is missing to all ones
    EXPECT_EQ(field(out, 6), 0xffff);
    EXPECT_TRUE(wire::udp_sum_is_right(at, at, *wire::parse_udp(out)));
  }
}

}  // namespace
}  // namespace lastack_test
