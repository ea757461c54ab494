// One UDP endpoint as a value: its queue and what it costs, whom it hears, what it is told.
#include "udp/endpoint.hpp"

#include <gtest/gtest.h>

#include <concepts>
#include <vector>

namespace lastack::udp {
namespace {

static_assert(std::copyable<UdpEndpoint> && std::equality_comparable<UdpEndpoint>);

const lastack::Endpoint kLocal{IpAddress::v4(10, 0, 0, 1), 53};
const lastack::Endpoint kRemote{IpAddress::v4(10, 0, 0, 2), 4000};

Datagram datagram(std::size_t size, std::byte fill = std::byte{1}) {
  return {kRemote, kLocal.address, Slice::adopt(std::vector(size, fill))};
}

TEST(UdpEndpoint, DatagramsKeepTheirOrderAndTheirBounds) {
  UdpEndpoint e(kLocal);
  EXPECT_FALSE(e.readable());
  EXPECT_EQ(e.receive().error(), Error::would_block);
  EXPECT_TRUE(e.datagram_arrives(datagram(3)));
  EXPECT_TRUE(e.datagram_arrives(datagram(0)));
  EXPECT_TRUE(e.datagram_arrives(datagram(5)));
  EXPECT_TRUE(e.readable());
  EXPECT_EQ(e.waiting(), 3U);
  for (const std::size_t size : {3U, 0U, 5U}) {
    const auto got = e.receive();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->payload.size(), size);
    EXPECT_EQ(got->from, kRemote);
    EXPECT_EQ(got->to, kLocal.address);
  }
  EXPECT_EQ(e.held(), 0U);
  EXPECT_FALSE(e.readable());
}

TEST(UdpEndpoint, AFullQueueDropsWhatComesAndKeepsWhatIsThere) {
  UdpEndpoint e(kLocal, 10 * (UdpEndpoint::kOverhead + 100));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(e.datagram_arrives(datagram(100)));
  EXPECT_FALSE(e.datagram_arrives(datagram(100)));
  EXPECT_FALSE(e.datagram_arrives(datagram(0)));  // it costs something, too
  EXPECT_EQ(e.held(), e.receive_buffer());
  ASSERT_TRUE(e.receive());
  EXPECT_TRUE(e.datagram_arrives(datagram(100)));
}

TEST(UdpEndpoint, EmptyDatagramsHaveALimitAsWell) {
  UdpEndpoint e(kLocal, 1000);
  std::size_t taken = 0;
  while (e.datagram_arrives(datagram(0))) ASSERT_LT(++taken, 1000U);
  EXPECT_EQ(taken, 1000 / UdpEndpoint::kOverhead);
}

TEST(UdpEndpoint, OneThatIsLargerThanTheBufferIsTakenAlone) {
  UdpEndpoint e(kLocal, 100);
  EXPECT_TRUE(e.datagram_arrives(datagram(5000)));
  EXPECT_FALSE(e.datagram_arrives(datagram(1)));
  EXPECT_EQ(e.receive()->payload.size(), 5000U);
}

TEST(UdpEndpoint, ConnectsAndDisconnects) {
  const lastack::Endpoint any{IpAddress::v4(0, 0, 0, 0), 53};
  UdpEndpoint e(any);
  EXPECT_FALSE(e.connected());
  e.connect(kLocal, kRemote);
  EXPECT_TRUE(e.connected());
  EXPECT_EQ(e.local(), kLocal);
  EXPECT_EQ(e.remote(), kRemote);
  e.disconnect();
  EXPECT_EQ(e.local(), any);
  EXPECT_EQ(e, UdpEndpoint(any));
}

TEST(UdpEndpoint, AHardErrorIsToldOnceAndBeforeWhatWaits) {
  for (const Error error : {Error::refused, Error::prohibited, Error::net_prohibited,
                            Error::no_protocol, Error::not_allowed, Error::too_big}) {
    UdpEndpoint e(kLocal);
    e.connect(kLocal, kRemote);
    EXPECT_TRUE(e.datagram_arrives(datagram(3)));
    EXPECT_TRUE(e.icmp_arrives({.error = error, .about = kRemote, .mtu = 0}));
    EXPECT_EQ(e.receive().error(), error);
    EXPECT_TRUE(e.receive());
    EXPECT_TRUE(e.icmp_arrives({.error = error, .about = kRemote, .mtu = 0}));
    EXPECT_TRUE(e.readable());
    EXPECT_EQ(e.take_error(), error);
    EXPECT_EQ(e.take_error(), Error::none);
    EXPECT_FALSE(e.readable());
  }
}

TEST(UdpEndpoint, ASoftErrorAndOneOfManyReceiversAreToldOnlyToWhoAsks) {
  UdpEndpoint e(kLocal);
  const Report refused{.error = Error::refused, .about = kRemote, .mtu = 0};
  EXPECT_FALSE(e.icmp_arrives(refused));
  EXPECT_FALSE(e.readable());
  EXPECT_EQ(e.last_report(), refused);
  e.connect(kLocal, kRemote);
  const Report soft{.error = Error::unreachable, .about = kRemote, .mtu = 0};
  EXPECT_FALSE(e.icmp_arrives(soft));
  EXPECT_FALSE(e.readable());
  EXPECT_EQ(e.last_report(), soft);
}

TEST(UdpEndpoint, AnErrorStaysDueAfterAnotherConnectAsInLinux) {
  UdpEndpoint e(kLocal);
  e.connect(kLocal, kRemote);
  EXPECT_TRUE(e.icmp_arrives({.error = Error::refused, .about = kRemote, .mtu = 0}));
  e.connect(kLocal, {kRemote.address, 4001});
  EXPECT_EQ(e.error(), Error::refused);
  e.disconnect();
  EXPECT_EQ(e.take_error(), Error::refused);
}

TEST(UdpEndpoint, ACopyIsTheSameAndGoesItsOwnWay) {
  UdpEndpoint e(kLocal);
  EXPECT_TRUE(e.datagram_arrives(datagram(3)));
  UdpEndpoint copy = e;
  EXPECT_EQ(copy, e);
  ASSERT_TRUE(copy.receive());
  EXPECT_NE(copy, e);
  EXPECT_EQ(e.waiting(), 1U);
  ASSERT_TRUE(e.receive());
  EXPECT_EQ(copy, e);
  EXPECT_TRUE(e.datagram_arrives(datagram(3, std::byte{1})));
  EXPECT_TRUE(copy.datagram_arrives(datagram(3, std::byte{2})));
  EXPECT_NE(copy, e);
}

TEST(UdpEndpoint, EveryErrorHasAName) {
  for (std::size_t i = 0; i < kErrorCount; ++i) {
    EXPECT_FALSE(to_string(static_cast<Error>(i)).empty());
  }
}

}  // namespace
}  // namespace lastack::udp
