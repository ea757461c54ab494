// What is lost is sent again: RFC 6298, 5681, 6582, 3042, and the limits of §3.8.3.
#include "tcp/script.hpp"

namespace lastack::tcp {
namespace {

using wire::Flag;

/// Ten segments out, nothing acknowledged.
Script ten_out(Settings settings = Script::plain()) {
  Script s(settings);
  s.establish().send(14600).pull(1460);
  EXPECT_EQ(s.out.size(), 10U) << s.log;
  s.out.clear();
  return s;
}

TEST(Loss, TheSynIsRepeatedWithDoubledWaitsForThreeMinutes) {
  Script s;
  s.active_open().drain();
  const TimePoint begin = s.now;
  s.wait(1s);
  s.expect(Flag::syn, -1, 0, 0);
  s.expect_silence();
  s.wait(2s);
  s.expect(Flag::syn, -1, 0, 0);
  s.wait(600s);
  s.expect_state(State::closed);
  EXPECT_EQ(s.out.size(), 5U) << s.log;
  EXPECT_GE(s.now - begin, 180s);
  EXPECT_EQ(s.c.tcb().error, Error::timed_out);
}

TEST(Loss, ATimeoutSendsTheFirstSegmentAgainAndShrinksTheWindowToOne) {
  Script s = ten_out();
  s.wait(300ms);
  const Outgoing again = s.expect(kAck, 0, 1460, 0);
  EXPECT_EQ(again.why, Why::timeout);
  EXPECT_EQ(again.attempt, 1);
  s.expect_silence();
  s.arrive({.ack = 1460});
  s.expect(kAck, 1460, 1460, 0);
  s.expect(kAck, 2920, 1460, 0);
  s.expect_silence();
}

TEST(Loss, AnAckThatCoversMoreAfterATimeoutIsNotSentAgain) {
  Script s = ten_out();
  s.wait(300ms);
  s.expect(kAck, 0, 1460, 0);
  s.arrive({.ack = 14600});
  s.expect_silence();
  s.send(1460);
  s.expect(kAck, 14600, 1460, 0);
}

TEST(Loss, WaitsDoubleAndEndInTimedOut) {
  Script s;
  s.establish().send(100).drain();
  s.wait(3600s);
  s.expect_state(State::closed);
  EXPECT_EQ(s.c.tcb().error, Error::timed_out);
  EXPECT_EQ(s.out.size(), 15U) << s.log;
}

TEST(Loss, TheUserTimeoutEndsItEarlier) {
  Settings settings = Script::plain();
  settings.user_timeout = 5s;
  Script s(settings);
  s.establish().send(100).drain();
  s.wait(5s - 1us);
  s.expect_state(State::established);
  s.wait(1us);
  s.expect_state(State::closed);
  EXPECT_EQ(s.fx.error, Error::timed_out);
}

TEST(Loss, TheThirdDuplicateAckSendsAgain) {
  Script s = ten_out();
  s.send(3000);
  s.arrive({.ack = 1460});
  s.drain();
  s.arrive({.ack = 1460});
  s.arrive({.ack = 1460});
  s.drain();
  s.arrive({.ack = 1460});
  const Outgoing again = s.expect(kAck, 1460, 1460, 0);
  EXPECT_EQ(again.why, Why::fast_retransmit);
}

TEST(Loss, ADuplicateMustBeOne) {
  Script s = ten_out();
  for (const Seg& seg :
       {Seg{.len = 1, .ack = 0}, Seg{.ack = 0, .window = 60000}, Seg{.ack = 0, .window = 65000}}) {
    s.arrive(seg);
  }
  EXPECT_EQ(s.c.tcb().recovery.duplicates(), 0);
}

TEST(Loss, TwoDuplicatesEachLetOneNewSegmentOut) {
  Script s = ten_out();
  s.send(5 * 1460);
  s.expect_silence();
  s.arrive({.ack = 0});
  s.expect(kAck, 14600, 1460, 0);
  s.expect_silence();
  s.arrive({.ack = 0});
  s.expect(kAck, 16060, 1460, 0);
  s.expect_silence();
}

TEST(Loss, APartialAckSendsTheNextHoleAtOnce) {
  Script s = ten_out();
  s.arrive({.ack = 1460});
  for (int i = 0; i < 3; ++i) s.arrive({.ack = 1460});
  s.expect(kAck, 1460, 1460, 0);
  s.arrive({.ack = 4380});  // partial: 4380 is missing too
  const Outgoing hole = s.expect(kAck, 4380, 1460, 0);
  EXPECT_EQ(hole.why, Why::fast_retransmit);
  s.arrive({.ack = 14600});
  EXPECT_EQ(s.c.tcb().recovery.phase(), Recovery::Phase::open);
  s.expect_silence();
}

TEST(Loss, OneLossHalvesTheWindowOnce) {
  Script s = ten_out();
  s.arrive({.ack = 1460});
  const std::uint32_t out = 14600 - 1460;
  for (int i = 0; i < 3; ++i) s.arrive({.ack = 1460});
  s.drain();
  s.arrive({.ack = 4380});
  s.drain();
  s.arrive({.ack = 14600});
  const auto& reno = std::get<NewReno>(s.c.tcb().congestion);
  EXPECT_EQ(reno.ssthresh(), out / 2);
  EXPECT_LE(reno.cwnd(), out / 2);
}

TEST(Loss, SackBlocksAreKeptAndForgottenWhenAcknowledged) {
  Settings settings = Script::plain();
  settings.sack = true;
  Script s = ten_out(settings);
  s.arrive({.ack = 0, .sack = {{1460, 2920}, {4380, 5840}}});
  ASSERT_TRUE(s.c.tcb().recovery.scoreboard()) << s.log;
  EXPECT_EQ(s.c.tcb().recovery.scoreboard()->octets(), 2 * 1460);
  s.arrive({.ack = 0, .sack = {{20000, 30000}}});  // never sent: says nothing
  EXPECT_EQ(s.c.tcb().recovery.scoreboard()->octets(), 2 * 1460);
  s.arrive({.ack = 5840});
  EXPECT_FALSE(s.c.tcb().recovery.scoreboard());
}

TEST(Loss, AnUnansweredHandshakeSegmentIsNotTimed) {
  Script s;
  s.active_open().drain();
  s.wait(1s).drain();
  s.now += 100ms;
  s.arrive({.flags = Flag::syn | Flag::ack, .seq = -1});
  EXPECT_FALSE(s.c.tcb().rtt.measured());  // Karn
  const auto& reno = std::get<NewReno>(s.c.tcb().congestion);
  EXPECT_EQ(reno.cwnd(), 536U);  // RFC 5681 §3.1: our SYN was lost, and no MSS was named
}

TEST(Loss, TheRoundTripIsMeasured) {
  Script s;
  s.active_open().drain();
  s.now += 80ms;
  s.arrive({.flags = Flag::syn | Flag::ack, .seq = -1});
  EXPECT_EQ(s.c.tcb().rtt.srtt(), 80ms);
  s.drain();
  s.send(10).drain();
  EXPECT_EQ(s.c.next_deadline(), s.now + 80ms + 200ms);
}

TEST(Loss, AFastRetransmitIsForgottenWhenAllHasArrived) {
  Script s = ten_out();
  for (int i = 0; i < 3; ++i) s.arrive({.ack = 0});
  s.arrive({.ack = 14600});  // of the same batch: nothing was sent in between
  s.drain();
  s.send(1460);
  s.expect(kAck, 14600, 1460, 0);
  s.expect_silence();
}

TEST(Loss, ADoubledTimeoutStaysUntilARoundTripIsMeasured) {
  Script s;
  s.establish().send(100).drain();
  const Duration rto = s.c.next_deadline() - s.now;
  s.wait(rto).drain();
  s.arrive({.ack = 100});  // of which copy, nobody knows
  s.send(100).drain();
  EXPECT_EQ(s.c.next_deadline() - s.now, 2 * rto);
  s.arrive({.ack = 200});  // sent once: this one counts
  s.send(100).drain();
  EXPECT_LE(s.c.next_deadline() - s.now, rto);
}

TEST(Loss, WhatLimitedTransmitSentDoesNotCountAsFlight) {
  Script s = ten_out();
  s.send(5 * 1460);
  for (int i = 0; i < 3; ++i) {
    s.arrive({.ack = 0});
    s.drain();
  }
  EXPECT_EQ(s.c.tcb().recovery.phase(), Recovery::Phase::fast);
  EXPECT_EQ(std::get<NewReno>(s.c.tcb().congestion).ssthresh(), 14600U / 2) << s.log;
}

TEST(Loss, AfterALostSynTheFirstTimeoutIsThreeSeconds) {
  Script s;
  s.active_open().drain();
  s.wait(1s).drain();
  s.now += 100ms;
  s.arrive({.flags = Flag::syn | Flag::ack, .seq = -1});
  s.drain();
  s.send(100).drain();
  EXPECT_EQ(s.c.next_deadline() - s.now, 3s);
}

TEST(Loss, DuplicateAcksDoNotMakeTheWindowWrap) {
  NewReno reno;
  reno.start(65535, false);
  reno.on_fast_retransmit(1U << 29U, 65535);
  std::uint32_t before = reno.cwnd();
  for (int i = 0; i < 70'000; ++i) {
    reno.on_duplicate_ack(65535);
    ASSERT_GE(reno.cwnd(), before);
    before = reno.cwnd();
  }
}

TEST(Loss, WhatWasTooBigIsSentAgainOnce) {
  Script s = ten_out();
  for (int i = 0; i < 3; ++i) s.arrive({.ack = 0});
  s.c.icmp_arrives({.kind = IcmpError::Kind::too_big, .seq = Seq(Script::kOurIss) + 1, .mss = 1000},
                   s.now);
  s.pull();
  EXPECT_EQ(std::ranges::count(s.out, Range{0, 1000}, &Outgoing::payload), 1) << s.log;
  const auto told = [](const Outgoing& o) { return o.why == Why::too_big; };
  EXPECT_TRUE(std::ranges::all_of(s.out, told)) << s.log;
}

// FlightSize of RFC 5681 §3.1: what the first timeout gave up is not on the way any more.
TEST(Loss, ASecondTimeoutHalvesWhatWasOutThen) {
  Script s = ten_out();
  s.wait(300ms).drain();
  EXPECT_EQ(std::get<NewReno>(s.c.tcb().congestion).ssthresh(), 14600U / 2);
  s.arrive({.ack = 1460});
  s.drain();  // two segments
  s.wait(1s).drain();
  EXPECT_EQ(std::get<NewReno>(s.c.tcb().congestion).ssthresh(), 2 * 1460U);
}

TEST(Loss, AfterATimeoutAnAckOpensTheWindowByOneSegmentAtMost) {
  Script s = ten_out();
  s.wait(300ms).drain();
  const auto cwnd = [&] { return std::get<NewReno>(s.c.tcb().congestion).cwnd(); };
  s.arrive({.ack = 5 * 1460});
  EXPECT_EQ(cwnd(), 2 * 1460U);
  s.drain();
  s.arrive({.ack = 14600});  // all that was out at the timeout
  s.send(14600).drain();
  const std::uint32_t before = cwnd();
  s.arrive({.ack = 14600 + 2 * 1460});
  EXPECT_EQ(cwnd(), before + 2 * 1460U) << s.log;  // as usual again (RFC 3465 §2.2)
}

TEST(Loss, ASegmentIsSentAgainForMoreThanAHundredSeconds) {  // SHLD-11
  Script s;
  s.establish().send(100).drain();
  s.wait(100s);
  s.expect_state(State::established);
}

// Congestion avoidance (RFC 5681 §3.1, MUST-19): a segment more for each window that is
// acknowledged.
TEST(Loss, BeyondSsthreshTheWindowGrowsByASegmentARoundTrip) {
  Script s = ten_out();
  s.wait(300ms).drain();
  const auto reno = [&] { return std::get<NewReno>(s.c.tcb().congestion); };
  s.send(1U << 20U);
  Offset una = 0;
  while (reno().cwnd() < reno().ssthresh() || una < 14600) {
    s.drain();
    s.arrive({.ack = una += 1460});
  }
  s.drain();
  const std::uint32_t before = reno().cwnd();
  for (Offset acked = 0; acked < Offset{before}; acked += 1460) s.arrive({.ack = una += 1460});
  EXPECT_EQ(reno().cwnd(), before + 1460);
}

}  // namespace
}  // namespace lastack::tcp
