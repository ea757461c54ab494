// What the socket calls mean, on two hosts in virtual time: the seed's sentences and their kin.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sim/two_hosts.hpp"
#include "wire/tcp.hpp"

namespace lastack::socket {
namespace {

using tcp::State;

std::vector<std::byte> octets(std::size_t n, std::uint64_t from = 0) {
  std::vector<std::byte> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = static_cast<std::byte>(((from + i) * 0x9e3779b97f4a7c15U) >> 56U);
  }
  return out;
}

struct FlagsSent {
  int syn = 0, fin = 0, rst = 0, all = 0;
};

class SocketTest : public ::testing::TestWithParam<bool> {
 protected:
  static constexpr std::size_t kA = 0;
  static constexpr std::size_t kB = 1;

  void SetUp() override { begin({}); }

  void begin(tcp::Settings settings) {
    world = std::make_unique<sim::TwoHosts>(
        sim::TwoHostsConfig{.v6 = GetParam(), .settings = settings});
    world->on_sent = [this](const sim::Flight& flight) {
      const auto ip = wire::parse_ip(flight.packet.bytes());
      const auto tcp = wire::parse_tcp(ip->payload);
      FlagsSent& f = sent[flight.from];
      ++f.all;
      f.syn += tcp->header.flags.has(wire::Flag::syn) ? 1 : 0;
      f.fin += tcp->header.flags.has(wire::Flag::fin) ? 1 : 0;
      f.rst += tcp->header.flags.has(wire::Flag::rst) ? 1 : 0;
    };
    sent[0] = sent[1] = {};
    listener = *b().socket();
    ASSERT_TRUE(b().bind(listener, {wire::IpAddress(world->address(kB)), 80}));
    ASSERT_TRUE(b().listen(listener, 16, now()));
  }
  void connect() {
    client = *a().socket();
    ASSERT_EQ(a().connect(client, remote(), now()).error(), Errno::einprogress);
    settle();
    ASSERT_TRUE(a().connect(client, remote(), now()));
    const auto accepted = b().accept(listener);
    ASSERT_TRUE(accepted);
    server = *accepted;
    expect(State::established, State::established);
  }
  void expect(State at_a, State at_b) {
    EXPECT_EQ(to_string(*a().state(client)), to_string(at_a));
    EXPECT_EQ(to_string(*b().state(server)), to_string(at_b));
  }
  std::size_t drain(std::size_t side, Fd fd, std::uint64_t from = 0) {
    std::size_t got = 0;
    std::vector<std::byte> into(65536);
    for (;;) {
      const auto n = world->sockets(side).recv(fd, into, now());
      if (!n || *n == 0) return got;
      const auto expected = octets(*n, from + got);
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), into.begin()));
      got += *n;
    }
  }
  /// Sends `n` octets from B to A, A reading all the while.
  void stream_to_a(std::size_t n) {
    std::size_t out = 0;
    std::size_t in = 0;
    while (in < n) {
      if (out < n) {
        const auto sent_now =
            b().send(server, octets(std::min<std::size_t>(65536, n - out), out), now());
        if (sent_now) out += *sent_now;
      }
      ASSERT_TRUE(world->step(now() + 10s)) << in;
      in += drain(kA, client, in);
    }
  }
  void settle() { world->settle(); }
  [[nodiscard]] TimePoint now() const { return world->now(); }
  Sockets& a() { return world->sockets(kA); }
  Sockets& b() { return world->sockets(kB); }
  [[nodiscard]] host::Endpoint remote() const { return {world->address(kB), 80}; }

  std::unique_ptr<sim::TwoHosts> world;
  std::array<FlagsSent, 2> sent;
  Fd listener = -1, client = -1, server = -1;
  std::array<std::byte, 1> one_{};
  std::array<std::byte, 10> ten_{};
};

INSTANTIATE_TEST_SUITE_P(Family, SocketTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "v6" : "v4"; });

TEST_P(SocketTest, OctetsGoBothWays) {
  connect();
  ASSERT_EQ(*a().send(client, octets(5000), now()), 5000U);
  ASSERT_EQ(*b().send(server, octets(7000), now()), 7000U);
  settle();
  EXPECT_EQ(drain(kB, server), 5000U);
  EXPECT_EQ(drain(kA, client), 7000U);
  EXPECT_EQ(a().recv(client, std::span<std::byte>(), now()).error(), Errno::eagain);
}

TEST_P(SocketTest, ASideInFinWait2Receives100MiBAndCannotSendAByte) {
  connect();
  ASSERT_TRUE(a().shutdown(client, kShutWr, now()));
  settle();
  expect(State::fin_wait_2, State::close_wait);
  stream_to_a(100U << 20U);
  EXPECT_EQ(a().send(client, octets(1), now()).error(), Errno::epipe);
  expect(State::fin_wait_2, State::close_wait);
  world->run(24h);  // held for as long as anyone likes
  expect(State::fin_wait_2, State::close_wait);
  EXPECT_EQ(sent[kA].rst + sent[kB].rst, 0);
}

