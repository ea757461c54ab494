// Very many connections at once: all of them stand, all of them are used, and nothing is left of
// them.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "sim/world.hpp"
#include "tools/sanitized.hpp"

namespace lastack::sim {
namespace {

using socket::Fd;

constexpr std::size_t kMany = lastack_test::kSanitized ? 10'000 : 100'000;
constexpr std::size_t kAtOnce = 1000;
constexpr std::uint16_t kFirstPort = 80;
constexpr std::uint16_t kPorts = 2;  // one has no room for so many of one address
constexpr Duration kThere = 1ms;

class Many : public testing::Test {
 protected:
  static host::Config config(const char* address) {
    host::Config config;
    config.addresses = {*wire::Prefix::parse(address)};
    config.first_port = 1024;
    config.last_port = 65535;
    return config;
  }
  Many() {
    world.add_host(config("10.0.0.1/24"));
    world.add_host(config("10.0.0.2/24"));
    world.add_wire(0, 1, {.delay = kThere}, {.delay = kThere});
    for (std::uint16_t i = 0; i < kPorts; ++i) {
      listeners.push_back(*server().socket());
      EXPECT_TRUE(server().bind(listeners[i], port(i)));
      EXPECT_TRUE(server().listen(listeners[i], kAtOnce, world.now()));
    }
  }
  socket::Sockets& client() { return world.sockets(0); }
  socket::Sockets& server() { return world.sockets(1); }
  static Endpoint port(std::size_t i) {
    return {wire::IpAddress::v4(10, 0, 0, 2), static_cast<std::uint16_t>(kFirstPort + i % kPorts)};
  }

  /// The next kAtOnce of them.
  void open() {
    for (std::size_t i = 0; i < kAtOnce; ++i) {
      clients.push_back(*client().socket());
      (void)client().connect(clients.back(), port(i), world.now());
    }
    world.run(4 * kThere);
    for (const Fd listener : listeners) {
      while (const auto fd = server().accept(listener)) servers.push_back(*fd);
    }
    ASSERT_EQ(servers.size(), clients.size());
  }
  /// Connections `first` to `first` + kAtOnce carry their client's number there, and back.
  void use(std::size_t first) {
    std::array<std::byte, sizeof(std::size_t)> octets{};
    for (std::size_t i = first; i < first + kAtOnce; ++i) {
      std::memcpy(octets.data(), &i, octets.size());
      ASSERT_EQ(client().send(clients[i], octets, world.now()), octets.size());
    }
    world.run(2 * kThere);
    for (std::size_t i = first; i < first + kAtOnce; ++i) {
      ASSERT_EQ(server().recv(servers[i], octets, world.now()), octets.size());
      ASSERT_EQ(server().send(servers[i], octets, world.now()), octets.size());
    }
    world.run(2 * kThere);
    for (std::size_t i = first; i < first + kAtOnce; ++i) {
      ASSERT_EQ(client().recv(clients[i], octets, world.now()), octets.size());
      ASSERT_EQ(std::memcmp(octets.data(), &i, octets.size()), 0);
    }
  }
  void close(std::size_t first) {
    for (std::size_t i = first; i < first + kAtOnce; ++i) {
      ASSERT_TRUE(client().close(clients[i], world.now()));
    }
    world.run(2 * kThere);
    for (std::size_t i = first; i < first + kAtOnce; ++i) {
      ASSERT_TRUE(server().close(servers[i], world.now()));
    }
    world.run(2 * kThere);
  }

  World world{1};
  std::vector<Fd> listeners;
  std::vector<Fd> clients;
  std::vector<Fd> servers;
};

/// What one costs: `lastack bench idle --connections 100000` (memory) and `lastack bench scale`
/// (time).
TEST_F(Many, AllStandAreUsedAndLeaveNothing) {
  while (clients.size() < kMany) ASSERT_NO_FATAL_FAILURE(open());
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(world.host(i).connections(), kMany);
    EXPECT_EQ(world.host(i).flows(), kMany);
  }
  for (std::size_t i = 0; i < kMany; i += kAtOnce) ASSERT_NO_FATAL_FAILURE(use(i));
  EXPECT_EQ(world.host(1).connections(), kMany);
  for (std::size_t i = 0; i < kMany; i += kAtOnce) ASSERT_NO_FATAL_FAILURE(close(i));
  EXPECT_EQ(world.host(0).flows(), kMany);  // in TIME_WAIT
  EXPECT_EQ(world.host(1).flows(), 0U);
  world.run(61s);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(world.host(i).flows(), 0U);
    EXPECT_EQ(world.host(i).timers(), 0U);
    EXPECT_EQ(world.host(i).pool().in_use(), 0U);
    EXPECT_EQ(world.host(i).counters().retransmissions, 0U);
  }
  EXPECT_EQ(client().open_sockets(), 0U);
  EXPECT_EQ(server().open_sockets(), kPorts);
}

}  // namespace
}  // namespace lastack::sim
