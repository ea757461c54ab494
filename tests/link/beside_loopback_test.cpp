#include "link/beside_loopback.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "link/memory.hpp"
#include "wire/udp.hpp"

namespace lastack::link {
namespace {

constexpr TimePoint kNow{1s};

Packet between(std::string_view from, std::string_view to) {
  const auto source = *wire::IpAddress::parse(from);
  std::vector<std::byte> packet(wire::udp_packet_size(source.family(), 0));
  wire::emit_udp_packet({.source = source, .destination = *wire::IpAddress::parse(to)}, {1, 2}, {},
                        packet);
  return {.octets = Slice::copy_of(packet), .at = kNow};
}

class Beside : public testing::Test {
 protected:
  std::size_t received(Link& at) {
    std::vector<Packet> got;
    return at.receive(got, kNow);
  }
  MemoryWire wire_;
  BesideLoopback link_{wire_.end(0),
                       {*wire::IpAddress::parse("10.9.0.2"), *wire::IpAddress::parse("fd00::2")}};
};

TEST_F(Beside, BringsBackWhatIsForItself) {
  for (const auto* own : {"10.9.0.2", "127.0.0.1", "127.0.0.53"}) {
    link_.pass_on(between("10.9.0.2", own), kNow);
    EXPECT_LE(link_.next_deadline(), kNow) << own;
    EXPECT_EQ(received(link_), 1U) << own;
  }
  const Packet packet = between("fd00::2", "fd00::2");
  link_.send({.header = packet.octets.bytes(), .payload = {}}, kNow);
  link_.send({.header = {}, .payload = {&packet.octets, 1}}, kNow);
  EXPECT_EQ(received(link_), 2U);
  EXPECT_EQ(received(wire_.end(1)), 0U);
}

TEST_F(Beside, SendsAllElseThroughTheLink) {
  link_.pass_on(between("10.9.0.2", "10.9.0.1"), kNow);
  const Packet packet = between("fd00::2", "fd00::1");
  link_.send({.header = packet.octets.bytes(), .payload = {}}, kNow);
  link_.pass_on({.octets = Slice(), .at = kNow}, kNow);
  EXPECT_EQ(received(link_), 0U);
  EXPECT_EQ(received(wire_.end(1)), 3U);
}

TEST_F(Beside, TakesNothingOfTheLoopbackFromOutside) {
  wire_.end(1).pass_on(between("127.0.0.1", "10.9.0.2"), kNow);
  wire_.end(1).pass_on(between("::1", "fd00::2"), kNow);
  wire_.end(1).pass_on(between("10.9.0.1", "10.9.0.2"), kNow);
  EXPECT_EQ(received(link_), 1U);
}

}  // namespace
}  // namespace lastack::link
