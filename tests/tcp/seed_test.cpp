// The sentences lastack started from, one test each, as far as one connection can speak for them.
// Those about descriptors (four holders, dup) are tested where descriptors are, in tests/socket.
#include <gtest/gtest.h>

#include <algorithm>

#include "tcp/matrix_events.hpp"
#include "tcp/pair.hpp"
#include "tcp/world.hpp"

namespace lastack_test {
namespace {

using tcp::Event;
using enum tcp::State;

class Seed : public testing::TestWithParam<Family> {};
INSTANTIATE_TEST_SUITE_P(Both, Seed, testing::Values(Family::v4, Family::v6),
                         [](const auto& info) { return info.param == Family::v4 ? "v4" : "v6"; });

bool took(const Pair::End& end, State from, Event event, State to) {
  return std::ranges::find(end.history, tcp::Transition{from, event, to}) != end.history.end();
}

TEST_P(Seed, FinAckInFinWait1GoesStraightToTimeWait) {
  World world(GetParam());
  Builder(world, "").reach("FIN_WAIT_1", Holder::connection);
  const Outcome out = world.arrives(
      {.flags = Flag::fin | Flag::ack, .seq = world.rcv_nxt(), .ack = world.snd_nxt()});
  EXPECT_EQ(world.state(), time_wait);
  ASSERT_EQ(out.fx.transitions().size(), 2u);  // two rows, one segment, and CLOSING is not seen
  EXPECT_EQ(out.fx.transitions()[0], (tcp::Transition{fin_wait_1, Event::acks_fin, fin_wait_2}));
  EXPECT_EQ(out.fx.transitions()[1], (tcp::Transition{fin_wait_2, Event::fin, time_wait}));
  EXPECT_EQ(out.sent.size(), 1u);
}

TEST_P(Seed, BothClosingAtOnceMeetInClosing) {
  Pair pair(GetParam());
  pair.establish();
  pair.settle();
  pair.close(0);
  pair.close(1);
  pair.run([&] { return pair.state(0) == time_wait && pair.state(1) == time_wait; });
  for (const auto* end : {&pair.a(), &pair.b()}) {
    EXPECT_TRUE(took(*end, fin_wait_1, Event::fin, closing));
    EXPECT_TRUE(took(*end, closing, Event::acks_fin, time_wait));
    EXPECT_EQ(end->fins_sent, 1);
  }
}

TEST_P(Seed, FinWait2Receives100MiBAndCannotSendAByte) {
  constexpr std::uint32_t kAll = 100U << 20;
  Pair pair(GetParam());
  pair.establish();
  pair.close(0);
  pair.settle();
  ASSERT_EQ(pair.state(0), fin_wait_2);
  ASSERT_EQ(pair.state(1), close_wait);
  pair.send(1, kAll);
  pair.run([&] {
    EXPECT_EQ(pair.state(0), fin_wait_2);
    return pair.a().received == kAll || testing::Test::HasFailure();
  });
  const auto refused = pair.a().connection.send(1, pair.now);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error(), tcp::Error::closing);
  EXPECT_FALSE(pair.a().connection.transmit(pair.now).has_value());
  pair.run([&] { return pair.b().acknowledged == kAll; }, 1s);  // the last ACK may be delayed
  EXPECT_EQ(pair.b().received, 0);
}

TEST_P(Seed, AHeldHalfCloseLastsForAsLongAsAnyoneLikes) {
  Pair pair(GetParam());
  pair.establish();
  pair.close(0);
  pair.pass(24h * 365);
  EXPECT_EQ(pair.state(0), fin_wait_2);
  EXPECT_EQ(pair.state(1), close_wait);
  pair.send(1, 1);
  pair.settle();
  EXPECT_EQ(pair.a().received, 1);
}

TEST_P(Seed, DataQueuedInCloseWaitArrivesWholeBeforeTheFin) {
  constexpr std::uint32_t kAll = 1'000'000;
  Pair pair(GetParam());
  pair.establish();
  pair.close(0);
  pair.settle();
  ASSERT_EQ(pair.state(1), close_wait);
  pair.send(1, kAll);
  pair.close(1);
  EXPECT_EQ(pair.state(1), last_ack);
  pair.run([&] { return pair.state(0) == time_wait && pair.state(1) == closed; });
  EXPECT_EQ(pair.a().received_at_fin, kAll);
  EXPECT_EQ(pair.b().acknowledged, kAll);
  EXPECT_EQ(pair.b().error, tcp::Error::none);
}

TEST_P(Seed, DataQueuedInCloseWaitArrivesWholeThroughAZeroWindow) {
  constexpr std::uint32_t kAll = 50'000;
  tcp::Settings small;
  small.receive_buffer = 4096;
  Pair pair(GetParam(), small);
  pair.establish();
  pair.a().reads = false;
  pair.close(0);
  pair.settle();
  pair.send(1, kAll);
  pair.orphan(1);  // nobody holds it: it must deliver all the same
  pair.pass(30min);
  EXPECT_EQ(pair.state(1), last_ack) << "probes are answered: it never gives up";
  EXPECT_EQ(pair.a().connection.unread(), 4096u);
  pair.a().reads = true;
  pair.read(0);
  pair.run([&] { return pair.state(0) == time_wait && pair.state(1) == closed; });
  EXPECT_EQ(pair.a().received_at_fin, kAll);
  EXPECT_EQ(pair.b().error, tcp::Error::none);
}

TEST_P(Seed, TimeWaitLasts2MslNotATickLess) {
  for (const Holder holder : {Holder::connection, Holder::record}) {
    World world(GetParam());
    Builder(world, "").reach("TIME_WAIT", holder);  // it has lasted 10 s there already
    const TimePoint over = world.now + 50s;
    EXPECT_EQ(world.deadline(), over);
    World early = world;
    early.now = over - Duration(1);
    const auto fx = holder == Holder::record
                        ? std::get<TimeWait>(early.self).timer_expired(early.now)
                        : early.connection().timer_expired(early.now);
    EXPECT_EQ(early.state(), time_wait) << "one microsecond early";
    EXPECT_TRUE(fx.transitions().empty());
    const Outcome out = world.expire();
    EXPECT_EQ(world.now, over);
    EXPECT_EQ(world.state(), closed);
    EXPECT_EQ(world.deadline(), kNever);
    ASSERT_EQ(out.fx.transitions().size(), 1u);
    EXPECT_EQ(out.fx.transitions()[0].event, Event::time_wait_over);
  }
}

TEST_P(Seed, ShutRdDiscardsExactlyWhatWasBuffered) {
  World world(GetParam());
  Builder(world, "").reach("ESTABLISHED", Holder::connection);
  const auto text = [&](std::uint32_t octets) {
    return Segment{
        .flags = Flag::ack, .seq = world.rcv_nxt(), .ack = world.snd_una(), .payload = octets};
  };
  world.arrives(text(300));
  world.receive(120);
  ASSERT_EQ(world.connection().unread(), 180u);
  const Offset nxt = world.connection().tcb().rcv.nxt;
  world.shut_read();
  EXPECT_EQ(world.connection().unread(), 0u);
  EXPECT_EQ(world.connection().tcb().rcv.nxt, nxt) << "rcv.nxt is not its business";
  EXPECT_EQ(world.state(), established);

  // What still arrives is acknowledged, and nobody gets it: the window does not close.
  for (int i = 0; i < 20; ++i) {
    const Outcome out = world.arrives(text(1000));
    EXPECT_TRUE(out.fx.accepted.empty());
    EXPECT_TRUE(out.fx.readable.empty());
    EXPECT_FALSE(out.fx.reset.wanted);
    EXPECT_GE(world.rcv_wnd(), 1000u);
    if (out.sent.empty()) world.expire();
  }
  EXPECT_EQ(world.connection().tcb().rcv.nxt, nxt + 20'000);
  Segment fin = text(0);
  fin.flags |= Flag::fin;
  world.arrives(fin);
  EXPECT_EQ(world.state(), close_wait) << "the peer's FIN still counts";
  // Data thrown away by SHUT_RD counts as read: the last close is a FIN, not a RST.
  const Outcome out = world.close();
  EXPECT_EQ(world.state(), last_ack);
  EXPECT_FALSE(out.fx.reset.wanted);
}

/// SHUT_RDWR is made of the two halves above this layer; here: their order does not matter, in any
/// state that has a user.
TEST_P(Seed, ShutRdAndShutWrMakeTheSameInEitherOrder) {
  for (const std::string state :
       {"CLOSED", "SYN_SENT", "SYN_RCVD/active", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2",
        "CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT"}) {
    World first(GetParam());
    Builder(first, "shutdown SHUT_RDWR").reach(state, Holder::connection);
    World second = first;
    first.shut_read();
    first.shut_write();
    second.shut_write();
    second.shut_read();
    EXPECT_EQ(first.connection(), second.connection()) << state;
    EXPECT_EQ(first.connection().unread(), 0u) << state;
  }
}

TEST_P(Seed, TheLastCloseSendsOneFinAndFreesEverything) {
  Pair pair(GetParam());
  pair.establish();
  pair.send(0, 5000);
  pair.orphan(0);
  EXPECT_EQ(pair.state(0), fin_wait_1);
  pair.run([&] { return pair.state(1) == close_wait; });
  EXPECT_EQ(pair.b().received_at_fin, 5000);
  pair.orphan(1);
  pair.run([&] { return pair.state(0) == closed && pair.state(1) == closed; });
  EXPECT_EQ(pair.a().fins_sent, 1);
  EXPECT_EQ(pair.b().fins_sent, 1);
  EXPECT_EQ(pair.a().connection.next_deadline(), kNever);
  EXPECT_EQ(pair.b().connection.next_deadline(), kNever);
}

}  // namespace
}  // namespace lastack_test
