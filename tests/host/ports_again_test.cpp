// connect() where every port stands in TIME_WAIT: it takes over one whose SYN is newer (RFC 6191).
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "sim/two_hosts.hpp"
#include "wire/tcp.hpp"

namespace lastack::host {
namespace {

using socket::Errno;
using socket::Fd;

constexpr std::uint16_t kPorts = 4;
constexpr std::uint16_t kServer = 80;

/// What a client's segments said last.
struct Said {
  wire::TcpHeader header;
  Seq end;
};

class PortsAgain : public testing::TestWithParam<bool> {
 protected:
  explicit PortsAgain(tcp::Settings settings = {})
      : hosts({.v6 = GetParam(), .delay = 50us, .settings = settings, .ports = kPorts}) {
    hosts.on_sent = [this](const sim::Flight& f) {
      const auto ip = wire::parse_ip(f.packet.bytes());
      const auto tcp = wire::parse_tcp(ip->payload);
      sent = f.number;
      if (f.from != 0) return;
      if (tcp->header.flags.has(wire::Flag::syn)) {
        before = last;
        syn = tcp->header;
      }
      last = {tcp->header, tcp->header.seq + static_cast<std::uint32_t>(tcp->payload.size()) +
                               (tcp->header.flags.has(wire::Flag::fin) ? 1U : 0U)};
    };
    listener = *server().socket();
    (void)server().bind(listener, {hosts.address(1), kServer});
    (void)server().listen(listener, 5, hosts.now());
  }
  socket::Sockets& client() { return hosts.sockets(0); }
  socket::Sockets& server() { return hosts.sockets(1); }
  [[nodiscard]] std::uint64_t taken_over() {
    return hosts.host(0).counters().tcp.time_wait_taken_over;
  }

  Errno connect(Fd fd) {
    const auto result = client().connect(fd, {hosts.address(1), kServer}, hosts.now());
    hosts.run(1ms);
    return result ? Errno{} : result.error();
  }
  std::uint16_t port_of(Fd fd) { return client().local_name(fd)->port; }

  /// One that the client closes first; its port.
  std::uint16_t whole_connection() {
    const Fd a = *client().socket();
    EXPECT_EQ(connect(a), Errno::einprogress);
    return close_first(a);
  }
  std::uint16_t close_first(Fd a) {
    const std::uint16_t port = port_of(a);
    const auto b = server().accept(listener);
    EXPECT_TRUE(b);
    (void)client().close(a, hosts.now());
    hosts.run(1ms);
    (void)server().close(*b, hosts.now());
    hosts.run(1ms);
    return port;
  }

