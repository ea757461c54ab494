// Random cuts, orders, duplicates and overlaps, and floods: a packet comes back as it was or not at
// all, and whatever comes, memory stays within its limits.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "ip/fragmenter.hpp"
#include "ip/pieces.hpp"

namespace lastack::ip {
namespace {

using lastack_test::counted;
using lastack_test::Cut;
using lastack_test::Desk;
using lastack_test::Octets;
using lastack_test::piece;

constexpr int kRuns = 400;

using Engine = std::mt19937;

std::size_t below(Engine& random, std::size_t n) { return random() % n; }

/// [0, size) cut at random multiples of eight octets.
std::vector<Cut> cuts_of(Engine& random, std::size_t size) {
  std::vector<Cut> cuts;
  for (std::size_t at = 0; at < size;) {
    const std::size_t rest = size - at;
    const std::size_t step = 24 + 8 * below(random, size / 64 + 2);
    const std::size_t end = step >= rest ? size : at + step;
    cuts.push_back({at, end, end < size});
    at = end;
  }
  return cuts;
}

TEST(ReassemblyRandom, AnyOrderWithDuplicatesGivesThePacketOnce) {
  for (int seed = 0; seed < kRuns; ++seed) {
    Engine random(static_cast<unsigned>(seed));
    const bool v6 = seed % 2 == 0;
    const std::size_t size = 25 + below(random, seed % 10 == 0 ? 60000 : 3000);
    std::vector<Cut> cuts = cuts_of(random, size);
    if (cuts.size() < 2) continue;
    const std::size_t distinct = cuts.size();
    for (std::size_t i = 0; i < distinct; ++i) {
      if (below(random, 3) == 0) cuts.push_back(cuts[i]);
    }
    std::shuffle(cuts.begin(), cuts.end(), random);
    Desk desk;
    std::size_t whole = 0;
    for (const Cut& cut : cuts) {
      const auto added = desk.add(piece(v6, cut));
      ASSERT_LE(added.fate, PieceFate::duplicate) << seed;
      if (added.fate != PieceFate::completed) continue;
      ++whole;
      const auto ip = wire::parse_ip(added.whole.bytes());
      ASSERT_TRUE(ip) << seed;
      ASSERT_TRUE(std::ranges::equal(ip->payload, counted(size))) << seed;
    }
    ASSERT_EQ(whole, 1U) << seed;
  }
}

TEST(ReassemblyRandom, AnOverlapNeverGivesAPacket) {
  int overlapped = 0;
  for (int seed = 0; seed < kRuns; ++seed) {
    Engine random(static_cast<unsigned>(seed));
    const bool v6 = seed % 2 == 0;
    const std::size_t size = 100 + below(random, 3000);
    std::vector<Cut> cuts = cuts_of(random, size);
    // One that shares octets with others without being one of them.
    const std::size_t at = 8 * below(random, size / 8);
    const std::size_t end = std::min(size / 8 * 8, at + 8 + 8 * below(random, 20));
    const Cut stray{at, end, true};
    const auto is_stray = [&](const Cut& c) { return c.begin == at && c.end == end; };
    if (end <= at || std::ranges::any_of(cuts, is_stray)) continue;
    cuts.insert(cuts.begin() + static_cast<std::ptrdiff_t>(below(random, cuts.size())), stray);
    Desk desk;
    bool seen = false;
    for (const Cut& cut : cuts) {
      const auto added = desk.add(piece(v6, cut));
      seen |= added.fate == PieceFate::overlap;
      ASSERT_NE(added.fate, PieceFate::completed) << seed;
    }
    ASSERT_TRUE(seen) << seed;
    ++overlapped;
  }
  EXPECT_GT(overlapped, kRuns / 2);
}

TEST(ReassemblyRandom, AFloodStaysWithinLimitsAndAWholePacketStillPasses) {
  const ReassemblyLimits limits{.packets = 64, .octets = 256 * 1024, .octets_each = 64 * 1024};
  Desk desk(limits);
  Engine random(7);
  for (int i = 0; i < 20000; ++i) {
    const std::size_t at = 8 * (1 + below(random, 4000));
    const std::size_t size = 24 + 8 * below(random, 170);
    Octets packet = piece(i % 2 == 0, {at, at + size, below(random, 8) != 0});
    const std::size_t source = i % 2 == 0 ? 22 : 14;
    packet[source] = static_cast<std::byte>(random());
    if (i % 2 != 0) packet = lastack_test::summed(packet);
    desk.add(packet);
    desk.now += 1ms;
    ASSERT_LE(desk.reassembly.packets(), limits.packets);
    ASSERT_LE(desk.reassembly.octets(), limits.octets);
    ASSERT_LE(desk.pool.octets_in_use(), limits.octets);
  }
  for (const bool v6 : {false, true}) {
    EXPECT_EQ(desk.fate(piece(v6, {0, 1200, true}, 200)), "held");
    EXPECT_EQ(desk.fate(piece(v6, {1200, 1300, false}, 200)), "completed");
  }
  while (desk.reassembly.expire(desk.now + 61s)) {
  }
  EXPECT_EQ(desk.reassembly.octets(), 0U);
  EXPECT_EQ(desk.pool.in_use(), 0U);
}

/// What the fragmenter cuts, reassembly joins.
TEST(ReassemblyRandom, OurOwnPieces) {
  for (int seed = 0; seed < kRuns; ++seed) {
    Engine random(static_cast<unsigned>(seed));
    const bool v6 = seed % 2 == 0;
    const std::size_t mtu = v6 ? 1280 + below(random, 300) : 68 + below(random, 1500);
    const std::size_t most = std::min<std::size_t>(60000, mtu * 40);
    const Octets payload = counted(mtu + below(random, most - mtu));
    const wire::IpHeader header{.source = lastack_test::address(v6 ? "fd00::1" : "10.0.0.1"),
                                .destination = lastack_test::address(v6 ? "fd00::2" : "10.0.0.2"),
                                .protocol = 17};
    Fragmenter fragmenter(header, 77, payload.size(), mtu);
    Desk desk;
    Reassembly::Added added;
    while (!fragmenter.done()) {
      Octets packet(wire::kMostFragmentHeader);
      const auto cut = fragmenter.next(packet);
      packet.resize(cut.header_size);
      packet.insert(packet.end(), payload.begin() + static_cast<std::ptrdiff_t>(cut.at),
                    payload.begin() + static_cast<std::ptrdiff_t>(cut.at + cut.size));
      ASSERT_LE(packet.size(), mtu);
      ASSERT_EQ(added.fate, PieceFate::held) << seed;
      added = desk.add(packet);
    }
    ASSERT_EQ(added.fate, PieceFate::completed) << seed;
    ASSERT_TRUE(std::ranges::equal(wire::parse_ip(added.whole.bytes())->payload, payload));
  }
}

}  // namespace
}  // namespace lastack::ip
