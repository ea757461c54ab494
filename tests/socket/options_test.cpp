// The table of options: what is set is what holds, and what there is not gets Linux's errno.
#include "socket/options.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "socket/fixture.hpp"

namespace lastack::socket {
namespace {

class Options : public SocketTest {
 protected:
  int get(Fd fd, int level, int name) {
    return a().get_option(fd, level, name, now()).value_or(-1);
  }
  Errno set(Fd fd, int level, int name, int value) {
    const auto done = a().set_option(fd, level, name, value, now());
    return done ? Errno::none : done.error();
  }
  Fd stream() { return *a().socket(GetParam() ? kAfInet6 : kAfInet, kSockStream); }
};

INSTANTIATE_TEST_SUITE_P(Family, Options, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "v6" : "v4"; });

TEST_P(Options, NoneStandsTwiceInTheTable) {
  const auto all = options();
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = i + 1; j < all.size(); ++j) {
      EXPECT_FALSE(all[i].level == all[j].level && all[i].number == all[j].number) << all[i].name;
    }
  }
}

TEST_P(Options, NumbersAreReadAsTheyWereSetAndBoundedByTheirRange) {
  const Fd fd = stream();
  for (const Option& o : options()) {
    if (o.type != Option::Type::number || o.set == nullptr || o.least < 1) continue;
    SCOPED_TRACE(std::string(o.name));
    EXPECT_EQ(set(fd, o.level, o.number, static_cast<int>(o.least)), Errno::none);
    EXPECT_EQ(get(fd, o.level, o.number), o.least);
    EXPECT_EQ(set(fd, o.level, o.number, static_cast<int>(o.most)), Errno::none);
    EXPECT_EQ(get(fd, o.level, o.number), o.most);
    EXPECT_EQ(set(fd, o.level, o.number, static_cast<int>(o.least) - 1), Errno::einval);
    EXPECT_EQ(set(fd, o.level, o.number, static_cast<int>(o.most) + 1), Errno::einval);
    EXPECT_EQ(get(fd, o.level, o.number), o.most);
  }
}

TEST_P(Options, WhatThereIsNotGetsLinuxsErrno) {
  const Fd fd = stream();
  EXPECT_EQ(set(fd, kSolTcp, 999, 1), Errno::enoprotoopt);
  EXPECT_EQ(set(fd, kSolSocket, 999, 1), Errno::enoprotoopt);
  EXPECT_EQ(set(fd, 999, 1, 1), Errno::enoprotoopt);
  EXPECT_EQ(set(fd, kSolSocket, kSoType, 1), Errno::enoprotoopt);
  const Fd datagrams = *a().socket(kAfInet, kSockDgram);
  EXPECT_EQ(set(datagrams, kSolTcp, kTcpNoDelay, 1), Errno::enoprotoopt);
  EXPECT_EQ(set(99, kSolTcp, kTcpNoDelay, 1), Errno::ebadf);
  const std::array<std::byte, 2> little{};
  EXPECT_EQ(a().set_option(fd, kSolTcp, kTcpNoDelay, little, now()).error(), Errno::einval);
}

/// The length comes first where a level is the socket's own, and IP looks for the name first.
TEST_P(Options, WhatIsTooShortIsWrongWhateverItsName) {
  const Fd tcp = stream();
  const Fd udp = *a().socket(kAfInet, kSockDgram);
  const std::array<std::byte, 3> octets{};
  for (std::size_t n = 0; n < 4; ++n) {
    const auto set_short = [&](Fd fd, int level, int name) {
      const auto done = a().set_option(fd, level, name, std::span(octets).first(n), now());
      return done ? Errno::none : done.error();
    };
    for (const Fd fd : {tcp, udp}) {
      for (const int name : {kSoType, kSoError, kSoSndBuf, kSoLinger, 999}) {
        EXPECT_EQ(set_short(fd, kSolSocket, name), Errno::einval) << name;
      }
      EXPECT_EQ(set_short(fd, kSolIp, 999), Errno::enoprotoopt);
    }
    EXPECT_EQ(set_short(tcp, kSolTcp, 999), Errno::einval);
    EXPECT_EQ(set_short(tcp, kSolTcp, kTcpInfo), Errno::einval);
    EXPECT_EQ(set_short(tcp, kSolUdp, kUdpCork), Errno::enoprotoopt);
    EXPECT_EQ(set_short(udp, kSolUdp, 999), Errno::einval);
    EXPECT_EQ(set_short(udp, kSolTcp, kTcpNoDelay), Errno::enoprotoopt);
    EXPECT_EQ(set_short(tcp, kSolTcp, kTcpCongestion), n == 0 ? Errno::einval : Errno::enoent);
  }
}

