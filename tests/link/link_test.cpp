#include "link/link.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "link/impaired.hpp"
#include "link/memory.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::link {
namespace {

/// A TCP packet whose checksum was left to the link: headers, and octets in two pieces.
class Partial : public testing::Test {
 protected:
  Partial() {
    const auto us = wire::IpAddress::v4(10, 0, 0, 1);
    const auto them = wire::IpAddress::v4(10, 0, 0, 2);
    for (int i = 0; i < 1001; ++i) octets_.push_back(static_cast<std::byte>(i * 7));
    payload_ = {Slice::copy_of(std::span(octets_).first(333)),
                Slice::copy_of(std::span(octets_).subspan(333))};
    header_.resize(wire::kIpv4Header + wire::kTcpHeader);
    const wire::IpHeader ip{.source = us, .destination = them, .protocol = wire::kProtocolTcp};
    wire::emit_ip(ip, wire::kTcpHeader + octets_.size(), header_);
    const auto tcp = std::span(header_).subspan(wire::kIpv4Header);
    wire::emit_tcp({.source_port = 1, .destination_port = 2, .flags = wire::Flag::ack}, tcp);
    const auto length = static_cast<std::uint32_t>(tcp.size() + octets_.size());
    wire::set_tcp_checksum(tcp, wire::pseudo_header(us, them, wire::kProtocolTcp, length).folded());
  }
  [[nodiscard]] PacketRef packet() const {
    return {.header = header_,
            .payload = payload_,
            .checksum_partial = true,
            .tcp_at = wire::kIpv4Header};
  }
  static bool is_right(const Slice& octets) {
    const auto ip = wire::parse_ip(octets.bytes());
    return ip &&
           wire::tcp_sum(ip->header.source, ip->header.destination, ip->payload).checksum() == 0;
  }

  std::vector<std::byte> octets_;
  std::vector<std::byte> header_;
  std::vector<Slice> payload_;
};

TEST_F(Partial, ACopyHasItsChecksumFinished) {
  const Packet copy = copy_of(packet(), {});
  ASSERT_EQ(copy.octets.size(), header_.size() + octets_.size());
  EXPECT_TRUE(is_right(copy.octets));
}

/// A link around another hands on packets in one piece, whatever the inner one could finish.
TEST_F(Partial, ThroughALinkThatHoldsPackets) {
  MemoryWire wire;
  ImpairedLink impaired(wire.end(0), {.delay = 1ms}, Random(1));
  impaired.send(packet(), TimePoint(1s));
  impaired.advance(TimePoint(2s));
  std::vector<Packet> got;
  ASSERT_EQ(wire.end(1).receive(got, TimePoint(2s)), 1U);
  EXPECT_TRUE(is_right(got[0].octets));
}

}  // namespace
}  // namespace lastack::link
