// One host's side of a link, frame by frame: what it says, believes, and passes on.
#include "ip/link_layer.hpp"

#include <gtest/gtest.h>

#include <string>

#include "wire/ndp_octets.hpp"

namespace lastack::ip {
namespace {

using lastack_test::address;
using lastack_test::advertisement_body;
using lastack_test::append;
using lastack_test::icmpv6;
using lastack_test::ipv6;
using lastack_test::link_option;
using lastack_test::ndp_body;
using lastack_test::Octets;
using lastack_test::octets;
using lastack_test::prefix_option;
using wire::ArpPacket;

constexpr MacAddress kOurs = MacAddress::of(0x0200'0000'0001);
constexpr MacAddress kTheirs = MacAddress::of(0x0200'0000'0002);
constexpr MacAddress kThird = MacAddress::of(0x0200'0000'0003);

Octets frame(const MacAddress& to, const MacAddress& from, std::uint16_t type,
             std::span<const std::byte> payload) {
  Octets all(wire::kEthernetHeader);
  wire::emit_ethernet({to, from, type}, all);
  append(all, payload);
  return all;
}

class Layer : public testing::Test {
 protected:
  explicit Layer(LinkSettings settings = {.mac = kOurs, .ask_first = false, .interface_key = {}},
                 std::vector<Prefix> addresses = {*Prefix::parse("10.0.0.1/24"),
                                                  *Prefix::parse("fd00::1/64")})
      : layer(std::move(settings), std::move(addresses), 1500, Random(1)) {
    layer.advance(now);
  }

  void pass(Duration span) {
    const TimePoint until = now + span;
    while (layer.next_deadline() <= until) {
      now = std::max(now, layer.next_deadline());
      layer.advance(now);
    }
    now = until;
  }
  void begin() {
    pass(20s);
    (void)said();
  }

  /// ARP as `sender` says it; a reply goes to us alone, a request to all.
  void arp(ArpPacket::Operation operation, const MacAddress& sender, std::string_view sender_ip,
           std::string_view target_ip, const MacAddress& target = {}) {
    Octets packet(wire::kArpPacket);
    wire::emit_arp({operation, sender, address(sender_ip), target, address(target_ip)}, packet);
    const bool reply = operation == ArpPacket::Operation::reply;
    layer.frame_arrives(frame(reply ? target : MacAddress::broadcast(), sender, 0x0806, packet),
                        now);
  }
  void arp_request(const MacAddress& sender, std::string_view from, std::string_view target) {
    arp(ArpPacket::Operation::request, sender, from, target);
  }
  void arp_reply(const MacAddress& sender, std::string_view from) {
    arp(ArpPacket::Operation::reply, sender, from, "10.0.0.1", kOurs);
  }
  void ndp(const MacAddress& from, std::string_view source, std::string_view destination,
           unsigned type, const Octets& body, unsigned hop_limit = 255) {
    const IpAddress to = address(destination);
    const Octets packet =
        ipv6(address(source), to, icmpv6(address(source), to, type, body), hop_limit);
    layer.frame_arrives(
        frame(to.is_multicast() ? MacAddress::of_group(to) : kOurs, from, 0x86dd, packet), now);
  }
  void solicit(const MacAddress& from, std::string_view source, std::string_view target,
               bool with_link = true) {
    const std::string group = wire::solicited_node(address(target)).to_string();
    std::initializer_list<Octets> none{};
    ndp(from, source, group, 135,
        with_link ? ndp_body(0, {target}, {link_option(1, from)}) : ndp_body(0, {target}, none));
  }

