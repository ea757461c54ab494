// Calls in odd moments, answered as Linux answers them (each was tried there).
#include "socket/fixture.hpp"

namespace lastack::socket {
namespace {

class Posix : public SocketTest {
 protected:
  static constexpr unsigned kEnded = kPollIn | kPollOut | kPollErr | kPollHup | kPollRdHup;
};
INSTANTIATE_TEST_SUITE_P(Family, Posix, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "v6" : "v4"; });

/// The peer has closed, then resets what is still sent to it: the reader has had all there was.
TEST_P(Posix, AfterTheFinAnErrorIsTheWriters) {
  connect();
  ASSERT_TRUE(a().close(client, now()));
  settle();
  ASSERT_TRUE(b().send(server, octets(1), now()));
  settle();
  ASSERT_EQ(*b().state(server), State::closed);
  EXPECT_EQ(*b().poll(server), kEnded);
  EXPECT_EQ(*b().recv(server, one_, now()), 0U);
  EXPECT_EQ(*b().peek(server, one_), 0U);
  EXPECT_EQ(b().send(server, octets(1), now()).error(), Errno::epipe);
  EXPECT_EQ(*b().take_error(server), std::nullopt);
  EXPECT_EQ(*b().poll(server), kEnded & ~kPollErr);
}

TEST_P(Posix, ReadingNoOctets) {
  connect();
  EXPECT_EQ(a().recv(client, {}, now()).error(), Errno::eagain);
  ASSERT_TRUE(b().send(server, octets(1), now()));
  settle();
  EXPECT_EQ(*a().recv(client, {}, now()), 0U);
  EXPECT_EQ(*a().peek(client, {}), 0U);
  EXPECT_EQ(drain(kA, client), 1U);
}

/// recv() that peeks sees what lies behind the urgent octet, and leaves that one where it is.
TEST_P(Posix, PeekingPassesNoUrgentOctet) {
  connect();
  ASSERT_TRUE(a().send_urgent(client, octets(1), now()));
  ASSERT_TRUE(a().send(client, octets(3, 1), now()));
  settle();
  EXPECT_EQ(*b().peek(server, ten_), 3U);
  EXPECT_EQ(ten_[0], octets(1, 1)[0]);
  EXPECT_EQ(*b().recv(server, ten_, now(), kMsgPeek | kMsgTrunc), 3U);
  EXPECT_EQ(*b().recv(server, one_, now(), kMsgOob), 1U);
  EXPECT_EQ(one_[0], octets(1)[0]);
  EXPECT_EQ(*b().recv(server, ten_, now()), 3U);
  EXPECT_EQ(ten_[0], octets(1, 1)[0]);
}

/// What is lent is what recv() brings, and it is there until it was read.
TEST_P(Posix, OctetsAreLentWhereTheyLie) {
  connect();
  std::array<std::span<const std::byte>, 2> pieces;
  EXPECT_EQ(b().lend(server, pieces), 0U);
  EXPECT_EQ(b().lend(listener, pieces), 0U);
  EXPECT_EQ(b().lend(99, pieces), 0U);
  ASSERT_TRUE(a().send(client, octets(5), now()));
  settle();
  ASSERT_EQ(b().lend(server, pieces), 1U);
  EXPECT_TRUE(std::ranges::equal(pieces[0], octets(5)));
  EXPECT_EQ(b().discard(server, 2, now()), 2U);
  ASSERT_EQ(b().lend(server, pieces), 1U);
  EXPECT_TRUE(std::ranges::equal(pieces[0], octets(3, 2)));
  ASSERT_TRUE(a().send_urgent(client, octets(1), now()));
  settle();
  EXPECT_EQ(b().lend(server, pieces), 0U) << "a read ends at the urgent octet";
  EXPECT_EQ(b().discard(server, 10, now()), 3U) << "so does one that is thrown away";
  EXPECT_EQ(b().discard(server, 10, now()), 0U);
  EXPECT_EQ(b().discard(99, 10, now()), 0U);
}

/// One slice is as good as its octets, in each state.
TEST_P(Posix, ASliceIsSentWithoutACopy) {
  connect();
  const Slice slice = Slice::copy_of(octets(5000));
  EXPECT_EQ(*a().send(client, slice, now()), 5000U);
  EXPECT_EQ(a().send(99, slice, now()).error(), Errno::ebadf);
  settle();
  EXPECT_EQ(drain(kB, server), 5000U);
  ASSERT_TRUE(a().set_option(client, kSolSocket, kSoSndBuf, 4608, now()));
  std::size_t sent = 0;
  for (auto n = a().send(client, slice, now()); n; n = a().send(client, slice, now())) sent += *n;
  EXPECT_EQ(a().send(client, slice, now()).error(), Errno::eagain);
  EXPECT_EQ(*a().poll(client) & kPollOut, 0U);
  EXPECT_GE(sent, 4608U);
  ASSERT_TRUE(b().shutdown(server, kShutWr, now()));
  ASSERT_TRUE(a().shutdown(client, kShutWr, now()));
  EXPECT_EQ(a().send(client, slice, now()).error(), Errno::epipe);
}

TEST_P(Posix, AcceptAfterThePeerHasGone) {
  client = *a().socket();
  (void)a().connect(client, remote(), now());
  settle();
  ASSERT_TRUE(a().send(client, octets(2), now()));
  settle();
  ASSERT_TRUE(a().set_linger_zero(client, true));
  ASSERT_TRUE(a().close(client, now()));
  settle();
  server = *b().accept(listener);
  EXPECT_EQ(*b().poll(server), kEnded);
  EXPECT_EQ(b().local_name(server)->port, 80);
  EXPECT_EQ(b().peer_name(server).error(), Errno::enotconn);
  EXPECT_EQ(drain(kB, server), 2U);  // and the error with it, which drain() does not look at
  EXPECT_EQ(*b().recv(server, one_, now()), 0U);
  EXPECT_EQ(b().send(server, octets(1), now()).error(), Errno::epipe);
  EXPECT_EQ(b().shutdown(server, kShutWr, now()).error(), Errno::enotconn);
  ASSERT_TRUE(b().close(server, now()));
  settle();
  EXPECT_EQ(world->host(kB).connections(), 0U);
  EXPECT_EQ(world->host(kB).timers(), 0U);
}

TEST_P(Posix, WhatWasSetOnTheListenerHoldsForWhatItAccepts) {
  ASSERT_TRUE(b().set_linger_zero(listener, true));  // after listen(), too
  ASSERT_TRUE(b().set_no_delay(listener, true, now()));
  ASSERT_TRUE(b().set_keepalive(listener, true, now()));
  connect();
  const tcp::Settings& s = world->host(kB).connection(b().find(server)->flow())->settings();
  EXPECT_FALSE(s.nagle);
  EXPECT_TRUE(s.keepalive);
  ASSERT_TRUE(b().close(server, now()));
  settle();
  EXPECT_EQ(sent[kB].rst, 1);
}

TEST_P(Posix, ListenAgainSetsTheBacklog) {
  ASSERT_TRUE(b().listen(listener, 1, now()));
  for (int i = 0; i < 3; ++i) (void)a().connect(*a().socket(), remote(), now());
  world->run(100ms);
  EXPECT_EQ(world->host(kB).waiting(b().find(listener)->listener()), 2U);  // one more, as in Linux
  ASSERT_TRUE(b().listen(listener, 3, now()));
  world->run(10s);  // those outside ask again
  EXPECT_EQ(world->host(kB).waiting(b().find(listener)->listener()), 3U);
}

TEST_P(Posix, NamesWhileBothOpen) {
  client = *a().socket();
  server = *b().socket();
  ASSERT_TRUE(a().bind(client, {world->address(kA), 5000}));
  ASSERT_TRUE(b().bind(server, {world->address(kB), 5000}));
  (void)a().connect(client, {world->address(kB), 5000}, now());
  EXPECT_EQ(a().peer_name(client).error(), Errno::enotconn);
  EXPECT_EQ(a().local_name(client)->port, 5000);
  (void)b().connect(server, {world->address(kA), 5000}, now());
  world->run(10ms);
  ASSERT_EQ(*a().state(client), State::syn_rcvd);
  EXPECT_EQ(a().peer_name(client)->port, 5000);
}

TEST_P(Posix, ConnectToNobody) {
  const auto to = [this](const char* address, std::uint16_t port) {
    return a().connect(*a().socket(), {*wire::IpAddress::parse(address), port}, now()).error();
  };
  if (GetParam()) {
    EXPECT_EQ(to("ff02::1", 80), Errno::enetunreach);
    return;
  }
  EXPECT_EQ(to("224.0.0.1", 80), Errno::enetunreach);
  EXPECT_EQ(to("255.255.255.255", 80), Errno::enetunreach);
  const wire::Prefix& ours = world->host(kA).config().addresses.at(0);
  auto broadcast = ours.address.bytes();
  std::array<std::byte, 4> all_ones{broadcast[0], broadcast[1], broadcast[2], broadcast[3]};
  for (std::size_t bit = ours.length; bit < 32; ++bit) {
    all_ones[bit / 8] |= std::byte{0x80} >> (bit % 8);
  }
  EXPECT_EQ(a().connect(*a().socket(), {wire::IpAddress::from(all_ones), 80}, now()).error(),
            Errno::enetunreach);
}

/// The bits that Linux's poll() gave in each of these moments.
TEST_P(Posix, PollBits) {
  connect();
  EXPECT_EQ(*a().poll(client), kPollOut);
  ASSERT_TRUE(b().send(server, octets(1), now()));
  settle();
  EXPECT_EQ(*a().poll(client), kPollIn | kPollOut);
  EXPECT_EQ(drain(kA, client), 1U);
  ASSERT_TRUE(a().shutdown(client, kShutWr, now()));
  settle();
  expect(State::fin_wait_2, State::close_wait);
  EXPECT_EQ(*a().poll(client), kPollOut);
  EXPECT_EQ(*b().poll(server), kPollIn | kPollOut | kPollRdHup);
  ASSERT_TRUE(b().shutdown(server, kShutWr, now()));
  settle();
  EXPECT_EQ(*a().state(client), State::time_wait);
  EXPECT_EQ(*a().poll(client), kEnded & ~kPollErr);
  EXPECT_EQ(*b().state(server), State::closed);
  EXPECT_EQ(*b().poll(server), kEnded & ~kPollErr);
  EXPECT_EQ(*b().recv(server, one_, now()), 0U);
  EXPECT_EQ(b().send(server, octets(1), now()).error(), Errno::epipe);
  EXPECT_EQ(*b().take_error(server), std::nullopt);
  EXPECT_EQ(b().peer_name(server).error(), Errno::enotconn);
  EXPECT_EQ(b().shutdown(server, kShutWr, now()).error(), Errno::enotconn);
}

TEST_P(Posix, PollBitsAfterShutRdAndOfAFullBuffer) {
  connect();
  ASSERT_TRUE(a().shutdown(client, kShutRd, now()));
  EXPECT_EQ(*a().poll(client), kPollIn | kPollOut | kPollRdHup);
  ASSERT_TRUE(a().shutdown(client, kShutWr, now()));
  EXPECT_EQ(*a().poll(client), kEnded & ~kPollErr);
  while (b().send(server, octets(50'000), now())) {
  }
  EXPECT_EQ(*b().poll(server), 0);
}

/// A host and a socket that is both ends of its connection.
TEST_P(Posix, ASocketConnectsToItself) {
  client = *a().socket();
  const host::Endpoint own{world->address(kA), 5000};
  ASSERT_TRUE(a().bind(client, own));
  ASSERT_EQ(a().connect(client, own, now()).error(), Errno::einprogress);
  settle();
  ASSERT_TRUE(a().connect(client, own, now()));
  EXPECT_EQ(*a().peer_name(client), own);
  for (std::size_t in = 0, out = 0; in < 1'000'000;) {
    const auto n = a().send(client, octets(50'000, out), now());
    out += n.value_or(0);
    settle();
    in += drain(kA, client, in);
  }
  EXPECT_EQ(world->packets(), 0U);  // none left the host
  ASSERT_TRUE(a().shutdown(client, kShutWr, now()));
  settle();
  EXPECT_EQ(*a().recv(client, one_, now()), 0U);
  EXPECT_EQ(*a().state(client), State::time_wait);
  ASSERT_TRUE(a().close(client, now()));
  world->run(61s);
  EXPECT_EQ(world->host(kA).flows(), 0U);
  EXPECT_EQ(world->host(kA).timers(), 0U);
  EXPECT_EQ(world->host(kA).pool().in_use(), 0U);
}

TEST_P(Posix, SocketLooksAtItsArgumentsInLinuxsOrder) {
  const int domain = GetParam() ? kAfInet6 : kAfInet;
  const auto answer = [&](int type, int protocol) {
    const auto made = a().socket(domain, type, protocol);
    return made ? Errno::none : made.error();
  };
  EXPECT_EQ(a().socket(1, 99, -1).error(), Errno::eafnosupport);
  for (const int type : {-1, 11, 99, kSockStream | 0x100}) {
    EXPECT_EQ(answer(type, 0), Errno::einval) << type;
  }
  for (const int type : {0, 4, 5, 6, 10}) {
    EXPECT_EQ(answer(type, 0), Errno::esocktnosupport) << type;
  }
  constexpr int kRaw = 3;
  EXPECT_EQ(answer(kRaw, 0), Errno::eprotonosupport);
  EXPECT_EQ(answer(kRaw, 300), Errno::einval);
  for (const int type : {kSockStream, kSockDgram}) {
    for (const int protocol : {-1, 263, 300}) EXPECT_EQ(answer(type, protocol), Errno::einval);
    for (const int protocol : {1, 132, 255, type == kSockStream ? 17 : 6}) {
      EXPECT_EQ(answer(type, protocol), Errno::eprotonosupport) << protocol;
    }
    for (const int bits : {0x800, 0x80000, 0x80800}) {  // SOCK_NONBLOCK, SOCK_CLOEXEC
      EXPECT_EQ(answer(type | bits, type == kSockStream ? 6 : 17), Errno::none);
    }
  }
}

}  // namespace
}  // namespace lastack::socket
