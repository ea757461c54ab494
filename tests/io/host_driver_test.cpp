// What a driver owes its users: every event, in the turn in which it came about.
#include "io/host_driver.hpp"

#include <gtest/gtest.h>

#include <vector>

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
    driver.on_event = [this](const host::HostEvent& event) {
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
  driver.turn();
  EXPECT_GT(events, 10U);
  EXPECT_EQ(driver.next_deadline(), TimePoint{});
}

}  // namespace
}  // namespace lastack::io
