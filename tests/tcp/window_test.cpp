// Windows at their edges: full ones, closed ones, small ones, and those that were taken back
// (§3.8.6).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "tcp/pair.hpp"
#include "tcp/script.hpp"

namespace lastack::tcp {
namespace {

using lastack_test::Family;
using lastack_test::Pair;
using wire::Flag;

class Window : public testing::TestWithParam<Family> {};
INSTANTIATE_TEST_SUITE_P(Both, Window, testing::Values(Family::v4, Family::v6),
                         [](const auto& info) { return info.param == Family::v4 ? "v4" : "v6"; });

// Both have filled the other's window, and the first segment of each was lost: every ACK stands at
// the end of a window. Refused, they would be answered by ACKs that are refused too, and no fast
// retransmit would come of them.
TEST_P(Window, TwoThatHaveFilledEachOthersWindowTakeEachOthersAcks) {
  constexpr std::uint32_t kAll = 8 * 1460;
  Settings settings = Script::plain();
  settings.receive_buffer = kAll;
  Pair pair(GetParam(), settings, settings);
  pair.establish();
  pair.settle();
  int acks = 0;
  std::array<bool, 2> lost{};
  pair.loses = [&](const Pair::Flight& f) {
    if (f.segment.payload.empty()) ++acks;
    const bool first = !f.segment.payload.empty() && f.segment.payload.begin == 0;
    return first && !std::exchange(lost.at(static_cast<std::size_t>(f.to)), true);
  };
  const TimePoint start = pair.now;
  pair.send(0, kAll);
  pair.send(1, kAll);
  pair.run([&] { return pair.a().received == kAll && pair.b().received == kAll; });
  EXPECT_LE(pair.now - start, 20ms) << "no timeout was needed";
  EXPECT_LE(acks, 20);
}

TEST(WindowEnd, AnAckMayStandThereButNoRst) {
  Script s;
  s.establish().send(100).drain();
  const Offset end = s.c.tcb().rcv.edge;
  s.arrive({.seq = end, .ack = 100});
  EXPECT_EQ(s.fx.drop, Drop::none);
  EXPECT_EQ(s.c.tcb().snd.una, 100);
  s.arrive({.seq = end + 1, .ack = 100});
  EXPECT_EQ(s.fx.drop, Drop::outside_window);
  s.drain();
  s.arrive({.flags = Flag::rst, .seq = end});
  EXPECT_EQ(s.fx.drop, Drop::rst_outside_window);
  s.expect_silence();
}

// The probe's octet was not taken: a RST behind it would be outside a closed window, and the peer
// would never learn that we are gone.
TEST(ClosedWindow, ARstStandsInFrontOfTheProbe) {
  Script s;
  s.establish(0).send(100);
  s.wait(201ms);
  s.expect(kAck, 0, 1, 0);
  EXPECT_EQ(s.ours(s.c.abort(s.now).reset.seq), 0);
}

TEST(WindowTakenBack, WhatWeSayStandsInsideIt) {
  Script s;
  s.establish(10000).send(8760).pull(1460);
  s.out.clear();
  s.arrive({.seq = 0, .len = 1460, .ack = 0, .window = 2000});
  s.arrive({.seq = 1460, .len = 1460, .ack = 0, .window = 2000});
  s.expect(kAck, 2000, 0, 2920);
  EXPECT_EQ(s.ours(s.c.abort(s.now).reset.seq), 2000);
}

// The override timeout of §3.8.6.2.1, while the peer sends a stream of its own: each segment of
// that names the same small window.
TEST(SmallWindow, IsUsedAfterATimeThoughThePeerKeepsTalking) {
  Script s;
  s.establish(8760).send(10000).drain();
  s.arrive({.ack = 8760, .window = 1000});
  s.expect_silence();
  for (Offset at = 0; at < 10 * 1460; at += 1460) {
    s.arrive({.seq = at, .len = 1460, .ack = 8760, .window = 1000});
    s.wait(50ms);
  }
  const auto used = std::ranges::find(s.out, Range{8760, 9760}, &Outgoing::payload);
  EXPECT_NE(used, s.out.end()) << s.log;
}

// What lies beyond it was sent once and is not awaited: it is no reason to time out (SHLD-17), nor
// to wait for one timeout more before what fits is sent (SHLD-16).
TEST(WindowTakenBack, WhatFitsIsSentAgainWithoutAnotherTimeout) {
  Script s;
  s.establish(10000).send(8760).pull(1460);
  s.out.clear();
  s.arrive({.ack = 0, .window = 500});
  s.wait(1s);
  s.expect(kAck, 0, 500, 0);
  s.arrive({.ack = 500, .window = 500});
  s.expect_silence();
  EXPECT_EQ(s.c.tcb().timers.mode, Retransmission::persist);
  s.arrive({.ack = 500, .window = 0});
  for (int i = 0; i < 40; ++i) {
    s.wait(60s).drain();
    s.arrive({.ack = 500, .window = 0});
    ASSERT_EQ(s.c.state(), State::established) << s.log;
  }
}

/// Scaled windows: `buffer` octets at our end, units of 2^`theirs` octets at the peer's.
Script scaled(std::uint32_t buffer, std::uint8_t theirs) {
  Settings settings;
  settings.timestamps = settings.sack = false;
  settings.receive_buffer = buffer;
  Script s(settings);
  s.active_open().drain();
  wire::TcpOptions options;
  options.present = wire::TcpOptions::kMss | wire::TcpOptions::kWindowScale;
  options.mss = 1460;
  options.window_scale = theirs;
  s.arrive({.flags = Flag::syn | Flag::ack, .seq = -1}, options);
  s.drain();
  EXPECT_EQ(s.c.state(), State::established) << s.log;
  return s;
}

// Each segment is smaller than a unit of the scale, and each is acknowledged: rounding the window
// up would move its edge on by as much as came, and the window would never close.
TEST(ScaledWindow, ClosesThoughSegmentsAreSmallerThanAUnit) {
  constexpr std::uint32_t kBuffer = 1 << 17;
  Script s = scaled(kBuffer, 0);
  const Offset unit = 1 << s.c.tcb().rcv.scale;
  ASSERT_EQ(unit, 4);
  s.arrive({.seq = 0, .len = kBuffer - 4000});
  s.drain();
  Offset edge = 0;
  for (int i = 0; i < 5000 && s.c.tcb().rcv.nxt < s.c.tcb().rcv.edge; ++i) {
    s.log.clear();
    s.arrive({.seq = s.c.tcb().rcv.nxt, .len = 1});
    s.wait(40ms);
    for (const Outgoing& o : s.out) {
      const Offset offered = s.theirs(o.header.ack) + o.header.window * unit;
      EXPECT_GT(offered, edge - unit) << s.log;
      edge = std::max(edge, offered);
    }
    s.out.clear();
  }
  EXPECT_EQ(s.c.tcb().rcv.nxt, s.c.tcb().rcv.edge);
  EXPECT_GE(s.c.unread(), kBuffer);
  EXPECT_LT(s.c.unread(), kBuffer + unit);
}

TEST(ScaledWindow, WhatRoundingTookBackIsTakenAllTheSame) {
  constexpr Offset kBuffer = 1 << 17;
  Script s = scaled(kBuffer, 0);
  s.arrive({.seq = 0, .len = kBuffer - 1});
  EXPECT_EQ(s.expect(kAck, 0, 0, kBuffer - 1).header.window, 1);  // a unit: three beyond the buffer
  s.arrive({.seq = kBuffer - 1, .len = 1});
  s.wait(40ms);
  EXPECT_EQ(s.expect(kAck, 0, 0, kBuffer).header.window, 0);
  s.arrive({.seq = kBuffer, .len = 3});
  EXPECT_EQ(s.fx.accepted.size(), 3) << s.log;
}

// The peer's edge went back by less than a unit of its scale: what was in the window when it was
// first sent is sent again whole, and our ACKs stand behind it.
TEST(ScaledWindow, LessThanAUnitTakenBackChangesNothing) {
  Script s = scaled(1 << 17, 7);
  s.arrive({.ack = 0, .window = 80});  // 10240 octets
  s.send(10220).pull(1460);
  s.out.clear();
  s.arrive({.seq = 0, .len = 1460, .ack = 100, .window = 79});  // to 10212
  s.arrive({.seq = 1460, .len = 1460, .ack = 100, .window = 79});
  s.expect(kAck, 10220, 0, 2920);
  s.arrive({.seq = 2920, .ack = 8760, .window = 11});  // to 10168: the last segment is lost
  s.wait(500ms);
  s.expect(kAck, 8760, 1460, 2920);
}

TEST(PeersWindow, IsUnsignedAndOf32Bits) {  // MUST-1, REC-1
  Script s = scaled(1 << 17, 14);
  s.arrive({.ack = 0, .window = 65535});
  EXPECT_EQ(s.c.tcb().snd.wnd, 65535U << 14U);
  Offset una = 0;
  while (s.c.tcb().snd.max - una <= 65535) {  // more is on the way than a 16-bit number can say
    s.log.clear();
    s.send(1U << 17U).drain();
    ASSERT_LT(una, 1 << 23);
    s.arrive({.ack = una += std::min<Offset>(2 * 1460, s.c.tcb().snd.max - una), .window = 65535});
    s.drain();
  }
}

TEST(WindowTakenBack, ToNothingIsProbedAndNothingNewIsSent) {  // MUST-35, SHLD-15
  Script s;
  s.establish(10000).send(14000).pull(1460);
  const Offset max = s.c.tcb().snd.max;
  s.out.clear();
  s.arrive({.ack = 1460, .window = 0});
  s.wait(5s);
  ASSERT_FALSE(s.out.empty());
  for (const Outgoing& o : s.out) {
    EXPECT_EQ(o.why, Why::probe) << s.log;
    EXPECT_EQ(o.payload, (Range{1460, 1461})) << s.log;
  }
  EXPECT_EQ(s.c.tcb().snd.max, max);
}

TEST(ClosedWindow, IsProbedAfterATimeoutAndThenLessAndLessOften) {  // SHLD-29, SHLD-30
  Script s;
  s.establish(0).send(100).drain();
  const Duration rto = 200ms + 1us;  // the handshake took no time
  std::vector<TimePoint> probes;
  const TimePoint begin = s.now;
  while (probes.size() < 8) {
    s.wait(1ms);
    if (!s.out.empty()) {
      probes.push_back(s.now);
      s.out.clear();
      s.arrive({.ack = 0, .window = 0});
    }
  }
  EXPECT_NEAR(static_cast<double>((probes[0] - begin).count()), static_cast<double>(rto.count()),
              2000);
  for (std::size_t i = 1; i + 1 < probes.size(); ++i) {
    EXPECT_NEAR(static_cast<double>((probes[i + 1] - probes[i]).count()),
                2.0 * static_cast<double>((probes[i] - probes[i - 1]).count()), 4000);
  }
}

TEST(ClosedWindow, ThatOpensBeforeItIsProbedTakesTheOctets) {
  Script s;
  s.establish();
  s.arrive({.window = 0});
  s.send(100).drain();
  s.now = s.c.next_deadline();
  s.c.timer_expired(s.now);  // nobody has pulled yet
  s.arrive({.window = 65535});
  EXPECT_EQ(s.expect(kAck, 0, 100, 0).why, Why::data);
  EXPECT_FALSE(s.c.tcb().probe);
  s.expect_silence();
}

TEST(ClosedWindow, OfOursTakesRstAndUrgentPointer) {  // MUST-66
  Settings settings = Script::plain();
  settings.receive_buffer = 1000;
  Script s(settings);
  s.establish();
  s.arrive({.seq = 0, .len = 1000});
  s.wait(40ms);
  EXPECT_EQ(s.expect(kAck, 0, 0, 1000).header.window, 0);
  s.arrive({.flags = Flag::ack | Flag::urg, .seq = 1000, .len = 10, .urgent = 10});
  EXPECT_TRUE(s.fx.ready & kUrgent);
  EXPECT_EQ(s.c.tcb().urgent->receive, 1010);
  EXPECT_TRUE(s.fx.accepted.empty());
  s.arrive({.flags = Flag::rst, .seq = 1000});
  s.expect_state(State::closed);
}

}  // namespace
}  // namespace lastack::tcp
