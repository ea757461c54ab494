// The relay between clients and a server, all in virtual time: host 1 relays, host 0 has both the
// clients and the server.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/hosts_file.hpp"
#include "cli/relay_pairs.hpp"
#include "sim/two_hosts.hpp"

namespace lastack::cli {
namespace {

using socket::Errno;
using socket::Fd;
using tcp::State;

class Relayed : public testing::TestWithParam<bool> {
 protected:
  static constexpr std::size_t kMostPairs = 10;
  static constexpr std::uint16_t kServer = 80;
  static constexpr std::uint16_t kRelay = 8080;

  Relayed() {
    hosts.on_event = [this](std::size_t side, const host::HostEvent& event) {
      if (side == 1) relay.on_event(event, hosts.now());
    };
    EXPECT_FALSE(relay.listen(kRelay, !GetParam(), GetParam(), hosts.now()));
    EXPECT_TRUE(relay.listen(kRelay, !GetParam(), GetParam(), hosts.now()));  // taken
    listen();
  }
  void listen() {
    listener = *ends().socket();
    EXPECT_TRUE(ends().bind(listener, {hosts.address(0), kServer}));
    EXPECT_TRUE(ends().listen(listener, 100, hosts.now()));
  }
  socket::Sockets& ends() { return hosts.sockets(0); }
  Fd connect() {
    const Fd fd = *ends().socket();
    EXPECT_EQ(ends().connect(fd, {hosts.address(1), kRelay}, hosts.now()).error(),
              Errno::einprogress);
    hosts.settle();
    return fd;
  }
  void pair() {
    client = connect();
    const auto accepted = ends().accept(listener);
    ASSERT_TRUE(accepted);
    server = *accepted;
    EXPECT_EQ(relay.pairs(), 1U);
  }
  std::size_t say(Fd fd, std::string_view text) {
    const auto n = ends().send(fd, std::as_bytes(std::span(text)), hosts.now());
    hosts.settle();
    return n.value_or(0);
  }
  /// What has come so far; "(end)" or the error behind it.
  std::string heard(Fd fd) {
    std::string all;
    std::vector<std::byte> octets(65536);
    for (;;) {
      hosts.settle();
      const auto n = ends().recv(fd, octets, hosts.now());
      if (!n && n.error() == Errno::eagain) return all;
      if (!n) return all + "(" + std::string(to_string(n.error())) + ")";
      if (*n == 0) return all + "(end)";
      for (std::size_t i = 0; i < *n; ++i) all += static_cast<char>(octets[i]);
    }
  }
  void shut(Fd fd) {
    EXPECT_TRUE(ends().shutdown(fd, socket::kShutWr, hosts.now()));
    hosts.settle();
  }
  void reset(Fd fd) {
    (void)ends().set_linger_zero(fd, true);
    (void)ends().close(fd, hosts.now());
    hosts.settle();
  }
  void expect_nothing_left() {
    EXPECT_EQ(relay.pairs(), 0U);
    EXPECT_EQ(hosts.sockets(1).open_sockets(), 1U);  // the listener
  }