TEST_P(SocketTest, FinAndAckInFinWait1GoesStraightToTimeWait) {
  connect();
  std::vector<State> states;
  world->on_event = [&](std::size_t side, const host::HostEvent& event) {
    if (side == kA && event.effects.taken_count > 0) {
      states.push_back(event.effects.transitions().back().to);
    }
  };
  world->pause(true);
  ASSERT_TRUE(a().shutdown(client, kShutWr, now()));
  world->flush();
  world->pause(false);
  // B's FIN rides on the ACK of A's: B closes at the very moment it learns of the end.
  while (*b().state(server) != State::close_wait) {
    // one packet at a time, so that B closes before it acknowledges
    const bool moved = world->step(now() + 1s);
    ASSERT_TRUE(moved);
  }
  ASSERT_TRUE(b().close(server, now()));
  settle();
  EXPECT_EQ(*a().state(client), State::time_wait);
}

TEST_P(SocketTest, BothClosingAtOnceMeetInClosing) {
  connect();
  ASSERT_TRUE(a().shutdown(client, kShutWr, now()));
  ASSERT_TRUE(b().shutdown(server, kShutWr, now()));
  expect(State::fin_wait_1, State::fin_wait_1);
  world->run(11ms);
  expect(State::closing, State::closing);
  settle();
  expect(State::time_wait, State::time_wait);
}

TEST_P(SocketTest, WhatIsQueuedInCloseWaitArrivesWholeBeforeTheFin) {
  tcp::Settings settings;
  settings.receive_buffer = 4096;
  begin(settings);
  connect();
  ASSERT_TRUE(a().shutdown(client, kShutWr, now()));
  settle();
  ASSERT_EQ(*b().send(server, octets(100000), now()), 100000U);
  ASSERT_TRUE(b().close(server, now()));
  world->run(60s);  // A does not read: the window is closed
  EXPECT_EQ(*a().state(client), State::fin_wait_2);
  std::size_t got = 0;
  for (int i = 0; i < 200 && got < 100000; ++i) {
    got += drain(kA, client, got);
    world->run(1s);
  }
  EXPECT_EQ(got, 100000U);
  settle();
  EXPECT_EQ(*a().state(client), State::time_wait);
  EXPECT_EQ(*a().recv(client, one_, now()), 0U);
  EXPECT_EQ(sent[kA].rst + sent[kB].rst, 0);
}

TEST_P(SocketTest, TimeWaitLasts2MslAndThenThePortIsFree) {
  connect();
  const host::Endpoint mine = *a().local_name(client);
  TimePoint entered{};
  world->on_event = [&](std::size_t side, const host::HostEvent& event) {
    for (const auto& t : event.effects.transitions()) {
      if (side == kA && t.to == State::time_wait) entered = event.at;
    }
  };
  ASSERT_TRUE(a().shutdown(client, kShutWr, now()));
  settle();
  ASSERT_TRUE(b().close(server, now()));
  settle();
  ASSERT_TRUE(a().close(client, now()));
  world->run(entered + 60s - 1us - now());
  EXPECT_EQ(world->host(kA).flows(), 1U);
  const Fd again = *a().socket();
  ASSERT_TRUE(a().bind(again, mine));
  EXPECT_EQ(a().connect(again, remote(), now()).error(), Errno::eaddrinuse);
  world->run(1us + host::TimingWheel::kTick);
  EXPECT_EQ(world->host(kA).flows(), 0U);
  EXPECT_EQ(world->host(kA).timers(), 0U);
  EXPECT_EQ(a().connect(again, remote(), now()).error(), Errno::einprogress);
}

TEST_P(SocketTest, ShutRdDiscardsExactlyWhatWasBuffered) {
  connect();
  ASSERT_TRUE(b().send(server, octets(3000), now()));
  settle();
  ASSERT_EQ(world->host(kA).readable(a().find(client)->flow()), 3000U);
  ASSERT_TRUE(a().shutdown(client, kShutRd, now()));
  EXPECT_EQ(*a().recv(client, ten_, now()), 0U);
  for (int i = 0; i < 50; ++i) {  // far more than the window: it stays open
    ASSERT_TRUE(b().send(server, octets(60000), now()));
    settle();
    EXPECT_EQ(*a().recv(client, ten_, now()), 0U);
  }
  EXPECT_EQ(world->host(kB).find(b().find(server)->flow())->out.size(), 0U);
  ASSERT_TRUE(a().send(client, octets(10), now()));  // the other direction goes on
  settle();
  EXPECT_EQ(drain(kB, server), 10U);
  ASSERT_TRUE(b().close(server, now()));
  settle();
  EXPECT_EQ(*a().state(client), State::close_wait);  // the peer's FIN still counts
  EXPECT_EQ(sent[kA].rst + sent[kB].rst, 0);
}

