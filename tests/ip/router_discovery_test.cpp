#include "ip/router_discovery.hpp"

#include <gtest/gtest.h>

#include <string>

namespace lastack::ip {
namespace {

using wire::RouterAdvertisement;
using wire::RouterPreference;

constexpr TimePoint kStart{1000s};
const IpAddress kRouter = *IpAddress::parse("fe80::1");
const IpAddress kOther = *IpAddress::parse("fe80::2");
const IpAddress kFar = *IpAddress::parse("2001:db8:ffff::1");

class Discovery : public testing::Test {
 protected:
  std::string hop(const IpAddress& destination = kFar) {
    const auto next = routes.next_hop(destination);
    return next ? next->to_string() : "none";
  }
  Routes routes;
  RouterDiscovery discovery{1500, Random(1)};
  TimePoint now = kStart;
};

// RFC 7559: at first within a second, then after 4 s, 8 s, … an hour, each give or take a tenth.
TEST_F(Discovery, AsksUntilARouterAnswersLessAndLessOften) {
  EXPECT_FALSE(discovery.solicits(now));
  discovery.start(now);
  Duration expected{};
  for (int i = 0; i < 15; ++i) {
    const TimePoint next = discovery.next_deadline();
    ASSERT_NE(next, kNever);
    if (i == 0) {
      EXPECT_LE(next - now, 1s);
    } else {
      expected = i == 1 ? Duration(4s) : std::min<Duration>(2 * expected, 1h);
      EXPECT_GE(next - now, expected * 9 / 10) << i;
      EXPECT_LE(next - now, expected * 11 / 10) << i;
    }
    EXPECT_FALSE(discovery.solicits(next - 1us));
    EXPECT_TRUE(discovery.solicits(next));
    now = next;
  }
  // One that says it is no default router does not end the search.
  discovery.take({.lifetime = 0s, .source_link = {}, .mtu = {}}, kRouter, now, routes);
  EXPECT_NE(discovery.next_deadline(), kNever);
  discovery.take({.lifetime = 30min, .source_link = {}, .mtu = {}}, kRouter, now, routes);
  EXPECT_EQ(discovery.next_deadline(), kNever);
  discovery.lost(now);
  EXPECT_LE(discovery.next_deadline() - now, 1s);
}

TEST_F(Discovery, ADefaultRouterForItsLifetime) {
  discovery.take({.lifetime = 30min, .source_link = {}, .mtu = {}}, kRouter, now, routes);
  EXPECT_EQ(hop(), "fe80::1");
  routes.advance(now + 30min);
  EXPECT_EQ(hop(), "none");
  discovery.take({.lifetime = 30min, .source_link = {}, .mtu = {}}, kRouter, now, routes);
  discovery.take({.lifetime = 0s, .source_link = {}, .mtu = {}}, kRouter, now, routes);
  EXPECT_EQ(hop(), "none") << "it said that it is none any more";
}

TEST_F(Discovery, PreferredRoutersFirst) {
  discovery.take({.lifetime = 30min, .source_link = {}, .mtu = {}}, kRouter, now, routes);
  discovery.take(
      {.preference = RouterPreference::high, .lifetime = 30min, .source_link = {}, .mtu = {}},
      kOther, now, routes);
  EXPECT_EQ(hop(), "fe80::2");
  discovery.take(
      {.preference = RouterPreference::low, .lifetime = 30min, .source_link = {}, .mtu = {}},
      kOther, now, routes);
  EXPECT_EQ(hop(), "fe80::1");
}

TEST_F(Discovery, PrefixesOnTheLinkAndRoutes) {
  RouterAdvertisement said{.lifetime = 0s, .source_link = {}, .mtu = {}};
  said.prefix[said.prefix_count++] = {
      .prefix = *Prefix::parse("2001:db8:1::/64"), .on_link = true, .valid = 1h};
  said.prefix[said.prefix_count++] = {.prefix = *Prefix::parse("2001:db8:2::/64"), .valid = 1h};
  said.prefix[said.prefix_count++] = {
      .prefix = *Prefix::parse("fe80::/10"), .on_link = true, .valid = 1h};
  said.route[said.route_count++] = {.prefix = *Prefix::parse("2001:db8:3::/48"), .lifetime = 2h};
  EXPECT_EQ(discovery.take(said, kRouter, now, routes), 0U);
  EXPECT_EQ(routes.all().size(), 2U);
  EXPECT_EQ(hop(*IpAddress::parse("2001:db8:1::5")), "2001:db8:1::5");
  EXPECT_EQ(hop(*IpAddress::parse("2001:db8:2::5")), "none") << "not said to be on the link";
  EXPECT_EQ(hop(*IpAddress::parse("2001:db8:3::5")), "fe80::1");
  routes.advance(now + 1h);
  EXPECT_EQ(hop(*IpAddress::parse("2001:db8:1::5")), "none");
  said.route[0].lifetime = 0s;
  discovery.take(said, kRouter, now, routes);
  EXPECT_EQ(hop(*IpAddress::parse("2001:db8:3::5")), "none");
}

TEST_F(Discovery, TheMtuOnlyBecomesSmallerAndNotTooSmall) {
  const auto say = [&](std::uint32_t mtu) {
    discovery.take({.source_link = {}, .mtu = mtu}, kRouter, now, routes);
    return discovery.mtu();
  };
  EXPECT_EQ(discovery.mtu(), 1500);
  EXPECT_EQ(say(1400), 1400);
  EXPECT_EQ(say(1279), 1400);
  EXPECT_EQ(say(9000), 1400);
  EXPECT_EQ(say(65535 + 1400), 1400);
  EXPECT_EQ(say(1500), 1500);
}

}  // namespace
}  // namespace lastack::ip
