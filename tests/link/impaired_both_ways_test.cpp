#include "link/impaired_both_ways.hpp"

#include <gtest/gtest.h>

namespace lastack::link {
namespace {

constexpr TimePoint kThen{1s};

Packet numbered(std::uint8_t number) {
  const std::byte octet{number};
  return {.octets = Slice::copy_of({&octet, 1})};
}

/// What comes out of `link`, whoever has to be woken for it, with the time it came.
std::vector<Packet> out_of(Link& link, TimePoint until) {
  std::vector<Packet> got;
  for (TimePoint now = link.next_deadline(); now <= until; now = link.next_deadline()) {
    link.advance(now);
    link.receive(got, now);
  }
  return got;
}

TEST(ImpairedBothWays, DelaysWhatGoesAndWhatComes) {
  MemoryWire memory;
  ImpairedBothWays wire(memory.end(0), {.delay = 10ms}, 1);
  EXPECT_EQ(wire.next_deadline(), kNever);
  wire.pass_on(numbered(1), kThen);
  memory.end(1).pass_on(numbered(2), kThen);
  EXPECT_LE(wire.next_deadline(), kThen);
  const auto came = out_of(wire, kThen + 1s);
  ASSERT_EQ(came.size(), 1U);
  EXPECT_EQ(came[0].at, kThen + 10ms);
  EXPECT_EQ(came[0].octets.bytes()[0], std::byte{2});
  std::vector<Packet> went;
  memory.end(1).receive(went, kThen + 1s);
  ASSERT_EQ(went.size(), 1U);
  EXPECT_EQ(went[0].at, kThen + 10ms);
  EXPECT_EQ(wire.next_deadline(), kNever);
}

TEST(ImpairedBothWays, EachWayHasALotOfItsOwn) {
  MemoryWire memory;
  ImpairedBothWays wire(memory.end(0), {.loss = 0.5}, 1);
  for (std::uint8_t i = 0; i < 100; ++i) {
    wire.pass_on(numbered(i), kThen);
    memory.end(1).pass_on(numbered(i), kThen);
  }
  const auto came = out_of(wire, kThen + 1s);
  std::vector<Packet> went;
  memory.end(1).receive(went, kThen + 1s);
  const auto numbers = [](const std::vector<Packet>& packets) {
    std::vector<std::byte> all;
    for (const Packet& packet : packets) all.push_back(packet.octets.bytes()[0]);
    return all;
  };
  EXPECT_NEAR(static_cast<double>(came.size()), 50, 25);
  EXPECT_NEAR(static_cast<double>(went.size()), 50, 25);
  EXPECT_NE(numbers(came), numbers(went));
}

}  // namespace
}  // namespace lastack::link
