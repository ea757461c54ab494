// Sockets of AF_INET6 and IPv4's addresses (RFC 3493 §3.7, §5.3), and who keeps a port from whom.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "sim/two_hosts.hpp"
#include "wire/ip.hpp"

namespace lastack::socket {
namespace {

using wire::IpAddress;

class FamiliesTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kA = 0;
  static constexpr std::size_t kB = 1;
  static constexpr std::uint16_t kPort = 80;

  Sockets& a() { return world.sockets(kA); }
  Sockets& b() { return world.sockets(kB); }
  [[nodiscard]] TimePoint now() const { return world.now(); }
  static host::Endpoint any6() { return {*IpAddress::parse("::"), kPort}; }
  static host::Endpoint any4() { return {IpAddress{}, kPort}; }
  static host::Endpoint v4(std::uint8_t last) { return {IpAddress::v4(10, 0, 0, last), kPort}; }
  static host::Endpoint v6(const char* text) { return {*IpAddress::parse(text), kPort}; }

  Fd listening(int domain, const host::Endpoint& at, bool only_v6 = false) {
    const Fd fd = *b().socket(domain, kSockStream);
    EXPECT_TRUE(b().set_option(fd, kSolIpv6, kIpv6V6Only, only_v6 ? 1 : 0, now()) || !only_v6);
    EXPECT_TRUE(b().bind(fd, at));
    EXPECT_TRUE(b().listen(fd, 5, now()));
    return fd;
  }
  /// Connects from A; what the second connect() says.
  Errno connected(Fd fd, const host::Endpoint& to) {
    const auto begun = a().connect(fd, to, now());
    if (begun.error() != Errno::einprogress) return begun.error();
    world.settle();
    const auto done = a().connect(fd, to, now());
    return done ? Errno::none : done.error();
  }
  Errno bound(int domain, int type, const host::Endpoint& at, bool only_v6 = false) {
    const Fd fd = *b().socket(domain, type);
    EXPECT_TRUE(b().set_option(fd, kSolIpv6, kIpv6V6Only, only_v6 ? 1 : 0, now()) || !only_v6);
    const auto result = b().bind(fd, at);
    return result ? Errno::none : result.error();
  }

