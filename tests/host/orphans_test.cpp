// Connections that nobody holds any more: how many there may be, and who has to go.
#include "host/alone.hpp"

namespace lastack::host {
namespace {

class Orphans : public Alone {
 protected:
  static constexpr std::size_t kMost = 5;
  static Config few() {
    Config c = config();
    c.most_orphans = kMost;
    return c;
  }
  Orphans() : Alone(few()) {}

  static Endpoint peer(std::size_t i) { return {kThem, static_cast<std::uint16_t>(2000 + i)}; }
  /// A connection of the i-th peer that we have closed; the peer acknowledged that where it
  /// answers.
  void orphan(std::size_t i, bool answers = true, std::size_t queued = 0) {
    const Seq ours = open(Seq(1), peer(i));
    const FlowId flow = host.accept(listener).value();
    if (queued > 0) (void)host.send(flow, std::vector<std::byte>(queued), now);
    host.orphan(flow, now);
    (void)sent();
    if (answers) arrives({.flags = Flag::ack, .seq = Seq(2), .ack = ours + 2, .from = peer(i)});
  }
  /// The ports of those that are still there.
  std::vector<std::uint16_t> peers() {
    std::vector<std::uint16_t> all;
    host.each([&](const View& view) {
      if (view.state != State::listen) all.push_back(view.flow.remote.port);
    });
    std::ranges::sort(all);
    return all;
  }

  ListenerId listener = listen();
};

TEST_F(Orphans, TheOldestInFinWait2IsReset) {
  for (std::size_t i = 0; i < kMost; ++i) orphan(i);
  EXPECT_EQ(host.orphans(), kMost);
  EXPECT_EQ(host.counters().orphans_reset, 0U);
  for (std::size_t i = kMost; i < 8; ++i) orphan(i);
  EXPECT_EQ(host.orphans(), kMost);
  EXPECT_EQ(host.connections(), kMost);
  EXPECT_EQ(host.counters().orphans_reset, 3U);
  EXPECT_EQ(peers(), (std::vector<std::uint16_t>{2003, 2004, 2005, 2006, 2007}));
}

TEST_F(Orphans, ThePeerIsTold) {
  for (std::size_t i = 0; i < kMost; ++i) orphan(i);
  open(Seq(1), peer(9));
  host.orphan(host.accept(listener).value(), now);
  std::size_t resets = 0;
  for (const Sent& s : sent()) {
    if (!s.header.flags.has(Flag::rst)) continue;
    ++resets;
    EXPECT_EQ(s.to.port, 2000);
  }
  EXPECT_EQ(resets, 1U);
}

/// One with octets still to be delivered stays, where another has nothing left but its end.
TEST_F(Orphans, WhoHasOctetsToDeliverIsSpared) {
  orphan(0, false, 1000);
  for (std::size_t i = 1; i < kMost + 2; ++i) orphan(i);
  EXPECT_EQ(peers(), (std::vector<std::uint16_t>{2000, 2003, 2004, 2005, 2006}));
}

TEST_F(Orphans, WhereAllHaveTheOldestGoes) {
  for (std::size_t i = 0; i < kMost + 1; ++i) orphan(i, false, 1000);
  EXPECT_EQ(peers(), (std::vector<std::uint16_t>{2001, 2002, 2003, 2004, 2005}));
}

/// All at once, with nothing sent in between: as a program that ends does.
TEST_F(Orphans, ABatchOfThem) {
  std::vector<FlowId> flows;
  for (std::size_t i = 0; i < 20; ++i) {
    open(Seq(1), peer(i));
    flows.push_back(host.accept(listener).value());
  }
  for (const FlowId flow : flows) host.orphan(flow, now);
  EXPECT_EQ(host.orphans(), kMost);
  (void)sent();
  EXPECT_EQ(host.connections(), kMost);
}

TEST_F(Orphans, WhoIsOverDoesNotCount) {
  for (std::size_t i = 0; i < 50; ++i) {
    const Seq ours = open(Seq(1), peer(i));
    const FlowId flow = host.accept(listener).value();
    host.orphan(flow, now);
    (void)sent();
    arrives({.flags = Flag::fin | Flag::ack, .seq = Seq(2), .ack = ours + 2, .from = peer(i)});
    (void)sent();
  }
  EXPECT_EQ(host.orphans(), 0U);
  EXPECT_EQ(host.counters().orphans_reset, 0U);
  EXPECT_EQ(states().size(), 50U);  // TIME_WAIT
  pass(1min + 1ms);
  EXPECT_EQ(host.flows(), 0U);
  EXPECT_EQ(host.timers(), 0U);
}

}  // namespace
}  // namespace lastack::host