  /// Frames of ours since the last time, as a person would say them.
  std::string said() {
    std::string all;
    while (const auto f = layer.next_frame()) all += (all.empty() ? "" : "; ") + words(f->bytes());
    return all;
  }
  static std::string words(wire::Bytes octets) {
    const auto parsed = wire::parse_ethernet(octets);
    const std::string to = parsed->header.destination.to_string();
    if (const auto arp = wire::parse_arp(parsed->payload)) {
      const std::string what =
          arp->operation == ArpPacket::Operation::request ? "who has " : "answers ";
      return to + " " + what + arp->target_address.to_string() + " from " +
             arp->sender_address.to_string();
    }
    const auto packet = wire::parse_ip(parsed->payload);
    if (packet->payload[0] == std::byte{143}) return to + " groups";
    const auto message = wire::parse_ndp(packet->header, packet->payload);
    EXPECT_TRUE(message) << "our own message is refused: " << to_string(message.error());
    const std::string ends =
        packet->header.source.to_string() + " to " + packet->header.destination.to_string();
    if (const auto* na = std::get_if<wire::NeighbourAdvertisement>(&*message)) {
      return to + " " + na->target.to_string() + " is mine" + (na->solicited ? " S" : "") +
             (na->overrides ? " O" : "") + ", " + ends;
    }
    if (const auto* ns = std::get_if<wire::NeighbourSolicitation>(&*message)) {
      return to + " who has " + ns->target.to_string() + ", " + ends;
    }
    return to + " routers, " + ends;
  }
  std::string_view state(std::string_view text) {
    for (const Neighbour& n : layer.neighbours()) {
      if (n.address == address(text)) return to_string(n.state);
    }
    return "none";
  }
  std::uint64_t dropped(LinkDrop why) { return layer.counters().count(why); }
  std::string way(std::string_view destination) {
    const auto way = layer.way_to(address(destination), now);
    switch (way.kind) {
      case LinkLayer::Way::Kind::known: return way.to.to_string();
      case LinkLayer::Way::Kind::wait: return "wait for " + way.next_hop.to_string();
      case LinkLayer::Way::Kind::none: break;
    }
    return "none";
  }

