// UDP on an Ethernet: datagrams in frames, in pieces too, and neighbours who are not there.
#include <gtest/gtest.h>

#include <vector>

#include "host/lan.hpp"

namespace lastack_test {
namespace {

using lastack::host::UdpId;
using lastack::udp::Error;
namespace ip = lastack::ip;

class UdpLan : public testing::TestWithParam<bool> {
 protected:
  UdpLan() {
    lan.add();
    lan.add();
    lan.settle();
    const Endpoint any{*IpAddress::parse(GetParam() ? "::" : "0.0.0.0"), 53};
    for (std::size_t i = 0; i < 2; ++i) ids[i] = *lan.host(i).udp_open(any, {}, lan.now());
  }
  static IpAddress address(std::size_t i) { return Lan::address(i, GetParam()); }
  bool send(std::size_t size, std::size_t to) {
    const std::vector<std::byte> octets(size, std::byte{7});
    const Endpoint there{address(to), 53};
    return lan.host(0).udp_send_to(ids[0], there, octets, lan.now()).has_value();
  }

  Lan lan;
  UdpId ids[2];
};
INSTANTIATE_TEST_SUITE_P(Family, UdpLan, testing::Bool());

/// Of what waits for a neighbour only a few packets are kept (ip::Parking): the long one comes
/// later.
TEST_P(UdpLan, DatagramsWaitForTheirNeighbour) {
  for (const std::size_t size : {10U, 5000U}) {
    ASSERT_TRUE(send(size, 1));
    lan.run(std::chrono::milliseconds(100));
    const auto got = lan.host(1).udp_receive(ids[1]);
    ASSERT_TRUE(got) << size;
    EXPECT_EQ(got->payload.size(), size);
    EXPECT_EQ(got->from, (Endpoint{address(0), 53}));
  }
}

/// As if a router had said so: a soft error, told to who asks.
TEST_P(UdpLan, ANeighbourWhoIsNotThere) {
  ASSERT_TRUE(lan.host(0).udp_connect(ids[0], {address(7), 53}));
  ASSERT_TRUE(send(10, 7));
  lan.run(std::chrono::seconds(10));
  const auto& report = lan.host(0).udp(ids[0])->endpoint.last_report();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->error, Error::unreachable);
  EXPECT_EQ(report->about, (Endpoint{address(7), 53}));
  EXPECT_EQ(lan.host(0).udp_take_error(ids[0]), Error::none);
  EXPECT_GT(lan.host(0).link()->counters().count(ip::LinkDrop::unreachable), 0U);
}

TEST_P(UdpLan, AClosedPortIsTold) {
  ASSERT_TRUE(lan.host(0).udp_connect(ids[0], {address(1), 54}));
  ASSERT_TRUE(lan.host(0).udp_send_to(ids[0], {}, {}, lan.now()));
  lan.run(std::chrono::milliseconds(100));
  EXPECT_EQ(lan.host(0).udp_receive(ids[0]).error(), Error::refused);
}

}  // namespace
}  // namespace lastack_test
