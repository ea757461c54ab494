// What a stream takes when nothing goes wrong, and when little does: no segment sent twice for
// nothing, no waiting for a timer, no silly segments.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "sim/bulk.hpp"
#include "sim/two_hosts.hpp"

namespace lastack::sim {
namespace {

constexpr std::uint64_t kRate = 12'500'000;  // 100 Mbit/s, in octets

/// 100 Mbit/s, 10 ms there and back; a queue that never overflows.
BulkPlan fast_wire() {
  BulkPlan plan;
  plan.there = {.delay = 5ms, .rate = kRate};
  plan.back = {.delay = 5ms, .rate = kRate};
  return plan;
}

struct Variant {
  const char* name;
  bool v6;
  bool options;
  std::uint16_t mtu;
  std::uint32_t super_segment;
};

class CleanBulk : public testing::TestWithParam<Variant> {};
INSTANTIATE_TEST_SUITE_P(Each, CleanBulk,
                         testing::Values(Variant{"v4", false, true, 1500, 0},
                                         Variant{"v6", true, true, 1500, 0},
                                         Variant{"v4_small", false, true, 576, 0},
                                         Variant{"v4_jumbo", false, true, 9000, 0},
                                         Variant{"v6_super", true, true, 1500, 60000},
                                         Variant{"v4_largest", false, true, 65535, 60000}),
                         [](const auto& info) { return info.param.name; });

TEST_P(CleanBulk, FillsTheWireAndSendsNothingTwice) {
  BulkPlan plan = fast_wire();
  plan.v6 = GetParam().v6;
  plan.mtu = GetParam().mtu;
  plan.super_segment = GetParam().super_segment;
  Bulk bulk(plan);
  // Headers take their share of the wire's rate.
  const double headers = GetParam().v6 ? 72 : 52;
  const double share = 1 - headers / GetParam().mtu;
  EXPECT_GE(bulk.rate(), 0.9 * share * static_cast<double>(kRate));
  EXPECT_EQ(bulk.sender().retransmissions, 0U);
  // A round trip, in slow start, and what a packet takes to pass.
  const Duration passes(std::int64_t{GetParam().mtu} * 1'000'000 /
                        static_cast<std::int64_t>(kRate));
  EXPECT_LT(bulk.sink->longest_gap, 15ms + 2 * passes);
}

TEST_P(CleanBulk, EverySecondSegmentIsAcknowledged) {
  BulkPlan plan = fast_wire();
  plan.v6 = GetParam().v6;
  plan.mtu = GetParam().mtu;
  plan.super_segment = GetParam().super_segment;
  Bulk bulk(plan);
  const auto segments = static_cast<double>(bulk.watch.sizes.size());
  const double share = static_cast<double>(bulk.watch.answers) / segments;
  if (plan.super_segment > 0) {
    EXPECT_LE(share, 1.1);  // each is several segments
  } else {
    EXPECT_GE(share, 0.45);
    EXPECT_LE(share, 0.6);
  }
}

TEST_P(CleanBulk, AllSegmentsButTheLastAreFull) {
  BulkPlan plan = fast_wire();
  plan.v6 = GetParam().v6;
  plan.mtu = GetParam().mtu;
  plan.super_segment = GetParam().super_segment;
  const std::size_t full = GetParam().mtu - (GetParam().v6 ? 72U : 52U);
  const auto partial = [full](const Bulk& bulk) {
    return std::ranges::count_if(bulk.watch.sizes, [&](std::size_t n) { return n % full != 0; });
  };
  // The end of a write does not wait behind full segments (docs/deviations.md), unless it is told
  // to.
  EXPECT_LE(partial(Bulk(plan)) * 5, std::ssize(Bulk(plan).watch.sizes));
  plan.settings.cork = true;
  EXPECT_LE(partial(Bulk(plan)), 1);
}

TEST(Efficiency, WithoutOptionsToo) {
  BulkPlan plan = fast_wire();
  plan.settings.timestamps = plan.settings.sack = false;
  Bulk bulk(plan);
  EXPECT_GE(bulk.rate(), 0.9 * (1 - 40.0 / 1500) * static_cast<double>(kRate));
  EXPECT_EQ(bulk.sender().retransmissions, 0U);
}

// 64 KiB are what the window field says without scaling: the window bounds the rate, nothing else.
TEST(Efficiency, AnUnscaledWindowGivesAWindowARoundTrip) {
  BulkPlan plan = fast_wire();
  plan.settings.window_scaling = false;
  Bulk bulk(plan);
  EXPECT_GE(bulk.rate(), 0.85 * 65535 * 100);
  EXPECT_EQ(bulk.sender().retransmissions, 0U);
}

TEST(Efficiency, ALongRoundTripIsNoReasonToSendAgain) {
  for (const Duration delay : {100ms, 250ms, 400ms}) {
    BulkPlan plan;
    plan.there = plan.back = {.delay = delay};
    Bulk bulk(plan);
    EXPECT_EQ(bulk.sender().retransmissions, 0U) << delay / 1ms << " ms";
  }
}

TEST(Efficiency, JitterIsNoReasonToSendAgain) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    BulkPlan plan;
    plan.there = plan.back = {.delay = 20ms, .jitter = 60ms};
    plan.octets = plan.mark = 1U << 20U;
    plan.seed = seed;
    Bulk bulk(plan);
    EXPECT_EQ(bulk.sender().retransmissions, 0U) << "seed " << seed;
  }
}

