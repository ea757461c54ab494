// What a driver owes its users: every event, in the turn in which it came about.
#include "io/host_driver.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "link/impaired_both_ways.hpp"
#include "link/memory.hpp"
#include "socket/sockets.hpp"

namespace lastack::io {
namespace {

class Driver : public testing::Test {
 protected:
  static host::Config config() {
    host::Config config;
    config.addresses = {{wire::IpAddress::v4(10, 0, 0, 1), 24}};
    return config;
  }
  Driver() {
    listener = *sockets.socket();
    EXPECT_TRUE(sockets.bind(listener, own));
    EXPECT_TRUE(sockets.listen(listener, 5, monotonic_now()));
    driver.on_event = [this](const host::HostEvent& event, TimePoint) {
      ++events;
      if (act) act(event);
    };
  }

  const host::Endpoint own{wire::IpAddress::v4(10, 0, 0, 1), 80};
  link::MemoryWire wire;
  host::Host host{config(), Random(1)};
  socket::Sockets sockets{host};
  HostDriver driver{host, wire.end(0)};
  socket::Fd listener = -1;
  std::size_t events = 0;
  std::function<void(const host::HostEvent&)> act;
};

/// Both ends are here: no packet reaches the link, and still all is told before anybody waits.
TEST_F(Driver, TellsWhatPacketsToOneselfBring) {
  socket::Fd accepted = -1;
  act = [&](const host::HostEvent&) {
    if (const auto fd = sockets.accept(listener)) accepted = *fd;
  };
  const socket::Fd client = *sockets.socket();
  (void)sockets.connect(client, own, monotonic_now());
  driver.turn();
  EXPECT_GE(accepted, 0);
  EXPECT_EQ(host.events(), 0U);
  EXPECT_GT(driver.next_deadline(), monotonic_now());
}

/// Who asks again and again is told that there is nothing to do, and what there is comes out:
/// packets, timers and events.
TEST_F(Driver, SaysWhetherThereIsMoreToDo) {
  EXPECT_FALSE(driver.turn());
  const socket::Fd client = *sockets.socket();
  const host::Endpoint other{wire::IpAddress::v4(10, 0, 0, 2), 80};
  (void)sockets.connect(client, other, monotonic_now());
  EXPECT_FALSE(driver.turn());
  std::vector<link::Packet> packets;
  EXPECT_EQ(wire.end(1).receive(packets, monotonic_now()), 1U);
  events = 0;
  EXPECT_FALSE(driver.turn());
  EXPECT_EQ(events, 0U);
  const socket::Fd refused = *sockets.socket();
  (void)sockets.connect(refused, {own.address, 81}, monotonic_now());
  EXPECT_FALSE(driver.turn());
  EXPECT_GT(events, 0U);
  EXPECT_EQ(sockets.state(refused), tcp::State::closed);
}

/// Two that answer each other for ever: a turn ends all the same, and the next begins at once.
TEST_F(Driver, ATurnEndsWhateverSocketsSayToEachOther) {
  std::vector<socket::Fd> ends{*sockets.socket()};
  act = [&](const host::HostEvent&) {
    if (const auto fd = sockets.accept(listener)) ends.push_back(*fd);
    std::byte octet{1};
    for (const socket::Fd fd : ends) {
      if (sockets.recv(fd, {&octet, 1}, monotonic_now()).value_or(0) == 1) {
        (void)sockets.send(fd, {&octet, 1}, monotonic_now());
      }
    }
  };
  (void)sockets.connect(ends[0], own, monotonic_now());
  driver.turn();
  ASSERT_EQ(ends.size(), 2U);
  std::byte octet{1};
  (void)sockets.set_no_delay(ends[0], true, monotonic_now());
  (void)sockets.set_no_delay(ends[1], true, monotonic_now());
  ASSERT_TRUE(sockets.send(ends[0], {&octet, 1}, monotonic_now()));
  events = 0;
  EXPECT_TRUE(driver.turn());
  EXPECT_GT(events, 10U);
  EXPECT_EQ(driver.next_deadline(), TimePoint{});
}

/// A host at the other end of the wire, whose packets are counted one by one.
class PausedDriver : public Driver {
 protected:
  static host::Config other_config() {
    host::Config config = Driver::config();
    config.addresses = {{wire::IpAddress::v4(10, 0, 0, 2), 24}};
    return config;
  }
  PausedDriver() {
    for (const Way way : {Way::in, Way::out}) driver.pause(way, true);
    client = *others.socket();
    (void)others.connect(client, own, monotonic_now());
    other.turn();
  }
  [[nodiscard]] tcp::State theirs() { return *others.state(client); }