TEST_P(SocketTest, AfterShutRdTheLastCloseIsNoReset) {
  connect();
  ASSERT_TRUE(b().send(server, octets(3000), now()));
  settle();
  ASSERT_TRUE(a().shutdown(client, kShutRd, now()));
  ASSERT_TRUE(a().close(client, now()));
  settle();
  EXPECT_EQ(sent[kA].rst, 0);
  EXPECT_EQ(sent[kA].fin, 1);
}

TEST_P(SocketTest, ThreeOfFourClosesChangeNothingTheFourthSendsOneFin) {
  connect();
  std::vector<Fd> copies{client};
  for (int i = 0; i < 3; ++i) copies.push_back(*a().dup(client));
  EXPECT_EQ(*a().references(client), 4U);
  const int before = sent[kA].all;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(a().close(copies[static_cast<std::size_t>(i)], now()));
    world->run(1h);
    EXPECT_EQ(sent[kA].all, before);
  }
  client = copies[3];
  expect(State::established, State::established);
  ASSERT_TRUE(a().send(client, octets(10), now()));
  settle();
  EXPECT_EQ(drain(kB, server), 10U);
  ASSERT_TRUE(a().close(client, now()));
  settle();
  EXPECT_EQ(sent[kA].fin, 1);
  EXPECT_EQ(*b().state(server), State::close_wait);
  ASSERT_TRUE(b().close(server, now()));
  world->run(3min);
  EXPECT_EQ(a().open_sockets(), 0U);
  for (const std::size_t side : {kA, kB}) {
    EXPECT_EQ(world->host(side).flows(), 0U);
    EXPECT_EQ(world->host(side).connections(), 0U);
    EXPECT_EQ(world->host(side).timers(), 0U);
    EXPECT_EQ(world->host(side).pool().in_use(), 0U);
  }
}

TEST_P(SocketTest, ShutdownByOneOfFourHoldersEndsItForAll) {
  connect();
  std::vector<Fd> copies{client};
  for (int i = 0; i < 3; ++i) copies.push_back(*a().dup(client));
  ASSERT_TRUE(a().shutdown(copies[2], kShutRdwr, now()));
  settle();
  for (const Fd fd : copies) {
    EXPECT_EQ(a().send(fd, octets(1), now()).error(), Errno::epipe);
    EXPECT_EQ(*a().recv(fd, one_, now()), 0U);
    EXPECT_EQ(*a().state(fd), State::fin_wait_2);
  }
  EXPECT_EQ(sent[kA].fin, 1);
  EXPECT_EQ(*b().recv(server, one_, now()), 0U);
}

TEST_P(SocketTest, CloseWithUnreadDataResets) {
  connect();
  ASSERT_TRUE(b().send(server, octets(10), now()));
  settle();
  ASSERT_TRUE(a().close(client, now()));
  settle();
  EXPECT_EQ(sent[kA].rst, 1);
  EXPECT_EQ(sent[kA].fin, 0);
  EXPECT_EQ(b().recv(server, one_, now()).error(), Errno::econnreset);
  EXPECT_EQ(*b().recv(server, one_, now()), 0U);  // told once
  EXPECT_EQ(b().send(server, octets(1), now()).error(), Errno::epipe);
}

TEST_P(SocketTest, Linger0Resets) {
  connect();
  ASSERT_TRUE(a().send(client, octets(10), now()));
  ASSERT_TRUE(a().set_linger_zero(client, true));
  ASSERT_TRUE(a().close(client, now()));
  settle();
  EXPECT_EQ(sent[kA].rst, 1);
  EXPECT_EQ(*b().state(server), State::closed);
  EXPECT_EQ(world->host(kA).flows(), 0U);
}

TEST_P(SocketTest, AnOrphanInFinWait2EndsAfterFinTimeout) {
  connect();
  ASSERT_TRUE(a().close(client, now()));
  settle();
  EXPECT_EQ(*b().state(server), State::close_wait);
  EXPECT_EQ(world->host(kA).flows(), 1U);
  world->run(61s);
  EXPECT_EQ(world->host(kA).flows(), 0U);
  ASSERT_TRUE(b().send(server, octets(1), now()));  // nobody is there any more
  settle();
  EXPECT_EQ(b().recv(server, one_, now()).error(), Errno::epipe);
}