// Slow start overruns the queue once, later growth now and then: the wire is hardly ever idle.
TEST(Efficiency, AQueueOfHalfARoundTripIsEnough) {
  BulkPlan plan = fast_wire();
  plan.there.queue = 64 * 1024;
  plan.octets = 40U << 20U;
  plan.mark = 10U << 20U;
  Bulk bulk(plan);
  EXPECT_GE(bulk.rate(), 0.8 * static_cast<double>(kRate));
}

// One segment in a hundred is lost: most are sent again without a timeout, and hardly any others.
TEST(Efficiency, OnePercentLossIsRepairedWithoutTimeouts) {
  std::uint64_t again = 0;
  std::uint64_t fast = 0;
  std::uint64_t lost = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    BulkPlan plan = fast_wire();
    plan.there.loss = 0.01;
    plan.octets = 2U << 20U;
    plan.seed = seed;
    Bulk bulk(plan);
    again += bulk.sender().retransmissions;
    fast += bulk.sender().fast_retransmissions;
    lost += bulk.world.tally(0, 1).lost;
  }
  EXPECT_GE(static_cast<double>(fast), 0.8 * static_cast<double>(again));
  EXPECT_LE(static_cast<double>(again), 1.3 * static_cast<double>(lost));
}

// Nobody reads for ten seconds, then everything: the sender asks with growing waits, and goes on as
// soon as it is told, not when it would have asked next.
TEST(Efficiency, AClosedWindowIsProbedSeldomAndLeftAtOnce) {
  BulkPlan plan = fast_wire();
  plan.octets = 1U << 20U;
  plan.mark = plan.octets;
  plan.habit.begin = World::kStart + 10s;
  Bulk bulk(plan);
  const auto probes = std::ranges::count(bulk.watch.sizes, 1U);
  EXPECT_GE(probes, 4);
  EXPECT_LE(probes, 7);  // at 0.2, 0.6, 1.4, 3.0, 6.2 s
  EXPECT_LE(bulk.took(), 10s + 200ms);
  EXPECT_EQ(bulk.sender().retransmissions, 0U);
}

