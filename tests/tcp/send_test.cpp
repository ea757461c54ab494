// Sending: Nagle, silly windows, the persist timer, urgent data (§3.7.4, §3.8.6, RFC 6093).
#include "tcp/script.hpp"

namespace lastack::tcp {
namespace {

using wire::Flag;

TEST(Send, NagleHoldsASmallSegmentWhileOneIsOut) {
  Script s;
  s.establish().send(10);
  s.expect(kAck, 0, 10, 0);
  s.send(10).send(10);
  s.expect_silence();
  s.arrive({.ack = 10});
  s.expect(kAck, 10, 20, 0);
}

TEST(Send, NagleLetsAWholeSegmentGo) {
  Script s;
  s.establish().send(10);
  s.expect(kAck, 0, 10, 0);
  s.send(1465);
  s.expect(kAck, 10, 1460, 0);
  s.expect_silence();
}

TEST(Send, NoDelaySendsAtOnce) {
  Settings settings = Script::plain();
  settings.nagle = false;
  Script s(settings);
  s.establish().send(10);
  s.expect(kAck, 0, 10, 0);
  s.send(10);
  s.expect(kAck, 10, 10, 0);
}

TEST(Send, ACorkHoldsASmallSegmentThoughNothingIsOut) {
  Settings settings = Script::plain();
  settings.cork = true;
  Script s(settings);
  s.establish().send(10);
  s.expect_silence();
  s.send(1460);
  s.expect(kAck, 0, 1460, 0);
  s.expect_silence();
}

TEST(Send, MoreToFollowHoldsASmallSegmentOnce) {
  Script s;
  s.establish();
  ASSERT_TRUE(s.c.send(10, s.now, false, true));
  s.expect_silence();
  ASSERT_TRUE(s.c.send(10, s.now, false, false));
  s.expect(kAck, 0, 20, 0);
}

/// As in Linux: once the peer has said something, whatever it was.
TEST(Send, MoreToFollowIsNotWaitedForWhenThePeerSpeaks) {
  for (const bool acknowledges : {false, true}) {
    for (const std::uint32_t payload : {0U, 5U}) {
      Script s;
      s.establish().send(1460).drain();
      ASSERT_TRUE(s.c.send(10, s.now, false, true));
      s.expect_silence();
      s.arrive({.len = payload, .ack = acknowledges ? 1460 : 0});
      s.expect(kAck, 1460, 10, payload);
    }
  }
}

TEST(Send, AFlushEndsTheWaitForMore) {
  for (const bool corked : {false, true}) {
    Settings settings = Script::plain();
    settings.cork = corked;
    Script s(settings);
    s.establish();
    ASSERT_TRUE(s.c.send(10, s.now, false, true));
    s.expect_silence();
    s.c.flush(false);
    if (corked) {
      s.expect_silence();
      s.c.flush(true);
    }
    s.expect(kAck, 0, 10, 0);
  }
}

/// Of what was handed over before, and that alone; Nagle's algorithm has nothing to say either.
TEST(Send, AFlushIsOfWhatIsThere) {
  Settings settings = Script::plain();
  settings.cork = true;
  Script s(settings);
  s.establish().send(10);
  s.c.flush(true);
  s.expect(kAck, 0, 10, 0);
  s.send(10);
  s.expect_silence();
  s.c.flush(true);
  s.expect(kAck, 10, 10, 0);
}

TEST(Send, AFinTakesTheLastOctetsAlong) {
  Script s;
  s.establish().send(10);
  s.expect(kAck, 0, 10, 0);
  s.send(5).close();
  s.expect(kFin, 10, 5, 0);
  s.expect_state(State::fin_wait_1);
}

TEST(Send, PushMarksTheEndOfWhatIsThere) {
  Script s;
  s.establish().send(2000).pull(1460);
  ASSERT_EQ(s.out.size(), 2U) << s.log;
  EXPECT_FALSE(s.out[0].header.flags.has(Flag::psh));
  EXPECT_TRUE(s.out[1].header.flags.has(Flag::psh));
}

/// Minshall's variant of Nagle's algorithm.
TEST(Send, AShortSegmentGoesBehindFullOnesAndNotBehindAShortOne) {
  Script s;
  s.establish().send(1460).send(10);
  s.expect(kAck, 0, 1460, 0);
  s.expect(kAck, 1460, 10, 0);
  s.send(10);
  s.expect_silence();
  s.arrive({.ack = 1460});
  s.expect_silence();
  s.arrive({.ack = 1470});
  s.expect(kAck, 1470, 10, 0);
}

TEST(Send, ACorkDoesNotHoldUrgentOctets) {
  Settings settings = Script::plain();
  settings.cork = true;
  Script s(settings);
  s.establish().send(10);
  s.expect_silence();
  ASSERT_TRUE(s.c.send(2, s.now, true));
  s.expect(kAck | Flag::urg, 0, 12, 0);
}

TEST(Send, ASuperSegmentIsAWholeNumberOfSegments) {
  Script s;
  s.establish().send(14000);
  const Outgoing out = s.expect(kAck, 0, 9 * 1460, 0);
  EXPECT_EQ(out.mss, 1460);
}

// The MSS counts options (§3.7.1, MUST-16): 1455 octets and a timestamp are more than one segment.
TEST(Send, ALinkThatTakesLessThanThePeerIsNoReasonToWait) {
  Script s;
  s.establish().send(5000).pull(1000);
  ASSERT_EQ(s.out.size(), 5U) << s.log;
  for (const Outgoing& segment : s.out) EXPECT_EQ(segment.payload.size(), 1000);
}

TEST(Send, NoSegmentIsLargerThanThePathTakesOptionsIncluded) {
  Settings settings = Script::plain();
  settings.timestamps = true;
  settings.nagle = false;
  Script s(settings);
  s.establish().send(1455).pull(1460);
  ASSERT_EQ(s.out.size(), 2U) << s.log;
  EXPECT_EQ(s.out[0].payload, (Range{0, 1448}));
  EXPECT_EQ(s.out[1].payload, (Range{1448, 1455}));
  s.out.clear();
  s.send(1460).close().pull(1460);
  for (const Outgoing& o : s.out) EXPECT_LE(o.payload.size(), 1448) << s.log;
}

// A link that cuts copies the urgent pointer as it is, but it counts from the segment's number.
TEST(Send, UrgentDataIsNotLeftToTheLinkToCut) {
  Script s;
  s.establish();
  ASSERT_TRUE(s.c.send(5000, s.now, true));
  s.pull(64000);
  ASSERT_EQ(s.out.size(), 4U) << s.log;
  for (const Outgoing& o : s.out) {
    EXPECT_LE(o.payload.size(), 1460) << s.log;
    EXPECT_EQ(s.ours(o.header.seq) + o.header.urgent, 5000) << s.log;
  }
  s.out.clear();
  s.send(2920).pull(64000);
  ASSERT_EQ(s.out.size(), 1U) << s.log;
  EXPECT_EQ(s.out[0].payload, (Range{5000, 7920}));
}

TEST(Send, ASmallWindowIsNotUsedBitByBit) {
  Script s;
  s.establish(4000).send(10000);
  s.expect(kAck, 0, 2 * 1460, 0);
  s.expect_silence();  // 1080 octets of window are left: less than a segment, less than half
  s.arrive({.ack = 1460, .window = 3000});
  s.expect(kAck, 2920, 1460, 0);
  s.expect_silence();
}

TEST(Send, AWindowThatStaysSmallIsUsedAfterATime) {
  Script s;
  s.establish(8760).send(10000).drain();
  s.arrive({.ack = 8760, .window = 1000});
  s.expect_silence();
  s.wait(201ms);
  s.expect(kAck, 8760, 1000, 0);
}

TEST(Send, AClosedWindowIsProbedForAsLongAsThePeerAnswers) {
  Script s;
  s.establish(0).send(100);
  s.expect_silence();
  for (int i = 0; i < 40; ++i) {
    s.wait(60s);
    ASSERT_FALSE(s.out.empty()) << s.log;
    s.expect(kAck, 0, 1, 0);
    s.out.clear();
    s.arrive({.ack = 0, .window = 0});
    ASSERT_EQ(s.c.state(), State::established) << s.log;
  }
  s.arrive({.ack = 0, .window = 1000});
  s.expect(kAck, 0, 100, 0);
}

TEST(Send, AClosedWindowWithNobodyBehindItGivesUp) {
  Script s;
  s.establish(0).send(100);
  s.wait(3600s);
  s.expect_state(State::closed);
  EXPECT_EQ(s.fx.error, Error::timed_out);
  EXPECT_EQ(s.out.size(), 15U) << s.log;
}

TEST(Send, AProbesOctetMayBeTaken) {
  Script s;
  s.establish(0).send(100);
  s.wait(201ms);
  s.expect(kAck, 0, 1, 0);
  s.arrive({.ack = 1, .window = 0});
  s.wait(201ms);
  s.expect(kAck, 1, 1, 0);
  s.arrive({.ack = 2, .window = 5000});
  s.expect(kAck, 2, 98, 0);
}

// What a closed window did not take was never there: it goes out for the first time.
TEST(Send, AnOctetThatOnlyProbedIsNotSentAgainByTimeout) {
  Script s;
  s.establish(0).send(100);
  s.wait(201ms);
  EXPECT_EQ(s.expect(kAck, 0, 1, 0).why, Why::probe);
  s.arrive({.ack = 0, .window = 5000});
  EXPECT_EQ(s.expect(kAck, 0, 100, 0).why, Why::data);
}

// A peer whose window is closed takes no segment but one at its rcv.nxt. An ACK behind the probe it
// refused would be refused too, and its own data never be acknowledged.
TEST(Send, AnAckBesideAProbeStandsWhereThePeerExpectsIt) {
  Script s;
  s.establish(0).send(100);
  s.wait(201ms);
  s.expect(kAck, 0, 1, 0);
  s.arrive({.seq = 0, .len = 1460, .ack = 0, .window = 0});
  s.arrive({.seq = 1460, .len = 1460, .ack = 0, .window = 0});
  s.expect(kAck, 0, 0, 2920);
}

// The peer sends an earlier segment again: its number is behind WL1, and its window is the latest.
TEST(Send, AHigherAckBringsTheWindowWhateverItsSequenceNumber) {
  Script s;
  s.establish(3000).send(9000).pull(1460);
  s.out.clear();
  s.arrive({.seq = 1000, .len = 1000, .ack = 0, .window = 3000});  // [0, 1000) was lost
  s.out.clear();
  s.arrive({.seq = 0, .len = 1000, .ack = 2920, .window = 80});
  EXPECT_EQ(s.c.tcb().snd.wnd, 80U);
  s.pull();
  for (const Outgoing& o : s.out) EXPECT_LE(o.payload.end, 3000) << s.log;
}

// An ACK that was overtaken counts from an edge that has moved on: its window says nothing now.
TEST(Send, AnOvertakenAckBringsNoWindow) {
  Script s;
  s.establish(1460).send(9000).pull(1460);
  s.out.clear();
  s.arrive({.seq = 0, .len = 100, .ack = 1460, .window = 1460});
  s.drain();
  s.arrive({.seq = 200, .len = 100, .ack = 0, .window = 8000});
  EXPECT_EQ(s.c.tcb().snd.wnd, 1460U);
  s.expect(kAck, 2920, 0, 100);
  s.expect_silence();
}

TEST(Send, AFinGoesThroughAClosedWindowAsAProbe) {
  Script s;
  s.establish(0).close();
  s.expect_silence();
  s.wait(1s);
  s.expect(kFin, 0, 0, 0);
  s.arrive({.ack = 1, .window = 0});
  s.expect_state(State::fin_wait_2);
}

TEST(Send, UrgentDataIsNamedByThePointerBehindIt) {
  Script s;
  s.establish();
  ASSERT_TRUE(s.c.send(3, s.now, true));
  const Outgoing out = s.expect(Flag::ack | Flag::urg, 0, 3, 0);
  EXPECT_EQ(out.header.urgent, 3);
}

TEST(Send, AfterCloseThereIsNoMoreToSend) {
  Script s;
  s.establish().close();
  EXPECT_EQ(s.c.send(1, s.now).error(), Error::closing);
  EXPECT_EQ(s.c.close(s.now).error(), Error::closing);
  EXPECT_EQ(Connection().send(1, s.now).error(), Error::not_open);
}

TEST(Send, WhatIsQueuedBeforeTheHandshakeGoesAfterIt) {
  Script s;
  s.active_open().send(100);
  s.expect(Flag::syn, -1, 0, 0);
  s.expect_silence();
  s.arrive({.flags = Flag::syn | Flag::ack, .seq = -1});
  s.expect(kAck, 0, 100, 0);
}

TEST(Send, TheUserTimeoutOfAFinBeginsWithTheClose) {
  Settings settings = Script::plain();
  settings.user_timeout = 5s;
  Script s(settings);
  s.establish(0);
  s.wait(60s);
  s.close();
  s.wait(4s);
  s.expect_state(State::fin_wait_1);
  s.wait(2s);
  s.expect_state(State::closed);
}

// The pointer has 16 bits: until the end is near it names a place as far ahead as it can (MUST-31).
TEST(Send, UrgentDataMayBeLongerThanThePointerReaches) {
  Script s;
  s.establish();
  ASSERT_TRUE(s.c.send(100'000, s.now, true));
  Offset una = 0;
  for (s.pull(); !s.out.empty(); s.pull()) {
    for (const Outgoing& o : s.out) {
      EXPECT_TRUE(o.header.flags.has(Flag::urg)) << s.log;
      const Offset left = 100'000 - o.payload.begin;
      EXPECT_EQ(o.header.urgent, std::min<Offset>(left, 65535)) << s.log;
      una = o.payload.end;
    }
    s.out.clear();
    s.log.clear();
    s.arrive({.ack = una});
  }
  EXPECT_EQ(una, 100'000);
}

}  // namespace
}  // namespace lastack::tcp
