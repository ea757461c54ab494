// What the buffers cost: no memory that a peer could make grow, none allocated in a steady flow.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "tcp/stream/calls.hpp"
#include "tcp/stream/receive_buffer.hpp"
#include "tcp/stream/send_buffer.hpp"

namespace {
std::size_t g_allocations = 0;
}  // namespace

// The whole test program counts what it takes from the heap. (Inlined, g++ takes new and free for a
// mismatch.)
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++g_allocations;
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace lastack::tcp {
namespace {

using lastack_test::Seeded;

/// A frame as a link reads it: its payload is part of a block of the pool.
Slice frame(std::size_t octets, std::size_t capacity, BufferPool& pool) {
  Slice read = Slice::allocate(capacity, &pool);
  octets = std::min(octets, read.tail_room().size() - 54);
  std::ranges::fill(read.tail_room().first(54 + octets), std::byte{7});
  read.grow(54 + octets);
  return read.sub(54, octets);
}

/// Four octets for one (a block's head and its place in the list are the quarter), and what each
/// stretch may have at its ends.
void expect_bounded(const ReceiveBuffer& buffer, const BufferPool& pool) {
  const std::size_t stretches = buffer.ahead().size() + 1;
  const std::size_t bound =
      buffer.held() * 17 / 4 + sizeof(Block) + BufferPool::kLarge + stretches * 3 * 2048;
  ASSERT_LE(pool.octets_in_use(), bound) << buffer.held() << " octets held";
}

TEST(StreamMemory, OneOctetSegmentsCannotHoldLargeFrames) {
  for (const bool in_order : {true, false}) {
    BufferPool pool;
    ReceiveBuffer buffer;
    constexpr Offset kMany = 20000;
    for (Offset i = 0; i < kMany; ++i) {
      buffer.insert(in_order ? i : kMany - 1 - i, frame(1, BufferPool::kLarge, pool), &pool);
      expect_bounded(buffer, pool);
    }
    EXPECT_EQ(buffer.readable(), (Range{0, kMany}));
  }
}

/// Every even octet first, then the odd ones, backwards: as many stretches as may be, joined last.
TEST(StreamMemory, NorCanGapsOfOneOctet) {
  BufferPool pool;
  ReceiveBuffer buffer;
  for (Offset base = 0; base < 100'000; base += 128) {
    for (Offset i = 1; i < 128; i += 2) {
      buffer.insert(base + i, frame(1, BufferPool::kLarge, pool), &pool);
    }
    for (Offset i = 126; i >= 0; i -= 2) {
      buffer.insert(base + i, frame(1, BufferPool::kLarge, pool), &pool);
    }
    expect_bounded(buffer, pool);
  }
  EXPECT_EQ(buffer.readable().size(), 100'096);
}

/// The smallest that are shared and the largest that are copied, in both directions.
TEST(StreamMemory, NorCanSegmentsAtTheEdgeOfTheRule) {
  for (const std::size_t size : {260U, 503U, 504U, 1100U}) {
    for (const bool in_order : {true, false}) {
      BufferPool pool;
      ReceiveBuffer buffer;
      constexpr Offset kMany = 2000;
      for (Offset i = 0; i < kMany; ++i) {
        const Offset at = (in_order ? i : kMany - 1 - i) * static_cast<Offset>(size);
        buffer.insert(at, frame(size, BufferPool::kSmall, pool), &pool);
      }
      ASSERT_EQ(buffer.readable().size(), kMany * static_cast<Offset>(size));
      expect_bounded(buffer, pool);
    }
  }
}

/// Sizes around every limit of the rules, alternating, and at random places.
TEST(StreamMemory, NorCanAnyMixture) {
  constexpr std::array<std::uint32_t, 16> kSizes{1,   2,    55,   56,   57,    223,   503,   504,
                                                 505, 1023, 1024, 1460, 16503, 16504, 16505, 64000};
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Seeded random(seed);
    BufferPool pool;
    ReceiveBuffer buffer;
    std::array<std::uint32_t, 3> some{};
    for (auto& size : some) size = kSizes.at(random.below(kSizes.size()));
    const std::uint32_t spread = random.below(3) == 0 ? 1 : 1 + random.below(5000);
    for (int i = 0; i < 400; ++i) {
      const std::uint32_t size = some.at(random.below(some.size()));
      const std::size_t capacity = size > 1900 || random.below(2) == 0 ? BufferPool::kLarge : 2000;
      const Offset at = buffer.readable().end + random.below(spread);
      buffer.insert(at, frame(size, capacity, pool), &pool);
      if (random.below(8) == 0) buffer.discard(random.below(3000));
      expect_bounded(buffer, pool);
      if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed;
    }
  }
}

/// User to send buffer, gathered into frames, to the receive buffer, to the user.
struct Flow {
  explicit Flow(std::size_t write, std::size_t segment) : user(write), segment(segment) {}

  void write_and_read() {
    out.append(user, &pool);
    while (out.end() > sent) {
      const Range range{sent, std::min(sent + static_cast<Offset>(segment), out.end())};
      Slice packet = Slice::allocate(54 + static_cast<std::size_t>(range.size()), &pool);
      packet.grow(54);
      std::size_t parts = out.gather(range, slices).slices;
      for (std::size_t i = 0; i < parts; ++i)
        packet.extend(std::exchange(slices.at(i), {}).bytes());
      in.insert(sent, packet.drop(54), &pool);
      sent = range.end;
    }
    while (in.read(sink) > 0) {
    }
    out.release(sent);
  }

  BufferPool pool;
  SendBuffer out;
  ReceiveBuffer in;
  Offset sent = 0;
  std::vector<std::byte> user;
  std::size_t segment;
  std::array<Slice, 64> slices;
  std::array<std::byte, 4096> sink{};
};

TEST(StreamMemory, ASteadyFlowAllocatesNothing) {
  for (const std::size_t write : {1U, 100U, 1460U, 8192U, 65536U, 1U << 20U}) {
    for (const std::size_t segment : {536U, 1460U, 65000U}) {
      Flow flow(write, segment);
      for (int i = 0; i < 10; ++i) flow.write_and_read();
      const std::size_t before = g_allocations;
      for (int i = 0; i < 200; ++i) flow.write_and_read();
      EXPECT_EQ(g_allocations, before) << "writes of " << write << ", segments of " << segment;
      EXPECT_EQ(flow.pool.in_use(), 0U);
    }
  }
}

/// The same with a queue that never empties, read and acknowledged a little behind.
TEST(StreamMemory, NorDoesAFlowThatIsNeverEmpty) {
  BufferPool pool;
  SendBuffer out;
  ReceiveBuffer in;
  std::vector<std::byte> user(1460);
  std::size_t before = 0;
  for (Offset i = 0; i < 5000; ++i) {
    if (i == 1000) before = g_allocations;
    const Offset at = i * 1460;
    out.append(user, &pool);
    in.insert(at, out.slice({at, at + 1460}, &pool), &pool);
    if (i < 300) continue;
    in.read(user);
    out.release(at - 250 * 1460);
  }
  EXPECT_EQ(g_allocations, before);
}

}  // namespace
}  // namespace lastack::tcp
