// UDP at a host: who takes a datagram, what is sent and how, errors both ways, and limits.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "host/peer.hpp"

namespace lastack_test {
namespace {

using host::Refusal;
using host::UdpId;
using lastack::Endpoint;
using lastack::udp::Error;
using wire::IcmpKind;

class UdpHost : public Peer {
 protected:
  static host::Config udp_config() {
    host::Config how = config();
    how.addresses.push_back(*wire::Prefix::parse("10.0.0.3/24"));
    how.addresses.push_back(*wire::Prefix::parse("fd00::3/64"));
    how.first_port = 40000;
    how.last_port = 40003;
    return how;
  }
  explicit UdpHost(const host::Config& how = udp_config()) : Peer(how) {}

  [[nodiscard]] static wire::IpAddress any() { return address(v6() ? "::" : "0.0.0.0"); }
  [[nodiscard]] static wire::IpAddress us_too() { return address(v6() ? "fd00::3" : "10.0.0.3"); }
  UdpId open(const Endpoint& at) { return ours.udp_open(at, {}, now).value(); }
  UdpId open(std::uint16_t port = 53) { return open({any(), port}); }
  UdpId connected(std::uint16_t to = 5555) {
    const UdpId id = open();
    EXPECT_TRUE(ours.udp_connect(id, {them(), to}));
    return id;
  }
  void comes(const Octets& payload, std::uint16_t to = 53, std::uint16_t from = 5555) {
    arrives(packet(17, datagram(payload, to, from)));
  }
  /// What the endpoint has to read, or nothing.
  std::optional<Octets> reads(UdpId id) {
    const auto got = ours.udp_receive(id);
    if (!got) return std::nullopt;
    const auto bytes = got->payload.bytes();
    return Octets(bytes.begin(), bytes.end());
  }
  std::expected<std::size_t, Error> sends(UdpId id, std::size_t size,
                                          std::optional<Endpoint> to = {}) {
    return ours.udp_send_to(id, to, counted(size), now);
  }
  std::expected<std::size_t, Error> sends_to_them(UdpId id, std::size_t size) {
    return sends(id, size, Endpoint{them(), 5555});
  }
  /// Endpoints of which an event waits.
  std::vector<UdpId> told() {
    std::vector<UdpId> all;
    host::HostEvent event;
    while (ours.next_event(event)) all.push_back(event.udp);
    return all;
  }
  /// Packets put together where they are pieces.
  static Octets whole(const std::vector<Octets>& pieces) {
    ip::Reassembly theirs;
    Slice last;
    for (const Octets& piece : pieces) {
      const auto parsed = wire::parse_fragment(piece);
      if (!parsed) return {};
      last = theirs.add(*parsed, Slice::copy_of(piece), TimePoint{}).whole;
    }
    return {last.bytes().begin(), last.bytes().end()};
  }
  static wire::ParsedUdp udp_of(const Octets& packet) {
    const auto ip = wire::parse_ip(packet);
    const auto udp = wire::parse_udp(ip->payload);
    EXPECT_TRUE(wire::udp_sum_is_right(ip->header.source, ip->header.destination, *udp));
    return *udp;
  }
  void error(const wire::IcmpMessage& message, Octets about) {
    about.resize(std::min(about.size(), ip_header() + 8));
    arrives(packet(icmp_protocol(), icmp(message, about)));
  }
  static std::uint8_t either(std::uint8_t v4, std::uint8_t v6) { return Peer::v6() ? v6 : v4; }
  static wire::IcmpMessage port_unreachable() {
    return {.kind = IcmpKind::unreachable, .code = either(3, 4)};
  }
  static wire::IcmpMessage too_big(std::uint32_t mtu) {
    return {.kind = IcmpKind::packet_too_big, .code = either(4, 0), .mtu = mtu};
  }
  [[nodiscard]] const host::UdpCounters& udp() const { return counters().udp[v6() ? 1 : 0]; }
};
INSTANTIATE_TEST_SUITE_P(Family, UdpHost, testing::Bool(), family_name);

class UdpHostV4 : public UdpHost {};
INSTANTIATE_TEST_SUITE_P(Family, UdpHostV4, testing::Values(false), family_name);
class UdpHostV6 : public UdpHost {};
INSTANTIATE_TEST_SUITE_P(Family, UdpHostV6, testing::Values(true), family_name);

// --- in

TEST_P(UdpHost, ADatagramIsReadWithItsSenderAndWhereItWentTo) {
  const UdpId id = open();
  comes(counted(100));
  comes({});
  const auto first = ours.udp_receive(id);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->from, (Endpoint{them(), 5555}));
  EXPECT_EQ(first->to, us());
  EXPECT_TRUE(std::ranges::equal(first->payload.bytes(), counted(100)));
  EXPECT_EQ(reads(id), Octets{});
  EXPECT_EQ(ours.udp_receive(id).error(), Error::would_block);
  EXPECT_EQ(udp().in_datagrams, 2U);
  EXPECT_TRUE(sent().empty());
}

TEST_P(UdpHost, AnEventIsToldOnceUntilItIsPulled) {
  const UdpId id = open();
  comes(counted(1));
  comes(counted(2));
  EXPECT_EQ(told(), std::vector{id});
  comes(counted(3));
  EXPECT_EQ(told(), std::vector{id});
  EXPECT_TRUE(told().empty());
}

TEST_P(UdpHost, OneThatCameInPieces) {
  const UdpId id = open();
  arrives_in_pieces(17, datagram(counted(5000)));
  EXPECT_EQ(reads(id), counted(5000));
  Octets bad = datagram(counted(5000));
  bad.back() ^= std::byte{1};
  arrives_in_pieces(17, bad);
  EXPECT_EQ(udp().in_checksum_errors, 1U);
}

TEST_P(UdpHost, ABadChecksumIsDroppedWithoutAWord) {
  const UdpId id = open();
  Octets bad = datagram(counted(10));
  bad.back() ^= std::byte{1};
  arrives(packet(17, bad));
  bad = datagram(counted(10), 54);
  bad.back() ^= std::byte{1};
  arrives(packet(17, bad));  // nobody is there: who sent it is not known either
  EXPECT_FALSE(reads(id));
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(udp().in_checksum_errors, 2U);
  EXPECT_EQ(udp().in_errors, 2U);
}

TEST_P(UdpHost, WithoutAChecksumOnlyOverIpv4) {
  const UdpId id = open();
  Octets bare = datagram(counted(3));
  bare[6] = bare[7] = std::byte{0};
  arrives(packet(17, bare));
  EXPECT_EQ(reads(id).has_value(), !v6());
  EXPECT_EQ(udp().in_checksum_errors, v6() ? 1U : 0U);
}

/// A link that verifies for us cannot allow it either (RFC 8200 §8.1).
TEST_P(UdpHostV6, WithoutAChecksumNotEvenWhereTheLinkVerifies) {
  host::Config trusting = udp_config();
  trusting.verify_checksum = false;
  host::Host other(trusting, lastack::Random(1));
  const UdpId id = other.udp_open({any(), 53}, {}, now).value();
  Octets datagram_ = datagram(counted(3));
  datagram_[6] = datagram_[7] = std::byte{0};
  other.packet_arrives(Slice::copy_of(packet(17, datagram_)), now);
  EXPECT_FALSE(other.udp_receive(id));
  EXPECT_EQ(other.counters().udp[1].in_checksum_errors, 1U);
}

TEST_P(UdpHost, HostileLengths) {
  const UdpId id = open();
  for (const int length : {0, 7, 19, 255}) {
    Octets bad = datagram(counted(10));
    bad[5] = static_cast<std::byte>(length);
    arrives(packet(17, bad));
  }
  arrives(packet(17, octets({1, 2, 3})));
  EXPECT_FALSE(reads(id));
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(malformed(wire::ParseError::bad_length), 4U);
  EXPECT_EQ(malformed(wire::ParseError::truncated), 1U);
  EXPECT_EQ(udp().in_errors, 5U);
}

TEST_P(UdpHost, TheMostSpecificTakesIt) {
  const UdpId wild = open({any(), 53});
  const UdpId all = wild;
  EXPECT_EQ(ours.udp_open({us(), 53}, {}, now).error(), Refusal::address_in_use);
  ours.udp_close(all);
  const UdpId wide = ours.udp_open({any(), 53}, {.address = true}, now).value();
  const UdpId bound = ours.udp_open({us(), 53}, {.address = true}, now).value();
  const UdpId peer = ours.udp_open({us(), 53}, {.address = true}, now).value();
  ASSERT_TRUE(ours.udp_connect(peer, {them(), 5555}));
  comes(counted(1));            // the connected one's
  comes(counted(2), 53, 5556);  // to its address
  Octets other = datagram(counted(3), 53);
  other[6] = other[7] = std::byte{0};
  wire::set_udp_checksum(them(), us_too(), other);
  arrives(packet(17, other, them(), us_too()));  // to another address of ours
  EXPECT_EQ(reads(peer), counted(1));
  EXPECT_EQ(reads(bound), counted(2));
  EXPECT_EQ(reads(wide), counted(3));
  for (const UdpId id : {peer, bound, wide}) EXPECT_FALSE(reads(id));
  ours.udp_disconnect(peer);
  comes(counted(4));
  EXPECT_EQ(reads(peer), counted(4));  // of two that share, the last
  ours.udp_close(peer);
  ours.udp_close(bound);
  comes(counted(5));
  EXPECT_EQ(reads(wide), counted(5));
}

TEST_P(UdpHost, AConnectedOneHearsNobodyElse) {
  const UdpId id = connected();
  comes(counted(1), 53, 5556);
  EXPECT_EQ(sent_icmp().message, port_unreachable());
  EXPECT_FALSE(reads(id));
  comes(counted(2));
  EXPECT_EQ(reads(id), counted(2));
  EXPECT_EQ(udp().no_ports, 1U);
}

TEST_P(UdpHost, NobodyElseMayBeConnectedSo) {
  const UdpId one = ours.udp_open({us(), 53}, {.address = true}, now).value();
  const UdpId other = ours.udp_open({us(), 53}, {.address = true}, now).value();
  ASSERT_TRUE(ours.udp_connect(one, {them(), 5555}));
  EXPECT_TRUE(ours.udp_connect(one, {them(), 5555}));  // again
  EXPECT_EQ(ours.udp_connect(other, {them(), 5555}).error(), Refusal::address_in_use);
  ASSERT_TRUE(ours.udp_connect(one, {them(), 5556}));
  EXPECT_TRUE(ours.udp_connect(other, {them(), 5555}));
}

TEST_P(UdpHost, PortsAreNotThoseOfTcp) {
  ASSERT_TRUE(ours.listen({any(), 53}, 5, {}, now));
  const UdpId id = open();
  comes(counted(1));
  EXPECT_EQ(reads(id), counted(1));
  ASSERT_TRUE(ours.udp_open({any(), 80}, {}, now));
  EXPECT_TRUE(ours.listen({any(), 80}, 5, {}, now));
}

TEST_P(UdpHost, EphemeralPortsAreAllFoundAndThenNone) {
  std::vector<std::uint16_t> ports;
  for (int i = 0; i < 4; ++i) ports.push_back(ours.udp(open(0))->endpoint.local().port);
  std::ranges::sort(ports);
  EXPECT_EQ(ports, (std::vector<std::uint16_t>{40000, 40001, 40002, 40003}));
  EXPECT_EQ(ours.udp_open({any(), 0}, {.address = true}, now).error(),
            Refusal::address_not_available);
}

TEST_P(UdpHost, AStaleIdAnswersAsOneThatWasClosed) {
  const UdpId id = open();
  comes(counted(1));
  ours.udp_close(id);
  ours.udp_close(id);
  EXPECT_EQ(ours.udp_receive(id).error(), Error::not_open);
  EXPECT_EQ(sends_to_them(id, 1).error(), Error::not_open);
  EXPECT_EQ(ours.udp_take_error(id), Error::not_open);
  EXPECT_FALSE(ours.udp_connect(id, {them(), 1}));
  ours.udp_disconnect(id);
  EXPECT_EQ(ours.udp(id), nullptr);
  const UdpId next = open();  // its place is taken again
  EXPECT_EQ(ours.udp_receive(id).error(), Error::not_open);
  EXPECT_EQ(ours.udp_receive(next).error(), Error::would_block);
  EXPECT_EQ(ours.udp_endpoints().unread, 0U);
}

/// RFC 1122 §3.2.2: no ICMP error about what went to many.
TEST_P(UdpHost, WhatGoesToManyIsTakenByNobodyAndNotAnswered) {
  const UdpId id = open();
  const std::vector<const char*> many =
      v6() ? std::vector{"ff02::1", "ff0e::5"}
           : std::vector{"255.255.255.255", "10.0.0.255", "224.0.0.1"};
  for (const char* text : many) {
    for (const std::uint16_t port : {53, 54}) {
      Octets out = datagram(counted(3), port);
      out[6] = out[7] = std::byte{0};
      wire::set_udp_checksum(them(), address(text), out);
      arrives(packet(17, out, them(), address(text)));
    }
    EXPECT_EQ(sends(id, 3, Endpoint{address(text), 53}).error(), Error::bad_address);
    EXPECT_EQ(ours.udp_connect(id, {address(text), 53}).error(), Refusal::bad_address);
  }
  EXPECT_FALSE(reads(id));
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(counters().bad_address, 2 * many.size());
}

// --- limits

TEST_P(UdpHost, WhatNobodyReadsIsBounded) {
  const UdpId id = open();
  for (int i = 0; i < 5000; ++i) comes(counted(100));
  const auto& endpoint = ours.udp(id)->endpoint;
  EXPECT_LE(endpoint.held(), endpoint.receive_buffer());
  EXPECT_EQ(endpoint.waiting() + udp().receive_buffer_errors, 5000U);
  EXPECT_GT(endpoint.waiting(), 400U);
  EXPECT_EQ(udp().in_errors, udp().receive_buffer_errors);
  EXPECT_LE(ours.pool().octets_in_use(), 2 * endpoint.receive_buffer());
  while (reads(id)) {
  }
  EXPECT_EQ(ours.udp_endpoints().unread, 0U);
  EXPECT_EQ(ours.pool().in_use(), 0U);
}

class FewUdp : public UdpHost {
 protected:
  static host::Config few() {
    host::Config how = udp_config();
    how.most_udp_unread = 4096;
    how.most_udp_unsent = 10000;
    how.most_udp_endpoints = 3;
    return how;
  }
  FewUdp() : UdpHost(few()) {}
};
INSTANTIATE_TEST_SUITE_P(Family, FewUdp, testing::Bool(), family_name);

TEST_P(FewUdp, AllEndpointsTogetherAreBounded) {
  const UdpId one = open(53);
  const UdpId other = open(54);
  for (int i = 0; i < 100; ++i) {
    comes(counted(100), 53);
    comes(counted(100), 54);
  }
  EXPECT_LE(ours.udp_endpoints().unread, 4096U);
  EXPECT_GT(udp().memory_errors, 0U);
  EXPECT_EQ(udp().in_datagrams + udp().memory_errors, 200U);
  while (reads(one)) {
  }
  comes(counted(100), 54);
  EXPECT_EQ(udp().in_datagrams + udp().memory_errors, 201U);
  ours.udp_close(other);
  EXPECT_EQ(ours.udp_endpoints().unread, 0U);
  open(55);
  open(56);
  EXPECT_EQ(ours.udp_open({any(), 57}, {}, now).error(), Refusal::too_many);
}

TEST_P(FewUdp, WhoFindsNoRoomToSendIsToldWhenThereIs) {
  const UdpId id = open();
  while (sends_to_them(id, 1000)) {
  }
  EXPECT_LE(ours.udp_endpoints().outbox.octets(), 11000U);
  EXPECT_EQ(sends_to_them(id, 1000).error(), Error::would_block);
  EXPECT_EQ(udp().send_buffer_errors, 2U);
  EXPECT_TRUE(told().empty());
  const std::size_t packets = sent().size();
  EXPECT_EQ(packets, udp().out_datagrams);
  EXPECT_EQ(told(), std::vector{id});
  EXPECT_TRUE(sends_to_them(id, 1000));
}

TEST_P(FewUdp, OneLargerThanAllTheRoomIsSentAlone) {
  const UdpId id = open();
  EXPECT_TRUE(sends_to_them(id, 20000));
  EXPECT_EQ(sends_to_them(id, 1).error(), Error::would_block);
  EXPECT_GT(sent().size(), 10U);
  EXPECT_TRUE(sends_to_them(id, 1));
}

// --- out

TEST_P(UdpHost, ADatagramGoesOutWithAChecksumAndDontFragment) {
  const UdpId id = open();
  EXPECT_EQ(sends_to_them(id, 33), 33U);
  EXPECT_EQ(sends_to_them(id, 0), 0U);
  const auto all = sent();
  ASSERT_EQ(all.size(), 2U);
  const auto udp_ = udp_of(all[0]);
  EXPECT_EQ(udp_.header, (wire::UdpHeader{53, 5555}));
  EXPECT_TRUE(std::ranges::equal(udp_.payload, counted(33)));
  EXPECT_TRUE(udp_of(all[1]).payload.empty());
  const auto ip = wire::parse_ip(all[0])->header;
  EXPECT_EQ(ip.source, us());
  EXPECT_EQ(ip.destination, them());
  EXPECT_TRUE(ip.dont_fragment);
  EXPECT_EQ(udp().out_datagrams, 2U);
}

TEST_P(UdpHost, AnAnswerGoesOutFromWhereTheQuestionWentTo) {
  const UdpId id = open();
  ASSERT_TRUE(ours.udp_send_to(id, Endpoint{them(), 5555}, counted(1), now, Endpoint{us_too(), 0}));
  EXPECT_EQ(wire::parse_ip(sent().at(0))->header.source, us_too());
}

TEST_P(UdpHost, ALongOneGoesOutInPieces) {
  const UdpId id = open();
  const std::size_t most = wire::most_udp_payload(family());
  for (const std::size_t size : {std::size_t{1473}, std::size_t{5000}, most}) {
    ASSERT_EQ(sends_to_them(id, size), size);
    const auto pieces = sent();
    ASSERT_GT(pieces.size(), 1U);
    for (const Octets& piece : pieces) EXPECT_LE(piece.size(), 1500U);
    EXPECT_TRUE(std::ranges::equal(udp_of(whole(pieces)).payload, counted(size)));
  }
  EXPECT_EQ(sends_to_them(id, most + 1).error(), Error::too_long);
  EXPECT_EQ(counters().ip[v6() ? 1 : 0].fragmented, 3U);
}

TEST_P(UdpHost, WhatCannotBeSent) {
  const UdpId id = open();
  EXPECT_EQ(sends(id, 1).error(), Error::no_destination);
  EXPECT_EQ(sends(id, 1, Endpoint{any(), 5}).error(), Error::bad_address);
  EXPECT_EQ(sends(id, 1, Endpoint{address(v6() ? "10.0.0.1" : "fd00::1"), 5}).error(),
            Error::no_route);
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(ours.udp_open({them(), 5}, {}, now).error(), Refusal::address_not_available);
}

TEST_P(UdpHost, ToOurselves) {
  const UdpId one = open({us(), 53});
  const UdpId other = open({us_too(), 53});
  ASSERT_TRUE(sends(one, 60000, Endpoint{us_too(), 53}));
  EXPECT_TRUE(sent().empty());  // it stays here, in one piece
  const auto got = ours.udp_receive(other);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->from, (Endpoint{us(), 53}));
  EXPECT_EQ(got->payload.size(), 60000U);
}

