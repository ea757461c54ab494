// A new connection with the ports of one that is in TIME_WAIT (RFC 6191, RFC 1122 4.2.2.13).
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "sim/two_hosts.hpp"
#include "wire/tcp.hpp"

namespace lastack::host {
namespace {

using socket::Fd;

/// A client with a port of its own choice, and a server that sends more than a clock-driven initial
/// sequence number advances in the same time, then closes first.
class Reuse : public testing::TestWithParam<bool> {
 protected:
  static constexpr std::uint16_t kServer = 80;
  static constexpr std::uint16_t kClient = 5555;

  Reuse() {
    hosts.on_sent = [this](const sim::Flight& f) {
      const auto ip = wire::parse_ip(f.packet.bytes());
      const auto tcp = wire::parse_tcp(ip->payload);
      const auto& flags = tcp->header.flags;
      if (f.from == 1 && flags.has(wire::Flag::syn)) syn_ack = tcp->header.seq;
      if (f.from == 1) last = tcp->header.seq + static_cast<std::uint32_t>(tcp->payload.size());
    };
    listener = *server().socket();
    (void)server().bind(listener, {hosts.address(1), kServer});
    (void)server().listen(listener, 5, hosts.now());
  }
  socket::Sockets& client() { return hosts.sockets(0); }
  socket::Sockets& server() { return hosts.sockets(1); }

  Fd connect() {
    const Fd fd = *client().socket();
    (void)client().bind(fd, {hosts.address(0), kClient});
    EXPECT_EQ(client().connect(fd, {hosts.address(1), kServer}, hosts.now()).error(),
              socket::Errno::einprogress);
    hosts.run(1ms);
    return fd;
  }

  sim::TwoHosts hosts{{.delay = 50us}};
  Fd listener = -1;
  Seq syn_ack;  ///< of the server's last SYN,ACK
  Seq last;     ///< behind the server's last octet
};
INSTANTIATE_TEST_SUITE_P(Either, Reuse, testing::Bool(),
                         [](const auto& info) { return info.param ? "held" : "record"; });

TEST_P(Reuse, TheNewConnectionBeginsBehindTheOldOnesLastNumber) {
  const bool held = GetParam();  // whether somebody still holds the connection in TIME_WAIT
  const Fd a = connect();
  const Fd b = server().accept(listener).value();
  std::vector<std::byte> piece(64 * 1024);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(server().send(b, piece, hosts.now()).value_or(0), piece.size());
    hosts.run(1ms);
    while (client().recv(a, piece, hosts.now()).value_or(0) > 0) {
    }
    piece.resize(64 * 1024);
  }
  (void)server().shutdown(b, socket::kShutWr, hosts.now());
  hosts.run(1ms);
  (void)client().close(a, hosts.now());
  hosts.run(1ms);
  ASSERT_EQ(*server().state(b), tcp::State::time_wait);
  if (!held) (void)server().close(b, hosts.now());
  hosts.run(5ms);
  const Seq old = last;
  const auto reuses = [this] {
    const auto row = std::ranges::find(tcp::kTable, tcp::Event::reuse, &tcp::Row::event);
    return hosts.host(1)
        .counters()
        .transitions[static_cast<std::size_t>(row - tcp::kTable.begin())];
  };

  const Fd again = connect();
  EXPECT_EQ(*client().state(again), tcp::State::established);
  EXPECT_EQ(reuses(), 1U);
  EXPECT_TRUE(after(syn_ack, old)) << "distance " << distance(old, syn_ack);
}

}  // namespace
}  // namespace lastack::host
