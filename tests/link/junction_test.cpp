#include "link/junction.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "wire/ip.hpp"

namespace lastack::link {
namespace {

constexpr TimePoint kMet{1s};

wire::IpAddress at(std::string_view text) { return *wire::IpAddress::parse(text); }

Packet packet_to(std::string_view to) {
  const wire::IpAddress destination = at(to);
  const bool v4 = destination.is_v4();
  std::vector<std::byte> octets(wire::ip_header_size(destination.family()));
  wire::emit_ip({.source = at(v4 ? "10.0.2.15" : "fd00::15"),
                 .destination = destination,
                 .protocol = wire::kProtocolUdp},
                0, octets);
  return {.octets = Slice::copy_of(octets), .at = kMet};
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
  Junction junction(1500, {at("10.0.2.15")}, {at("127.0.0.53")});
  junction.near().pass_on(packet_to("127.0.0.53"), kMet);
  junction.near().pass_on(packet_to("127.0.0.54"), kMet);
  EXPECT_EQ(received(junction.far()), 1U);
  EXPECT_EQ(received(junction.near()), 1U);
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