TEST_P(UdpHost, ToAPortOfOurOwnThatNobodyHas) {
  const UdpId id = open();
  ASSERT_TRUE(ours.udp_connect(id, {us_too(), 9}));
  ASSERT_TRUE(sends(id, 1));
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(ours.udp_take_error(id), Error::refused);
}

TEST_P(UdpHost, TcpAndUdpTakeTurns) {
  const auto flow = ours.connect({}, {them(), 80}, {}, now);
  ASSERT_TRUE(flow);
  const UdpId id = open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(sends_to_them(id, 1));
  std::vector<std::uint8_t> order;
  for (const Octets& out : sent()) order.push_back(wire::parse_ip(out)->header.protocol);
  EXPECT_EQ(order, (std::vector<std::uint8_t>{17, 6, 17, 17}));
}

// --- errors

TEST_P(UdpHost, AClosedPortIsToldToWhoIsConnected) {
  const UdpId id = connected();
  ASSERT_TRUE(sends(id, 10));
  error(port_unreachable(), sent().at(0));
  EXPECT_EQ(told(), std::vector{id});
  EXPECT_EQ(ours.udp_take_error(id), Error::refused);
  EXPECT_EQ(ours.udp_take_error(id), Error::none);
  EXPECT_TRUE(sends(id, 10));
  error(port_unreachable(), sent().at(0));
  EXPECT_EQ(ours.udp_receive(id).error(), Error::refused);
  EXPECT_EQ(ours.udp_receive(id).error(), Error::would_block);
  EXPECT_EQ(counters().icmp_errors_in, 2U);
}

