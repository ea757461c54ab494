#include "link/junction.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "wire/ip.hpp"
#include "wire/tcp.hpp"
#include "wire/udp.hpp"

namespace lastack::link {
namespace {

constexpr TimePoint kMet{1s};

wire::IpAddress at(std::string_view text) { return *wire::IpAddress::parse(text); }

/// Of `size` octets in all.
Packet packet_to(std::string_view to, std::uint16_t port = 80, std::uint16_t from = 2000,
                 std::size_t size = 60) {
  const wire::IpAddress destination = at(to);
  std::vector<std::byte> packet(size);
  const std::vector<std::byte> payload(size - wire::udp_packet_size(destination.family(), 0));
  wire::emit_udp_packet(
      {.source = at(destination.is_v4() ? "10.0.2.15" : "fd00::15"), .destination = destination},
      {from, port}, payload, packet);
  return {.octets = Slice::copy_of(packet), .at = kMet};
}

class Meeting : public testing::Test {
 protected:
  static std::size_t received(Link& link) {
    std::vector<Packet> got;
    return link.receive(got, kMet);
  }
  Junction junction_{1500, {at("10.0.2.15"), at("fd00::15")}};
};

TEST_F(Meeting, BringsBackWhatIsForItself) {
  for (const auto* own : {"10.0.2.15", "127.0.0.1", "127.3.2.1", "fd00::15", "::1"}) {
    junction_.near().pass_on(packet_to(own), kMet);
    EXPECT_EQ(received(junction_.far()), 0U) << own;
    EXPECT_EQ(received(junction_.near()), 1U) << own;
  }
}

/// Octets behind room for a header are not copied, unless somebody has an earlier packet of them.
TEST_F(Meeting, TakesOctetsAsTheyLie) {
  const Packet header = packet_to("127.0.0.1");
  Slice octets = Slice::allocate_behind(64, 3);
  octets.extend(header.octets.bytes().first(3));
  const Slice to_send_again = octets;
  const PacketRef packet{.header = header.octets.bytes(), .payload = {&octets, 1}};
  junction_.near().send(packet, kMet);
  junction_.near().send(packet, kMet);
  std::vector<Packet> got;
  ASSERT_EQ(junction_.near().receive(got, kMet), 2U);
  EXPECT_EQ(got[0].octets.bytes().last(3).data(), octets.data());
  EXPECT_NE(got[1].octets.bytes().last(3).data(), octets.data());
  EXPECT_EQ(got[1].octets, got[0].octets);
}

TEST_F(Meeting, CarriesAllElseToTheFarEnd) {
  for (const auto* other : {"10.0.2.16", "192.0.2.1", "fd00::16", "2001:db8::1"}) {
    junction_.near().pass_on(packet_to(other), kMet);
    EXPECT_EQ(junction_.near().next_deadline(), kNever) << other;
    EXPECT_EQ(received(junction_.far()), 1U) << other;
  }
}

TEST_F(Meeting, CarriesToTheFarEndWhatIsAnothersOfTheLoopback) {
  Junction junction(1500, {at("10.0.2.15")}, {{at("127.0.0.53"), 53}});
  junction.near().pass_on(packet_to("127.0.0.53", 53), kMet);
  junction.near().pass_on(packet_to("127.0.0.53", 54), kMet);
  junction.near().pass_on(packet_to("127.0.0.54", 53), kMet);
  EXPECT_EQ(received(junction.far()), 1U);
  EXPECT_EQ(received(junction.near()), 2U);
}

/// Where ports say whose a packet is, the headers are enough to tell; from the far end all of them
/// go to the near one.
TEST_F(Meeting, TakesOctetsAsTheyLieWherePortsMatter) {
  Junction junction(1500, {at("10.0.2.15")}, {{at("127.0.0.1"), 80}});
  const auto sends = [](Link& link, std::uint16_t port) {
    const wire::IpHeader ip{
        .source = at("127.0.0.1"), .destination = at("127.0.0.1"), .protocol = wire::kProtocolTcp};
    std::array<std::byte, 40> header{};
    wire::emit_tcp({.source_port = 2000, .destination_port = port}, std::span(header).subspan(20));
    wire::emit_ip(ip, 23, header);
    Slice octets = Slice::allocate_behind(64, 3);
    octets.extend(std::span(header).first(3));
    link.send({.header = header, .payload = {&octets, 1}}, kMet);
    return octets;
  };
  for (const bool far : {false, true}) {
    for (const std::uint16_t port : {std::uint16_t{80}, std::uint16_t{81}}) {
      const Slice octets = sends(far ? junction.far() : junction.near(), port);
      std::vector<Packet> got;
      Link& to = !far && port == 80 ? junction.far() : junction.near();
      ASSERT_EQ(to.receive(got, kMet), 1U) << far << port;
      EXPECT_EQ(got[0].octets.bytes().last(3).data(), octets.bytes().data());
    }
  }
}

/// Whoever left the sum to the wire finds it finished, or as it was: then nobody copies.
TEST_F(Meeting, LeavesSumsThatNobodyVerifies) {
  const wire::IpHeader ip{
      .source = at("10.0.2.15"), .destination = at("192.0.2.1"), .protocol = wire::kProtocolTcp};
  std::array<std::byte, 40> header{};
  wire::emit_tcp({.source_port = 2000, .destination_port = 80}, std::span(header).subspan(20));
  wire::emit_ip(ip, 23, header);
  wire::Sum pseudo = wire::sum_of_ends(ip.source, ip.destination);
  pseudo.add_words(23 + wire::kProtocolTcp);
  wire::set_tcp_checksum(std::span(header).subspan(20), pseudo.folded());
  const auto sent = [&] {
    Slice octets = Slice::allocate_behind(64, 3);
    octets.extend(std::span(header).first(3));
    junction_.near().send(
        {.header = header, .payload = {&octets, 1}, .checksum_partial = true, .tcp_at = 20}, kMet);
    std::vector<Packet> got;
    EXPECT_EQ(junction_.far().receive(got, kMet), 1U);
    return std::pair(std::move(octets), std::move(got.at(0).octets));
  };
  const auto sum_of = [&](const Slice& packet) {
    return wire::tcp_sum(ip.source, ip.destination, packet.bytes().subspan(20)).checksum();
  };
  EXPECT_EQ(sum_of(sent().second), 0);
  junction_.leave_sums();
  const auto [octets, packet] = sent();
  EXPECT_NE(sum_of(packet), 0);
  EXPECT_EQ(packet.bytes().last(3).data(), octets.bytes().data());
}

class BadMeeting : public Meeting {
 protected:
  BadMeeting() { junction_.impair({.delay = 10ms, .rate = 100'000}, 1); }
  static Packet packet_between(std::uint16_t from, std::uint16_t to) {
    return packet_to("10.0.2.15", to, from, 1000);
  }
  /// When the last of them comes.
  TimePoint all_received(Link& link, std::size_t packets) {
    TimePoint now = kMet;
    for (std::size_t got = 0; got < packets;) {
      now = link.next_deadline();
      if (now == kNever) break;
      link.advance(now);
      std::vector<Packet> some;
      got += link.receive(some, now);
    }
    return now;
  }
};

TEST_F(BadMeeting, TreatsEachPacketOnce) {
  junction_.near().pass_on(packet_between(2000, 80), kMet);
  EXPECT_EQ(all_received(junction_.near(), 1), kMet + 20ms);  // 10 of them for the rate
  junction_.near().pass_on(packet_to("192.0.2.1", 80, 2000, 1000), kMet + 1s);
  EXPECT_EQ(all_received(junction_.far(), 1), kMet + 1s + 20ms);
  junction_.far().pass_on(packet_between(80, 2000), kMet + 2s);
  EXPECT_EQ(all_received(junction_.near(), 1), kMet + 2s + 20ms);
  EXPECT_EQ(junction_.wires()->out.tally().sent + junction_.wires()->in.tally().sent, 3U);
}

TEST_F(BadMeeting, HasTwoWaysForAConversationWithItself) {
  for (int i = 0; i < 3; ++i) {
    junction_.near().pass_on(packet_between(2000, 80), kMet);
    junction_.near().pass_on(packet_between(80, 2000), kMet);
  }
  EXPECT_EQ(all_received(junction_.near(), 6), kMet + 40ms);
  EXPECT_EQ(junction_.wires()->out.tally().sent, 3U);
  EXPECT_EQ(junction_.wires()->in.tally().sent, 3U);
}

TEST_F(BadMeeting, TakesNoSuperSegments) {
  EXPECT_FALSE(junction_.near().takes_super_segments());
  Junction good(1500, {});
  EXPECT_TRUE(good.near().takes_super_segments());
  good.take_one_by_one(true);
  EXPECT_FALSE(good.near().takes_super_segments());
}

TEST_F(Meeting, CarriesWhatTheFarEndSendsToTheNearOne) {
  junction_.far().pass_on(packet_to("127.0.0.1"), kMet);
  junction_.far().pass_on(packet_to("192.0.2.1"), kMet);
  EXPECT_EQ(received(junction_.far()), 0U);
  EXPECT_EQ(received(junction_.near()), 2U);
}

// What is no packet at all is for its own host to refuse.
TEST_F(Meeting, BringsBackWhatHasNoDestination) {
  junction_.near().pass_on({.octets = Slice::copy_of(std::vector<std::byte>(3)), .at = kMet}, kMet);
  junction_.near().pass_on({.octets = Slice(), .at = kMet}, kMet);
  EXPECT_EQ(received(junction_.near()), 2U);
}

}  // namespace
}  // namespace lastack::link