  sim::TwoHosts hosts;
  Fd listener = -1;
  std::uint64_t sent = 0;  ///< packets
  wire::TcpHeader syn;     ///< the client's last
  Said before{};           ///< what it had sent before that
  Said last{};
};
INSTANTIATE_TEST_SUITE_P(Family, PortsAgain, testing::Bool(),
                         [](const auto& info) { return info.param ? "v6" : "v4"; });

TEST_P(PortsAgain, ASecondAfterTheLastTimestampWasSent) {
  std::vector<std::uint16_t> ports(kPorts);
  for (std::uint16_t& port : ports) port = whole_connection();
  EXPECT_EQ(std::set(ports.begin(), ports.end()).size(), kPorts);
  const Fd fd = *client().socket();
  EXPECT_EQ(connect(fd), Errno::eaddrnotavail);
  hosts.run(980ms);
  EXPECT_EQ(connect(fd), Errno::eaddrnotavail);
  hosts.run(30ms);
  EXPECT_EQ(taken_over(), 0U);
  EXPECT_EQ(connect(fd), Errno::einprogress);
  EXPECT_EQ(*client().state(fd), tcp::State::established);
  EXPECT_EQ(taken_over(), 1U);
  EXPECT_EQ(port_of(fd), ports[0]) << "the one that has waited for the longest";
}

TEST_P(PortsAgain, AFreeOneComesBeforeThem) {
  const std::uint16_t first = whole_connection();
  hosts.run(2s);
  for (int i = 1; i < kPorts; ++i) {
    const Fd fd = *client().socket();
    EXPECT_EQ(connect(fd), Errno::einprogress);
    EXPECT_NE(port_of(fd), first);
  }
  EXPECT_EQ(taken_over(), 0U);
  const Fd fd = *client().socket();
  EXPECT_EQ(connect(fd), Errno::einprogress);
  EXPECT_EQ(port_of(fd), first);
  EXPECT_EQ(taken_over(), 1U);
  EXPECT_EQ(connect(*client().socket()), Errno::eaddrnotavail) << "those that live keep theirs";
}

/// What either end may still have of the old connection is older than all of the new one's.
TEST_P(PortsAgain, TheNewOneBeginsBeyondTheOld) {
  const Fd a = *client().socket();
  (void)client().set_reuse_address(a, true);
  (void)client().bind(a, {hosts.address(0), 5555});
  ASSERT_EQ(connect(a), Errno::einprogress);
  const Fd b = *server().accept(listener);
  std::vector<std::byte> piece(64 * 1024);
  for (int i = 0; i < 100; ++i) {  // more than the clock of initial numbers advances meanwhile
    (void)client().send(a, piece, hosts.now());
    hosts.run(1ms);
    while (server().recv(b, piece, hosts.now()).value_or(0) > 0) {
    }
    piece.resize(64 * 1024);
  }
  (void)client().shutdown(a, socket::kShutWr, hosts.now());
  hosts.run(1ms);
  (void)server().close(b, hosts.now());
  hosts.run(1ms);
  (void)client().close(a, hosts.now());
  hosts.run(5ms);
  const Fd again = *client().socket();
  (void)client().set_reuse_address(again, true);
  (void)client().bind(again, {hosts.address(0), 5555});
  EXPECT_EQ(connect(again), Errno::einprogress) << "who names the port need not wait";
  EXPECT_EQ(*client().state(again), tcp::State::established);
  EXPECT_TRUE(after(syn.seq, before.end)) << distance(before.end, syn.seq);
  EXPECT_TRUE(tcp::older(before.header.options.ts_val, syn.options.ts_val));
  EXPECT_EQ(taken_over(), 1U);
}

/// The peer may still be in LAST_ACK, where the last ACK was lost: its answer is refused, and the
/// SYN that is sent again finds nobody in the way.
TEST_P(PortsAgain, ThePeerMayStillWaitForTheLastAck) {
  const Fd a = *client().socket();
  ASSERT_EQ(connect(a), Errno::einprogress);
  const std::uint16_t port = port_of(a);
  const Fd b = *server().accept(listener);
  for (int i = 1; i < kPorts; ++i) (void)connect(*client().socket());
  (void)client().close(a, hosts.now());
  hosts.run(1ms);
  for (std::uint64_t i = 2; i < 20; ++i) hosts.drop(sent + i);  // all but the server's first FIN
  (void)server().close(b, hosts.now());
  hosts.run(1100ms);
  hosts.drop_none();
  const Flow at_server{{hosts.address(1), kServer}, {hosts.address(0), port}};
  ASSERT_EQ(hosts.host(1).state_of(at_server), tcp::State::last_ack);
  const Fd again = *client().socket();
  EXPECT_EQ(connect(again), Errno::einprogress);
  EXPECT_EQ(port_of(again), port);
  EXPECT_EQ(*client().state(again), tcp::State::syn_sent);
  EXPECT_EQ(hosts.host(1).state_of(at_server), tcp::State::closed);
  hosts.run(1s);
  EXPECT_EQ(*client().state(again), tcp::State::established);
}

class PortsAgainWithoutTimestamps : public PortsAgain {
 protected:
  PortsAgainWithoutTimestamps() : PortsAgain({.timestamps = false}) {}
};
INSTANTIATE_TEST_SUITE_P(Family, PortsAgainWithoutTimestamps, testing::Bool(),
                         [](const auto& info) { return info.param ? "v6" : "v4"; });

TEST_P(PortsAgainWithoutTimestamps, NoneIsTakenBeforeItsTimeIsOver) {
  for (int i = 0; i < kPorts; ++i) whole_connection();
  hosts.run(50s);
  EXPECT_EQ(connect(*client().socket()), Errno::eaddrnotavail);
  hosts.run(11s);
  EXPECT_EQ(connect(*client().socket()), Errno::einprogress);
  EXPECT_EQ(taken_over(), 0U);
}

}  // namespace
}  // namespace lastack::host