TEST_P(UdpHost, WhoTalksToManyIsNotKeptFromTheOthers) {
  const UdpId id = open();
  ASSERT_TRUE(sends_to_them(id, 10));
  error(port_unreachable(), sent().at(0));
  EXPECT_TRUE(told().empty());
  EXPECT_TRUE(sends_to_them(id, 10));
  const auto& report = ours.udp(id)->endpoint.last_report();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->error, Error::refused);
  EXPECT_EQ(report->about, (Endpoint{them(), 5555}));
}

TEST_P(UdpHost, ASoftErrorKeepsNobodyFromTrying) {
  const UdpId id = connected();
  ASSERT_TRUE(sends(id, 10));
  error({.kind = IcmpKind::unreachable, .code = either(1, 0)}, sent().at(0));
  EXPECT_TRUE(told().empty());
  EXPECT_TRUE(sends(id, 10));
  EXPECT_EQ(ours.udp(id)->endpoint.last_report()->error, Error::unreachable);
}

TEST_P(UdpHost, AnErrorAboutNothingOfOursIsNotTaken) {
  const UdpId id = connected();
  ASSERT_TRUE(sends(id, 10));
  Octets about = sent().at(0);
  about[ip_header() + 3] ^= std::byte{1};  // to another port than we talk to
  error(port_unreachable(), about);
  about[ip_header() + 3] ^= std::byte{1};
  about[ip_header() - 1] ^= std::byte{1};  // to another host
  error(port_unreachable(), about);
  EXPECT_EQ(ours.udp_take_error(id), Error::none);
  EXPECT_EQ(count(counters().icmp_dropped, host::IcmpDrop::no_connection), 2U);
  EXPECT_FALSE(ours.udp(id)->endpoint.last_report());
}

