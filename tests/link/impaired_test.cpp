#include "link/impaired.hpp"

#include <gtest/gtest.h>

#include "link/memory.hpp"
#include "wire/checksum.hpp"
#include "wire/ip.hpp"

namespace lastack::link {
namespace {

constexpr TimePoint kBegin{1s};

/// An impaired wire, and packets that carry their number.
struct Wire {
  explicit Wire(const Impairment& impairment, std::uint64_t seed = 1)
      : link(memory.end(0), impairment, Random(seed)) {}

  void send(std::uint32_t number, TimePoint at, std::size_t size = 4) {
    std::vector<std::byte> octets(size);
    for (unsigned i = 0; i < 4; ++i) octets[i] = static_cast<std::byte>(number >> 8 * i);
    link.pass_on({.octets = Slice::copy_of(octets)}, at);
  }
  /// The packets that have come out by `until`, each as it comes.
  std::vector<Packet> receive(TimePoint until) {
    std::vector<Packet> got;
    while (link.next_deadline() <= until) {
      const TimePoint at = link.next_deadline();
      link.advance(at);
      memory.end(1).receive(got, at);
    }
    return got;
  }
  static std::uint32_t number(const Packet& packet) {
    std::uint32_t number = 0;
    for (unsigned i = 0; i < 4; ++i) {
      number |= std::to_integer<std::uint32_t>(packet.octets.bytes()[i]) << 8 * i;
    }
    return number;
  }