  sim::TwoHosts hosts{{.v6 = GetParam()}};
  RelayPairs relay{hosts.sockets(1), {hosts.address(0), kServer}, kMostPairs};
  Fd listener = -1, client = -1, server = -1;
};

TEST_P(Relayed, OctetsBothWaysAndBothEndsInOrder) {
  pair();
  say(client, "question");
  EXPECT_EQ(heard(server), "question");
  say(server, "answer");
  EXPECT_EQ(heard(client), "answer");
  shut(client);
  EXPECT_EQ(heard(server), "(end)");
  shut(server);
  EXPECT_EQ(heard(client), "(end)");
  EXPECT_EQ(*ends().state(client), State::time_wait);
  EXPECT_EQ(*ends().state(server), State::closed);
  EXPECT_EQ(relay.tally().complete, 1U);
  expect_nothing_left();
}

TEST_P(Relayed, AHalfCloseGoesAcrossAndLasts) {
  pair();
  shut(client);
  EXPECT_EQ(heard(server), "(end)");
  EXPECT_EQ(*ends().state(client), State::fin_wait_2);
  EXPECT_EQ(*ends().state(server), State::close_wait);
  hosts.run(3600s);  // nobody's timer ends it
  EXPECT_EQ(*ends().state(client), State::fin_wait_2);
  const std::string text(200'000, 'x');
  EXPECT_EQ(say(server, text), text.size());
  EXPECT_EQ(heard(client), text);
  EXPECT_EQ(relay.pairs(), 1U);
  (void)ends().close(server, hosts.now());
  EXPECT_EQ(heard(client), "(end)");
  expect_nothing_left();
}

TEST_P(Relayed, TheServersHalfCloseToo) {
  pair();
  shut(server);
  EXPECT_EQ(heard(client), "(end)");
  say(client, "still");
  EXPECT_EQ(heard(server), "still");
  shut(client);
  EXPECT_EQ(heard(server), "(end)");
  expect_nothing_left();
}

TEST_P(Relayed, AResetIsAResetOnTheOtherSide) {
  for (const bool by_client : {true, false}) {
    pair();
    say(client, "read");
    EXPECT_EQ(heard(server), "read");
    reset(by_client ? client : server);
    EXPECT_EQ(heard(by_client ? server : client), "(ECONNRESET)");
    expect_nothing_left();
  }
  EXPECT_EQ(relay.tally().reset, 2U);
}

TEST_P(Relayed, AResetAfterAHalfClose) {
  pair();
  shut(client);
  reset(server);
  EXPECT_EQ(heard(client), "(ECONNRESET)");
  expect_nothing_left();
}

TEST_P(Relayed, WhoTakesNothingHoldsTheOtherUp) {
  pair();
  const std::string part(100'000, 'x');
  std::size_t taken = 0;
  for (std::size_t n = say(client, part); n > 0; n = say(client, part)) taken += n;
  // Two send buffers, two receive buffers and what the relay holds; not all that there is to send.
  EXPECT_LT(taken, 2'000'000U);
  EXPECT_GT(taken, 500'000U);
  EXPECT_EQ(say(server, "meanwhile"), 9U);
  EXPECT_EQ(heard(client), "meanwhile");
  shut(client);
  const std::string got = heard(server);
  EXPECT_EQ(got.size(), taken + 5);
  EXPECT_TRUE(got.ends_with("x(end)"));
  EXPECT_EQ(say(client, part), 0U);
}

TEST_P(Relayed, AResetWhileOctetsWait) {
  pair();
  const std::string part(100'000, 'x');
  while (say(client, part) > 0) {
  }
  reset(client);
  const std::string got = heard(server);
  EXPECT_TRUE(got.ends_with("(ECONNRESET)")) << got.substr(got.size() - 20);
  expect_nothing_left();
}

TEST_P(Relayed, NobodyListensBehindIt) {
  (void)ends().close(listener, hosts.now());
  client = connect();
  EXPECT_EQ(heard(client), "(ECONNRESET)");
  EXPECT_EQ(relay.tally().refused, 1U);
  expect_nothing_left();
}

TEST_P(Relayed, WhatComesBeforeTheSecondLegIsOpenWaits) {
  client = *ends().socket();
  (void)ends().connect(client, {hosts.address(1), kRelay}, hosts.now());
  hosts.run(20ms);  // the first handshake is over, the second under way
  say(client, "early");
  shut(client);
  server = *ends().accept(listener);
  EXPECT_EQ(heard(server), "early(end)");
  say(server, "late");
  EXPECT_EQ(heard(client), "late");
}

TEST_P(Relayed, SoManyPairsAndTheOthersWait) {
  std::vector<Fd> clients;
  for (std::size_t i = 0; i < 2 * kMostPairs; ++i) clients.push_back(connect());
  EXPECT_EQ(relay.pairs(), kMostPairs);
  std::size_t served = 0;
  for (std::size_t round = 0; round < 2; ++round) {
    std::vector<Fd> servers;
    for (auto fd = ends().accept(listener); fd; fd = ends().accept(listener)) {
      servers.push_back(*fd);
    }
    EXPECT_EQ(servers.size(), kMostPairs);
    for (std::size_t i = 0; i < kMostPairs; ++i) {
      const Fd one = clients[round * kMostPairs + i];
      say(one, std::to_string(i));
      shut(one);
    }
    for (std::size_t i = 0; i < servers.size(); ++i, ++served) {
      EXPECT_EQ(heard(servers[i]), std::to_string(i) + "(end)");
      (void)ends().close(servers[i], hosts.now());
    }
    hosts.settle();
  }
  EXPECT_EQ(served, 2 * kMostPairs);
  EXPECT_EQ(relay.tally().complete, 2 * kMostPairs);
  expect_nothing_left();
}

TEST_P(Relayed, ItsEndResetsWhatItCarries) {
  pair();
  relay.stop(hosts.now());
  EXPECT_EQ(heard(client), "(ECONNRESET)");
  EXPECT_EQ(heard(server), "(ECONNRESET)");
  EXPECT_EQ(hosts.sockets(1).open_sockets(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Families, Relayed, testing::Bool(),
                         [](const auto& tested) { return tested.param ? "IPv6" : "IPv4"; });

TEST(HostsFile, NamesOfEtcHosts) {
  const std::string_view hosts =
      "127.0.0.1 localhost\n::1\tlocalhost ip6-localhost # the same\n"
      "# 10.0.0.1 commented\n10.0.0.2 Printer printer.example #office\nnonsense nowhere\n";
  const auto v4 = wire::Family::v4;
  const auto v6 = wire::Family::v6;
  const auto text = [&](std::string_view name, std::optional<wire::Family> family = {}) {
    const auto address = find_name(hosts, name, family);
    return address ? address->to_string() : "(none)";
  };
  EXPECT_EQ(text("localhost"), "127.0.0.1");
  EXPECT_EQ(text("localhost", v6), "::1");
  EXPECT_EQ(text("LOCALHOST", v4), "127.0.0.1");
  EXPECT_EQ(text("printer.example"), "10.0.0.2");
  EXPECT_EQ(text("printer", v6), "(none)");
  for (const std::string_view name : {"commented", "the", "office", "nowhere", "10.0.0.2", ""}) {
    EXPECT_EQ(text(name), "(none)") << name;
  }
}

}  // namespace
}  // namespace lastack::cli
