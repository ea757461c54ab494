// Several hosts with the same addresses: each takes its own flows and hands over those of others.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "host/alone.hpp"
#include "ip/icmp_errors.hpp"
#include "wire/icmp.hpp"

namespace lastack::host {
namespace {

constexpr HashKey kShareKey{3, 7};

Config share_of(std::uint32_t index) {
  Config config;
  config.addresses = {{wire::IpAddress::v4(10, 0, 0, 1), 8}};
  config.share = {.index = index, .of = 2, .key = kShareKey};
  return config;
}

/// The first of two hosts is `host`, the second `other`; both listen.
class Sharing : public Alone {
 protected:
  Sharing() : Alone(share_of(0)), other(share_of(1), Random(2)) {
    listen();
    (void)other.listen({{}, 80}, 500, {}, now).value();
  }
  /// What comes to `at` and is not its own, carried to the other one; how many packets.
  std::size_t carry(Host& at) {
    std::size_t carried = 0;
    for (Foreign foreign; at.next_foreign(foreign); ++carried) {
      EXPECT_EQ(foreign.owner, &at == &host ? 1U : 0U);
      (&at == &host ? other : host).packet_arrives(foreign.packet, now);
    }
    return carried;
  }
  std::vector<Sent> sent_by(Host& by) {
    std::vector<Sent> all;
    PacketOut out;
    while (by.transmit(out, now)) all.push_back(read(out));
    return all;
  }
  /// A peer's end whose flow to port 80 is the host's of that index.
  Endpoint peer_of(std::uint32_t index) {
    for (std::uint16_t port = 1024;; ++port) {
      const Flow flow{{kUs, 80}, {kThem, port}};
      if (hash_of(flow, kShareKey) >> 31U == index) return flow.remote;
    }
  }

  Host other;
};

TEST_F(Sharing, EachFlowIsOneHostsWhereverItsPacketsCome) {
  std::array<std::size_t, 2> answered{};
  for (std::uint16_t port = 2000; port < 2200; ++port) {
    Host& first = port % 2 == 0 ? host : other;
    first.packet_arrives(packet({.flags = Flag::syn, .seq = Seq(1), .from = {kThem, port}}), now);
    carry(first);
    const std::array sent{sent_by(host).size(), sent_by(other).size()};
    EXPECT_EQ(sent[0] + sent[1], 1U) << port;
    answered[0] += sent[0];
    answered[1] += sent[1];
  }
  EXPECT_GT(answered[0], 50U);
  EXPECT_GT(answered[1], 50U);
  EXPECT_EQ(host.counters().packets_in + other.counters().packets_in, 200U);
  EXPECT_EQ(host.counters().tcp.in_segments + other.counters().tcp.in_segments, 200U);
  EXPECT_GT(host.counters().handed_over, 20U);
}

/// The kernel has forgotten where a flow is: what comes to the wrong host resets nothing.
TEST_F(Sharing, AnEstablishedConnectionOutlivesWrongTurns) {
  const Endpoint peer = peer_of(1);
  const auto to_wrong = [&](Segment segment) {
    segment.from = peer;
    host.packet_arrives(packet(segment), now);
    EXPECT_EQ(carry(host), 1U);
    EXPECT_TRUE(sent_by(host).empty());
    return sent_by(other);
  };
  const Seq ours = to_wrong({.flags = Flag::syn, .seq = Seq(1)}).at(0).header.seq;
  to_wrong({.flags = Flag::ack, .seq = Seq(2), .ack = ours + 1});
  to_wrong({.flags = Flag::ack, .seq = Seq(2), .ack = ours + 1, .payload = 100});
  EXPECT_EQ(other.connections(), 1U);
  EXPECT_EQ(other.counters().octets_in, 100U);
  const auto answer = to_wrong({.flags = Flag::fin | Flag::ack, .seq = Seq(102), .ack = ours + 1});
  ASSERT_EQ(answer.size(), 1U);
  EXPECT_FALSE(answer[0].header.flags.has(Flag::rst));
  EXPECT_EQ(answer[0].header.ack, Seq(103));
}

TEST_F(Sharing, OnlyTheOwnerResetsWhatNobodyKnows) {
  const Segment stray{.flags = Flag::ack, .seq = Seq(9), .ack = Seq(9), .from = peer_of(1)};
  host.packet_arrives(packet(stray), now);
  EXPECT_TRUE(sent_by(host).empty());
  EXPECT_EQ(carry(host), 1U);
  const auto reset = sent_by(other);
  ASSERT_EQ(reset.size(), 1U);
  EXPECT_TRUE(reset[0].header.flags.has(Flag::rst));
}

TEST_F(Sharing, ConnectionsOfItsOwnAreOfFlowsOfItsOwn) {
  for (int i = 0; i < 50; ++i) {
    const FlowId id = other.connect({}, {kThem, 443}, {}, now).value();
    EXPECT_EQ(hash_of(other.find(id)->flow, kShareKey) >> 31U, 1U);
  }
  const Endpoint theirs = peer_of(0);
  const auto refused = other.connect(Endpoint{kUs, 80}, theirs, {}, now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), Refusal::address_not_available);
}

TEST_F(Sharing, AnIcmpErrorFindsItsConnection) {
  const FlowId id = other.connect({}, {kThem, 443}, {}, now).value();
  PacketOut syn;
  ASSERT_TRUE(other.transmit(syn, now));
  std::vector<std::byte> about(syn.size());
  syn.copy_to(about);
  const Slice error = ip::error_about({.kind = wire::IcmpKind::unreachable, .code = 3},
                                      {.source = kThem, .destination = kUs}, about, nullptr);
  host.packet_arrives(error, now);
  EXPECT_EQ(carry(host), 1U);
  EXPECT_EQ(host.counters().icmp[0].in_messages, 0U);
  EXPECT_EQ(other.connection(id)->state(), State::closed);
}

/// From one of our addresses to another: that never sees the link, so no queue of it decides.
TEST_F(Sharing, WhatIsForOneselfStays) {
  for (int i = 0; i < 20; ++i) (void)host.connect({}, {kUs, 80}, {}, now).value();
  EXPECT_TRUE(sent_by(host).empty());
  Foreign foreign;
  EXPECT_FALSE(host.next_foreign(foreign));
  EXPECT_GE(host.connections(), 25U);  // the client's ends, and as many as the backlog takes
}

TEST_F(Sharing, WhoNeverAsksForOthersPacketsKeepsFewOfThem) {
  const std::size_t most = host.config().most_replies;
  for (std::size_t i = 0; i < most + 10; ++i) {
    host.packet_arrives(packet({.flags = Flag::syn, .seq = Seq(1), .from = peer_of(1)}), now);
  }
  EXPECT_EQ(host.counters().replies_dropped, 10U);
  std::size_t kept = 0;
  for (Foreign foreign; host.next_foreign(foreign);) ++kept;
  EXPECT_EQ(kept, most);
}

}  // namespace
}  // namespace lastack::host
