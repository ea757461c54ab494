// A host that configures itself, and routers that come and go while it talks to somebody behind
// them.
#include <gtest/gtest.h>

#include <map>

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
using wire::MacAddress;

const IpAddress kFar = address("2001:db8:2::1");

/// A station that forwards, and does nothing else that a router does.
struct Router {
  MacAddress mac;
  IpAddress address;
  bool alive = true;
  std::size_t forwarded = 0;

  void send(Lan& lan, const MacAddress& to, const Octets& packet) const {
    Octets frame(wire::kEthernetHeader);
    wire::emit_ethernet({to, mac, wire::kEtherTypeIpv6}, frame);
    append(frame, packet);
    lan.put(frame);
  }
  void advertise(Lan& lan, unsigned lifetime = 1800, std::uint8_t hop_limit = 64) const {
    const IpAddress to = wire::all_nodes();
    const Octets body = advertisement_body({.hop_limit = hop_limit,
                                            .lifetime = lifetime,
                                            .options = {prefix_option({}), link_option(1, mac)}});
    send(lan, MacAddress::of_group(to), ipv6(address, to, icmpv6(address, to, 134, body)));
  }
  /// Answers for itself, and passes on what is not for it to `stations`.
  void hears(Lan& lan, const Frame& frame, const std::map<IpAddress, MacAddress>& stations) {
    const auto parsed = frame.parsed();
    if (!alive || parsed.header.type != wire::kEtherTypeIpv6) return;
    const auto packet = wire::parse_ip(parsed.payload);
    if (!packet) return;
    if (frame.is_icmpv6(135)) {
      const auto message = wire::parse_ndp(packet->header, packet->payload);
      const auto* asked = std::get_if<wire::NeighbourSolicitation>(&*message);
      if (asked->target != address) return;
      const IpAddress to = packet->header.source;
      const Octets body = ndp_body(0xe000'0000, {address.to_string()}, {link_option(2, mac)});
      send(lan, parsed.header.source, ipv6(address, to, icmpv6(address, to, 136, body)));
      return;
    }
    const auto next = stations.find(packet->header.destination);
    if (parsed.header.destination != mac || next == stations.end()) return;
    send(lan, next->second, Octets(parsed.payload.begin(), parsed.payload.end()));
    ++forwarded;
  }
};

class Routers : public testing::Test {
 protected:
  Routers() {
    Config near;
    near.medium = Medium::ethernet;
    near.link = {.mac = Lan::mac(0), .autoconfigure = true, .interface_key = {}};
    lan.add(near);
    Config far = Lan::config(1);
    far.addresses = {{kFar, 64}};
    far.link.routes = {{.to = *Prefix::parse("::/0"), .via = first.address},
                       {.to = *Prefix::parse("::/0"), .via = second.address, .metric = 1}};
    lan.add(far);
    lan.hears = [this](const Frame& frame) {
      first.hears(lan, frame, stations);
      second.hears(lan, frame, stations);
    };
    lan.settle();
    first.advertise(lan);
    second.advertise(lan);
    lan.run(3s);
    for (const auto& usable : lan.host(0).addresses()) {
      if (!usable.prefix.address.is_link_local()) stations[usable.prefix.address] = Lan::mac(0);
    }
    stations[kFar] = Lan::mac(1);
  }

  /// Octets go to and fro for a while; how many came back.
  std::size_t talk(FlowId a, FlowId b, int rounds) {
    std::size_t back = 0;
    std::array<std::byte, 100> octets{};
    for (int i = 0; i < rounds; ++i) {
      (void)lan.host(0).send(a, octets, lan.now());
      lan.run(200ms);
      if (const std::size_t n = lan.host(1).receive(b, octets, lan.now())) {
        (void)lan.host(1).send(b, std::span(octets).first(n), lan.now());
      }
      lan.run(200ms);
      back += lan.host(0).receive(a, octets, lan.now());
    }
    return back;
  }

