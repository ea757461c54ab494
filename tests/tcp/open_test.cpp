// The opens that are rare: SYNs that cross, a connection to itself, a close before the handshake is
// over (RFC 9293 §3.5, §3.10.4).
#include <gtest/gtest.h>

#include <algorithm>

#include "tcp/pair.hpp"
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

}  // namespace
}  // namespace lastack_test