  TimePoint now{1000s};
  LinkLayer layer;
};

TEST_F(Layer, ResolvesOverArp) {
  begin();
  EXPECT_EQ(way("10.0.0.2"), "wait for 10.0.0.2");
  EXPECT_EQ(said(), "ff:ff:ff:ff:ff:ff who has 10.0.0.2 from 10.0.0.1");
  arp_reply(kTheirs, "10.0.0.2");
  EXPECT_EQ(way("10.0.0.2"), "02:00:00:00:00:02");
  EXPECT_EQ(state("10.0.0.2"), "REACHABLE");
}

/// Though a router says that every address is on this link.
TEST_F(Layer, NobodyIsAskedForAnAddressThatNobodyHas) {
  begin();
  for (const char* nobody : {"::", "::1", "0.0.0.0", "127.0.0.1"}) EXPECT_EQ(way(nobody), "none");
  EXPECT_EQ(said(), "");
}

TEST_F(Layer, ResolvesOverNeighbourDiscovery) {
  begin();
  EXPECT_EQ(way("fd00::2"), "wait for fd00::2");
  EXPECT_EQ(said(), "33:33:ff:00:00:02 who has fd00::2, fd00::1 to ff02::1:ff00:2");
  ndp(kTheirs, "fd00::2", "fd00::1", 136,
      ndp_body(0x6000'0000, {"fd00::2"}, {link_option(2, kTheirs)}));
  EXPECT_EQ(way("fd00::2"), "02:00:00:00:00:02");
  // A neighbour by its link-local address is asked from ours.
  way("fe80::9");
  EXPECT_EQ(said(), "33:33:ff:00:00:09 who has fe80::9, fe80::ff:fe00:1 to ff02::1:ff00:9");
}

TEST_F(Layer, AKnownNeighbourIsAskedAlone) {
  begin();
  way("10.0.0.2");
  arp_reply(kTheirs, "10.0.0.2");
  pass(1min);
  way("10.0.0.2");
  (void)said();
  pass(5s);
  EXPECT_EQ(said(), "02:00:00:00:00:02 who has 10.0.0.2 from 10.0.0.1");
}

TEST_F(Layer, AnswersForItselfAndRemembersWhoAsked) {
  begin();
  arp_request(kTheirs, "10.0.0.2", "10.0.0.1");
  EXPECT_EQ(said(), "02:00:00:00:00:02 answers 10.0.0.2 from 10.0.0.1");
  EXPECT_EQ(state("10.0.0.2"), "STALE");
  solicit(kTheirs, "fd00::2", "fd00::1");
  EXPECT_EQ(said(), "02:00:00:00:00:02 fd00::1 is mine S O, fd00::1 to fd00::2");
  EXPECT_EQ(state("fd00::2"), "STALE");
  // A question to us alone need not name who asks.
  ndp(kThird, "fd00::3", "fd00::1", 135, ndp_body(0, {"fd00::1"}));
  EXPECT_EQ(said(), "02:00:00:00:00:03 fd00::1 is mine S O, fd00::1 to fd00::3");
  EXPECT_EQ(state("fd00::3"), "none");
}

// --- what is not believed

TEST_F(Layer, OthersTalkAmongThemselves) {
  begin();
  arp_request(kTheirs, "10.0.0.2", "10.0.0.3");
  arp_request(kTheirs, "10.0.0.2", "10.0.0.2");  // an announcement
  arp_reply(kTheirs, "10.0.0.2");                // an answer that nobody asked for
  solicit(kTheirs, "fd00::2", "fd00::3");
  ndp(kTheirs, "fd00::2", "ff02::1", 136,
      ndp_body(0x2000'0000, {"fd00::2"}, {link_option(2, kTheirs)}));
  EXPECT_EQ(said(), "");
  EXPECT_TRUE(layer.neighbours().empty());
}

TEST_F(Layer, ASpoofedAnswerDoesNotMoveANeighbourToReachable) {
  begin();
  arp_request(kTheirs, "10.0.0.2", "10.0.0.1");
  arp_reply(kThird, "10.0.0.2");
  EXPECT_EQ(state("10.0.0.2"), "STALE")
      << "updated as RFC 826 says, but asked before it is trusted";
  way("10.0.0.2");
  (void)said();
  pass(8s);
  EXPECT_EQ(state("10.0.0.2"), "none") << "and forgotten where nobody answers";
}

TEST_F(Layer, AnAnnouncementUpdatesWhatIsKnown) {
  begin();
  way("10.0.0.2");
  arp_reply(kTheirs, "10.0.0.2");
  arp_request(kThird, "10.0.0.2", "10.0.0.2");
  EXPECT_EQ(way("10.0.0.2"), "02:00:00:00:00:03");
}

TEST_F(Layer, ASenderFromElsewhereIsAnsweredButNotRemembered) {
  begin();
  arp_request(kTheirs, "192.0.2.7", "10.0.0.1");
  EXPECT_EQ(said(), "02:00:00:00:00:02 answers 192.0.2.7 from 10.0.0.1");
  EXPECT_TRUE(layer.neighbours().empty());
  EXPECT_EQ(dropped(LinkDrop::foreign_sender), 1U);
}

TEST_F(Layer, WhatCameThroughARouterIsNoNeighbourDiscovery) {
  begin();
  ndp(kTheirs, "fd00::2", "fd00::1", 135, ndp_body(0, {"fd00::1"}, {link_option(1, kTheirs)}), 254);
  EXPECT_EQ(said(), "");
  EXPECT_EQ(layer.counters().bad_ndp[static_cast<std::size_t>(wire::NdpError::bad_hop_limit)], 1U);
}

// --- conflicts

TEST_F(Layer, OursIsDefendedOnceInTenSeconds) {
  begin();
  for (int i = 0; i < 100; ++i) arp_request(kThird, "10.0.0.1", "10.0.0.1");
  EXPECT_EQ(said(), "ff:ff:ff:ff:ff:ff who has 10.0.0.1 from 10.0.0.1");
  const std::string na = "33:33:00:00:00:01 fd00::1 is mine O, fd00::1 to ff02::1";
  for (int i = 0; i < 100; ++i) {
    ndp(kThird, "fd00::1", "ff02::1", 136,
        ndp_body(0x2000'0000, {"fd00::1"}, {link_option(2, kThird)}));
  }
  EXPECT_EQ(said(), na);
  pass(10s);
  arp_request(kThird, "10.0.0.1", "10.0.0.9");
  EXPECT_EQ(said(), "ff:ff:ff:ff:ff:ff who has 10.0.0.1 from 10.0.0.1");
  EXPECT_EQ(layer.usable().size(), 3U) << "and never given up";
}

TEST_F(Layer, WhoProbesForOursIsToldSo) {
  begin();
  arp_request(kThird, "0.0.0.0", "10.0.0.1");
  EXPECT_EQ(said(), "02:00:00:00:00:03 answers 0.0.0.0 from 10.0.0.1");
  solicit(kThird, "::", "fd00::1", false);
  EXPECT_EQ(said(), "33:33:00:00:00:01 fd00::1 is mine O, fd00::1 to ff02::1");
}

class Asking : public Layer {
 protected:
  Asking() : Layer({.mac = kOurs, .interface_key = {}}) { pass(500ms); }
  std::string_view own(std::string_view text) {
    for (const OwnAddress& a : layer.addresses()) {
      if (a.prefix.address == address(text)) return to_string(a.state);
    }
    return "none";
  }
};

TEST_F(Asking, ATentativeAddressIsNeitherUsedNorAnsweredFor) {
  EXPECT_EQ(own("10.0.0.1"), "tentative");
  EXPECT_FALSE(layer.source_for(address("10.0.0.2")));
  (void)said();
  arp_request(kTheirs, "10.0.0.2", "10.0.0.1");
  solicit(kTheirs, "fd00::2", "fd00::1");
  EXPECT_EQ(said(), "");
  pass(10s);
  EXPECT_EQ(layer.source_for(address("10.0.0.2")), address("10.0.0.1"));
  EXPECT_EQ(layer.source_for(address("fd00::2")), address("fd00::1"));
}

TEST_F(Asking, ProbesNameNobody) {
  pass(1s);
  const std::string all = said();
  EXPECT_NE(all.find("ff:ff:ff:ff:ff:ff who has 10.0.0.1 from 0.0.0.0"), std::string::npos) << all;
  EXPECT_NE(all.find("33:33:ff:00:00:01 who has fd00::1, :: to ff02::1:ff00:1"), std::string::npos);
}

TEST_F(Asking, SomebodyAnswersForIt) {
  arp_reply(kThird, "10.0.0.1");
  ndp(kThird, "fd00::1", "ff02::1", 136,
      ndp_body(0x2000'0000, {"fd00::1"}, {link_option(2, kThird)}));
  EXPECT_EQ(own("10.0.0.1"), "duplicate");
  EXPECT_EQ(own("fd00::1"), "duplicate");
  pass(1h);
  EXPECT_FALSE(layer.source_for(address("10.0.0.2")));
}

TEST_F(Asking, SomebodyElseProbesForIt) {
  arp_request(kThird, "0.0.0.0", "10.0.0.1");
  solicit(kThird, "::", "fd00::1", false);
  EXPECT_EQ(own("10.0.0.1"), "duplicate");
  EXPECT_EQ(own("fd00::1"), "duplicate");
}

// RFC 7527: a link that sends our own probe back, and another host with our MAC address.
TEST_F(Asking, AProbeThatCameBackIsKnownByItsNonce) {
  Octets probe;
  while (probe.empty()) {
    const auto f = layer.next_frame();
    if (!f) {
      now = layer.next_deadline();
      layer.advance(now);
    } else if (words(f->bytes()).find("who has fd00::1") != std::string::npos) {
      append(probe, f->bytes());
    }
  }
  layer.frame_arrives(probe, now);
  EXPECT_EQ(own("fd00::1"), "tentative");
  ndp(kOurs, "::", "ff02::1:ff00:1", 135,
      ndp_body(0, {"fd00::1"}, {octets({14, 1, 9, 9, 9, 9, 9, 9})}));
  EXPECT_EQ(own("fd00::1"), "duplicate");
}

// --- frames

TEST_F(Layer, PassesOnWhatIsForTheLayersAbove) {
  const Octets packet = octets({0x45, 0, 0, 20});
  const auto passed = [&](const MacAddress& to, std::uint16_t type, const MacAddress& from) {
    return layer.frame_arrives(frame(to, from, type, packet), now).size();
  };
  EXPECT_EQ(passed(kOurs, 0x0800, kTheirs), packet.size());
  EXPECT_EQ(passed(kOurs, 0x86dd, kTheirs), packet.size());
  EXPECT_EQ(passed(kThird, 0x0800, kTheirs), 0U);
  EXPECT_EQ(passed(MacAddress::broadcast(), 0x0800, kTheirs), 0U);
  EXPECT_EQ(passed(kOurs, 0x88cc, kTheirs), 0U);
  EXPECT_EQ(passed(kOurs, 0x0800, kOurs), 0U);
  EXPECT_EQ(passed(kOurs, 100, kTheirs), 0U);
  EXPECT_EQ(dropped(LinkDrop::other_station), 1U);
  EXPECT_EQ(dropped(LinkDrop::group_frame), 1U);
  EXPECT_EQ(dropped(LinkDrop::other_type), 1U);
  EXPECT_EQ(dropped(LinkDrop::own_frame), 1U);
  EXPECT_EQ(layer.counters().frames_in, 7U);
}

TEST_F(Layer, GroupsNeedNoNeighbour) {
  EXPECT_EQ(way("224.0.0.251"), "01:00:5e:00:00:fb");
  EXPECT_EQ(way("ff02::fb"), "33:33:00:00:00:fb");
  EXPECT_EQ(way("192.0.2.1"), "none");
}

TEST_F(Layer, QuestionsThatNobodyFetchesAnswersForAreBounded) {
  begin();
  for (int i = 0; i < 10'000; ++i) arp_request(kTheirs, "10.0.0.2", "10.0.0.1");
  std::size_t count = 0;
  while (layer.next_frame()) ++count;
  EXPECT_EQ(count, LinkLayer::kMostFrames);
  EXPECT_EQ(dropped(LinkDrop::queue_full), 10'000 - LinkLayer::kMostFrames);
}

// --- groups

/// A query as a router or a snooping switch sends it: behind a router alert.
Octets query(std::string_view source, std::string_view group, unsigned max_response_ms,
             unsigned version = 2) {
  const IpAddress from = address(source);
  const IpAddress to = wire::all_nodes();
  Octets body = octets({max_response_ms >> 8U, max_response_ms & 0xffU, 0, 0});
  append(body, address(group).bytes());
  if (version == 2) append(body, octets({0, 0, 0, 0}));
  Octets payload = octets({58, 0, 5, 2, 0, 0, 1, 0});
  append(payload, icmpv6(from, to, 130, body));
  return frame(MacAddress::of_group(to), kTheirs, 0x86dd, ipv6(from, to, payload, 1, 0));
}

TEST_F(Layer, ListensToTheGroupsOfItsAddressesAndSaysSo) {
  const std::string all = said();
  EXPECT_LT(all.find("33:33:00:00:00:16 groups"), all.find("is mine")) << all;
  ASSERT_EQ(layer.groups().size(), 1U) << "fd00::1 and fe80::ff:fe00:1 end alike";
  EXPECT_EQ(layer.groups()[0], address("ff02::1:ff00:1"));
  begin();
  layer.frame_arrives(query("fe80::9", "::", 1000), now);
  EXPECT_EQ(said(), "");
  pass(1s);
  EXPECT_EQ(said(), "33:33:00:00:00:16 groups");
  layer.frame_arrives(query("fe80::9", "ff02::1:ff00:1", 1000), now);
  layer.frame_arrives(query("fe80::9", "ff02::1:ff00:1", 1000), now);
  pass(1s);
  EXPECT_EQ(said(), "33:33:00:00:00:16 groups") << "one answer for both";
  layer.frame_arrives(query("fe80::9", "ff02::1:ff99:9", 1000), now);
  layer.frame_arrives(query("fd00::9", "::", 1000), now);
  pass(1s);
  EXPECT_EQ(said(), "") << "a group that is not ours, and a router from elsewhere";
  EXPECT_EQ(layer.counters().mld_in, 5U);
}

/// A report of version 1 would go to the group itself (RFC 3810 §8.2.1); ours goes to all switches.
TEST_F(Layer, AQueryOfVersion1IsAnsweredInVersion2) {
  begin();
  layer.frame_arrives(query("fe80::9", "ff02::1:ff00:1", 1000, 1), now);
  pass(1s);
  EXPECT_EQ(said(), "33:33:00:00:00:16 groups");
}

// --- routers

class Automatic : public Layer {
 protected:
  Automatic() : Layer({.mac = kOurs, .autoconfigure = true, .interface_key = {}}, {}) { begin(); }

  void advertise(const MacAddress& from, std::string_view router, unsigned lifetime = 1800,
                 std::vector<Octets> more = {}) {
    more.push_back(link_option(1, from));
    ndp(from, router, "ff02::1", 134,
        advertisement_body({.lifetime = lifetime, .options = std::move(more)}));
  }
  static constexpr std::string_view kFar = "2001:db8:ffff::1";
};

TEST_F(Layer, NobodyAskedForAdvertisements) {
  begin();
  ndp(kTheirs, "fe80::9", "ff02::1", 134, advertisement_body({.options = {prefix_option({})}}));
  EXPECT_EQ(layer.addresses().size(), 3U);
  EXPECT_EQ(way("2001:db8:ffff::1"), "none");
  EXPECT_EQ(dropped(LinkDrop::not_autoconfigured), 1U);
}

TEST_F(Automatic, AsksForRoutersOnceItHasAnAddress) {
  pass(1min);
  EXPECT_NE(said().find("33:33:00:00:00:02 routers, fe80::ff:fe00:1 to ff02::2"),
            std::string::npos);
}

TEST_F(Automatic, ARouterGivesAnAddressAndTheWayOut) {
  advertise(kTheirs, "fe80::9", 1800, {prefix_option({})});
  EXPECT_EQ(way(kFar), "02:00:00:00:00:02") << "the router said its link-layer address as well";
  EXPECT_FALSE(layer.source_for(address("2001:db8:1::7")) == address("2001:db8:1::ff:fe00:1"));
  pass(3s);
  EXPECT_EQ(layer.source_for(address(kFar)), address("2001:db8:1::ff:fe00:1"));
  EXPECT_EQ(way("2001:db8:1::7"), "wait for 2001:db8:1::7");
  pass(30min);
  EXPECT_EQ(way(kFar), "none");
  EXPECT_NE(said().find("routers"), std::string::npos) << "the way out is over: it asks again";
}

TEST_F(Automatic, ARouterThatGoesAwayIsLeftForTheOther) {
  advertise(kTheirs, "fe80::9");
  advertise(kThird, "fe80::a");
  EXPECT_EQ(way(kFar), "02:00:00:00:00:02");
  (void)said();
  pass(8s);  // five of patience, three questions
  EXPECT_EQ(way(kFar), "02:00:00:00:00:03");
  advertise(kTheirs, "fe80::9");
  ndp(kTheirs, "fe80::9", "fe80::ff:fe00:1", 136,
      ndp_body(0xe000'0000, {"fe80::9"}, {link_option(2, kTheirs)}));
  EXPECT_EQ(way(kFar), "02:00:00:00:00:03") << "back, but the other one works as well";
  pass(8s);
  EXPECT_EQ(way(kFar), "02:00:00:00:00:02") << "and now it does not";
}

// §7.2.5: its advertisement as a neighbour says that it is no router any more.
TEST_F(Automatic, ARouterThatBecomesAHost) {
  advertise(kTheirs, "fe80::9");
  EXPECT_EQ(way(kFar), "02:00:00:00:00:02");
  ndp(kTheirs, "fe80::9", "ff02::1", 136,
      ndp_body(0x2000'0000, {"fe80::9"}, {link_option(2, kTheirs)}));
  EXPECT_EQ(way(kFar), "none");
}

TEST_F(Automatic, ARedirectComesFromTheRouterInUseOnly) {
  advertise(kTheirs, "fe80::9");
  const auto redirect = [&](const MacAddress& from, std::string_view router) {
    ndp(from, router, "fe80::ff:fe00:1", 137,
        ndp_body(0, {"fe80::a", kFar}, {link_option(2, kThird)}));
  };
  redirect(kThird, "fe80::a");
  EXPECT_EQ(way(kFar), "02:00:00:00:00:02");
  EXPECT_EQ(dropped(LinkDrop::refused_redirect), 1U);
  redirect(kTheirs, "fe80::9");
  EXPECT_EQ(way(kFar), "02:00:00:00:00:03");
  EXPECT_EQ(way("2001:db8:ffff::2"), "02:00:00:00:00:02");
  pass(10min);
  EXPECT_EQ(layer.routes().size(), 2U) << "fe80::/64 and ::/0: the redirect is over";
}

TEST_F(Automatic, TheLinksMtuAndTimes) {
  advertise(kTheirs, "fe80::9", 1800, {lastack_test::mtu_option(1400)});
  EXPECT_EQ(layer.mtu(Family::v6), 1400);
  EXPECT_EQ(layer.mtu(Family::v4), 1500);
}

TEST_F(Automatic, WhatRoutersSayIsBounded) {
  for (unsigned i = 0; i < 1000; ++i) {
    const std::string router = "fe80::1:" + std::to_string(i % 10) + std::to_string(i / 10);
    std::vector<Octets> options;
    for (unsigned j = 0; j < 8; ++j) {
      const std::string prefix = "2001:db8:" + std::to_string(i) + ":" + std::to_string(j) + "::";
      options.push_back(prefix_option({.prefix = prefix}));
    }
    advertise(MacAddress::of(0x0200'0001'0000 + i), router, 1800, options);
  }
  EXPECT_LE(layer.routes().size(), 1U + RouteLimits{}.advertised);
  EXPECT_LE(layer.addresses().size(), 1U + OwnAddresses::kMostAdvertised);
  EXPECT_LE(layer.neighbours().size(), NeighbourSettings{}.most);
  EXPECT_GT(dropped(LinkDrop::no_room), 0U);
}

}  // namespace
}  // namespace lastack::ip
