// Hosts on an Ethernet: TCP across it, whatever happens to the neighbours.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "host/lan.hpp"
#include "wire/ndp_octets.hpp"

namespace lastack::host {
namespace {

using lastack_test::address;
using lastack_test::advertisement_body;
using lastack_test::append;
using lastack_test::Frame;
using lastack_test::icmpv6;
using lastack_test::ipv6;
using lastack_test::Lan;
using lastack_test::link_option;
using lastack_test::ndp_body;
using lastack_test::Octets;
using lastack_test::prefix_option;
using wire::ArpPacket;
using wire::MacAddress;

constexpr std::uint16_t kPort = 80;

Octets frame(const MacAddress& to, const MacAddress& from, std::uint16_t type,
             std::span<const std::byte> payload) {
  Octets all(wire::kEthernetHeader);
  wire::emit_ethernet({to, from, type}, all);
  append(all, payload);
  return all;
}

Octets arp_frame(const ArpPacket& arp) {
  Octets packet(wire::kArpPacket);
  wire::emit_arp(arp, packet);
  return frame(MacAddress::broadcast(), arp.sender, wire::kEtherTypeArp, packet);
}

Octets ndp_frame(const MacAddress& from, const IpAddress& source, const IpAddress& to,
                 unsigned type, const Octets& body) {
  return frame(MacAddress::of_group(to), from, wire::kEtherTypeIpv6,
               ipv6(source, to, icmpv6(source, to, type, body)));
}

/// Two hosts or more, and a connection from the first to the second.
class Ethernet : public testing::TestWithParam<bool> {
 protected:
  bool v6() const { return GetParam(); }
  IpAddress address(std::size_t i) const { return Lan::address(i, v6()); }

  void listen(std::size_t i) {
    listener = *lan.host(i).listen({v6() ? lastack_test::address("::") : IpAddress{}, kPort}, 10,
                                   {}, lan.now());
  }
  FlowId connect(std::size_t from, const IpAddress& to) {
    return *lan.host(from).connect({}, {to, kPort}, {}, lan.now());
  }
  tcp::State state(std::size_t i, FlowId id) {
    const tcp::Connection* c = lan.host(i).connection(id);
    return c != nullptr ? c->state() : tcp::State::closed;
  }
  /// Sends `size` octets from one to the other and says how many come.
  std::size_t transfer(std::size_t from, FlowId sender, std::size_t to, FlowId receiver,
                       std::size_t size, Duration patience = 60s) {
    const std::vector<std::byte> octets(size, std::byte{7});
    std::size_t sent = 0;
    std::size_t got = 0;
    std::vector<std::byte> into(65536);
    const TimePoint end = lan.now() + patience;
    while (got < size && lan.now() < end) {
      if (const auto n = lan.host(from).send(sender, std::span(octets).subspan(sent), lan.now())) {
        sent += *n;
      }
      lan.run(10ms);
      while (const std::size_t n = lan.host(to).receive(receiver, into, lan.now())) got += n;
    }
    return got;
  }
  std::string_view neighbour(std::size_t i, const IpAddress& of) {
    for (const ip::Neighbour& n : lan.host(i).link()->neighbours()) {
      if (n.address == of) return to_string(n.state);
    }
    return "none";
  }
  std::size_t count(bool (Frame::*what)() const, std::size_t from) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        lan.seen, [&](const Frame& f) { return f.from == from && (f.*what)(); }));
  }
  /// An answer to the question who has an address.
  static bool is_answer(const Frame& f) { return f.is_arp_reply() || f.is_icmpv6(136); }

  Lan lan;
  ListenerId listener;
};

INSTANTIATE_TEST_SUITE_P(Families, Ethernet, testing::Bool(),
                         [](const auto& info) { return info.param ? "v6" : "v4"; });