  host::Host other_host{other_config(), Random(2)};
  socket::Sockets others{other_host};
  HostDriver other{other_host, wire.end(1)};
  socket::Fd client = -1;
};

TEST_F(PausedDriver, PassesAndLosesSinglePackets) {
  driver.receive();
  driver.turn();
  EXPECT_NE(driver.next_deadline(), TimePoint{});  // the SYN waits, and nobody may take it
  EXPECT_FALSE(driver.step(Way::out, Fate::passes));
  EXPECT_TRUE(driver.step(Way::in, Fate::passes));  // the SYN
  EXPECT_FALSE(driver.step(Way::in, Fate::passes));
  other.receive();
  EXPECT_EQ(theirs(), tcp::State::syn_sent);
  EXPECT_TRUE(driver.step(Way::out, Fate::passes));  // the SYN,ACK
  other.receive();
  other.turn();
  EXPECT_EQ(theirs(), tcp::State::established);
  EXPECT_EQ(events, 0U);
  EXPECT_TRUE(driver.step(Way::in, Fate::is_lost));  // the ACK
  EXPECT_EQ(events, 0U);
  std::byte octet{1};
  ASSERT_TRUE(others.send(client, {&octet, 1}, monotonic_now()));
  other.turn();
  EXPECT_TRUE(driver.step(Way::in, Fate::passes));
  EXPECT_GT(events, 0U);
}

TEST_F(PausedDriver, OneWayWithoutTheOther) {
  driver.pause(Way::in, false);
  driver.receive();
  driver.turn();
  other.receive();
  EXPECT_EQ(theirs(), tcp::State::syn_sent);  // we have heard, and are not heard
  driver.pause(Way::in, true);
  driver.pause(Way::out, false);
  driver.turn();
  other.receive();
  other.turn();
  EXPECT_EQ(theirs(), tcp::State::established);
  EXPECT_EQ(events, 0U);  // its ACK waits
  driver.pause(Way::in, false);
  driver.turn();
  EXPECT_GT(events, 0U);
}

/// The host's time stands still, and what is under way arrives all the same.
TEST_F(PausedDriver, ABadWireGoesOnMeanwhile) {
  link::ImpairedBothWays late(wire.end(0), {.delay = 1ms}, 1);
  driver = HostDriver(host, late);
  for (const Way way : {Way::in, Way::out}) driver.pause(way, true);
  const auto until = [this](auto done) {
    const TimePoint end = monotonic_now() + 10s;
    while (monotonic_now() < end) {
      if (done()) return true;
      if (driver.next_deadline() > monotonic_now()) continue;
      driver.turn();
      other.receive();
      other.turn();
    }
    return false;
  };
  EXPECT_FALSE(driver.step(Way::in, Fate::passes));  // the SYN is under way yet
  EXPECT_TRUE(until([this] { return driver.step(Way::in, Fate::passes); }));
  EXPECT_TRUE(driver.step(Way::out, Fate::passes));
  EXPECT_EQ(theirs(), tcp::State::syn_sent);
  EXPECT_TRUE(until([this] { return theirs() == tcp::State::established; }));
  EXPECT_EQ(events, 0U);  // its ACK waits
  // What is on its way out is not kept by what has come and may not be taken.
  (void)sockets.connect(*sockets.socket(), {wire::IpAddress::v4(10, 0, 0, 2), 99}, {});
  EXPECT_TRUE(driver.step(Way::out, Fate::passes));
  const auto before = other_host.counters().packets_in;
  EXPECT_TRUE(until([&] { return other_host.counters().packets_in > before; }));
}

/// The answer came in time: that the process had other things to do is no reason to ask again.
TEST_F(Driver, WhatWaitsCountsBeforeATimerDoes) {
  host::Config config = Driver::config();
  config.addresses = {{wire::IpAddress::v4(10, 0, 0, 2), 24}};
  host::Host hurried{config, Random(2)};
  HostDriver other{hurried, wire.end(1)};
  tcp::Settings settings;
  settings.rto_initial = 1ms;
  (void)hurried.connect({}, own, tcp::SettingsPtr(settings), monotonic_now());
  other.turn();
  driver.receive();
  driver.turn();  // the SYN,ACK is on the wire
  while (hurried.next_deadline() > monotonic_now()) {
  }
  other.turn();
  EXPECT_EQ(hurried.counters().tcp.timeouts, 0U);
  EXPECT_EQ(hurried.counters().retransmissions, 0U);
  driver.receive();
  driver.turn();
  EXPECT_GT(events, 0U);  // and its ACK has come
}

/// Hands over one packet at a time, as a device does where they are large.
class Singly final : public link::Wrapper {
 public:
  using Wrapper::Wrapper;
  std::size_t receive(std::vector<link::Packet>& into, TimePoint now) override {
    if (held_.empty()) inner().receive(held_, now);
    if (held_.empty()) return 0;
    into.push_back(std::move(held_.front()));
    held_.erase(held_.begin());
    return 1;
  }