TEST_P(Options, ALevelThatThereIsNotGetsLinuxsErrno) {
  const Fd fd = stream();
  const Errno none = GetParam() ? Errno::enoprotoopt : Errno::eopnotsupp;
  for (const int level : {999, kSolUdp}) {
    EXPECT_EQ(a().get_option(fd, level, 1, now()).error(), none) << level;
  }
  EXPECT_EQ(a().get_option(fd, kSolIp, 999, now()).error(), Errno::enoprotoopt);
  EXPECT_EQ(a().get_option(fd, kSolTcp, 999, now()).error(), Errno::enoprotoopt);
}

/// Who has room for less than an int gets one octet, and is told so.
TEST_P(Options, IpsNumbersMayBeReadAsOneOctet) {
  const Fd fd = stream();
  ASSERT_EQ(set(fd, kSolIp, kIpTos, 0xb8), Errno::none);
  for (const std::size_t n : {1U, 2U, 3U}) {
    std::array<std::byte, 3> into{};
    EXPECT_EQ(a().get_option(fd, kSolIp, kIpTos, std::span(into).first(n), now()), 1U);
    EXPECT_EQ(into, (std::array<std::byte, 3>{std::byte{0xb8}}));
    EXPECT_EQ(a().get_option(fd, kSolIp, kIpTtl, std::span(into).first(n), now()), 1U);
    EXPECT_EQ(into[0], std::byte{64});
    EXPECT_EQ(a().get_option(fd, kSolSocket, kSoType, std::span(into).first(n), now()), n);
  }
  EXPECT_EQ(a().get_option(fd, kSolIp, kIpTos, std::span<std::byte>{}, now()), 0U);
}

