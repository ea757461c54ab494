// Packets of one batch, with no transmit() between them: what the first one ended is gone for the
// next.
#include <gtest/gtest.h>

#include <vector>

#include "host/host.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::host {
namespace {

using wire::Flag;

constexpr auto kUs = wire::IpAddress::v4(10, 0, 0, 1);
constexpr auto kThem = wire::IpAddress::v4(10, 0, 0, 2);

/// A host that listens on port 80, and a peer whose segments are written by hand.
class Batch : public testing::Test {
 protected:
  static Config config() {
    Config config;
    config.addresses = {{kUs, 24}};
    return config;
  }
  Batch() : host(config(), Random(1)) { listener = *host.listen({{}, 80}, 5, {}, now); }

  void arrives(wire::Flags flags, Seq seq, Seq ack = {}) {
    const wire::TcpHeader header{.source_port = 5555,
                                 .destination_port = 80,
                                 .seq = seq,
                                 .ack = ack,
                                 .flags = flags,
                                 .window = 65535};
    std::vector<std::byte> octets(wire::kIpv4Header + wire::kTcpHeader);
    const wire::IpHeader ip{.source = kThem, .destination = kUs, .protocol = wire::kProtocolTcp};
    wire::emit_ip(ip, wire::kTcpHeader, octets);
    const auto tcp = std::span(octets).subspan(wire::kIpv4Header);
    wire::emit_tcp(header, tcp);
    wire::set_tcp_checksum(tcp, wire::tcp_sum(kThem, kUs, tcp).checksum());
    host.packet_arrives(Slice::copy_of(octets), now);
  }
  /// The headers of all that the host sends now.
  std::vector<wire::TcpHeader> sent() {
    std::vector<wire::TcpHeader> all;
    PacketOut out;
    while (host.transmit(out, now)) {
      std::vector<std::byte> octets(out.size());
      out.copy_to(octets);
      all.push_back(wire::parse_tcp(wire::parse_ip(octets)->payload)->header);
    }
    return all;
  }
  /// The peer's handshake from `iss` on; our initial sequence number.
  Seq open(Seq iss) {
    arrives(Flag::syn, iss);
    const Seq ours = sent().at(0).seq;
    arrives(Flag::ack, iss + 1, ours + 1);
    (void)sent();
    return ours;
  }

  TimePoint now{1000s};
  Host host;
  ListenerId listener;
};

TEST_F(Batch, ARstAndAnotherFindOneHandshake) {
  arrives(Flag::syn, Seq(100));
  (void)sent();
  arrives(Flag::rst, Seq(101));
  EXPECT_EQ(host.flows(), 0U);
  arrives(Flag::rst, Seq(101));
  EXPECT_TRUE(sent().empty());
}

TEST_F(Batch, ASynBehindARstBeginsAnew) {
  arrives(Flag::syn, Seq(100));
  (void)sent();
  arrives(Flag::rst, Seq(101));
  arrives(Flag::syn, Seq(900));
  const auto answers = sent();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers[0].flags.has(Flag::syn));
  EXPECT_EQ(answers[0].ack, Seq(901));
}

TEST_F(Batch, ASynBehindTheRstOfAConnectionReachesTheListener) {
  open(Seq(100));
  ASSERT_TRUE(host.accept(listener));
  arrives(Flag::rst, Seq(101));
  arrives(Flag::syn, Seq(900));
  const auto answers = sent();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].flags, Flag::syn | Flag::ack);
  EXPECT_EQ(answers[0].ack, Seq(901));
}

TEST_F(Batch, ASynBehindTheLastAckReachesTheListener) {
  const Seq ours = open(Seq(100));
  const FlowId flow = host.accept(listener).value();
  arrives(Flag::fin | Flag::ack, Seq(101), ours + 1);
  host.orphan(flow, now);
  (void)sent();
  arrives(Flag::ack, Seq(102), ours + 2);
  arrives(Flag::syn, Seq(900));
  const auto answers = sent();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].flags, Flag::syn | Flag::ack);
}

}  // namespace
}  // namespace lastack::host
