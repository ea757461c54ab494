// Everything at once, at random, on hosts with small limits: in the end nothing is left of it.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "host/host.hpp"
#include "socket/sockets.hpp"

namespace lastack::host {
namespace {

using socket::Fd;

/// Two hosts whose packets are lost, doubled and swapped now and then, and users without a plan.
class Churn : public testing::TestWithParam<std::uint64_t> {
 protected:
  static constexpr std::array<std::uint16_t, 3> kPorts{80, 81, 82};

  struct Side {
    Side(std::uint8_t number, std::uint64_t seed)
        : address(wire::IpAddress::v4(10, 0, 0, number)),
          host(config(address), Random(seed)),
          sockets(host) {}
    static Config config(wire::IpAddress address) {
      Config c;
      c.addresses = {{address, 24}};
      c.syn_queue = 4;
      c.most_connections = 60;
      c.most_orphans = 6;
      c.most_time_wait = 3;
      c.most_events = 50;
      c.most_replies = 20;
      c.most_unread = 300'000;
      c.first_port = 40000;
      c.last_port = 40100;
      return c;
    }
    wire::IpAddress address;
    Host host;
    socket::Sockets sockets;
    std::vector<Fd> listeners;
    std::vector<Fd> fds;
  };

  bool chance(std::uint32_t percent) { return random.below(100) < percent; }
  Side& any_side() { return sides[random.below(2)]; }
  /// One of the descriptors; -1 where there is none.
  Fd any_of(const std::vector<Fd>& fds) {
    return fds.empty() ? -1 : fds[random.below(static_cast<std::uint32_t>(fds.size()))];
  }
  void keep(Side& side, socket::Result<Fd> fd) {
    if (fd) side.fds.push_back(*fd);
  }

