// The opens that are rare: SYNs that cross, a connection to itself, a close before the handshake is
// over (RFC 9293 §3.5, §3.10.4).
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "tcp/arrival.hpp"
#include "tcp/pair.hpp"
#include "tcp/script.hpp"
#include "tcp/world.hpp"

namespace lastack_test {
namespace {

using tcp::Event;
using enum tcp::State;

class RareOpen : public testing::TestWithParam<Family> {};
INSTANTIATE_TEST_SUITE_P(Both, RareOpen, testing::Values(Family::v4, Family::v6),
                         [](const auto& info) { return info.param == Family::v4 ? "v4" : "v6"; });

TEST_P(RareOpen, SynsThatCrossMakeOneConnectionWithoutATimeout) {
  Pair pair(GetParam());
  const TimePoint start = pair.now;
  pair.establish();
  EXPECT_LE(pair.now - start, 10ms);
  for (const auto* end : {&pair.a(), &pair.b()}) {
    ASSERT_EQ(end->history.size(), 3u);
    EXPECT_EQ(end->history[1], (tcp::Transition{syn_sent, Event::syn, syn_rcvd}));
    EXPECT_EQ(end->history[2], (tcp::Transition{syn_rcvd, Event::acks_syn, established}));
  }
  pair.send(0, 3000);
  pair.send(1, 4000);
  pair.run([&] { return pair.a().received == 4000 && pair.b().received == 3000; }, 1s);
}

TEST_P(RareOpen, SynsThatCrossSurviveTheLossOfEachSegment) {
  for (int lost = 0; lost < 8; ++lost) {
    Pair pair(GetParam());
    int seen = 0;
    pair.loses = [&](const Pair::Flight&) { return seen++ == lost; };
    pair.establish();
    pair.send(0, 10);
    pair.run([&] { return pair.b().received == 10; });
    EXPECT_EQ(pair.state(1), established) << "lost segment " << lost;
  }
}

/// A peer that takes our SYN,ACK for the end of the handshake, as Linux does, sends nothing after
/// its own: with that we are established, and not a timeout later (§3.5, Figure 8).
TEST_P(RareOpen, TheSynAckOfAPeerThatOpenedTooEstablishes) {
  Pair pair(GetParam());
  int from_b = 0;
  pair.loses = [&](const Pair::Flight& flight) { return flight.to == 0 && from_b++ >= 2; };
  const TimePoint start = pair.now;
  pair.establish();
  EXPECT_LE(pair.now - start, 10ms);
  EXPECT_EQ(pair.state(0), established);
}

/// Every segment comes back to its sender, with the sender's own numbers.
// A SYN,ACK's window is in octets, later ones in steps of the scale: what it offers must be whole
// steps, or the next segment could only take some of it back, or offer more than there is.
TEST(PassiveOpen, OffersAWindowThatTheScaleCanSayAgain) {
  tcp::Settings settings;
  settings.receive_buffer = 1U << 20U;
  tcp::Listener listener;
  (void)listener.open();
  wire::TcpHeader syn;
  syn.flags = wire::Flag::syn;
  syn.options.present = wire::TcpOptions::kWindowScale;
  const tcp::Open how{.iss = Seq(7), .settings = tcp::SettingsPtr(settings)};
  const auto step = listener.segment_arrives(syn, 0, how, TimePoint(1s));
  ASSERT_TRUE(step.child);
  const auto& child = *step.child;
  ASSERT_EQ(child.agreed.receive_scale, 5);
  EXPECT_EQ(child.receive_window, 65504U);
  EXPECT_EQ(child.receive_window % (1U << child.agreed.receive_scale), 0U);
}

TEST_P(RareOpen, AConnectionToItselfOpensCarriesDataAndCloses) {
  World world(GetParam());
  world.peer_iss = world.iss;
  std::vector<Outgoing> wire;
  Offset received = 0;
  const auto settle = [&](const Outcome& first) {
    wire = first.sent;
    for (int i = 0; i < 20 && !wire.empty(); ++i) {
      const Outgoing o = wire.front();
      wire.erase(wire.begin());
      const Outcome out = world.arrives({.flags = o.header.flags,
                                         .seq = o.header.seq,
                                         .ack = o.header.ack,
                                         .payload = static_cast<std::uint32_t>(o.payload.size()),
                                         .window = o.header.window,
                                         .mss = o.header.flags.has(Flag::syn)});
      received += out.fx.readable.size();
      wire.insert(wire.end(), out.sent.begin(), out.sent.end());
    }
    EXPECT_TRUE(wire.empty()) << "it talks to itself without end";
  };
  settle(world.connect());
  EXPECT_EQ(world.state(), established);
  settle(world.send(500));
  EXPECT_EQ(received, 500);
  world.receive(500);
  settle(world.shut_write());
  EXPECT_EQ(world.state(), time_wait);
}

TEST_P(RareOpen, ACloseInSynRcvdGoesThroughFinWait1) {
  Pair pair(GetParam());
  pair.open(0);
  pair.open(1);
  pair.run([&] { return pair.state(0) == syn_rcvd; });
  pair.close(0);
  EXPECT_EQ(pair.state(0), fin_wait_1);
  pair.run([&] { return pair.state(0) == fin_wait_2 && pair.state(1) == close_wait; });
  pair.close(1);
  pair.run([&] { return pair.state(0) == closed && pair.state(1) == closed; });
}

TEST_P(RareOpen, ACloseInSynRcvdWithDataQueuedDeliversItFirst) {
  Pair pair(GetParam());
  pair.open(0);
  pair.open(1);
  pair.run([&] { return pair.state(0) == syn_rcvd; });
  pair.send(0, 7000);
  pair.close(0);
  pair.run([&] { return pair.state(1) == close_wait; });
  EXPECT_EQ(pair.b().received_at_fin, 7000);
}

// As data in a SYN is sent by those who know RFC 7413. The second copy is old: the handshake goes
// on.
TEST_P(RareOpen, ASynWithOctetsThatComesTwiceDoesNotEndTheHandshake) {
  for (const bool record : {true, false}) {
    World world(GetParam());
    world.listen();
    const Segment syn{
        .flags = Flag::syn, .seq = world.peer_iss, .ack = {}, .payload = 100, .mss = true};
    world.arrives(syn);
    world.become_child();
    if (!record) world.grow();
    const Outcome again = world.arrives(syn);
    EXPECT_EQ(world.state(), syn_rcvd);
    ASSERT_EQ(again.sent.size(), 1U);
    EXPECT_EQ(again.sent[0].header.flags, wire::Flags(Flag::ack));
    world.arrives({.flags = Flag::ack, .seq = world.peer_iss + 1, .ack = world.iss + 1});
    EXPECT_EQ(world.state(), established);
  }
}

// The peer reads our windows with the scale that our SYN named, and drops segments without stamps
// where that offered them, whatever setsockopt() has said since.
TEST(ActiveOpen, WhatTheSynOfferedIsKept) {
  tcp::Settings settings;
  tcp::Script s(settings);
  s.active_open();
  const Outgoing syn = s.expect(Flag::syn, -1, 0, 0);
  ASSERT_EQ(syn.header.options.window_scale, 3);
  settings.receive_buffer = 65535;
  settings.timestamps = settings.sack = settings.window_scaling = false;
  s.c.set_settings(tcp::SettingsPtr(settings), s.now);
  s.wait(1s);
  EXPECT_EQ(s.expect(Flag::syn, -1, 0, 0).header.options.present, syn.header.options.present);
  s.arrive({.flags = Flag::syn | Flag::ack, .seq = -1}, syn.header.options);
  EXPECT_EQ(s.c.tcb().rcv.scale, 3);
  EXPECT_TRUE(s.c.tcb().timestamps);
  EXPECT_TRUE(s.c.tcb().sack);
  EXPECT_EQ(s.expect(Flag::ack, 0, 0, 0).header.window, 65535 / 8 + 1);
}

// Our SYN met a closed port or a wall; theirs came when they opened. An ACK of ours is no answer to
// the first copy.
TEST(ActiveOpen, ASynSentAgainWithAnAckIsNotTimed) {
  tcp::Script s;
  s.active_open().drain();
  s.now += 900ms;
  s.arrive({.flags = Flag::syn, .seq = -1});
  s.expect(Flag::syn | Flag::ack, -1, 0, 0);
  s.now += 50ms;
  s.arrive({.seq = 0, .ack = 0});
  s.expect_state(established);
  EXPECT_FALSE(s.c.tcb().rtt.measured());
}

TEST(PassiveOpen, BackInListenNothingIsDue) {
  tcp::Settings settings;
  settings.user_timeout = 5s;
  World world(Family::v4, settings);
  world.listen();
  world.arrives({.flags = Flag::syn, .seq = world.peer_iss, .ack = {}});
  world.become_child();
  world.grow();
  world.arrives({.flags = Flag::rst, .seq = world.peer_iss + 1, .ack = {}});
  ASSERT_EQ(world.state(), listen);
  EXPECT_EQ(world.deadline(), kNever);
  world.now += 1h;
  EXPECT_TRUE(world.connection().timer_expired(world.now).transitions().empty());
}

TEST(ActiveOpen, WhereThePeerNamesNoMssTheDefaultHolds) {  // MUST-15
  for (const std::uint16_t of_family : {536, 1220}) {
    tcp::Connection c;
    ASSERT_TRUE(c.open({.iss = Seq(1), .mss = 1460, .default_mss = of_family}, TimePoint(1s)));
    ASSERT_TRUE(c.transmit(TimePoint(1s)));
    wire::TcpHeader syn;
    syn.flags = Flag::syn | Flag::ack;
    syn.ack = Seq(2);
    c.segment_arrives(syn, 0, TimePoint(1s));
    EXPECT_EQ(c.state(), established);
    EXPECT_EQ(c.tcb().snd.mss, of_family);
  }
}

// RFC 6191 §2: stamps tell what sequence numbers can't; without a newer one the SYN's number
// decides.
TEST(PassiveOpen, ANewerStampTakesOverFromTimeWaitAndAnOlderDoesNot) {
  const Seq nxt(100);
  wire::TcpHeader syn;
  syn.flags = Flag::syn;
  syn.options.present = wire::TcpOptions::kTimestamps;
  for (const auto& [stamp, number, takes_over] :
       {std::tuple(51U, 99U, true), std::tuple(50U, 100U, true), std::tuple(50U, 99U, false),
        std::tuple(49U, 100U, false)}) {
    syn.options.ts_val = stamp;
    syn.seq = Seq(number);
    EXPECT_EQ(tcp::may_reuse(syn, nxt, true, 50), takes_over) << stamp << " " << number;
    syn.flags |= Flag::ack;
    EXPECT_FALSE(tcp::may_reuse(syn, nxt, true, 50));
    syn.flags = Flag::syn;
  }
  syn.options.present = 0;
  syn.seq = Seq(100);
  EXPECT_TRUE(tcp::may_reuse(syn, nxt, true, 50));
}

// Four SACK blocks take 36 octets, stamps 12: with less than 64 in all nothing would ever be sent.
TEST(ActiveOpen, APeerThatNamesATinyMssIsSentALittleMore) {
  for (const std::uint16_t mss : {0, 1, 40, 64}) {
    tcp::Settings settings = tcp::Script::plain();
    settings.timestamps = settings.sack = true;
    tcp::Script s(settings);
    s.establish(65535, mss);
    for (Offset at = 1000; at < 9000; at += 1000) s.arrive({.seq = at, .len = 10, .ts_val = 1});
    s.drain();
    s.send(1000).pull(64);
    ASSERT_FALSE(s.out.empty()) << s.log;
    for (const Outgoing& o : s.out) {
      EXPECT_EQ(o.payload.size() + static_cast<Offset>(wire::header_size(o.header)), 20 + 64);
    }
  }
}

}  // namespace
}  // namespace lastack_test