TEST_P(Ethernet, TwoHostsFindEachOtherAndTalk) {
  lan.add();
  lan.add();
  lan.settle();
  listen(1);
  const FlowId a = connect(0, address(1));
  lan.run(100ms);
  ASSERT_EQ(state(0, a), tcp::State::established);
  EXPECT_EQ(lan.host(0).counters().retransmissions, 0U) << "the SYN waited, it was not lost";
  const auto b = lan.host(1).accept(listener);
  ASSERT_TRUE(b);
  EXPECT_EQ(transfer(0, a, 1, *b, 1'000'000), 1'000'000U);
  EXPECT_EQ(transfer(1, *b, 0, a, 1'000'000), 1'000'000U);
  EXPECT_EQ(neighbour(0, address(1)), "REACHABLE");
  EXPECT_EQ(neighbour(1, address(0)), "REACHABLE") << "by what TCP got through";
  EXPECT_EQ(lan.host(0).counters().retransmissions, 0U);
}

TEST_P(Ethernet, WhileTcpGetsThroughNobodyIsAsked) {
  lan.add();
  lan.add();
  lan.settle();
  listen(1);
  const FlowId a = connect(0, address(1));
  lan.run(100ms);
  const auto b = lan.host(1).accept(listener);
  const auto questions = [&] {
    return std::ranges::count_if(lan.seen, [](const Frame& f) {
      return f.parsed().header.type == wire::kEtherTypeArp || f.is_icmpv6(135);
    });
  };
  const auto before = questions();
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(transfer(0, a, 1, *b, 1000), 1000U);
    lan.run(3s);
  }
  EXPECT_EQ(questions(), before);
}

TEST_P(Ethernet, AnAddressIsNotUsedBeforeItIsOurs) {
  lan.add();
  lan.run(100ms);
  EXPECT_TRUE(lan.host(0).addresses().empty());
  EXPECT_EQ(lan.host(0).connect({}, {address(1), kPort}, {}, lan.now()).error(),
            Refusal::unreachable);
  EXPECT_EQ(lan.host(0).listen({address(0), kPort}, 1, {}, lan.now()).error(),
            Refusal::address_not_available);
  lan.settle();
  EXPECT_EQ(lan.host(0).addresses().size(), 3U) << "and a link-local one";
  EXPECT_TRUE(lan.host(0).connect({}, {address(1), kPort}, {}, lan.now()));
}

TEST_P(Ethernet, LostAnswersAreAskedForAgain) {
  lan.add();
  lan.add();
  lan.settle();
  listen(1);
  int losses = 2;
  lan.passes = [&](const Frame& f) { return !(is_answer(f) && losses-- > 0); };
  const FlowId a = connect(0, address(1));
  lan.run(1900ms);
  EXPECT_EQ(state(0, a), tcp::State::syn_sent);
  lan.run(1s);
  EXPECT_EQ(state(0, a), tcp::State::established);
  EXPECT_LT(losses, 0);
}

TEST_P(Ethernet, NobodyThereIsASoftErrorThatIsToldInTheEnd) {
  lan.add();
  lan.settle();
  const FlowId a = connect(0, address(6));
  lan.run(2900ms);
  EXPECT_EQ(lan.host(0).connection(a)->tcb().error, tcp::Error::none);
  lan.run(200ms);
  EXPECT_EQ(state(0, a), tcp::State::syn_sent) << "it goes on trying";
  EXPECT_EQ(lan.host(0).connection(a)->tcb().error, tcp::Error::unreachable);
  EXPECT_GT(lan.host(0).link()->counters().count(ip::LinkDrop::unreachable), 0U);
  lan.run(10min);
  EXPECT_EQ(state(0, a), tcp::State::closed);
  EXPECT_EQ(lan.host(0).connection(a)->tcb().error, tcp::Error::unreachable);
}