  sim::TwoHosts world{{.both = true}};
};

TEST_F(FamiliesTest, AListenerOfBothFamiliesTakesIpv4) {
  const Fd listener = listening(kAfInet6, any6());
  const Fd client = *a().socket(kAfInet, kSockStream);
  EXPECT_EQ(connected(client, v4(2)), Errno::none);
  const Fd server = *b().accept(listener);
  EXPECT_EQ(b().local_name(server)->address, IpAddress::v4(10, 0, 0, 2));
  EXPECT_EQ(b().peer_name(server)->address, IpAddress::v4(10, 0, 0, 1));
  EXPECT_EQ(*b().get_option(server, kSolSocket, kSoDomain, now()), kAfInet6);
  const Fd other = *a().socket(kAfInet6, kSockStream);
  EXPECT_EQ(connected(other, v6("fd00::2")), Errno::none);
  EXPECT_TRUE(b().accept(listener));
}

TEST_F(FamiliesTest, Ipv6OnlyTakesNoIpv4) {
  listening(kAfInet6, any6(), true);
  const Fd client = *a().socket(kAfInet, kSockStream);
  EXPECT_EQ(connected(client, v4(2)), Errno::econnrefused);
  const Fd other = *a().socket(kAfInet6, kSockStream);
  EXPECT_EQ(connected(other, v6("fd00::2")), Errno::none);
}

TEST_F(FamiliesTest, AnIpv6SocketConnectsToAMappedAddressUnlessItIsIpv6Only) {
  listening(kAfInet, any4());
  const Fd client = *a().socket(kAfInet6, kSockStream);
  EXPECT_EQ(connected(client, v6("::ffff:10.0.0.2")), Errno::none);
  EXPECT_EQ(a().local_name(client)->address, IpAddress::v4(10, 0, 0, 1));
  const Fd only = *a().socket(kAfInet6, kSockStream);
  ASSERT_TRUE(a().set_option(only, kSolIpv6, kIpv6V6Only, 1, now()));
  EXPECT_EQ(connected(only, v4(2)), Errno::enetunreach);
  EXPECT_EQ(a().bind(only, v4(1)).error(), Errno::einval);
}

TEST_F(FamiliesTest, BothFamiliesKeepThePortFromIpv4) {
  for (const int type : {kSockStream, kSockDgram}) {
    ASSERT_EQ(bound(kAfInet6, type, any6()), Errno::none);
    EXPECT_EQ(bound(kAfInet, type, any4()), Errno::eaddrinuse);
    EXPECT_EQ(bound(kAfInet, type, v4(2)), Errno::eaddrinuse);
    EXPECT_EQ(bound(kAfInet6, type, any6(), true), Errno::eaddrinuse);
  }
}

TEST_F(FamiliesTest, Ipv6OnlyLeavesThePortToIpv4) {
  for (const int type : {kSockStream, kSockDgram}) {
    ASSERT_EQ(bound(kAfInet6, type, any6(), true), Errno::none);
    EXPECT_EQ(bound(kAfInet, type, any4()), Errno::none);
    EXPECT_EQ(bound(kAfInet6, type, any6()), Errno::eaddrinuse);
  }
}

TEST_F(FamiliesTest, DatagramsOfBothFamiliesComeToOneSocket) {
  const Fd server = *b().socket(kAfInet6, kSockDgram);
  ASSERT_TRUE(b().bind(server, any6()));
  const std::array octets{std::byte{1}};
  const std::span<const std::byte> part(octets);
  for (const auto& [domain, to] : {std::pair{kAfInet, v4(2)}, {kAfInet6, v6("fd00::2")}}) {
    const Fd client = *a().socket(domain, kSockDgram);
    ASSERT_TRUE(a().sendmsg(client, PartsIn(&part, 1), now(), 0, to));
    world.settle();
    std::array<std::byte, 8> into{};
    const std::span<std::byte> room(into);
    const auto got = b().recvmsg(server, PartsOut(&room, 1), now());
    ASSERT_TRUE(got);
    EXPECT_EQ(got->from.address.is_v4(), domain == kAfInet);
    ASSERT_TRUE(b().sendmsg(server, PartsIn(&part, 1), now(), 0, got->from));
    world.settle();
    EXPECT_EQ(a().recv(client, into, now()), 1U);
  }
}

TEST_F(FamiliesTest, SharingIsWhatEachSaysNow) {
  const auto shares = [&](Fd fd) {
    EXPECT_TRUE(b().set_option(fd, kSolSocket, kSoReuseAddr, 1, now()));
  };
  for (const int type : {kSockStream, kSockDgram}) {
    const Fd first = *b().socket(kAfInet, type);
    ASSERT_TRUE(b().bind(first, any4()));
    const Fd second = *b().socket(kAfInet, type);
    shares(second);
    EXPECT_EQ(b().bind(second, any4()).error(), Errno::eaddrinuse);
    shares(first);
    EXPECT_TRUE(b().bind(second, any4()));
    EXPECT_TRUE(b().close(first, now()));
    EXPECT_TRUE(b().close(second, now()));
    EXPECT_EQ(bound(kAfInet, type, any4()), Errno::none);
  }
}

TEST_F(FamiliesTest, DatagramsAsLinuxHasThem) {
  const Fd fd = *a().socket(kAfInet, kSockDgram);
  const std::array octets{std::byte{1}};
  EXPECT_EQ(a().send(fd, octets, now(), kMsgOob).error(), Errno::eopnotsupp);
  EXPECT_EQ(a().send(fd, octets, now()).error(), Errno::edestaddrreq);
  EXPECT_NE(a().local_name(fd)->port, 0);  // it has a port all the same
  ASSERT_TRUE(a().connect(fd, v4(2), now()));
  ASSERT_TRUE(a().shutdown(fd, kShutRdwr, now()));
  ASSERT_TRUE(a().connect(fd, v4(2), now()));  // which does not undo the shutdown
  EXPECT_EQ(a().send(fd, octets, now()).error(), Errno::epipe);
}

/// Port 0 is nobody's: TCP is refused by the host that is asked.
TEST_F(FamiliesTest, AConnectionToPort0IsRefused) {
  for (const auto& to : {v4(2).address, v6("fd00::2").address}) {
    const Fd fd = *a().socket(to.is_v4() ? kAfInet : kAfInet6, kSockStream);
    EXPECT_EQ(connected(fd, {to, 0}), Errno::econnrefused);
    EXPECT_EQ(world.host(kA).flows(), 0U);
  }
}

/// As resolvers ask for the address that they would talk from. Connected so a socket has no peer,
/// and hears each port of its host; what it sends there comes back refused.
TEST_F(FamiliesTest, DatagramsConnectedToPort0HearAllOfTheHost) {
  const std::array octets{std::byte{1}};
  const std::span<const std::byte> part(octets);
  std::array<std::byte, 8> into{};
  for (const auto& [domain, host] : {std::pair{kAfInet, v4(2)}, {kAfInet6, v6("fd00::2")}}) {
    const Fd fd = *a().socket(domain, kSockDgram);
    ASSERT_TRUE(a().connect(fd, {host.address, 0}, now()));
    EXPECT_EQ(a().peer_name(fd).error(), Errno::enotconn);
    const host::Endpoint here = *a().local_name(fd);
    EXPECT_FALSE(here.address.is_unspecified());

    const std::array from{*b().socket(domain, kSockDgram), *b().socket(domain, kSockDgram)};
    for (const Fd one : from) {
      ASSERT_TRUE(b().sendmsg(one, PartsIn(&part, 1), now(), 0, here));
      world.settle();
      EXPECT_EQ(a().recv(fd, into, now()), 1U);
    }
    EXPECT_EQ(a().sendmsg(fd, PartsIn(&part, 1), now(), 0, host::Endpoint{host.address, 0}).error(),
              Errno::einval);
    ASSERT_TRUE(a().send(fd, octets, now()));
    world.settle();
    EXPECT_EQ(a().recv(fd, into, now()).error(), Errno::econnrefused);
    ASSERT_TRUE(a().connect(fd, {host.address, b().local_name(from[0])->port}, now()));
    for (const Fd one : from) {
      ASSERT_TRUE(b().sendmsg(one, PartsIn(&part, 1), now(), 0, here));
      world.settle();
      EXPECT_EQ(a().recv(fd, into, now()).has_value(), one == from[0]);
    }
    ASSERT_TRUE(a().shutdown(fd, kShutRd, now()));
    ASSERT_TRUE(a().close(fd, now()));
  }
}

/// Linux hands it on to IPv4 with its receiver named, and a name has a port.
TEST_F(FamiliesTest, NothingGoesToPort0OfAMappedAddress) {
  const std::array octets{std::byte{1}};
  const Fd fd = *a().socket(kAfInet6, kSockDgram);
  ASSERT_TRUE(a().connect(fd, {v4(2).address, 0}, now()));
  EXPECT_EQ(a().send(fd, octets, now()).error(), Errno::einval);
  EXPECT_EQ(a().send(fd, octets, now(), kMsgMore).error(), Errno::einval);
}

/// The last part of a datagram finds no room: it can be said again, and the others are still there.
TEST_F(FamiliesTest, ADatagramInPartsWaitsForRoom) {
  const Fd server = *b().socket(kAfInet, kSockDgram);
  ASSERT_TRUE(b().bind(server, any4()));
  const Fd fd = *a().socket(kAfInet, kSockDgram);
  const Fd fills = *a().socket(kAfInet, kSockDgram);
  ASSERT_TRUE(a().connect(fd, v4(2), now()));
  ASSERT_TRUE(a().connect(fills, {v4(2).address, 9}, now()));
  const std::vector<std::byte> octets(30000);
  ASSERT_EQ(a().send(fd, octets, now(), kMsgMore), 30000U);
  auto filled = a().send(fills, octets, now());
  for (int i = 0; i < 1000 && filled; ++i) filled = a().send(fills, octets, now());
  ASSERT_EQ(filled.error(), Errno::eagain);
  EXPECT_EQ(a().send(fd, octets, now()).error(), Errno::eagain);
  world.settle();
  EXPECT_EQ(a().send(fd, octets, now()), 30000U);
  world.settle();
  std::vector<std::byte> into(65536);
  EXPECT_EQ(b().recv(server, into, now()), 60000U);
  EXPECT_EQ(b().recv(server, into, now()).error(), Errno::eagain);
}

/// An IPv6 socket has marks for what it sends as IPv4, too; ECN's bits are TCP's own.
TEST_F(FamiliesTest, PacketsAreMarkedAsTheOptionsOfTheirFamilySay) {
  using Marks = std::pair<int, int>;
  std::vector<Marks> seen;
  world.on_sent = [&](const sim::Flight& flight) {
    const auto ip = wire::parse_ip(flight.packet.bytes());
    if (flight.from == kA) seen.emplace_back(ip->header.hop_limit, ip->header.traffic_class);
  };
  for (const int type : {kSockStream, kSockDgram}) {
    for (const auto& [to, hop_limit] : {std::pair{v4(2), 3}, {v6("fd00::2"), 4}}) {
      for (const bool late : {false, true}) {
        seen.clear();
        const Fd fd = *a().socket(kAfInet6, type);
        const auto set = [&](int level, int name, int value) {
          EXPECT_TRUE(a().set_option(fd, level, name, value, now()));
        };
        if (late && type == kSockDgram) {
          EXPECT_TRUE(a().connect(fd, to, now()));
        }
        set(kSolIp, kIpTtl, 3);
        set(kSolIpv6, kIpv6UnicastHops, 4);
        set(kSolIp, kIpTos, 0x33);
        set(kSolIpv6, kIpv6Tclass, 0x43);
        if (!late || type == kSockStream) (void)a().connect(fd, to, now());
        if (type == kSockDgram) {
          EXPECT_TRUE(a().send(fd, std::array{std::byte{1}}, now()));
        }
        world.settle();
        const int ecn = type == kSockDgram ? 3 : 0;
        ASSERT_FALSE(seen.empty());
        EXPECT_EQ(seen.front(), Marks(hop_limit, (hop_limit == 3 ? 0x30 : 0x40) + ecn));
      }
    }
  }
}

TEST_F(FamiliesTest, TheReceiveBufferBoundsTheDatagramsThatWait) {
  const Fd client = *a().socket(kAfInet, kSockDgram);
  ASSERT_TRUE(a().connect(client, v4(2), now()));
  const std::vector<std::byte> octets(1000);
  const auto come = [&](int chosen, bool late) {
    const Fd server = *b().socket(kAfInet, kSockDgram);
    if (late) {
      EXPECT_TRUE(b().bind(server, any4()));
    }
    if (chosen != 0) {
      EXPECT_TRUE(b().set_option(server, kSolSocket, kSoRcvBuf, chosen, now()));
    }
    if (!late) {
      EXPECT_TRUE(b().bind(server, any4()));
    }
    for (int i = 0; i < 100; ++i) {
      EXPECT_TRUE(a().send(client, octets, now()));
      world.settle();
    }
    std::vector<std::byte> into(2000);
    int count = 0;
    while (b().recv(server, into, now())) ++count;
    EXPECT_TRUE(b().close(server, now()));
    return count;
  };
  for (const bool late : {false, true}) {
    EXPECT_EQ(come(0, late), 100);
    const int few = come(10'000, late);  // doubled, and each costs more than its octets
    EXPECT_GE(few, 8);
    EXPECT_LE(few, 20);
  }
}

/// What was "::" keeps 0.0.0.0 for as long as there is anything of it, though connect() has chosen
/// an address of IPv6; the same address mapped into IPv6 it does not keep.
TEST_F(FamiliesTest, AnOrphanOfBothFamiliesKeepsIpv4) {
  listening(kAfInet6, any6());
  const auto place = [](IpAddress address) { return host::Endpoint{address, 4000}; };
  const auto binds = [&](int domain) {
    const Fd fd = *a().socket(domain, kSockStream);
    const auto result = a().bind(fd, place(IpAddress{}));
    (void)a().close(fd, now());
    return result ? Errno::none : result.error();
  };
  const Fd client = *a().socket(kAfInet6, kSockStream);
  ASSERT_TRUE(a().bind(client, place(*IpAddress::parse("::"))));
  EXPECT_EQ(connected(client, v6("fd00::2")), Errno::none);
  EXPECT_EQ(binds(kAfInet), Errno::eaddrinuse);
  EXPECT_EQ(binds(kAfInet6), Errno::none);
  (void)a().close(client, now());
  world.run(1s);
  EXPECT_EQ(binds(kAfInet), Errno::eaddrinuse);
  EXPECT_EQ(binds(kAfInet6), Errno::none);
}

}  // namespace
}  // namespace lastack::socket