TEST_P(SocketTest, ARefusedConnectTellsAndMayBeTriedAgain) {
  client = *a().socket();
  const host::Endpoint nobody{world->address(kB), 81};
  ASSERT_EQ(a().connect(client, nobody, now()).error(), Errno::einprogress);
  EXPECT_EQ(a().connect(client, nobody, now()).error(), Errno::ealready);
  EXPECT_EQ(*a().poll(client), 0);
  settle();
  EXPECT_EQ(*a().poll(client), kPollIn | kPollOut | kPollErr | kPollHup | kPollRdHup);
  EXPECT_EQ(a().connect(client, nobody, now()).error(), Errno::econnrefused);
  ASSERT_EQ(a().connect(client, remote(), now()).error(), Errno::einprogress);
  settle();
  EXPECT_TRUE(a().connect(client, remote(), now()));
}

TEST_P(SocketTest, AListenersCloseResetsWhatWaits) {
  client = *a().socket();
  (void)a().connect(client, remote(), now());
  settle();
  ASSERT_EQ(*b().poll(listener), kPollIn);
  ASSERT_TRUE(b().close(listener, now()));
  settle();
  EXPECT_EQ(sent[kB].rst, 1);
  EXPECT_EQ(a().recv(client, one_, now()).error(), Errno::econnreset);
  EXPECT_EQ(world->host(kB).flows(), 0U);
}

TEST_P(SocketTest, ShutdownOfAListener) {
  ASSERT_TRUE(b().shutdown(listener, kShutWr, now()));
  EXPECT_EQ(*b().state(listener), State::listen);
  ASSERT_TRUE(b().shutdown(listener, kShutRd, now()));
  EXPECT_EQ(b().accept(listener).error(), Errno::einval);
  EXPECT_EQ(*b().state(listener), State::closed);
  EXPECT_EQ(b().shutdown(listener, kShutRd, now()).error(), Errno::enotconn);
}

TEST_P(SocketTest, AFreshSynTakesOverFromTimeWait) {
  connect();
  const host::Endpoint mine = *a().local_name(client);
  ASSERT_TRUE(b().close(server, now()));  // B closes first: B has the TIME_WAIT
  settle();
  ASSERT_TRUE(a().close(client, now()));
  settle();
  ASSERT_EQ(world->host(kB).flows(), 1U);
  world->run(2s);
  client = *a().socket();
  ASSERT_TRUE(a().bind(client, mine));
  ASSERT_EQ(a().connect(client, remote(), now()).error(), Errno::einprogress);
  settle();
  EXPECT_TRUE(a().connect(client, remote(), now()));
  EXPECT_TRUE(b().accept(listener));
}

TEST_P(SocketTest, AFullAcceptQueueLetsNobodyIn) {
  std::vector<Fd> clients;
  for (int i = 0; i < 30; ++i) {
    clients.push_back(*a().socket());
    (void)a().connect(clients.back(), remote(), now());
  }
  world->run(100ms);
  EXPECT_GT(world->host(kB).counters().accept_queue_full, 0U);
  int accepted = 0;
  for (int round = 0; round < 200; ++round) {
    while (b().accept(listener)) ++accepted;
    world->run(1s);
  }
  EXPECT_EQ(accepted, 30);
}

TEST_P(SocketTest, WrongCalls) {
  EXPECT_EQ(a().close(99, now()).error(), Errno::ebadf);
  const Fd fresh = *a().socket();
  EXPECT_EQ(a().shutdown(fresh, kShutWr, now()).error(), Errno::enotconn);
  EXPECT_EQ(a().shutdown(fresh, 3, now()).error(), Errno::einval);
  EXPECT_EQ(a().recv(fresh, one_, now()).error(), Errno::enotconn);
  EXPECT_EQ(a().send(fresh, octets(1), now()).error(), Errno::epipe);
  EXPECT_EQ(a().accept(fresh).error(), Errno::einval);
  EXPECT_EQ(a().peer_name(fresh).error(), Errno::enotconn);
  EXPECT_EQ(*a().poll(fresh), kPollOut | kPollHup);
  EXPECT_EQ(a().bind(fresh, {*wire::IpAddress::parse("1.2.3.4"), 1}).error(), Errno::eaddrnotavail);
}

TEST_P(SocketTest, AHostTalksToItself) {
  const Fd other = *b().socket();
  ASSERT_EQ(b().connect(other, remote(), now()).error(), Errno::einprogress);
  settle();
  ASSERT_TRUE(b().connect(other, remote(), now()));
  const Fd accepted = *b().accept(listener);
  ASSERT_TRUE(b().send(other, octets(1000), now()));
  settle();
  EXPECT_EQ(drain(kB, accepted), 1000U);
  EXPECT_EQ(world->packets(), 0U);
}

}  // namespace
}  // namespace lastack::socket