  Lan lan;
  Router first{MacAddress::of(0x0200'0000'00f1), address("fe80::f1")};
  Router second{MacAddress::of(0x0200'0000'00f2), address("fe80::f2")};
  std::map<IpAddress, MacAddress> stations;
};

TEST_F(Routers, ConfigureAHostThatTalksThroughThem) {
  ASSERT_EQ(lan.host(0).addresses().size(), 2U);
  const auto listener = *lan.host(1).listen({address("::"), 80}, 10, {}, lan.now());
  const auto a = lan.host(0).connect({}, {kFar, 80}, {}, lan.now());
  ASSERT_TRUE(a);
  lan.run(1s);
  const auto b = lan.host(1).accept(listener);
  ASSERT_TRUE(b);
  EXPECT_EQ(talk(*a, *b, 10), 1000U);
  EXPECT_GT(first.forwarded, 20U);
  EXPECT_EQ(second.forwarded, 0U);
}

TEST_F(Routers, ARouterThatDiesIsReplacedUnderALivingConnection) {
  const auto listener = *lan.host(1).listen({address("::"), 80}, 10, {}, lan.now());
  const auto a = lan.host(0).connect({}, {kFar, 80}, {}, lan.now());
  ASSERT_TRUE(a);
  lan.run(1s);
  const auto b = lan.host(1).accept(listener);
  ASSERT_TRUE(b);
  EXPECT_EQ(talk(*a, *b, 10), 1000U);
  first.alive = false;
  lan.run(1s);
  // Three timeouts of TCP, 5 s of patience and 3 questions, at either end: then all that waited.
  talk(*a, *b, 150);
  EXPECT_EQ(lan.host(0).connection(*a)->state(), tcp::State::established);
  EXPECT_GT(second.forwarded, 100U);
  const std::size_t before = second.forwarded;
  EXPECT_GE(talk(*a, *b, 10), 1000U);
  EXPECT_GT(second.forwarded, before);
}

TEST_F(Routers, ARouterThatSaysItIsNoneIsLeftAtOnce) {
  first.advertise(lan, 0);
  lan.run(10ms);
  const auto a = lan.host(0).connect({}, {kFar, 80}, {}, lan.now());
  lan.run(1s);
  EXPECT_GT(second.forwarded, 0U);
  (void)a;
}

/// One that says 1 would else cut us off from all that is not on the link.
TEST_F(Routers, TheHopLimitTheySayIsNotTaken) {
  first.advertise(lan, 1800, 1);
  lan.run(10ms);
  lan.seen.clear();
  ASSERT_TRUE(lan.host(0).connect({}, {kFar, 80}, {}, lan.now()));
  lan.run(10ms);
  std::size_t segments = 0;
  for (const Frame& frame : lan.seen) {
    if (frame.from != 0 || !frame.is_tcp()) continue;
    ++segments;
    EXPECT_EQ(std::to_integer<int>(frame.parsed().payload[7]), 64);
  }
  EXPECT_EQ(segments, 1U);
}

TEST_F(Routers, WithoutAnyThereIsNoWayOutButTheLinkWorks) {
  first.advertise(lan, 0);
  second.advertise(lan, 0);
  lan.run(10ms);
  EXPECT_EQ(lan.host(0).connect({}, {kFar, 80}, {}, lan.now()).error(), Refusal::unreachable);
  EXPECT_TRUE(lan.host(0).connect({}, {address("2001:db8:1::77"), 80}, {}, lan.now()));
}

/// What a connection has noted of its peer's address goes by what is ours now.
TEST_F(Routers, APeerThatIsOursNoMoreIsLookedForOnTheLink) {
  const IpAddress to = wire::all_nodes();
  const Octets body = advertisement_body(
      {.options = {prefix_option({.prefix = "2001:db8:7::", .valid = 10, .preferred = 10})}});
  first.send(lan, MacAddress::of_group(to),
             ipv6(first.address, to, icmpv6(first.address, to, 134, body)));
  lan.run(3s);
  const Prefix lent = *Prefix::parse("2001:db8:7::/64");
  const auto ours = [&]() -> std::optional<IpAddress> {
    for (const auto& usable : lan.host(0).addresses()) {
      if (lent.contains(usable.prefix.address)) return usable.prefix.address;
    }
    return std::nullopt;
  };
  const auto own = ours();
  ASSERT_TRUE(own);
  const auto listener = *lan.host(0).listen({address("::"), 80}, 10, {}, lan.now());
  const auto a = lan.host(0).connect(Endpoint{*own, 0}, {*own, 80}, {}, lan.now());
  ASSERT_TRUE(a);
  lan.run(1ms);
  const auto b = lan.host(0).accept(listener);
  ASSERT_TRUE(b);
  std::array<std::byte, 100> octets{};
  lan.seen.clear();
  (void)lan.host(0).send(*a, octets, lan.now());
  lan.run(1ms);
  EXPECT_EQ(lan.host(0).receive(*b, octets, lan.now()), 100U);
  EXPECT_TRUE(lan.seen.empty()) << "a peer that is ours is no matter of the link's";
  lan.run(20s);
  ASSERT_FALSE(ours());
  lan.seen.clear();
  (void)lan.host(0).send(*a, octets, lan.now());
  lan.run(1s);
  EXPECT_EQ(lan.host(0).receive(*b, octets, lan.now()), 0U);
  EXPECT_FALSE(lan.seen.empty());
}

}  // namespace
}  // namespace lastack::host
