#include "ip/routes.hpp"

#include <gtest/gtest.h>

#include <string>

#include "wire/octets.hpp"

namespace lastack::ip {
namespace {

using lastack_test::address;

constexpr TimePoint kNow{1000s};

Prefix net(std::string_view text) { return *Prefix::parse(text); }

std::string hop(const Routes& routes, std::string_view destination) {
  const auto next = routes.next_hop(address(destination));
  return next ? next->to_string() : "none";
}

Route by_router(std::string_view to, std::string_view via, std::uint16_t metric = 200,
                TimePoint until = kNever) {
  return {.to = net(to),
          .via = address(via),
          .metric = metric,
          .origin = RouteOrigin::advertised,
          .until = until};
}

TEST(Routes, TheLongestPrefixWinsInEachFamily) {
  Routes routes;
  EXPECT_EQ(hop(routes, "10.0.0.1"), "none");
  routes.set({.to = net("0.0.0.0/0"), .via = address("10.0.0.1")});
  routes.set({.to = net("::/0"), .via = address("fe80::1")});
  routes.set({.to = net("10.1.0.0/16"), .via = address("10.0.0.9")});
  routes.set({.to = net("10.0.0.7/24"), .via = {}, .origin = RouteOrigin::connected});
  EXPECT_EQ(hop(routes, "192.0.2.1"), "10.0.0.1");
  EXPECT_EQ(hop(routes, "10.1.2.3"), "10.0.0.9");
  EXPECT_EQ(hop(routes, "10.0.0.200"), "10.0.0.200");
  EXPECT_EQ(hop(routes, "2001:db8::1"), "fe80::1");
  EXPECT_TRUE(routes.on_link(address("10.0.0.1")));
  EXPECT_FALSE(routes.on_link(address("10.1.2.3")));
  EXPECT_FALSE(routes.on_link(address("2001:db8::1")));
}

TEST(Routes, TheLowerMetricGoesFirstThenWhoCameFirst) {
  Routes routes;
  routes.set({.to = net("0.0.0.0/0"), .via = address("10.0.0.1"), .metric = 5});
  routes.set({.to = net("0.0.0.0/0"), .via = address("10.0.0.2"), .metric = 1});
  routes.set({.to = net("0.0.0.0/0"), .via = address("10.0.0.3"), .metric = 1});
  EXPECT_EQ(hop(routes, "192.0.2.1"), "10.0.0.2");
}

// RFC 4861 §6.3.6: a router that does not answer is left for one that may; where none does, each
// gets its turn.
TEST(Routes, ARouterThatDoesNotAnswerComesLast) {
  Routes routes;
  routes.set(by_router("::/0", "fe80::1", 100));
  routes.set(by_router("::/0", "fe80::2", 200));
  EXPECT_EQ(hop(routes, "2001:db8::1"), "fe80::1");
  routes.failed(address("fe80::1"), kNow);
  EXPECT_EQ(hop(routes, "2001:db8::1"), "fe80::2");
  routes.failed(address("fe80::2"), kNow + 1s);
  EXPECT_EQ(hop(routes, "2001:db8::1"), "fe80::1");
  routes.failed(address("fe80::1"), kNow + 2s);
  EXPECT_EQ(hop(routes, "2001:db8::1"), "fe80::2");
  routes.answered(address("fe80::1"));
  EXPECT_EQ(hop(routes, "2001:db8::1"), "fe80::1");
}

TEST(Routes, WhatIsOverIsGone) {
  Routes routes;
  routes.set(by_router("::/0", "fe80::1", 200, kNow + 10s));
  routes.set(by_router("::/0", "fe80::2", 300, kNow + 20s));
  EXPECT_EQ(routes.next_deadline(), kNow + 10s);
  routes.set(by_router("::/0", "fe80::1", 200, kNow + 15s));  // said again
  EXPECT_EQ(routes.next_deadline(), kNow + 15s);
  routes.advance(kNow + 15s - 1us);
  EXPECT_EQ(hop(routes, "2001:db8::1"), "fe80::1");
  routes.advance(kNow + 15s);
  EXPECT_EQ(hop(routes, "2001:db8::1"), "fe80::2");
  routes.advance(kNow + 20s);
  EXPECT_EQ(hop(routes, "2001:db8::1"), "none");
  EXPECT_EQ(routes.next_deadline(), kNever);
}

Route redirect(std::string_view destination, std::string_view via) {
  return {.to = {address(destination), 128},
          .via = address(via),
          .origin = RouteOrigin::redirected,
          .until = kNow + 10min};
}

TEST(Routes, ARedirectConcernsOneDestinationAndTheLastOneCounts) {
  Routes routes;
  routes.set(by_router("::/0", "fe80::1"));
  routes.set(redirect("2001:db8::5", "fe80::9"));
  EXPECT_EQ(hop(routes, "2001:db8::5"), "fe80::9");
  EXPECT_EQ(hop(routes, "2001:db8::6"), "fe80::1");
  routes.set(redirect("2001:db8::5", "fe80::8"));
  EXPECT_EQ(hop(routes, "2001:db8::5"), "fe80::8");
  EXPECT_EQ(routes.all().size(), 2U);
  routes.failed(address("fe80::8"), kNow);
  EXPECT_EQ(hop(routes, "2001:db8::5"), "fe80::1") << "back to the router";
  routes.set(redirect("2001:db8::5", "::"));  // it is on this link
  EXPECT_EQ(hop(routes, "2001:db8::5"), "2001:db8::5");
  routes.failed(address("2001:db8::5"), kNow);
  EXPECT_EQ(hop(routes, "2001:db8::5"), "fe80::1");
}

TEST(Routes, NoLongerARouter) {
  Routes routes;
  routes.set(by_router("::/0", "fe80::1"));
  routes.set(by_router("2001:db8:7::/48", "fe80::1"));
  routes.set(redirect("2001:db8::5", "fe80::1"));
  routes.set({.to = net("2001:db8:8::/48"), .via = address("fe80::1")});
  routes.remove_router(address("fe80::1"));
  ASSERT_EQ(routes.all().size(), 1U);
  EXPECT_EQ(routes.all()[0].origin, RouteOrigin::configured) << "what was told by hand stays";
}

TEST(Routes, WhatRoutersSayIsBounded) {
  Routes routes({.advertised = 4, .redirected = 4});
  routes.set({.to = net("::/0"), .via = address("fe80::1")});
  for (int i = 0; i < 100; ++i) {
    const std::string number = std::to_string(i);
    EXPECT_EQ(routes.set(by_router("2001:db8:" + number + "::/48", "fe80::1")), i < 4);
    EXPECT_TRUE(routes.set(redirect("2001:db8:ffff::" + number, "fe80::2")));
  }
  EXPECT_EQ(routes.all().size(), 9U);
  EXPECT_EQ(hop(routes, "2001:db8:3::1"), "fe80::1");
  EXPECT_EQ(hop(routes, "2001:db8:ffff::99"), "fe80::2") << "the latest redirects";
  EXPECT_EQ(hop(routes, "2001:db8:ffff::95"), "fe80::1");
  EXPECT_TRUE(routes.set(by_router("2001:db8:2::/48", "fe80::1"))) << "said again";
}

}  // namespace
}  // namespace lastack::ip