// A reader of small pieces: the window opens by steps worth having, and no segment is silly.
TEST(Efficiency, ASlowReaderMakesNoSillySegments) {
  BulkPlan plan = fast_wire();
  plan.octets = 200'000;
  plan.mark = plan.octets;
  plan.settings.receive_buffer = 16 * 1024;
  plan.habit = {.piece = 100, .pace = 1ms, .begin = {}};
  Bulk bulk(plan);
  const auto silly =
      std::ranges::count_if(bulk.watch.sizes, [](std::size_t n) { return n < 1000; });
  EXPECT_LE(silly, 10);
  EXPECT_LE(bulk.watch.sizes.size(), 200'000U / 1448U + 20U);
  EXPECT_LE(bulk.took(), 2200ms);  // the reader's own pace
}

/// A connection between two hosts, 10 ms each way, on which chosen packets are lost.
struct Line {
  explicit Line(TwoHostsConfig config = {}) : hosts(std::move(config)) {
    hosts.on_sent = [this](const Flight& f) {
      sent[static_cast<std::size_t>(f.why)] += f.from == 0 ? 1 : 0;
    };
    listener = *hosts.sockets(1).socket();
    (void)hosts.sockets(1).bind(listener, {hosts.address(1), 80});
    (void)hosts.sockets(1).listen(listener, 5, hosts.now());
    a = *hosts.sockets(0).socket();
    (void)hosts.sockets(0).connect(a, {hosts.address(1), 80}, hosts.now());
    hosts.run(40ms);
    (void)hosts.sockets(0).connect(a, {hosts.address(1), 80}, hosts.now());
    b = *hosts.sockets(1).accept(listener);
  }
  void send(socket::Fd fd, std::size_t side, std::size_t octets) {
    const std::vector<std::byte> some(octets);
    ASSERT_EQ(hosts.sockets(side).send(fd, some, hosts.now()).value_or(0), octets);
  }
  std::size_t read(socket::Fd fd, std::size_t side) {
    std::vector<std::byte> room(1U << 20U);
    return hosts.sockets(side).recv(fd, room, hosts.now()).value_or(0);
  }
  /// Lets time pass until `octets` have come to `fd`; how long that took.
  Duration until_read(socket::Fd fd, std::size_t side, std::size_t octets) {
    const TimePoint begin = hosts.now();
    while (octets > 0 && hosts.now() < begin + 60s) {
      hosts.step(begin + 60s);
      octets -= std::min(octets, read(fd, side));
    }
    return hosts.now() - begin;
  }
  [[nodiscard]] std::uint64_t count(tcp::Why why) const {
    return sent[static_cast<std::size_t>(why)];
  }

  TwoHosts hosts;
  std::array<std::uint64_t, 9> sent{};  ///< by side 0, by Why
  socket::Fd listener = -1;
  socket::Fd a = -1;
  socket::Fd b = -1;
};

// A question and an answer take a round trip, a hundred of them take a hundred.
TEST(Efficiency, QuestionsAndAnswersNeverWaitForATimer) {
  Line line;
  const TimePoint begin = line.hosts.now();
  for (int i = 0; i < 100; ++i) {
    line.send(line.a, 0, 100);
    line.until_read(line.b, 1, 100);
    line.send(line.b, 1, 500);
    line.until_read(line.a, 0, 500);
  }
  EXPECT_LE(line.hosts.now() - begin, 100 * 20ms + 1ms);
  EXPECT_EQ(line.count(tcp::Why::acknowledgment), 1U);  // the handshake's: data carries the others
}

// Each one of the segments of a window in turn is lost: it is sent again after duplicate ACKs,
// alone, and costs a round trip or two.
TEST(Efficiency, OneLostSegmentCostsOneSegment) {
  for (std::uint64_t lost = 0; lost < 6; ++lost) {
    Line line;
    line.send(line.a, 0, 10 * 1448);
    line.hosts.drop(line.hosts.packets() + 1 + lost);
    EXPECT_LE(line.until_read(line.b, 1, 10 * 1448), 10ms + 20ms + 1ms) << "segment " << lost;
    EXPECT_EQ(line.count(tcp::Why::fast_retransmit), 1U) << "segment " << lost;
    EXPECT_EQ(line.count(tcp::Why::timeout), 0U) << "segment " << lost;
  }
}

// Four segments are out, the second is lost: two duplicates are all that can come of them. Two new
// segments, sent for these beyond the congestion window (RFC 3042), bring the third.
TEST(Efficiency, LimitedTransmitAvoidsTheTimeout) {
  Line line({.mtu = 9000});  // the initial window is two segments then
  const std::size_t mss = 9000 - 52;
  line.send(line.a, 0, 2 * mss);
  line.until_read(line.b, 1, 2 * mss);
  line.hosts.run(15ms);
  line.send(line.a, 0, 12 * mss);
  line.hosts.drop(line.hosts.packets() + 2);
  EXPECT_LE(line.until_read(line.b, 1, 12 * mss), 130ms);
  EXPECT_EQ(line.count(tcp::Why::fast_retransmit), 1U);
  EXPECT_EQ(line.count(tcp::Why::timeout), 0U);
}

// A lone small segment is acknowledged when the delay of 40 ms is over, not by the sender's
// timeout.
TEST(Efficiency, ADelayedAckComesBeforeTheTimeout) {
  Line line;
  line.send(line.a, 0, 100);
  line.hosts.run(10ms + 40ms + 10ms + 2ms);
  EXPECT_EQ(
      line.hosts.host(0).connection(line.hosts.sockets(0).find(line.a)->flow())->tcb().snd.una,
      100);
  line.hosts.run(1s);
  EXPECT_EQ(line.count(tcp::Why::timeout), 0U);
}

}  // namespace
}  // namespace lastack::sim
