// bind(): who may have which local endpoint, and what it is called.
#include "socket/fixture.hpp"

namespace lastack::socket {
namespace {

class Bind : public SocketTest {
 protected:
  Fd fresh(bool reuse = false) {
    const Fd fd = *a().socket();
    (void)a().set_reuse_address(fd, reuse);
    return fd;
  }
  [[nodiscard]] host::Endpoint at(std::uint16_t port) const { return {world->address(kA), port}; }
  [[nodiscard]] host::Endpoint any(std::uint16_t port) const {
    return {*wire::IpAddress::parse(GetParam() ? "::" : "0.0.0.0"), port};
  }
  /// Of a host that chooses ports from 40000 on.
  [[nodiscard]] host::Config with_ports_to(std::uint16_t last) const {
    host::Config config;
    config.addresses = {{world->address(kA), 24}};
    config.first_port = 40000;
    config.last_port = last;
    return config;
  }
};
INSTANTIATE_TEST_SUITE_P(Family, Bind, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "v6" : "v4"; });

TEST_P(Bind, Port0PicksOneAndSaysWhich) {
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 100; ++i) {
    const Fd fd = fresh();
    ASSERT_TRUE(a().bind(fd, at(0)));
    ports.insert(a().local_name(fd)->port);
  }
  EXPECT_EQ(ports.size(), 100U);
  EXPECT_FALSE(ports.contains(0));
}

TEST_P(Bind, TheSecondIsRefused) {
  const Fd first = fresh();
  ASSERT_TRUE(a().bind(first, at(4000)));
  EXPECT_EQ(a().bind(fresh(), at(4000)).error(), Errno::eaddrinuse);
  EXPECT_EQ(a().bind(fresh(), any(4000)).error(), Errno::eaddrinuse);
  EXPECT_EQ(a().bind(fresh(true), at(4000)).error(), Errno::eaddrinuse);
  EXPECT_TRUE(a().bind(fresh(), at(4001)));
  EXPECT_EQ(a().bind(first, at(4002)).error(), Errno::einval);
  const Fd copy = *a().dup(first);
  ASSERT_TRUE(a().close(first, now()));
  EXPECT_EQ(a().bind(fresh(), at(4000)).error(), Errno::eaddrinuse);  // the copy still has it
  ASSERT_TRUE(a().close(copy, now()));
  EXPECT_TRUE(a().bind(fresh(), any(4000)));
}

TEST_P(Bind, APortThatBindPickedIsFreeOnceItsConnectionIsOver) {
  const Fd fd = fresh();
  ASSERT_TRUE(a().bind(fd, any(0)));
  const std::uint16_t picked = a().local_name(fd)->port;
  ASSERT_EQ(a().connect(fd, host::Endpoint{world->address(kB), 7}, now()).error(),
            Errno::einprogress);
  EXPECT_EQ(a().local_name(fd)->address, at(0).address);
  EXPECT_EQ(a().bind(fresh(), at(picked)).error(), Errno::eaddrinuse);
  settle();  // nobody is there
  EXPECT_TRUE(a().bind(fresh(), at(picked)));
  ASSERT_TRUE(a().bind(fd, at(4000)));
  EXPECT_EQ(a().local_name(fd)->port, 4000);
  EXPECT_EQ(a().bind(fd, at(4001)).error(), Errno::einval);
}

TEST_P(Bind, OneThatFailsLosesTheAddress) {
  const Fd other = fresh();
  ASSERT_TRUE(a().bind(other, at(4000)));
  const Fd fd = fresh();
  ASSERT_EQ(a().connect(fd, host::Endpoint{world->address(kB), 7}, now()).error(),
            Errno::einprogress);
  settle();
  const host::Endpoint before = *a().local_name(fd);
  EXPECT_EQ(before.address, at(0).address);
  EXPECT_EQ(a().bind(fd, at(4000)).error(), Errno::eaddrinuse);
  EXPECT_TRUE(a().local_name(fd)->address.is_unspecified());
  EXPECT_EQ(a().local_name(fd)->port, before.port);
}