/// Linux keeps how often the SYN,ACK is sent again, in an octet.
TEST_P(Options, DeferAcceptIsRoundedUpToSynAcksAndBounded) {
  const Fd fd = stream();
  const std::array<std::array<int, 2>, 7> cases{
      {{-1, 0}, {0, 0}, {1, 1}, {2, 3}, {100, 127}, {128, 247}, {1'000'000, 29'887}}};
  for (const auto [value, kept] : cases) {
    ASSERT_EQ(set(fd, kSolTcp, kTcpDeferAccept, value), Errno::none);
    EXPECT_EQ(get(fd, kSolTcp, kTcpDeferAccept), kept) << value;
  }
}

// Go's runtime asks for it on each socket for datagrams, and does without UDP where it is refused.
TEST_P(Options, BroadcastingMayBeAskedFor) {
  for (const Fd fd : {stream(), *a().socket(kAfInet, kSockDgram)}) {
    EXPECT_EQ(get(fd, kSolSocket, kSoBroadcast), 0);
    EXPECT_EQ(set(fd, kSolSocket, kSoBroadcast, 7), Errno::none);
    EXPECT_EQ(get(fd, kSolSocket, kSoBroadcast), 1);
  }
}

TEST_P(Options, TimesAndLinger) {
  const Fd fd = stream();
  std::array<std::int64_t, 2> time{3, 500'000};
  ASSERT_TRUE(a().set_option(fd, kSolSocket, kSoRcvTimeo, std::as_bytes(std::span(time)), now()));
  EXPECT_EQ(a().waits_for(fd, Call::receive, now())->until, now() + 3500ms);
  EXPECT_EQ(a().waits_for(fd, Call::send, now())->until, kNever);
  time[1] = 1'000'000;
  EXPECT_EQ(
      a().set_option(fd, kSolSocket, kSoSndTimeo, std::as_bytes(std::span(time)), now()).error(),
      Errno::edom);
  std::array<int, 2> linger{1, 7};
  ASSERT_TRUE(a().set_option(fd, kSolSocket, kSoLinger, std::as_bytes(std::span(linger)), now()));
  linger = {};
  ASSERT_TRUE(
      a().get_option(fd, kSolSocket, kSoLinger, std::as_writable_bytes(std::span(linger)), now()));
  EXPECT_EQ(linger, (std::array<int, 2>{1, 7}));
}

/// Linux takes the time as unsigned: a very long one, which resets nothing.
TEST_P(Options, ANegativeLingerIsALongOne) {
  connect();
  const std::array<int, 2> linger{1, -5};
  ASSERT_TRUE(
      a().set_option(client, kSolSocket, kSoLinger, std::as_bytes(std::span(linger)), now()));
  ASSERT_TRUE(a().send(client, octets(10), now()));
  const auto closed = a().close(client, now());
  ASSERT_TRUE(closed && *closed);
  EXPECT_GT(closed->until, now() + 1000h);
  settle();
  EXPECT_EQ(sent[kA].rst, 0);
  EXPECT_EQ(sent[kA].fin, 1);
  EXPECT_EQ(drain(kB, server), 10U);
}

TEST_P(Options, OneController) {
  const Fd fd = stream();
  const auto choose = [&](std::string_view name) {
    return a().set_option(fd, kSolTcp, kTcpCongestion, std::as_bytes(std::span(name)), now());
  };
  EXPECT_TRUE(choose("reno"));
  EXPECT_EQ(choose("nobody").error(), Errno::enoent);
  std::array<char, 16> name{};
  ASSERT_EQ(
      a().get_option(fd, kSolTcp, kTcpCongestion, std::as_writable_bytes(std::span(name)), now()),
      name.size());
  EXPECT_STREQ(name.data(), "reno");
}

TEST_P(Options, BuffersAreDoubledAndHoldTheWindow) {
  const Fd fd = stream();
  EXPECT_EQ(set(fd, kSolSocket, kSoRcvBuf, 10'000), Errno::none);
  EXPECT_EQ(get(fd, kSolSocket, kSoRcvBuf), 20'000);
  EXPECT_EQ(set(fd, kSolSocket, kSoRcvBuf, 1), Errno::none);
  EXPECT_EQ(get(fd, kSolSocket, kSoRcvBuf), 2304);
  EXPECT_EQ(set(fd, kSolSocket, kSoSndBuf, 1'000'000'000), Errno::none);
  EXPECT_EQ(get(fd, kSolSocket, kSoSndBuf), 425'984);
  for (const int buffer : {kSoSndBuf, kSoRcvBuf}) {  // unsigned, to Linux
    for (const int value : {-1, std::numeric_limits<int>::min()}) {
      ASSERT_EQ(set(fd, kSolSocket, buffer, 1), Errno::none);
      ASSERT_EQ(set(fd, kSolSocket, buffer, value), Errno::none);
      EXPECT_EQ(get(fd, kSolSocket, buffer), 425'984);
    }
  }
}

TEST_P(Options, HopLimitAndMaximumSegmentAreThoseOfThePackets) {
  client = stream();
  ASSERT_EQ(set(client, GetParam() ? kSolIpv6 : kSolIp, GetParam() ? kIpv6UnicastHops : kIpTtl, 3),
            Errno::none);
  ASSERT_EQ(set(client, kSolTcp, kTcpMaxSeg, 500), Errno::none);
  std::size_t longest = 0;
  int others = 0;
  world->on_sent = [&](const sim::Flight& flight) {
    if (flight.from != kA) return;
    const auto ip = wire::parse_ip(flight.packet.bytes());
    others += ip->header.hop_limit == 3 ? 0 : 1;
    longest = std::max(longest, wire::parse_tcp(ip->payload)->payload.size());
  };
  ASSERT_EQ(a().connect(client, remote(), now()).error(), Errno::einprogress);
  settle();
  ASSERT_TRUE(a().send(client, octets(5000), now()));
  settle();
  EXPECT_EQ(others, 0);
  EXPECT_GT(longest, 400U);
  EXPECT_LE(longest, 500U);
}

TEST_P(Options, CorkAndMoreHoldWhatIsNotFull) {
  connect();
  const int before = sent[kA].all;
  ASSERT_TRUE(a().send(client, octets(10), now(), kMsgMore));
  world->run(100ms);
  EXPECT_EQ(sent[kA].all, before);
  ASSERT_TRUE(a().send(client, octets(10, 10), now()));
  settle();
  EXPECT_EQ(drain(kB, server), 20U);
  ASSERT_EQ(set(client, kSolTcp, kTcpCork, 1), Errno::none);
  const int corked = sent[kA].all;
  ASSERT_TRUE(a().send(client, octets(10, 20), now()));
  world->run(100ms);
  EXPECT_EQ(sent[kA].all, corked);
  ASSERT_EQ(set(client, kSolTcp, kTcpCork, 0), Errno::none);
  settle();
  EXPECT_EQ(drain(kB, server, 20), 10U);
}

/// tcp(7): TCP_NODELAY sends what is there, even where it is corked; the end of TCP_CORK ends
/// MSG_MORE. A call without octets is none that MSG_MORE waits for.
TEST_P(Options, NoDelayAndTheEndOfCorkSendWhatIsHeldBack) {
  connect();
  for (const int option : {kTcpNoDelay, kTcpCork}) {
    ASSERT_TRUE(a().send(client, octets(10), now(), kMsgMore));
    ASSERT_EQ(a().send(client, octets(0), now()), 0U);
    world->run(100ms);
    EXPECT_EQ(drain(kB, server), 0U);
    ASSERT_EQ(set(client, kSolTcp, option, option == kTcpNoDelay ? 1 : 0), Errno::none);
    settle();
    EXPECT_EQ(drain(kB, server), 10U);
  }
  ASSERT_EQ(set(client, kSolTcp, kTcpCork, 1), Errno::none);
  ASSERT_TRUE(a().send(client, octets(10), now()));
  world->run(100ms);
  EXPECT_EQ(drain(kB, server), 0U);
  ASSERT_EQ(set(client, kSolTcp, kTcpNoDelay, 1), Errno::none);
  settle();
  EXPECT_EQ(drain(kB, server), 10U);
}

/// However large the buffer is beside the window that the handshake could offer.
TEST_P(Options, NoneButTheBuffersSizeTellsOfTheWindow) {
  connect();
  const int before = sent[kB].all;
  const auto sets = [&](int level, int name, int value) {
    ASSERT_TRUE(b().set_option(server, level, name, value, now()));
    settle();
  };
  sets(kSolTcp, kTcpCork, 1);
  sets(kSolTcp, kTcpNoDelay, 1);
  EXPECT_EQ(sent[kB].all, before);
  sets(kSolSocket, kSoRcvBuf, 1'000'000);
  EXPECT_EQ(sent[kB].all, before + 1);
}

/// TCP_NOTSENT_LOWAT is looked at where a buffer begins; one that has begun is filled.
TEST_P(Options, NotSentLowAtBoundsBuffersAndNotOctets) {
  connect();
  ASSERT_EQ(set(client, kSolTcp, kTcpNotSentLowAt, 1), Errno::none);
  ASSERT_TRUE(a().send(client, octets(10), now()));
  world->flush();  // it is out; what follows waits for its ACK (Nagle)
  EXPECT_EQ(a().send(client, octets(20, 10), now()), 20U);
  world->flush();
  EXPECT_EQ(a().poll(client).value() & kPollOut, 0);
  EXPECT_EQ(a().send(client, octets(5, 30), now()), 5U);
  const auto filled = a().send(client, octets(200'000, 35), now());
  ASSERT_TRUE(filled);
  EXPECT_LE(*filled, 65'536U);
  EXPECT_EQ(a().send(client, octets(1), now()).error(), Errno::eagain);
  settle();
  EXPECT_EQ(drain(kB, server), 35U + *filled);
  EXPECT_NE(a().poll(client).value() & kPollOut, 0);
}

/// As Linux's copy of a listener has it, made when the handshake ends.
TEST_P(Options, ReceiveLowAtOfAListenerIsItsChildrensOfThen) {
  const auto arrives = [this] {
    const Fd fd = *a().socket();
    EXPECT_EQ(a().connect(fd, remote(), now()).error(), Errno::einprogress);
    settle();
    EXPECT_EQ(a().send(fd, octets(5), now()), 5U);
    settle();
  };
  const auto set_at_b = [this](int value) {
    ASSERT_TRUE(b().set_option(listener, kSolSocket, kSoRcvLowAt, value, now()));
  };
  set_at_b(10);
  arrives();
  set_at_b(1);
  const Fd earlier = *b().accept(listener);
  EXPECT_EQ(b().get_option(earlier, kSolSocket, kSoRcvLowAt, now()), 10);
  EXPECT_EQ(*b().poll(earlier) & kPollIn, 0);
  arrives();
  set_at_b(10);
  const Fd later = *b().accept(listener);
  EXPECT_EQ(b().get_option(later, kSolSocket, kSoRcvLowAt, now()), 1);
  EXPECT_NE(*b().poll(later) & kPollIn, 0);
}

TEST_P(Options, NotSentLowAtBoundsUrgentOctetsToASegment) {
  connect();
  ASSERT_EQ(set(client, kSolTcp, kTcpNotSentLowAt, 300), Errno::none);
  const auto taken = a().send(client, octets(3000), now(), kMsgOob);
  ASSERT_TRUE(taken);
  EXPECT_LT(*taken, 1500U);
  world->flush();
  // It is out, with the ACK still on its way: who was told of no room is told of some.
  const auto woken = a().next_wake();
  ASSERT_TRUE(woken);
  EXPECT_NE(woken->wakes & OpenSocket::wake_out, 0);
  settle();
  std::array<std::byte, 1> urgent{};
  EXPECT_EQ(b().recv(server, urgent, now(), kMsgOob), 1U);
  EXPECT_EQ(urgent[0], octets(3000)[*taken - 1]);
}

TEST_P(Options, NotSentLowAtIsReadAsItWasSet) {
  const Fd fd = stream();
  EXPECT_EQ(get(fd, kSolTcp, kTcpNotSentLowAt), 0);
  for (const int value : {7, 0, -1}) {
    ASSERT_EQ(set(fd, kSolTcp, kTcpNotSentLowAt, value), Errno::none);
    EXPECT_EQ(a().get_option(fd, kSolTcp, kTcpNotSentLowAt, now()), value);
  }
}

}  // namespace
}  // namespace lastack::socket
