#include "link/memory.hpp"

#include <gtest/gtest.h>

#include <array>

namespace lastack::link {
namespace {

constexpr TimePoint kFirst{1s};

Slice octets(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int v : values) bytes.push_back(static_cast<std::byte>(v));
  return Slice::copy_of(bytes);
}

std::vector<std::byte> content(const Packet& packet) {
  const auto bytes = packet.octets.bytes();
  return {bytes.begin(), bytes.end()};
}

TEST(MemoryWire, CarriesBothWaysInOrder) {
  MemoryWire wire(1500);
  wire.end(0).pass_on({.octets = octets({1})}, kFirst);
  wire.end(0).pass_on({.octets = octets({2, 3})}, kFirst);
  wire.end(1).pass_on({.octets = octets({4})}, kFirst);
  EXPECT_EQ(wire.end(1).next_deadline(), kFirst);

  std::vector<Packet> got;
  ASSERT_EQ(wire.end(1).receive(got, kFirst), 2U);
  EXPECT_EQ(got[0].octets.size(), 1U);
  EXPECT_EQ(got[1].octets.size(), 2U);
  ASSERT_EQ(wire.end(0).receive(got, kFirst), 1U);
  EXPECT_EQ(std::to_integer<int>(got[2].octets.bytes()[0]), 4);
  EXPECT_EQ(wire.end(0).receive(got, kFirst), 0U);
  EXPECT_EQ(wire.end(1).next_deadline(), kNever);
  EXPECT_EQ(wire.end(0).mtu(), 1500U);
}

// What the sender's pool lent goes back to it: the receiver may keep its copy for ever.
TEST(MemoryWire, GathersAPacketIntoABlockOfItsOwn) {
  MemoryWire wire;
  BufferPool pool;
  const std::array<std::byte, 2> header{std::byte{7}, std::byte{8}};
  std::vector<Packet> got;
  {
    const std::vector<Slice> payload{Slice::copy_of(header, &pool), octets({9})};
    wire.end(0).send({.header = header, .payload = payload, .segment_size = 5}, kFirst);
  }
  EXPECT_EQ(pool.in_use(), 0U);
  ASSERT_EQ(wire.end(1).receive(got, kFirst), 1U);
  const std::vector<std::byte> expected{std::byte{7}, std::byte{8}, std::byte{7}, std::byte{8},
                                        std::byte{9}};
  EXPECT_EQ(content(got[0]), expected);
  EXPECT_EQ(got[0].segment_size, 5U);
}

}  // namespace
}  // namespace lastack::link