TEST_P(Bind, SharedByThoseWhoSaySoAndNotWithAListener) {
  const Fd first = fresh(true);
  const Fd second = fresh(true);
  ASSERT_TRUE(a().bind(first, at(4000)));
  ASSERT_TRUE(a().bind(second, at(4000)));
  ASSERT_TRUE(a().listen(first, 5, now()));
  EXPECT_EQ(a().listen(second, 5, now()).error(), Errno::eaddrinuse);
  EXPECT_EQ(a().bind(fresh(true), at(4000)).error(), Errno::eaddrinuse);
  ASSERT_TRUE(a().close(first, now()));
  EXPECT_TRUE(a().bind(fresh(true), at(4000)));
  EXPECT_TRUE(a().listen(second, 5, now()));
}

TEST_P(Bind, TheSameFourNumbersTwice) {
  const Fd first = fresh(true);
  ASSERT_TRUE(a().bind(first, at(4000)));
  ASSERT_EQ(a().connect(first, remote(), now()).error(), Errno::einprogress);
  const Fd second = fresh(true);
  ASSERT_TRUE(a().bind(second, at(4000)));
  EXPECT_EQ(a().connect(second, remote(), now()).error(), Errno::eaddrnotavail);
  settle();
  EXPECT_EQ(*a().state(first), State::established);
  EXPECT_EQ(*a().state(second), State::closed);
  const host::Endpoint other{world->address(kB), 81};
  EXPECT_EQ(a().connect(second, other, now()).error(), Errno::einprogress);
}

/// A server that starts again while connections of its last run are still there: only where both
/// runs say SO_REUSEADDR.
TEST_P(Bind, AConnectionKeepsItsPortUnlessBothShareIt) {
  const Fd first = fresh(true);
  ASSERT_TRUE(a().bind(first, at(4000)));
  ASSERT_TRUE(a().listen(first, 5, now()));
  const Fd client = *b().socket();
  ASSERT_EQ(b().connect(client, at(4000), now()).error(), Errno::einprogress);
  settle();
  const auto connection = a().accept(first);
  ASSERT_TRUE(connection);
  ASSERT_TRUE(a().close(first, now()));
  EXPECT_EQ(a().bind(fresh(), at(4000)).error(), Errno::eaddrinuse);
  EXPECT_EQ(a().bind(fresh(), any(4000)).error(), Errno::eaddrinuse);
  const Fd again = fresh(true);
  EXPECT_TRUE(a().bind(again, at(4000)));
  EXPECT_TRUE(a().listen(again, 5, now()));
  EXPECT_EQ(*a().state(*connection), State::established);
  ASSERT_TRUE(a().close(again, now()));
  ASSERT_TRUE(a().set_reuse_address(*connection, false));
  EXPECT_EQ(a().bind(fresh(true), at(4000)).error(), Errno::eaddrinuse);
  ASSERT_TRUE(a().close(*connection, now()));
  ASSERT_TRUE(b().close(client, now()));
  settle();
  EXPECT_EQ(a().bind(fresh(true), at(4000)).error(), Errno::eaddrinuse);  // TIME_WAIT keeps it
  world->run(2min);
  EXPECT_TRUE(a().bind(fresh(), at(4000)));
}

/// SO_REUSEPORT: several listen at one place, and each connection comes to one of them.
TEST_P(Bind, ListenersThatBalanceShareWhatComes) {
  constexpr int kConnections = 60;
  std::vector<Fd> listeners;
  for (int i = 0; i < 3; ++i) {
    listeners.push_back(fresh());
    ASSERT_TRUE(a().set_option(listeners.back(), kSolSocket, kSoReusePort, 1, now()));
    ASSERT_TRUE(a().bind(listeners.back(), at(4000)));
    ASSERT_TRUE(a().listen(listeners.back(), kConnections, now()));
  }
  EXPECT_EQ(a().bind(fresh(true), at(4000)).error(), Errno::eaddrinuse);
  for (int i = 0; i < kConnections; ++i) (void)b().connect(*b().socket(), at(4000), now());
  settle();
  int all = 0;
  for (const Fd listener : listeners) {
    int accepted = 0;
    while (a().accept(listener)) ++accepted;
    EXPECT_GT(accepted, kConnections / 10);
    all += accepted;
  }
  EXPECT_EQ(all, kConnections);
}

