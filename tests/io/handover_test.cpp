// Packets between threads: all come, in order, unharmed, and whoever waits is woken.
#include "io/handover.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <cstring>
#include <thread>
#include <vector>

namespace lastack::io {
namespace {

Slice numbered(std::uint32_t number, BufferPool& pool) {
  std::vector<std::byte> octets(8 + number % 3000);
  std::memcpy(octets.data(), &number, 4);
  return Slice::copy_of(octets, &pool);
}

std::uint32_t number_of(const Slice& packet) {
  std::uint32_t number = 0;
  std::memcpy(&number, packet.data(), 4);
  return number;
}

bool is_readable(int descriptor) {
  pollfd wanted{.fd = descriptor, .events = POLLIN, .revents = 0};
  return ::poll(&wanted, 1, 0) == 1;
}

TEST(Handover, IsReadableUntilAllIsTaken) {
  Handover handover(3);
  BufferPool pool;
  std::vector<Slice> taken;
  EXPECT_FALSE(is_readable(handover.descriptor(2)));
  EXPECT_TRUE(handover.give(0, 2, numbered(1, pool)));
  EXPECT_TRUE(handover.give(1, 2, numbered(2, pool)));
  EXPECT_TRUE(is_readable(handover.descriptor(2)));
  EXPECT_FALSE(is_readable(handover.descriptor(1)));
  EXPECT_EQ(handover.take(2, taken), 2U);
  EXPECT_FALSE(is_readable(handover.descriptor(2)));
  EXPECT_EQ(number_of(taken[0]) + number_of(taken[1]), 3U);
  EXPECT_EQ(pool.in_use(), 0U);  // they are copies
}

TEST(Handover, ARingThatIsFullDrops) {
  Handover handover(2);
  BufferPool pool;
  for (std::uint32_t i = 0; i < Handover::kPlaces; ++i) {
    ASSERT_TRUE(handover.give(0, 1, numbered(i, pool)));
  }
  EXPECT_FALSE(handover.give(0, 1, numbered(0, pool)));
  std::vector<Slice> taken;
  EXPECT_EQ(handover.take(1, taken), Handover::kPlaces);
  EXPECT_TRUE(handover.give(0, 1, numbered(0, pool)));
}

/// Two threads give to a third, which sleeps whenever it has taken all: nothing is forgotten.
TEST(Handover, CarriesBetweenThreadsInOrder) {
  constexpr std::uint32_t kPackets = 20'000;
  Handover handover(3);
  const auto giver = [&handover](std::size_t from) {
    BufferPool pool;
    for (std::uint32_t i = 0; i < kPackets;) {
      if (handover.give(from, 2, numbered(i * 2 + static_cast<std::uint32_t>(from), pool))) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  };
  std::thread first(giver, 0);
  std::thread second(giver, 1);
  std::array<std::uint32_t, 2> next{};
  bool in_order = true;
  while (next[0] < kPackets || next[1] < kPackets) {
    pollfd wanted{.fd = handover.descriptor(2), .events = POLLIN, .revents = 0};
    if (::poll(&wanted, 1, 60'000) != 1) break;  // nobody woke us
    std::vector<Slice> taken;
    handover.take(2, taken);
    for (const Slice& packet : taken) {
      const std::uint32_t number = number_of(packet);
      in_order = number / 2 == next[number % 2]++ && in_order;
    }
  }
  first.join();
  second.join();
  EXPECT_TRUE(in_order);
  EXPECT_EQ(next[0], kPackets);
  EXPECT_EQ(next[1], kPackets);
}

}  // namespace
}  // namespace lastack::io
