// Two hosts in virtual time, a connection between them, and what each sent.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "sim/two_hosts.hpp"
#include "wire/tcp.hpp"

namespace lastack::socket {

using tcp::State;

inline std::vector<std::byte> octets(std::size_t n, std::uint64_t from = 0) {
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
  /// From known ports; the SYNs have not left yet.
  void both_connect() {
    client = *a().socket();
    server = *b().socket();
    ASSERT_TRUE(a().bind(client, {world->address(kA), 5000}));
    ASSERT_TRUE(b().bind(server, {world->address(kB), 5000}));
    (void)a().connect(client, {world->address(kB), 5000}, now());
    (void)b().connect(server, {world->address(kA), 5000}, now());
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

}  // namespace lastack::socket
