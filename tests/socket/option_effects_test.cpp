// What options bring about, set as options, in virtual time.
#include <utility>

#include "socket/fixture.hpp"
#include "wire/ip.hpp"

namespace lastack::socket {
namespace {

class OptionEffects : public SocketTest {
 protected:
  void set(Sockets& sockets, Fd fd, int level, int name, int value) {
    ASSERT_TRUE(sockets.set_option(fd, level, name, value, now())) << name;
  }
  void set_tcp(Fd fd, int name, int value) { set(a(), fd, kSolTcp, name, value); }
  Fd stream() { return *a().socket(GetParam() ? kAfInet6 : kAfInet, kSockStream); }
  /// Lets time pass until the connection of `fd` is over; how long that took.
  Duration until_over(Fd fd) {
    const TimePoint from = now();
    while (*a().state(fd) != State::closed) {
      if (!world->step(now() + 4h)) {
        ADD_FAILURE() << "it stands in " << to_string(*a().state(fd));
        break;
      }
    }
    return now() - from;
  }
  /// How long after octets have come B acknowledges them.
  Duration ack_delay() {
    const TimePoint from = now();
    const int before = sent[kB].all;
    EXPECT_TRUE(a().send(client, octets(10), now()));
    while (sent[kB].all == before && world->step(from + 1s)) {
    }
    const Duration delay = now() - from - 10ms;
    settle();
    return delay;
  }
};

INSTANTIATE_TEST_SUITE_P(Family, OptionEffects, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "v6" : "v4"; });

TEST_P(OptionEffects, QuickAckDelaysNoAck) {
  connect();
  EXPECT_GE(ack_delay(), 20ms);
  set(b(), server, kSolTcp, kTcpQuickAck, 1);
  EXPECT_EQ(ack_delay(), 0ms);
  set(b(), server, kSolTcp, kTcpQuickAck, 0);
  EXPECT_GE(ack_delay(), 20ms);
}

TEST_P(OptionEffects, SynCountIsHowOftenASynGoesAgain) {
  world->pause(true);
  const std::array<std::pair<int, Duration>, 3> cases{{{1, 3s}, {2, 7s}, {5, 63s}}};
  for (const auto& [count, span] : cases) {
    const Fd fd = stream();
    set_tcp(fd, kTcpSynCnt, count);
    const int before = sent[kA].syn;
    ASSERT_EQ(a().connect(fd, remote(), now()).error(), Errno::einprogress);
    const Duration took = until_over(fd);
    EXPECT_EQ(sent[kA].syn - before, count + 1);
    EXPECT_GE(took, span);
    EXPECT_LT(took, span + 1s);
    EXPECT_EQ(a().connect(fd, remote(), now()).error(), Errno::etimedout);
  }
}

/// Of what nobody holds any more.
TEST_P(OptionEffects, Linger2IsHowLongAnOrphanWaitsForTheFin) {
  const std::array<std::pair<int, Duration>, 4> cases{{{3, 3s}, {0, 60s}, {-1, 0s}, {1000, 120s}}};
  for (const auto& [seconds, span] : cases) {
    connect();
    set_tcp(client, kTcpLinger2, seconds);
    const host::Flow flow = a().host().find(a().find(client)->flow())->flow;
    ASSERT_TRUE(a().close(client, now()));
    world->run(100ms);
    if (seconds >= 0) {
      EXPECT_EQ(*b().state(server), State::close_wait);
    }
    const TimePoint from = now();
    while (a().host().state_of(flow) != State::closed && now() < from + 200s) world->run(100ms);
    EXPECT_GE(now() - from, span - 200ms) << seconds;
    EXPECT_LE(now() - from, span + 200ms) << seconds;
    ASSERT_TRUE(b().close(server, now()));
    settle();
  }
}

/// The handshake ends with octets; without them once the time is over, as an ACK comes again.
TEST_P(OptionEffects, DeferAcceptEndsWithItsTime) {
  set(b(), listener, kSolTcp, kTcpDeferAccept, 5);
  EXPECT_EQ(b().get_option(listener, kSolTcp, kTcpDeferAccept, now()), 7);
  client = stream();
  const TimePoint from = now();
  ASSERT_EQ(a().connect(client, remote(), now()).error(), Errno::einprogress);
  world->run(1s);
  EXPECT_EQ(*a().state(client), State::established);
  EXPECT_EQ(b().accept(listener).error(), Errno::eagain);
  auto accepted = b().accept(listener);
  while (!accepted && now() < from + 60s) {
    world->run(100ms);
    accepted = b().accept(listener);
  }
  ASSERT_TRUE(accepted);
  EXPECT_GE(now() - from, 7s);
  EXPECT_LT(now() - from, 20s);
}

TEST_P(OptionEffects, DeferAcceptEndsWithOctets) {
  set(b(), listener, kSolTcp, kTcpDeferAccept, 5);
  client = stream();
  ASSERT_EQ(a().connect(client, remote(), now()).error(), Errno::einprogress);
  world->run(500ms);
  ASSERT_TRUE(a().send(client, octets(1), now()));
  world->run(100ms);
  EXPECT_TRUE(b().accept(listener));
}

/// Without the two bits of ECN, which are TCP's own.
TEST_P(OptionEffects, TheTrafficClassIsThatOfThePackets) {
  const int level = GetParam() ? kSolIpv6 : kSolIp;
  const int name = GetParam() ? kIpv6Tclass : kIpTos;
  std::vector<int> seen;
  world->on_sent = [&](const sim::Flight& flight) {
    const auto ip = wire::parse_ip(flight.packet.bytes());
    if (flight.from == kA) seen.push_back(ip->header.traffic_class);
  };
  client = stream();
  set(a(), client, level, name, 0xbb);
  ASSERT_EQ(a().connect(client, remote(), now()).error(), Errno::einprogress);
  settle();
  ASSERT_TRUE(a().send(client, octets(10), now()));
  settle();
  ASSERT_GE(seen.size(), 3U);
  EXPECT_EQ(std::ranges::count(seen, 0xb8), std::ssize(seen));
  seen.clear();
  set(a(), client, level, name, 0x20);
  ASSERT_TRUE(a().send(client, octets(10), now()));
  settle();
  EXPECT_EQ(seen, std::vector{0x20});
}

TEST_P(OptionEffects, KeepaliveAsksAsOftenAsItWasSet) {
  connect();
  set_tcp(client, kTcpKeepIdle, 10);
  set_tcp(client, kTcpKeepIntvl, 3);
  set_tcp(client, kTcpKeepCnt, 4);
  set(a(), client, kSolSocket, kSoKeepAlive, 1);
  world->run(25s);
  EXPECT_EQ(*a().state(client), State::established);  // the peer answers
  ASSERT_TRUE(a().set_option(client, kSolSocket, kSoKeepAlive, 0, now()));
  ASSERT_TRUE(a().set_option(client, kSolSocket, kSoKeepAlive, 1, now()));
  world->pause(true);
  const int before = sent[kA].all;
  const Duration took = until_over(client);
  EXPECT_EQ(sent[kA].all - before - sent[kA].rst, 4);
  EXPECT_GE(took, 22s);  // 10, and four times 3
  EXPECT_LT(took, 23s);
  EXPECT_EQ(a().recv(client, ten_, now()).error(), Errno::etimedout);
}

TEST_P(OptionEffects, TheUserTimeoutEndsWhatIsNotAcknowledged) {
  connect();
  set_tcp(client, kTcpUserTimeout, 5000);
  world->run(60s);
  EXPECT_EQ(*a().state(client), State::established);  // nothing waits
  world->pause(true);
  ASSERT_TRUE(a().send(client, octets(10), now()));
  const Duration took = until_over(client);
  EXPECT_GE(took, 5s);
  EXPECT_LT(took, 6s);
  EXPECT_EQ(a().send(client, octets(1), now()).error(), Errno::etimedout);
}

}  // namespace
}  // namespace lastack::socket
