// Receiving: reassembly's ranges, delayed ACKs, the window we offer, PAWS, SACK, SHUT_RD, orphans.
#include "tcp/script.hpp"
#include "tcp/time_wait.hpp"

namespace lastack::tcp {
namespace {

using wire::Flag;

TEST(Receive, ASmallSegmentIsAcknowledgedALittleLater) {
  Script s;
  s.establish();
  s.arrive({.len = 100});
  EXPECT_EQ(s.fx.accepted, (Range{0, 100}));
  EXPECT_EQ(s.fx.readable, (Range{0, 100}));
  s.expect_silence();
  s.wait(40ms);
  s.expect(kAck, 0, 0, 100);
}

TEST(Receive, EverySecondFullSegmentIsAcknowledgedAtOnce) {
  Script s;
  s.establish();
  s.arrive({.len = 1460});
  s.expect_silence();
  s.arrive({.seq = 1460, .len = 1460});
  s.expect(kAck, 0, 0, 2920);
}

TEST(Receive, WhatIsOutOfOrderIsAcknowledgedAtOnceAndWaits) {
  Settings settings = Script::plain();
  settings.sack = true;
  Script s(settings);
  s.establish();
  s.arrive({.seq = 1460, .len = 1460});
  EXPECT_EQ(s.fx.accepted, (Range{1460, 2920}));
  EXPECT_TRUE(s.fx.readable.empty());
  const Outgoing dup = s.expect(kAck, 0, 0, 0);
  ASSERT_EQ(dup.header.options.sack_count, 1);
  EXPECT_EQ(s.theirs(dup.header.options.sack[0].left), 1460);
  EXPECT_EQ(s.theirs(dup.header.options.sack[0].right), 2920);
  s.arrive({.seq = 0, .len = 1460});
  EXPECT_EQ(s.fx.readable, (Range{0, 2920}));
  s.expect(kAck, 0, 0, 2920);
}

TEST(Receive, SackNamesTheLatestBlockFirst) {
  Settings settings = Script::plain();
  settings.sack = true;
  Script s(settings);
  s.establish();
  s.arrive({.seq = 1000, .len = 100});
  s.arrive({.seq = 5000, .len = 100});
  s.arrive({.seq = 3000, .len = 100});
  s.out.clear();
  const Outgoing out = s.expect(kAck, 0, 0, 0);
  ASSERT_EQ(out.header.options.sack_count, 3);
  EXPECT_EQ(s.theirs(out.header.options.sack[0].left), 3000);
}

TEST(Receive, ASegmentAcrossTheEdgeIsCut) {
  Script s;
  s.establish();
  const auto edge = static_cast<std::uint32_t>(s.c.tcb().rcv.edge);
  s.arrive({.flags = kFin, .seq = edge - 10, .len = 100});
  EXPECT_EQ(s.fx.accepted, (Range{edge - 10, edge}));
  EXPECT_EQ(s.c.tcb().rcv.fin, ReceiveVariables::kNoFin);
}

TEST(Receive, AnOverlapWithWhatWasReadIsCut) {
  Script s;
  s.establish();
  s.arrive({.seq = 0, .len = 100});
  s.arrive({.seq = 50, .len = 100});
  EXPECT_EQ(s.fx.accepted, (Range{100, 150}));
  EXPECT_EQ(s.fx.accepted_from, 50U);
}

TEST(Receive, AFinAheadOfItsDataWaits) {
  Script s;
  s.establish();
  s.arrive({.flags = kFin, .seq = 100, .len = 50});
  s.expect_state(State::established);
  s.arrive({.seq = 0, .len = 100});
  s.expect_state(State::close_wait);
  EXPECT_EQ(s.fx.readable, (Range{0, 150}));
  s.out.clear();
  s.expect(kAck, 0, 0, 151);
}

TEST(Receive, NothingBehindAFinIsTaken) {
  Script s;
  s.establish();
  s.arrive({.flags = kFin, .seq = 100, .len = 50});
  s.arrive({.seq = 100, .len = 500});
  EXPECT_TRUE(s.fx.accepted.empty() || s.fx.accepted.end <= 150) << s.log;
  s.arrive({.seq = 0, .len = 100});
  s.expect_state(State::close_wait);
  EXPECT_EQ(s.c.tcb().rcv.nxt, 151);
}

/// It closes a gap, and behind the gap lies more than it says there is: the FIN can't be true.
TEST(Receive, AFinBeforeWhatIsThereAlreadyIsNone) {
  Script s;
  s.establish();
  s.arrive({.seq = 50, .len = 100});
  s.arrive({.flags = kFin, .seq = 0, .len = 80});
  s.expect_state(State::established);
  EXPECT_EQ(s.c.tcb().rcv.nxt, 150);
  EXPECT_EQ(s.c.tcb().rcv.fin, ReceiveVariables::kNoFin);
  s.arrive({.seq = 150, .len = 10});
  EXPECT_EQ(s.fx.accepted, (Range{150, 160}));
  s.arrive({.flags = kFin, .seq = 160});
  s.expect_state(State::close_wait);
}

TEST(Receive, TheWindowClosesAndOpensInOneStep) {
  Settings settings = Script::plain();
  settings.receive_buffer = 4000;
  Script s(settings);
  s.establish();
  s.arrive({.seq = 0, .len = 4000});
  const Outgoing full = s.expect(kAck, 0, 0, 4000);
  EXPECT_EQ(full.header.window, 0);
  s.c.receive(1000, s.now);
  s.expect_silence();  // less than a segment and less than half: not worth telling
  s.c.receive(1000, s.now);
  const Outgoing open = s.expect(kAck, 0, 0, 4000);
  EXPECT_EQ(open.header.window, 2000);
  EXPECT_EQ(open.why, Why::window_update);
}

TEST(Receive, AClosedWindowStillTakesTheAck) {
  Settings settings = Script::plain();
  settings.receive_buffer = 1000;
  Script s(settings);
  s.establish().send(100).drain();
  s.arrive({.seq = 0, .len = 1000, .ack = 0});
  s.drain();
  s.arrive({.seq = 1000, .len = 1, .ack = 100});
  EXPECT_EQ(s.c.tcb().snd.una, 100);
  EXPECT_TRUE(s.fx.accepted.empty());
  s.expect(kAck, 100, 0, 1000);
}

/// But for less than a unit of the scale, and what was offered is taken (RFC 7323 §2.4).
TEST(Receive, AnOfferedWindowIsNeverTakenBack) {
  Settings settings;
  settings.timestamps = false;
  settings.receive_buffer = 1 << 20;
  Script s(settings);
  s.active_open().drain();
  wire::TcpOptions options;
  options.present = wire::TcpOptions::kMss | wire::TcpOptions::kWindowScale;
  options.mss = 1460;
  s.arrive({.flags = Flag::syn | Flag::ack, .seq = -1}, options);
  Offset edge = 0;
  for (Offset at = 0; at < 3000; at += 7) {
    s.arrive({.seq = at, .len = 7});
    s.c.receive(3, s.now);
    s.wait(40ms);
    for (const Outgoing& o : s.out) {
      const Offset offered =
          s.theirs(o.header.ack) + (Offset{o.header.window} << s.c.tcb().rcv.scale);
      if (o.header.flags.has(Flag::syn)) continue;
      EXPECT_GT(offered, edge - (1 << s.c.tcb().rcv.scale)) << s.log;
      edge = std::max(edge, offered);
      EXPECT_GE(s.c.tcb().rcv.edge, edge) << s.log;
    }
    s.out.clear();
  }
}

TEST(Receive, AnOlderTimestampIsRefused) {
  Settings settings = Script::plain();
  settings.timestamps = true;
  Script s(settings);
  s.establish();
  s.arrive({.seq = 0, .len = 10, .ts_val = 100});
  s.drain();
  s.arrive({.seq = 10, .len = 10, .ts_val = 99});
  EXPECT_EQ(s.fx.drop, Drop::paws);
  s.expect(kAck, 0, 0, 10);
  s.arrive({.seq = 10, .len = 10});
  EXPECT_EQ(s.fx.drop, Drop::no_timestamp);
  s.now += 25 * 24h;  // TS.Recent is void by then
  s.arrive({.seq = 10, .len = 10, .ts_val = 99});
  EXPECT_EQ(s.fx.accepted, (Range{10, 20}));
}

// The ACK of a segment was lost and the segment comes again: with the stamp of the first copy the
// answer would tell the peer that its own timeout was the round-trip time.
TEST(Receive, TheStampOfTheLastSegmentSentAgainIsEchoed) {
  Settings settings = Script::plain();
  settings.timestamps = true;
  Script s(settings);
  s.establish();
  s.arrive({.seq = 0, .len = 10, .ts_val = 100});
  s.wait(500ms);
  EXPECT_EQ(s.expect(kAck, 0, 0, 10).header.options.ts_ecr, 100U);
  s.arrive({.seq = 0, .len = 10, .ts_val = 600});
  EXPECT_EQ(s.expect(kAck, 0, 0, 10).header.options.ts_ecr, 600U);
  s.arrive({.seq = -5, .len = 10, .ts_val = 700});  // somewhere before: anybody may send that
  EXPECT_EQ(s.expect(kAck, 0, 0, 10).header.options.ts_ecr, 600U);
}

// The same in TIME_WAIT, where a record may stand for the connection.
TEST(Receive, TheStampOfAFinSentAgainIsEchoedInTimeWait) {
  Settings settings = Script::plain();
  settings.timestamps = true;
  Script s(settings);
  s.establish().close();
  s.drain();
  s.arrive({.flags = Flag::fin | Flag::ack, .ack = 1, .ts_val = 100});
  s.expect_state(State::time_wait);
  s.drain();
  TimeWait record(s.c);
  s.arrive({.flags = Flag::fin | Flag::ack, .ack = 1, .ts_val = 600});
  const Outgoing answer = s.expect(kAck, 1, 0, 1);
  EXPECT_EQ(answer.header.options.ts_ecr, 600U);

  wire::TcpHeader fin;
  fin.seq = Seq(Script::kTheirIss) + 1;
  fin.ack = Seq(Script::kOurIss) + 2;
  fin.flags = Flag::fin | Flag::ack;
  fin.window = 65535;
  fin.options.present = wire::TcpOptions::kTimestamps;
  fin.options.ts_val = 600;
  record.segment_arrives(fin, 0, settings, s.now);
  const auto of_record = record.transmit(s.now);
  ASSERT_TRUE(of_record);
  EXPECT_EQ(of_record->header, answer.header);
}

TEST(Receive, TooManyPiecesAreRefused) {
  Script s;
  s.establish();
  for (std::uint32_t i = 0; i < RangeSet::kMost; ++i) {
    s.arrive({.seq = 10 + 20 * Offset{i}, .len = 10});
    EXPECT_EQ(s.fx.drop, Drop::none);
  }
  s.arrive({.seq = 10 + 20 * Offset{RangeSet::kMost}, .len = 10});
  EXPECT_EQ(s.fx.drop, Drop::reassembly_full);
  EXPECT_TRUE(s.fx.accepted.empty());
}

TEST(Receive, ShutRdDiscardsAndGoesOnAcknowledging) {
  Settings settings = Script::plain();
  settings.receive_buffer = 4000;
  Script s(settings);
  s.establish();
  s.arrive({.seq = 0, .len = 1000});
  s.c.discard_receive(s.now);
  EXPECT_EQ(s.c.unread(), 0U);
  for (Offset at = 1000; at < 100000; at += 1000) {
    s.arrive({.seq = at, .len = 1000});
    ASSERT_TRUE(s.fx.accepted.empty());
    ASSERT_EQ(s.fx.drop, Drop::discarded) << s.log;
    s.wait(40ms);
    ASSERT_FALSE(s.out.empty());
    EXPECT_EQ(s.theirs(s.out.back().header.ack), at + 1000);
    EXPECT_GE(s.out.back().header.window, 3000);
    s.out.clear();
  }
  s.arrive({.flags = kFin, .seq = 100000});
  s.expect_state(State::close_wait);
}

TEST(Receive, NewDataForAnOrphanIsAnsweredWithRst) {
  Script s;
  s.establish();
  s.c.orphan(s.now);
  s.drain();
  s.arrive({.seq = 0, .len = 10, .ack = 1});
  s.expect_state(State::closed);
  EXPECT_TRUE(s.fx.reset.wanted);
  EXPECT_EQ(s.ours(s.fx.reset.seq), 1);
}

TEST(Receive, ADuplicateForAnOrphanIsAcknowledged) {
  Script s;
  s.establish();
  s.arrive({.seq = 0, .len = 10});
  s.c.receive(10, s.now);
  s.c.orphan(s.now);
  s.drain();
  s.arrive({.seq = 10, .ack = 1});
  s.expect_state(State::fin_wait_2);
  s.arrive({.seq = 0, .len = 10, .ack = 1});
  s.expect_state(State::fin_wait_2);
  s.expect(kAck, 1, 0, 10);
}

TEST(Receive, TheLastCloseWithUnreadDataResets) {
  Script s;
  s.establish();
  s.arrive({.seq = 0, .len = 10});
  const Effects fx = s.c.orphan(s.now);
  s.expect_state(State::closed);
  EXPECT_TRUE(fx.reset.wanted);
  EXPECT_EQ(s.theirs(fx.reset.ack), 10);
}

TEST(Receive, KeepaliveAsksAndGivesUp) {
  Settings settings = Script::plain();
  settings.keepalive = true;
  Script s(settings);
  s.establish();
  s.wait(7200s);
  s.expect(kAck, -1, 0, 0);
  s.arrive({});
  s.wait(7200s - 1s);
  s.expect_silence();
  s.wait(1s);
  s.expect(kAck, -1, 0, 0);
  s.wait(9 * 75s);
  s.expect_state(State::closed);
  EXPECT_EQ(s.out.size(), 8U) << s.log;
  EXPECT_EQ(s.c.tcb().error, Error::timed_out);
}

TEST(Receive, AnOldSegmentDoesNotSetTheWindow) {
  Script s;
  s.establish();
  s.arrive({.seq = 1000, .len = 100, .window = 5000});
  EXPECT_EQ(s.c.tcb().snd.wnd, 5000U);
  s.arrive({.seq = 0, .len = 0, .window = 60000});  // sent before the other, come after it
  EXPECT_EQ(s.c.tcb().snd.wnd, 5000U);
}

TEST(Receive, AnIcmpErrorDoesNotEndWhatIsEstablished) {
  Script s;
  s.establish().send(100).drain();
  const IcmpError icmp{.kind = IcmpError::Kind::hard, .seq = Seq(Script::kOurIss) + 1};
  EXPECT_EQ(s.c.icmp_arrives(icmp, s.now).error, Error::none);
  s.expect_state(State::established);
  s.wait(3600s);  // but where nobody answers, it is what the user is told
  s.expect_state(State::closed);
  EXPECT_EQ(s.c.tcb().error, Error::unreachable);
}

TEST(Receive, TheUrgentPointerIsTold) {
  Script s;
  s.establish();
  s.arrive({.flags = Flag::ack | Flag::urg, .seq = 0, .len = 5, .urgent = 3});
  EXPECT_TRUE(s.fx.ready & kUrgent);
  EXPECT_EQ(s.c.tcb().urgent->receive, 3);
  s.arrive({.flags = Flag::ack | Flag::urg, .seq = 0, .len = 5, .urgent = 3});
  EXPECT_FALSE(s.fx.ready & kUrgent);
}

TEST(Receive, KeepaliveProbesKeepTheirIntervalWhenTheTimerComesLate) {
  Settings settings = Script::plain();
  settings.keepalive = true;
  Script s(settings);
  s.establish();
  s.now += 24h;  // the machine slept
  s.wait(0s);
  s.expect_state(State::established);
  s.expect(kAck, -1, 0, 0);
  s.expect_silence();
  s.wait(75s);
  s.expect(kAck, -1, 0, 0);
  s.expect_silence();
}

TEST(Receive, ASoftIcmpErrorIsForgottenWithTheNextAcknowledgment) {
  Script s;
  s.establish().send(100).drain();
  s.c.icmp_arrives({.kind = IcmpError::Kind::soft, .seq = Seq(Script::kOurIss) + 1}, s.now);
  EXPECT_EQ(s.c.tcb().error, Error::unreachable);
  s.arrive({.ack = 100});
  EXPECT_EQ(s.c.tcb().error, Error::none);
}

TEST(Receive, TheFinIsNoOctetToReadInClosedEither) {
  Script s;
  s.establish();
  s.arrive({.flags = kFin, .seq = 0, .len = 10});
  EXPECT_EQ(s.c.unread(), 10U);
  s.arrive({.flags = Flag::rst, .seq = 11});
  s.expect_state(State::closed);
  EXPECT_EQ(s.c.unread(), 10U);
  s.c.receive(10, s.now);
  EXPECT_EQ(s.c.unread(), 0U);
}

TEST(Receive, NoStampIsTakenFromASegmentWhoseAckIsWrong) {
  Settings settings = Script::plain();
  settings.timestamps = true;
  Script s(settings);
  s.establish();
  s.arrive({.seq = 0, .len = 10, .ack = 5000, .ts_val = 1'000'000'000});
  EXPECT_EQ(s.fx.drop, Drop::ack_unsent);
  s.arrive({.flags = Flag::syn | Flag::ack, .seq = 0, .ts_val = 1'000'000'000});
  EXPECT_EQ(s.fx.drop, Drop::syn_in_window);
  s.arrive({.flags = Flag::fin, .seq = 0, .ts_val = 1'000'000'000});
  EXPECT_EQ(s.fx.drop, Drop::no_ack);
  s.arrive({.seq = 0, .len = 10, .ts_val = 2});
  EXPECT_EQ(s.fx.accepted, (Range{0, 10})) << s.log;
  EXPECT_EQ(s.c.tcb().ts.recent, 2U);
}

TEST(Receive, AnIcmpErrorDoesNotChangeWhyItEnded) {
  Script s;
  s.establish().send(100).drain();
  s.arrive({.flags = Flag::rst, .seq = 0});
  s.c.icmp_arrives({.kind = IcmpError::Kind::soft, .seq = Seq(Script::kOurIss) + 1}, s.now);
  EXPECT_EQ(s.c.tcb().error, Error::reset);
  EXPECT_EQ(s.c.icmp_arrives({}, s.now).drop, Drop::icmp_out_of_window);
}

TEST(Receive, UrgentDataThatWasReadIsNotTold) {
  Script s;
  s.establish();
  s.arrive({.seq = 0, .len = 5});
  s.c.receive(5, s.now);
  s.arrive({.flags = Flag::ack | Flag::urg, .seq = 3, .len = 4, .urgent = 1});
  EXPECT_FALSE(s.fx.ready & kUrgent);
  s.arrive({.flags = Flag::ack | Flag::urg, .seq = 7, .urgent = 1});  // announced ahead of it
  EXPECT_TRUE(s.fx.ready & kUrgent);
  EXPECT_EQ(s.c.tcb().urgent->receive, 8);
}

/// The blocks of the next ACK, by where they begin.
std::vector<Offset> sack_blocks(Script& s) {
  s.pull();
  std::vector<Offset> begins;
  if (s.out.empty()) return begins;
  const auto& options = s.out.back().header.options;
  for (std::size_t i = 0; i < options.sack_count; ++i)
    begins.push_back(s.theirs(options.sack[i].left));
  s.out.clear();
  return begins;
}

// RFC 2018 §4: each block is to be reported at least three times, however many holes there are.
TEST(Receive, SackRepeatsTheBlocksReportedLast) {
  Settings settings = Script::plain();
  settings.sack = true;
  Script s(settings);
  s.establish();
  for (const Offset at : {1000, 9000, 3000, 7000, 5000, 11000}) {
    s.arrive({.seq = at, .len = 100});
    s.drain();
  }
  s.arrive({.seq = 13000, .len = 100});
  EXPECT_EQ(sack_blocks(s), (std::vector<Offset>{13000, 11000, 5000, 7000}));
  s.arrive({.seq = 7100, .len = 100});  // to a block that is known
  EXPECT_EQ(sack_blocks(s), (std::vector<Offset>{7000, 13000, 11000, 5000}));
  s.arrive({.seq = 5100, .len = 1900});  // two blocks become one
  EXPECT_EQ(sack_blocks(s), (std::vector<Offset>{5000, 13000, 11000, 1000}));
  s.arrive({.seq = 0, .len = 12000});
  EXPECT_EQ(sack_blocks(s), (std::vector<Offset>{13000}));
}

TEST(Receive, WhatCameTogetherIsAcknowledgedOnce) {  // MUST-58, MUST-59
  Script s;
  s.establish();
  for (Offset at = 0; at < 10 * 1460; at += 1460) s.arrive({.seq = at, .len = 1460});
  s.expect(kAck, 0, 0, 10 * 1460);
  s.expect_silence();
}

TEST(Receive, ARstMayCarryOctets) {  // SHLD-2
  Script s;
  s.establish();
  s.arrive({.flags = Flag::rst, .seq = 0, .len = 40});
  s.expect_state(State::closed);
  EXPECT_TRUE(s.fx.accepted.empty());
}

TEST(Receive, OptionsOfASynMeanNothingInALaterSegment) {  // MUST-5
  Script s;
  s.establish();
  wire::TcpOptions options;
  options.present = wire::TcpOptions::kMss | wire::TcpOptions::kWindowScale |
                    wire::TcpOptions::kSackPermitted | wire::TcpOptions::kTimestamps;
  options.mss = 100;
  options.window_scale = 7;
  s.arrive({.seq = 0, .len = 10, .window = 1000}, options);
  EXPECT_EQ(s.fx.accepted, (Range{0, 10}));
  EXPECT_EQ(s.c.tcb().snd.mss, 1460);
  EXPECT_EQ(s.c.tcb().snd.wnd, 1000U);
  EXPECT_FALSE(s.c.tcb().sack || s.c.tcb().timestamps);
}

}  // namespace
}  // namespace lastack::tcp