 private:
  std::vector<link::Packet> held_;
};

/// They are read one by one while they are in the caches, and acknowledged together.
TEST_F(Driver, UsersReadBetweenLargePacketsAndAllAreAcknowledgedOnce) {
  Singly link(wire.end(0));
  driver = HostDriver(host, link);
  host::Config config = Driver::config();
  config.addresses = {{wire::IpAddress::v4(10, 0, 0, 2), 24}};
  config.super_segment = host::kMostSuperSegment;
  host::Host source{config, Random(2)};
  socket::Sockets theirs{source};
  HostDriver other{source, wire.end(1)};
  std::vector<std::byte> octets(1'000'000);
  socket::Fd accepted = -1;
  std::size_t reads = 0;
  driver.on_event = [&](const host::HostEvent&, TimePoint) {
    if (const auto fd = sockets.accept(listener)) accepted = *fd;
    while (sockets.recv(accepted, octets, monotonic_now())) ++reads;
  };
  const socket::Fd client = *theirs.socket();
  (void)theirs.connect(client, own, monotonic_now());
  std::size_t most = 0;
  for (int round = 0; round < 100; ++round) {
    (void)theirs.send(client, octets, monotonic_now());
    other.turn();
    const std::size_t reads_before = reads;
    const auto sent_before = host.counters().packets_out;
    driver.receive();
    most = std::max(most, reads - reads_before);
    EXPECT_EQ(host.counters().packets_out, sent_before);
    driver.turn();
    EXPECT_LE(host.counters().packets_out, sent_before + 2);
    other.receive();
  }
  EXPECT_GE(most, 2U);
}

// What step() has read from the link and not passed is nothing that a descriptor announces.
TEST_F(PausedDriver, WhatWasReadMeanwhileIsDueAtOnce) {
  const socket::Fd another = *others.socket();
  (void)others.connect(another, own, monotonic_now());
  other.turn();
  EXPECT_TRUE(driver.step(Way::in, Fate::passes));
  driver.pause(Way::in, false);
  EXPECT_EQ(driver.next_deadline(), TimePoint{});
  driver.turn();
  driver.pause(Way::out, false);
  driver.turn();
  other.receive();
  EXPECT_EQ(*others.state(another), tcp::State::established);
}

}  // namespace
}  // namespace lastack::io
