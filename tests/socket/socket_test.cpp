// What the socket calls mean, on two hosts in virtual time: the seed's sentences and their kin.
#include <vector>

#include "socket/fixture.hpp"

namespace lastack::socket {
namespace {

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
  std::vector<State> path;
  world->on_event = [&](std::size_t side, const host::HostEvent& event) {
    const auto taken = event.news.transitions();
    if (taken.empty()) return;
    // Where one segment led: its ACK and its FIN are two rows of the table, taken in one step.
    if (side == kA) path.push_back(taken.back().to);
    // B closes as it learns of A's end, before it has acknowledged that: its FIN carries the ACK.
    if (side == kB && taken.back().to == State::close_wait) (void)b().close(server, now());
  };
  const int before = sent[kB].all;
  ASSERT_TRUE(a().shutdown(client, kShutWr, now()));
  settle();
  EXPECT_EQ(path, (std::vector{State::fin_wait_1, State::time_wait}));
  EXPECT_EQ(sent[kB].all - before, 1);
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
    for (const auto& t : event.news.transitions()) {
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
  EXPECT_EQ(a().bind(again, mine).error(), Errno::eaddrinuse);
  world->run(1us + host::TimingWheel::kTick);
  EXPECT_EQ(world->host(kA).flows(), 0U);
  EXPECT_EQ(world->host(kA).timers(), 0U);
  ASSERT_TRUE(a().bind(again, mine));
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
  EXPECT_EQ(*b().recv(server, one_, now()), 0U);  // it has all of A's stream
  EXPECT_EQ(*b().take_error(server), Errno::epipe);
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
