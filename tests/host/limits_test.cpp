// What a peer can make a host keep, and where that ends.
// What a peer can make a host keep, and where that ends.
#include "host/alone.hpp"

namespace lastack::host {
namespace {

class Limits : public Alone {
 protected:
  static Config small() {
    Config c = config();
    c.most_connections = 3;
    c.most_unread = 50'000;
    c.most_events = 100;
    c.most_replies = 10;
    c.most_time_wait = 4;
    return c;
  }
  Limits() : Alone(small()) {}

  static Endpoint peer(std::size_t i) {
    return {wire::IpAddress::v4(10, 1, static_cast<std::uint8_t>(i / 60000), 1),
            static_cast<std::uint16_t>(1024 + i % 60000)};
  }
  std::vector<HostEvent> events() {
    std::vector<HostEvent> all;
    HostEvent event;
    while (host.next_event(event)) all.push_back(event);
    return all;
  }
};

TEST_F(Limits, ConnectionsThatPeersOpenCountToo) {
  listen(80, 100);
  for (std::size_t i = 0; i < 3; ++i) open(Seq(1), peer(i));
  EXPECT_EQ(host.connections(), 3U);
  arrives({.flags = Flag::syn, .seq = Seq(1), .from = peer(9)});
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(host.counters().too_many, 1U);
  EXPECT_EQ(host.connections(), 3U);
}

TEST_F(Limits, AHandshakeThatFindsTheLastPlaceTakenWaits) {
  listen(80, 100);
  open(Seq(1), peer(0));
  open(Seq(1), peer(1));
  std::vector<Seq> ours;
  for (std::size_t i = 2; i < 4; ++i) {
    arrives({.flags = Flag::syn, .seq = Seq(1), .from = peer(i)});
    ours.push_back(sent().at(0).header.seq);
  }
  for (std::size_t i = 2; i < 4; ++i) {
    arrives({.flags = Flag::ack, .seq = Seq(2), .ack = ours[i - 2] + 1, .from = peer(i)});
  }
  EXPECT_EQ(host.connections(), 3U);
  EXPECT_EQ(host.counters().too_many, 1U);
  EXPECT_EQ(states(), (std::vector{State::syn_rcvd, State::established, State::established,
                                   State::established}));
}

TEST_F(Limits, AnEventThatWaitsSpeaksForTheNext) {
  const ListenerId listener = listen();
  const Seq ours = open(Seq(1));
  const FlowId flow = host.accept(listener).value();
  (void)events();
  std::byte octet{};
  for (std::uint32_t i = 0; i < 1000; ++i) {
    arrives({.flags = Flag::ack, .seq = Seq(2 + i), .ack = ours + 1, .payload = 1});
    ASSERT_EQ(host.receive(flow, {&octet, 1}, now), 1U);
    (void)sent();
  }
  EXPECT_EQ(events().size(), 1U);
  arrives({.flags = Flag::ack, .seq = Seq(1002), .ack = ours + 1, .payload = 1});
  const auto next = events();
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].flow, flow);
}

TEST_F(Limits, EventsThatNobodyPullsAreLostAndCounted) {
  const ListenerId listener = listen();
  for (std::uint32_t i = 0; i < 200; ++i) {  // three events each
    open(Seq(1 + 1000 * i));
    const FlowId flow = *host.accept(listener);
    host.abort(flow, now);
    host.orphan(flow, now);
    (void)sent();
  }
  EXPECT_EQ(host.events(), 100U);
  EXPECT_GT(host.counters().events_lost, 100U);
  EXPECT_EQ(events().size(), 100U);
  const Seq ours = open(Seq(7));  // and what comes next is told
  (void)ours;
  EXPECT_FALSE(events().empty());
}

TEST_F(Limits, AnswersThatNobodyFetchesAreDroppedAndCounted) {
  for (std::size_t i = 0; i < 1000; ++i) {
    arrives({.flags = Flag::syn, .seq = Seq(1), .from = peer(i)});
  }
  EXPECT_EQ(host.counters().replies_dropped, 990U);
  EXPECT_EQ(sent().size(), 10U);
  EXPECT_EQ(host.pool().in_use(), 0U);
}

TEST_F(Limits, TimeWaitRecords) {
  std::vector<std::uint16_t> ports;
  for (int i = 0; i < 10; ++i) {
    ports.push_back(connect_and_close().local.port);
    pass(1s);
  }
  EXPECT_EQ(host.flows(), 4U);
  EXPECT_EQ(host.counters().time_wait_cut, 6U);
  std::vector<std::uint16_t> left;
  host.each([&](const View& view) { left.push_back(view.flow.local.port); });
  std::ranges::sort(left);
  std::vector<std::uint16_t> latest(ports.end() - 4, ports.end());
  std::ranges::sort(latest);
  EXPECT_EQ(left, latest);
  pass(2min);
  EXPECT_EQ(host.flows(), 0U);
  EXPECT_EQ(host.timers(), 0U);
}

/// Whoever holds much gets no more; another still gets something, and reading makes room.
TEST_F(Limits, OctetsThatNobodyReads) {
  const ListenerId listener = listen();
  std::vector<FlowId> flows;
  std::vector<Seq> ours;
  for (std::size_t i = 0; i < 3; ++i) {
    ours.push_back(open(Seq(1), peer(i)));
    flows.push_back(host.accept(listener).value());
  }
  std::vector<Seq> next(3, Seq(2));
  const auto sends = [&](std::size_t i, std::size_t octets) {
    for (std::size_t gone = 0; gone < octets; gone += 1000) {
      arrives({.flags = Flag::ack,
               .seq = next[i],
               .ack = ours[i] + 1,
               .payload = 1000,
               .from = peer(i)});
      for (const Sent& s : sent()) next[i] = s.header.ack;
      next[i] = host.connection(flows[i])->tcb().irs + 1 +
                static_cast<std::uint32_t>(host.connection(flows[i])->tcb().rcv.nxt);
    }
  };
  sends(0, 60'000);
  EXPECT_EQ(host.readable(flows[0]), 50'000U);
  EXPECT_EQ(host.counters().unread_full, 10U);
  sends(1, 60'000);
  EXPECT_EQ(host.readable(flows[1]), 17'000U);  // the last of them while it held little
  // Out of order they count as much.
  arrives({.flags = Flag::ack,
           .seq = next[2] + 1000,
           .ack = ours[2] + 1,
           .payload = 16'384,
           .from = peer(2)});
  arrives({.flags = Flag::ack,
           .seq = next[2] + 18'000,
           .ack = ours[2] + 1,
           .payload = 1000,
           .from = peer(2)});
  EXPECT_EQ(host.find(flows[2])->in.held(), 16'384U);
  std::vector<std::byte> into(40'000);
  ASSERT_EQ(host.receive(flows[0], into, now), 40'000U);
  (void)sent();
  sends(1, 5000);
  EXPECT_EQ(host.readable(flows[1]), 22'000U);
  for (const FlowId flow : flows) {
    host.abort(flow, now);
    host.orphan(flow, now);
  }
  (void)sent();
  EXPECT_EQ(host.connections(), 0U);
  EXPECT_EQ(host.unread(), 0U);
}

}  // namespace
}  // namespace lastack::host