  void listen(Side& side) {
    const Fd fd = *side.sockets.socket();
    const Endpoint at{chance(50) ? side.address : wire::IpAddress{}, kPorts[random.below(3)]};
    if (side.sockets.bind(fd, at) && side.sockets.listen(fd, 1 + random.below(4), now)) {
      side.listeners.push_back(fd);
    } else {
      (void)side.sockets.close(fd, now);
    }
  }
  void connect(Side& side) {
    const Fd fd = *side.sockets.socket();
    const Endpoint to{any_side().address, kPorts[random.below(3)]};
    if (chance(20)) {
      (void)side.sockets.set_reuse_address(fd, true);
      (void)side.sockets.bind(
          fd, {side.address, static_cast<std::uint16_t>(chance(50) ? 0 : 5000 + random.below(3))});
    }
    (void)side.sockets.connect(fd, to, now);
    side.fds.push_back(fd);
  }
  void close_one(Side& side, std::vector<Fd>& fds) {
    if (fds.empty()) return;
    const std::size_t i = random.below(static_cast<std::uint32_t>(fds.size()));
    ASSERT_TRUE(side.sockets.close(fds[i], now));
    fds.erase(fds.begin() + static_cast<std::ptrdiff_t>(i));
  }
  void use(Side& side) {
    const Fd fd = any_of(side.fds);
    if (fd < 0) return;
    switch (random.below(9)) {
      case 0:
      case 1:
      case 2:
        (void)side.sockets.send(fd, std::span(octets).first(random.below(20'000)), now);
        break;
      case 3:
      case 4:
      case 5:
        (void)side.sockets.recv(fd, std::span(octets).first(random.below(20'000)), now);
        break;
      case 6: (void)side.sockets.shutdown(fd, static_cast<int>(random.below(3)), now); break;
      case 7: (void)side.sockets.set_linger_zero(fd, chance(50)); break;
      case 8: (void)side.sockets.set_keepalive(fd, chance(50), now); break;
    }
  }
  /// Reads all there is and closes: how TIME_WAIT comes about.
  void finish(Side& side) {
    if (side.fds.empty()) return;
    const std::size_t i = random.below(static_cast<std::uint32_t>(side.fds.size()));
    (void)side.sockets.set_linger_zero(side.fds[i], false);
    while (side.sockets.recv(side.fds[i], octets, now).value_or(0) > 0) {
    }
    (void)side.sockets.close(side.fds[i], now);
    side.fds.erase(side.fds.begin() + static_cast<std::ptrdiff_t>(i));
  }
  void act() {
    Side& side = any_side();
    switch (random.below(14)) {
      case 0: listen(side); break;
      case 1:
      case 2: connect(side); break;
      case 3:
      case 4:
        if (const Fd fd = any_of(side.listeners); fd >= 0) keep(side, side.sockets.accept(fd));
        break;
      case 5:
        if (const Fd fd = any_of(side.fds); fd >= 0) keep(side, side.sockets.dup(fd));
        break;
      case 6: close_one(side, side.fds); break;
      case 7:
        if (chance(20)) close_one(side, side.listeners);
        break;
      case 8:
      case 9: finish(side); break;
      default: use(side);
    }
  }

  void carry(std::size_t from) {
    Side& other = sides[1 - from];
    std::vector<Slice> packets;
    while (sides[from].host.transmit(out, now)) {
      if (harm && chance(5)) continue;
      Slice packet = Slice::allocate(out.size(), &other.host.pool());
      packet.grow(out.copy_to(packet.tail_room()));
      packets.push_back(packet);
      if (harm && chance(3)) packets.push_back(std::move(packet));
    }
    out.clear();
    if (harm && packets.size() > 1 && chance(20)) std::swap(packets.front(), packets.back());
    for (const Slice& packet : packets) other.host.packet_arrives(packet, now);
  }
  void exchange() {
    for (int round = 0; round < 20; ++round) {
      carry(0);
      carry(1);
    }
  }
  void pass(Duration span) {
    const TimePoint until = now + span;
    for (;;) {
      exchange();
      const TimePoint next = std::min(sides[0].host.next_deadline(), sides[1].host.next_deadline());
      if (next > until) break;
      now = std::max(now, next);
      for (Side& side : sides) side.host.advance(now);
    }
    now = until;
  }

  Random random{GetParam()};
  std::array<Side, 2> sides{Side(1, 1), Side(2, 2)};
  TimePoint now{1000s};
  PacketOut out;
  bool harm = true;
  std::vector<std::byte> octets = std::vector<std::byte>(20'000);
};
INSTANTIATE_TEST_SUITE_P(Seed, Churn, testing::Range<std::uint64_t>(1, 9));

TEST_P(Churn, NothingIsLeft) {
  for (int step = 0; step < 20'000; ++step) {
    act();
    if (chance(60)) exchange();
    if (chance(30)) pass(Duration(random.below(chance(10) ? 5'000'000 : 5'000)));
    for (Side& side : sides) {
      HostEvent event;
      while (chance(50) && side.host.next_event(event)) {
      }
      ASSERT_LE(side.host.events(), 50U);
      ASSERT_LE(side.host.orphans(), 6U);
      ASSERT_LE(side.host.connections(), 60U);
    }
  }
  harm = false;
  for (Side& side : sides) {
    for (const Fd fd : side.fds) ASSERT_TRUE(side.sockets.close(fd, now));
    for (const Fd fd : side.listeners) ASSERT_TRUE(side.sockets.close(fd, now));
  }
  pass(1h);
  for (Side& side : sides) {
    HostEvent event;
    while (side.host.next_event(event)) {
    }
    EXPECT_EQ(side.sockets.open_sockets(), 0U);
    EXPECT_EQ(side.host.flows(), 0U);
    EXPECT_EQ(side.host.connections(), 0U);
    EXPECT_EQ(side.host.orphans(), 0U);
    EXPECT_EQ(side.host.unread(), 0U);
    EXPECT_EQ(side.host.timers(), 0U);
    EXPECT_EQ(side.host.pool().in_use(), 0U);
    // It was no idle talk.
    EXPECT_GT(side.host.counters().octets_in, 100'000U);
    EXPECT_GT(side.host.counters().orphans_reset, 0U);
    EXPECT_GT(side.host.counters().time_wait_cut, 0U);
  }
}

}  // namespace
}  // namespace lastack::host