  MemoryWire memory;
  ImpairedLink link;
};

std::vector<std::uint32_t> numbers(const std::vector<Packet>& packets) {
  std::vector<std::uint32_t> all;
  for (const Packet& p : packets) all.push_back(Wire::number(p));
  return all;
}

TEST(ImpairedLink, HarmsNothingByDefault) {
  Wire wire({});
  for (std::uint32_t i = 0; i < 100; ++i) wire.send(i, kBegin);
  const auto got = wire.receive(kBegin);
  ASSERT_EQ(got.size(), 100U);
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(Wire::number(got[i]), i);
  EXPECT_EQ(wire.link.tally(), (ImpairmentTally{.sent = 100, .handed_on = 100}));
}

TEST(ImpairedLink, DelaysByDelayAndAtMostJitterInOrder) {
  Wire wire({.delay = 10ms, .jitter = 5ms});
  for (std::uint32_t i = 0; i < 1000; ++i) wire.send(i, kBegin + i * 4ms);
  EXPECT_TRUE(wire.receive(kBegin + 10ms - 1us).empty());
  const auto got = wire.receive(kBegin + 1h);
  ASSERT_EQ(got.size(), 1000U);
  Duration least = 1h;
  Duration most{0};
  for (std::uint32_t i = 0; i < 1000; ++i) {
    ASSERT_EQ(Wire::number(got[i]), i);
    least = std::min(least, got[i].at - (kBegin + i * 4ms));
    most = std::max(most, got[i].at - (kBegin + i * 4ms));
  }
  EXPECT_GE(least, 10ms);
  EXPECT_LE(most, 15ms);
  EXPECT_GT(most - least, 4ms);
}

TEST(ImpairedLink, LosesItsShare) {
  Wire wire({.loss = 0.2});
  for (std::uint32_t i = 0; i < 10000; ++i) wire.send(i, kBegin);
  const auto got = wire.receive(kBegin);
  EXPECT_NEAR(static_cast<double>(got.size()), 8000, 200);
  EXPECT_EQ(wire.link.tally().lost + got.size(), 10000U);
}

// One packet in 10 starts a burst of 5 on average in the long run: 1/3 of all is lost, in few runs.
TEST(ImpairedLink, LosesInBursts) {
  Wire wire({.turns_bad = 0.1, .turns_good = 0.2, .burst_loss = 1});
  for (std::uint32_t i = 0; i < 10000; ++i) wire.send(i, kBegin);
  const auto got = numbers(wire.receive(kBegin));
  EXPECT_NEAR(static_cast<double>(got.size()), 6667, 500);
  std::size_t bursts = 0;
  for (std::size_t i = 1; i < got.size(); ++i) bursts += got[i] - got[i - 1] > 1 ? 1 : 0;
  const double length = static_cast<double>(10000 - got.size()) / static_cast<double>(bursts);
  EXPECT_NEAR(length, 5, 1);
}

TEST(ImpairedLink, DuplicatesAndReorders) {
  Wire wire({.delay = 10ms, .duplicate = 0.1, .reorder = 0.1, .reorder_by = 3ms});
  for (std::uint32_t i = 0; i < 1000; ++i) wire.send(i, kBegin + i * 1ms);
  const auto got = numbers(wire.receive(kBegin + 1h));
  const auto& tally = wire.link.tally();
  EXPECT_NEAR(static_cast<double>(tally.duplicated), 100, 40);
  EXPECT_EQ(got.size(), 1000 + tally.duplicated);
  EXPECT_NEAR(static_cast<double>(tally.reordered), 110, 45);
  std::size_t back = 0;
  std::uint32_t farthest = 0;
  for (std::size_t i = 1; i < got.size(); ++i) {
    if (got[i] >= got[i - 1]) continue;
    ++back;
    farthest = std::max(farthest, got[i - 1] - got[i]);
  }
  EXPECT_GT(back, 50U);
  EXPECT_LE(farthest, 3U);  // 3 ms are three packets
}

// 1,000 octets a second, packets of 100: one every 100 ms; three wait, the others find no room.
TEST(ImpairedLink, KeepsTheRateAndDropsWhatTheQueueCannotHold) {
  Wire wire({.rate = 1000, .queue = 300});
  for (std::uint32_t i = 0; i < 10; ++i) wire.send(i, kBegin, 100);
  const auto got = wire.receive(kBegin + 1h);
  ASSERT_EQ(got.size(), 3U);
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(got[i].at, kBegin + (i + 1) * 100ms);
  EXPECT_EQ(wire.link.tally().queue_full, 7U);
  wire.send(10, kBegin + 2h, 5000);  // more than the queue, and an idle link takes it
  EXPECT_EQ(wire.receive(kBegin + 3h).size(), 1U);
}

// Every damage done is one that the Internet checksum finds, and the sender's copy stays whole.
TEST(ImpairedLink, DamagesWhatAChecksumFinds) {
  Wire wire({.corrupt = 1});
  Random random(7);
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::byte> octets(20 + random.below(40));
    for (auto& octet : octets) octet = static_cast<std::byte>(random.next());
    octets[2] = octets[3] = std::byte{0};
    wire::Sum sum;
    sum.add(octets);
    octets[2] = static_cast<std::byte>(sum.checksum() >> 8U);
    octets[3] = static_cast<std::byte>(sum.checksum());
    const Slice sent = Slice::copy_of(octets);
    wire.link.pass_on({.octets = sent}, kBegin);
    const auto got = wire.receive(kBegin);
    ASSERT_EQ(got.size(), 1U);
    ASSERT_TRUE(std::ranges::equal(sent.bytes(), octets));
    ASSERT_FALSE(std::ranges::equal(got[0].octets.bytes(), octets));
    wire::Sum after;
    after.add(got[0].octets.bytes());
    ASSERT_NE(after.checksum(), 0) << "round " << round;
  }
}

std::vector<std::byte> ip_packet(wire::Family family, std::uint8_t ecn) {
  const bool v4 = family == wire::Family::v4;
  const auto address = *wire::IpAddress::parse(v4 ? "10.0.0.1" : "fd00::1");
  std::vector<std::byte> octets(200);
  const wire::IpHeader header{.source = address,
                              .destination = address,
                              .protocol = 99,
                              .traffic_class = static_cast<std::uint8_t>(0xa8 | ecn)};
  const std::size_t size =
      wire::emit_ip(header, octets.size() - wire::ip_header_size(family), octets);
  EXPECT_EQ(size, wire::ip_header_size(family));
  return octets;
}

// 1,000 octets a second, packets of 200: the third finds 400 waiting. Marked is what is
// ECN-capable, with its checksum right again; the others pass as they are.
TEST(ImpairedLink, MarksWhereTheQueueIsLong) {
  for (const auto family : {wire::Family::v4, wire::Family::v6}) {
    for (const std::uint8_t ecn : std::initializer_list<std::uint8_t>{0, 1, 2, 3}) {
      for (const std::size_t frame : {0U, 14U}) {
        Wire wire({.rate = 1000, .queue = 10000, .ecn = 300, .ip_at = frame});
        auto octets = ip_packet(family, ecn);
        octets.insert(octets.begin(), frame, std::byte{0x45});
        const Slice sent = Slice::copy_of(octets);
        for (int i = 0; i < 4; ++i) wire.link.pass_on({.octets = sent}, kBegin);
        const auto got = wire.receive(kBegin + 1h);
        ASSERT_EQ(got.size(), 4U);
        for (std::size_t i = 0; i < 4; ++i) {
          const auto ip = wire::parse_ip(got[i].octets.bytes().subspan(frame));
          ASSERT_TRUE(ip);
          const bool marked = i >= 2 && ecn != 0;
          EXPECT_EQ(ip->header.traffic_class, 0xa8 | (marked ? 3 : ecn)) << i;
        }
        EXPECT_EQ(wire.link.tally().marked, ecn == 0 ? 0U : 2U);
        EXPECT_TRUE(std::ranges::equal(sent.bytes(), octets));
      }
    }
  }
}

TEST(ImpairedLink, MarksNothingThatIsNoIpPacket) {
  for (const std::size_t size : {0U, 1U, 13U, 19U}) {
    Wire wire({.rate = 1000, .ecn = 1});
    const std::vector<std::byte> octets(size, std::byte{0x4f});
    for (int i = 0; i < 3; ++i) wire.link.pass_on({.octets = Slice::copy_of(octets)}, kBegin);
    for (const Packet& packet : wire.receive(kBegin + 1h)) {
      EXPECT_TRUE(std::ranges::equal(packet.octets.bytes(), octets));
    }
    EXPECT_EQ(wire.link.tally().marked, 0U);
  }
}

TEST(ImpairedLink, SameSeedSameFate) {
  const Impairment rough{.delay = 10ms,
                         .jitter = 20ms,
                         .loss = 0.1,
                         .turns_bad = 0.01,
                         .turns_good = 0.3,
                         .burst_loss = 0.9,
                         .duplicate = 0.1,
                         .reorder = 0.2,
                         .reorder_by = 7ms,
                         .corrupt = 0.1,
                         .rate = 100000,
                         .queue = 5000};
  const auto run = [&rough](std::uint64_t seed) {
    Wire wire(rough, seed);
    for (std::uint32_t i = 0; i < 2000; ++i) wire.send(i, kBegin + i * 300us, 40);
    std::vector<std::pair<TimePoint, std::vector<std::byte>>> all;
    for (const Packet& p : wire.receive(kBegin + 1h)) {
      all.emplace_back(p.at, std::vector(p.octets.bytes().begin(), p.octets.bytes().end()));
    }
    return all;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

}  // namespace
}  // namespace lastack::link