TEST_P(UdpHost, APathThatTakesLessIsLearntAndTheNextOneIsCut) {
  const UdpId id = connected();
  ASSERT_TRUE(sends(id, 1400));
  const Octets first = sent().at(0);
  error(too_big(1300), first);
  EXPECT_EQ(ours.udp_take_error(id), Error::too_big);
  EXPECT_EQ(ours.udp(id)->endpoint.last_report()->mtu, 1300);
  ASSERT_TRUE(sends(id, 1400));
  const auto pieces = sent();
  ASSERT_EQ(pieces.size(), 2U);
  for (const Octets& piece : pieces) EXPECT_LE(piece.size(), 1300U);
  EXPECT_TRUE(std::ranges::equal(udp_of(whole(pieces)).payload, counted(1400)));
  ASSERT_TRUE(sends(id, 1200));
  EXPECT_EQ(sent().size(), 1U);
}

TEST_P(UdpHost, ASizeThatCannotBeIsNotBelieved) {
  const UdpId id = connected();
  ASSERT_TRUE(sends(id, 100));
  error(too_big(1400), sent().at(0));  // it would have passed
  EXPECT_EQ(ours.udp_take_error(id), Error::none);
  EXPECT_FALSE(ours.path_mtu().of(them(), now));
  EXPECT_EQ(count(counters().icmp_dropped, host::IcmpDrop::unbelievable), 1U);
}

/// Whoever forges such a message must not make us send crumbs (kSmallestCut): routers cut.
TEST_P(UdpHostV4, AVeryNarrowPathIsLeftToItsRouters) {
  const UdpId id = connected();
  ASSERT_TRUE(sends(id, 1400));
  error(too_big(68), sent().at(0));
  EXPECT_EQ(ours.udp_take_error(id), Error::too_big);
  ASSERT_TRUE(sends(id, 1400));
  EXPECT_EQ(sent().size(), 3U);
  ASSERT_TRUE(sends(id, 100));
  EXPECT_FALSE(wire::parse_ip(sent().at(0))->header.dont_fragment);
}

}  // namespace
}  // namespace lastack_test
