// Many listeners: each gets what is meant for it, and takes with it what is its own.
#include "host/alone.hpp"

namespace lastack::host {
namespace {

class Listeners : public Alone {
 protected:
  static constexpr auto kOther = wire::IpAddress::v4(10, 0, 0, 9);
  static Config two_addresses() {
    Config c = config();
    c.addresses.push_back({kOther, 8});
    return c;
  }
  Listeners() : Alone(two_addresses()) {}

  [[nodiscard]] bool answers_syn(Endpoint to, std::uint16_t from = 4000) {
    arrives({.flags = Flag::syn, .seq = Seq(1), .from = {kThem, from}, .to = to});
    return sent().at(0).header.flags.has(Flag::syn);
  }
};

TEST_F(Listeners, TheOneOnJustThisAddressComesFirst) {
  const ListenerId all = host.listen({{}, 80}, 5, {}, now).value();
  EXPECT_EQ(host.listen({kOther, 80}, 5, {}, now).error(), Refusal::address_in_use);
  host.close_listener(all, now);
  const ListenerId one = host.listen({kOther, 80}, 5, {}, now).value();
  EXPECT_EQ(host.listen({{}, 80}, 5, {}, now).error(), Refusal::address_in_use);
  const ListenerId other = host.listen({kUs, 80}, 5, {}, now).value();
  open(Seq(1), {kThem, 1}, {kOther, 80});
  open(Seq(1), {kThem, 2}, {kUs, 80});
  open(Seq(1), {kThem, 3}, {kUs, 80});
  EXPECT_EQ(host.waiting(one), 1U);
  EXPECT_EQ(host.waiting(other), 2U);
}

TEST_F(Listeners, AThousandOfThem) {
  std::vector<ListenerId> all;
  for (std::uint16_t i = 0; i < 1000; ++i) {
    all.push_back(listen(static_cast<std::uint16_t>(1000 + i)));
  }
  for (std::uint16_t i = 0; i < 1000; i += 2) host.close_listener(all[i], now);
  for (std::uint16_t i = 0; i < 1000; ++i) {
    const auto port = static_cast<std::uint16_t>(1000 + i);
    EXPECT_EQ(answers_syn({kUs, port}), i % 2 != 0) << port;
  }
  const ListenerId again = listen(1000);
  EXPECT_NE(again, all[0]);  // an old id names nobody, whoever has its place now
  EXPECT_FALSE(host.local_of(all[0]));
  EXPECT_EQ(host.local_of(again)->port, 1000);
  EXPECT_TRUE(answers_syn({kUs, 1000}));
}

/// Its own handshakes, wherever they stand among those of others that came and went meanwhile.
TEST_F(Listeners, OneThatClosesLeavesItsHandshakesToEndAndNoOthers) {
  const ListenerId a = listen(80, 5);
  const ListenerId b = listen(81, 5);
  for (std::uint16_t i = 0; i < 30; ++i) {
    const auto to = static_cast<std::uint16_t>(80 + i % 2);
    arrives({.flags = Flag::syn,
             .seq = Seq(1),
             .from = {kThem, static_cast<std::uint16_t>(2000 + i)},
             .to = {kUs, to}});
  }
  (void)sent();
  for (std::uint16_t i = 0; i < 10; ++i) {  // some end by themselves
    arrives({.flags = Flag::rst,
             .seq = Seq(2),
             .from = {kThem, static_cast<std::uint16_t>(2005 + i)},
             .to = {kUs, static_cast<std::uint16_t>(80 + (5 + i) % 2)}});
  }
  EXPECT_EQ(host.flows(), 20U);
  host.close_listener(a, now);
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(host.flows(), 20U);
  const auto speaks = [&](std::uint16_t i) {
    arrives({.flags = Flag::ack,
             .seq = Seq(2),
             .ack = Seq(7),
             .from = {kThem, static_cast<std::uint16_t>(2000 + i)},
             .to = {kUs, 80}});
  };
  speaks(0);
  const auto answer = sent();
  ASSERT_EQ(answer.size(), 1U);
  EXPECT_TRUE(answer[0].header.flags.has(Flag::rst));
  EXPECT_EQ(answer[0].header.seq, Seq(7));
  EXPECT_EQ(host.flows(), 19U);
  now += 1s;  // when they would send their SYN,ACK again
  host.advance(now);
  for (const Sent& s : sent()) EXPECT_EQ(s.header.source_port, 81);
  EXPECT_EQ(host.flows(), 10U);
  host.close_listener(b, now);
  now += 2s;
  host.advance(now);
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(host.flows(), 0U);
  EXPECT_EQ(host.timers(), 0U);
}

/// However often a listener is opened anew: as many as one may have.
TEST_F(Listeners, HandshakesThatOutliveTheirListenerHaveALimit) {
  for (std::uint16_t round = 0; round < 3; ++round) {
    const ListenerId id = listen(80, 5);
    for (std::uint16_t i = 0; i < 800; ++i) {
      arrives({.flags = Flag::syn,
               .seq = Seq(1),
               .from = {kThem, static_cast<std::uint16_t>(2000 + 800 * round + i)},
               .to = {kUs, 80}});
    }
    (void)sent();
    host.close_listener(id, now);
  }
  EXPECT_EQ(host.flows(), host.config().syn_queue);
  now += 5s;
  host.advance(now);
  EXPECT_EQ(host.flows(), 0U);
}

/// A SYN for a place that has another listener since is that one's.
TEST_F(Listeners, AHandshakeOfOneThatClosedIsTheNextOnesToBeginAgain) {
  const ListenerId first = listen(80, 5);
  const Segment syn{.flags = Flag::syn, .seq = Seq(1), .from = {kThem, 2000}, .to = {kUs, 80}};
  arrives(syn);
  (void)sent();
  host.close_listener(first, now);
  const ListenerId second = listen(80, 5);
  arrives(syn);
  const auto answer = sent();
  ASSERT_EQ(answer.size(), 1U);
  EXPECT_TRUE(answer[0].header.flags.has(Flag::syn));
  arrives({.flags = Flag::ack,
           .seq = Seq(2),
           .ack = answer[0].header.seq + 1,
           .from = {kThem, 2000},
           .to = {kUs, 80}});
  EXPECT_EQ(host.waiting(second), 1U);
}

TEST_F(Listeners, WhatWaitedForOneThatClosedIsGone) {
  const ListenerId listener = listen();
  open(Seq(1), {kThem, 1});
  open(Seq(1), {kThem, 2});
  arrives({.flags = Flag::rst, .seq = Seq(2), .from = {kThem, 2}});  // it ended while it waited
  (void)sent();
  host.close_listener(listener, now);
  EXPECT_EQ(sent().size(), 1U);
  EXPECT_EQ(host.connections(), 0U);
  EXPECT_EQ(host.timers(), 0U);
  const ListenerId fresh = listen(81);
  EXPECT_EQ(host.waiting(fresh), 0U);
}

}  // namespace
}  // namespace lastack::host