TEST_P(Bind, ConnectTakesNoPortThatIsBound) {
  host::Host host(with_ports_to(40003), Random(1));
  Sockets sockets(host);
  std::vector<Fd> bound;
  for (int i = 0; i < 3; ++i) {
    bound.push_back(*sockets.socket());
    ASSERT_TRUE(sockets.bind(bound.back(), at(0)));
  }
  const Fd one = *sockets.socket();
  EXPECT_EQ(sockets.connect(one, remote(), now()).error(), Errno::einprogress);
  const Fd none = *sockets.socket();
  EXPECT_EQ(sockets.connect(none, remote(), now()).error(), Errno::eaddrnotavail);
  ASSERT_TRUE(sockets.close(bound[1], now()));
  EXPECT_EQ(sockets.connect(none, remote(), now()).error(), Errno::einprogress);
}

/// As in Linux: SO_REUSEADDR lets one ask for a port in TIME_WAIT, but it is given to nobody who
/// did not ask for it. Whoever binds it next might not share it.
TEST_P(Bind, APortThatIsChosenForYouIsNobodyElses) {
  host::Host host(with_ports_to(40001), Random(1));
  Sockets sockets(host);
  const auto sharing = [&] {
    const Fd fd = *sockets.socket();
    EXPECT_TRUE(sockets.set_reuse_address(fd, true));
    return fd;
  };
  const auto settle_host = [&] {
    host::PacketOut out;
    while (host.transmit(out, now())) {
    }
    host::HostEvent event;
    while (host.next_event(event)) sockets.heard(event);
  };
  const Fd listener = sharing();
  ASSERT_TRUE(sockets.bind(listener, at(40000)));
  ASSERT_TRUE(sockets.listen(listener, 1, now()));
  const Fd client = *sockets.socket();
  ASSERT_TRUE(sockets.bind(client, at(30000)));
  EXPECT_EQ(sockets.connect(client, at(40000), now()).error(), Errno::einprogress);
  settle_host();
  const Fd accepted = *sockets.accept(listener);
  for (const Fd fd : {accepted, client, listener}) {
    ASSERT_TRUE(sockets.close(fd, now()));
    settle_host();
  }
  EXPECT_EQ(sockets.bind(*sockets.socket(), at(40000)).error(), Errno::eaddrinuse);
  const Fd chosen = sharing();
  ASSERT_TRUE(sockets.bind(chosen, at(0)));
  EXPECT_EQ(sockets.local_name(chosen)->port, 40001);
  EXPECT_EQ(sockets.bind(sharing(), at(0)).error(), Errno::eaddrinuse);
  EXPECT_TRUE(sockets.bind(sharing(), at(40000)));
}

/// SO_REUSEADDR and SO_REUSEPORT are two things: both have to say the same.
TEST_P(Bind, WhoSharesAddressesDoesNotShareWithWhoSharesPorts) {
  const auto with = [&](int option) {
    const Fd fd = fresh();
    EXPECT_TRUE(a().set_option(fd, kSolSocket, option, 1, now()));
    return fd;
  };
  const Fd first = with(kSoReuseAddr);
  ASSERT_TRUE(a().bind(first, at(4000)));
  EXPECT_EQ(a().bind(with(kSoReusePort), at(4000)).error(), Errno::eaddrinuse);
  EXPECT_TRUE(a().bind(with(kSoReuseAddr), at(4000)));
  ASSERT_TRUE(a().set_option(first, kSolSocket, kSoReusePort, 1, now()));
  EXPECT_EQ(a().bind(with(kSoReusePort), at(4000)).error(), Errno::eaddrinuse);  // the second
  const Fd other = with(kSoReusePort);
  ASSERT_TRUE(a().bind(other, at(4001)));
  EXPECT_EQ(a().bind(with(kSoReuseAddr), at(4001)).error(), Errno::eaddrinuse);
  EXPECT_TRUE(a().bind(with(kSoReusePort), at(4001)));
}

/// Two SYNs cross; one side gives up and opens again, and the other's answer to its first SYN
/// comes.
class CrossedSyns : public SocketTest {};
INSTANTIATE_TEST_SUITE_P(Family, CrossedSyns, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "v6" : "v4"; });

TEST_P(CrossedSyns, AnAnswerToAnEarlierSynEndsNothing) {
  both_connect();
  world->flush();
  ASSERT_TRUE(b().disconnect(server, now()));
  EXPECT_EQ(b().connect(server, {world->address(kA), 5000}, now()).error(), Errno::einprogress);
  settle();
  expect(State::established, State::established);
  EXPECT_EQ(sent[kA].rst + sent[kB].rst, 0);
}

}  // namespace
}  // namespace lastack::socket