TEST_P(Ethernet, EverythingTwiceChangesNothing) {
  lan.copies = 2;
  lan.add();
  lan.add();
  lan.settle();
  EXPECT_EQ(lan.host(0).addresses().size(), 3U);
  listen(1);
  const FlowId a = connect(0, address(1));
  lan.run(100ms);
  const auto b = lan.host(1).accept(listener);
  ASSERT_TRUE(b);
  EXPECT_EQ(transfer(0, a, 1, *b, 200'000), 200'000U);
}

// The peer comes back with another network card, and its announcements are lost as well.
TEST_P(Ethernet, AMovedNeighbourIsFoundAgain) {
  lan.add();
  lan.add();
  lan.settle();
  listen(1);
  const FlowId a = connect(0, address(1));
  lan.run(100ms);
  ASSERT_EQ(state(0, a), tcp::State::established);
  lan.remove(1);
  Config moved = Lan::config(1);
  moved.link.mac = Lan::mac(7);
  moved.link.ask_first = false;
  lan.passes = [](const Frame& f) { return f.from != 2; };
  const std::size_t b = lan.add(moved);
  lan.run(5s);
  lan.passes = [](const Frame&) { return true; };
  (void)lan.host(0).send(a, Octets(10), lan.now());
  lan.run(5s);
  EXPECT_EQ(state(0, a), tcp::State::established) << "nobody has the old address any more";
  // TCP's third timeout casts doubt, five seconds and three questions later all are asked.
  lan.run(25s);
  EXPECT_EQ(state(0, a), tcp::State::closed) << "found: the new host knows no such connection";
  EXPECT_EQ(neighbour(b, address(0)), "REACHABLE") << "the RST had to find its way as well";
}

TEST_P(Ethernet, ANeighbourThatAnnouncesItsMoveIsFollowedAtOnce) {
  lan.add();
  lan.add();
  lan.settle();
  listen(1);
  const FlowId a = connect(0, address(1));
  lan.run(100ms);
  ASSERT_EQ(state(0, a), tcp::State::established);
  lan.inject(
      v6() ? ndp_frame(Lan::mac(7), address(1), wire::all_nodes(), 136,
                       ndp_body(0x2000'0000, {"fd00::2"}, {link_option(2, Lan::mac(7))}))
           : arp_frame({ArpPacket::Operation::request, Lan::mac(7), address(1), {}, address(1)}));
  (void)lan.host(0).send(a, Octets(10), lan.now());
  lan.run(1ms);
  const Frame& last = lan.seen.back();
  ASSERT_TRUE(last.is_tcp());
  EXPECT_EQ(last.parsed().header.destination, Lan::mac(7));
}

TEST_P(Ethernet, AnAddressThatSomebodyHasIsNotTaken) {
  lan.add();
  lan.settle();
  Config same = Lan::config(0);
  same.link.mac = Lan::mac(1);
  const std::size_t late = lan.add(same);
  lan.settle();
  const auto usable = lan.host(late).addresses();
  ASSERT_EQ(usable.size(), 1U);
  EXPECT_TRUE(usable[0].prefix.address.is_link_local()) << "that one has another MAC address in it";
  std::size_t duplicates = 0;
  ip::LinkNews news;
  while (lan.host(late).next_link_event(news)) {
    if (news.kind != ip::LinkNews::Kind::duplicate) continue;
    ++duplicates;
    EXPECT_EQ(news.mac, Lan::mac(0));
  }
  EXPECT_EQ(duplicates, 2U);
  EXPECT_EQ(lan.host(0).addresses().size(), 3U) << "the first one keeps them";
}

TEST_P(Ethernet, TwoThatWantTheSameAtOnceDoNotBothGetIt) {
  Config same = Lan::config(0);
  lan.add(same);
  same.link.mac = Lan::mac(1);
  lan.add(same);
  lan.settle();
  const auto has = [&](std::size_t i) { return lan.host(i).is_local(Lan::address(0, v6())); };
  EXPECT_FALSE(has(0) && has(1));
}

// --- frames

TEST_P(Ethernet, PayloadLiesWhereItLay) {
  lan.add();
  lan.add();
  lan.settle();
  listen(1);
  const FlowId a = connect(0, address(1));
  lan.run(100ms);
  const Slice payload = Slice::copy_of(std::vector(1000, std::byte{1}));
  (void)lan.host(0).send(a, payload, lan.now());
  PacketOut out;
  ASSERT_TRUE(lan.host(0).transmit(out, lan.now()));
  ASSERT_EQ(out.payload.size(), 1U);
  EXPECT_EQ(out.payload[0].data(), payload.data());
  const auto parsed = wire::parse_ethernet(out.header_bytes());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->header.destination, Lan::mac(1));
  EXPECT_EQ(parsed->header.source, Lan::mac(0));
  EXPECT_EQ(out.tcp_at, wire::kEthernetHeader + (v6() ? 40U : 20U));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(parsed->payload.data()) % 8, 0U)
      << "the IP header is aligned";
}

TEST_P(Ethernet, SuperSegmentsGoWhole) {
  Config large = Lan::config(0);
  large.super_segment = 65000;
  lan.add(large);
  lan.add();
  lan.settle();
  listen(1);
  const FlowId a = connect(0, address(1));
  lan.run(100ms);
  (void)lan.host(0).send(a, Octets(10'000), lan.now());
  PacketOut out;
  ASSERT_TRUE(lan.host(0).transmit(out, lan.now()));
  EXPECT_GT(out.payload_size, 5'000U);
  EXPECT_GT(out.segment_size, 1300U);
}

// --- floods

TEST_P(Ethernet, MadeUpNeighboursTakeBoundedRoomAndDoNotDisturbAConnection) {
  lan.add();
  lan.add();
  lan.settle();
  listen(1);
  const FlowId a = connect(0, address(1));
  lan.run(100ms);
  const auto b = lan.host(1).accept(listener);
  ASSERT_TRUE(b);
  for (unsigned i = 0; i < 5000; ++i) {
    const MacAddress from = MacAddress::of(0x0200'0001'0000 + i);
    const std::string last = std::to_string(100 + i % 100);
    const auto source = v6() ? lastack_test::address("fd00::" + std::to_string(i) + ":9")
                             : lastack_test::address("10.0.0." + last);
    const auto target = address(1);
    lan.inject(v6() ? ndp_frame(from, source, wire::solicited_node(target), 135,
                                ndp_body(0, {"fd00::2"}, {link_option(1, from)}))
                    : arp_frame({ArpPacket::Operation::request, from, source, {}, target}));
  }
  EXPECT_LE(lan.host(1).link()->neighbours().size(), ip::NeighbourSettings{}.most);
  EXPECT_EQ(transfer(0, a, 1, *b, 100'000, 2s), 100'000U);
}

/// A SYN from an address of the network that nobody has: the SYN,ACK has nowhere to go.
TEST_P(Ethernet, SynsFromMadeUpNeighboursParkABoundedNumberOfPackets) {
  lan.add();
  lan.settle();
  listen(0);
  for (unsigned i = 0; i < 3000; ++i) {
    const std::string number = std::to_string(i);
    const auto source = v6() ? lastack_test::address("fd00::" + number + ":5")
                             : IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(20 + i % 200));
    Octets packet(wire::ip_header_size(source.family()) + wire::kTcpHeader);
    wire::emit_ip({.source = source, .destination = address(0), .protocol = wire::kProtocolTcp},
                  wire::kTcpHeader, packet);
    const auto segment = std::span(packet).subspan(packet.size() - wire::kTcpHeader);
    wire::emit_tcp({.source_port = static_cast<std::uint16_t>(1024 + i),
                    .destination_port = kPort,
                    .flags = wire::Flag::syn,
                    .window = 1000},
                   segment);
    wire::set_tcp_checksum(segment, wire::tcp_sum(source, address(0), segment).checksum());
    lan.host(0).frame_arrives(Slice::copy_of(frame(Lan::mac(0), Lan::mac(9),
                                                   wire::ether_type_of(source.family()), packet)),
                              lan.now());
    lan.flush();
  }
  const ip::LinkLayer& link = *lan.host(0).link();
  const auto asked =
      std::ranges::count(link.neighbours(), ip::NeighbourState::incomplete, &ip::Neighbour::state);
  EXPECT_LE(static_cast<std::size_t>(asked), ip::NeighbourSettings{}.most_incomplete);
  EXPECT_GT(link.counters().count(ip::LinkDrop::parking_full), 100U);
  EXPECT_LT(lan.host(0).pool().in_use(), 1000U);
}

}  // namespace
}  // namespace lastack::host
