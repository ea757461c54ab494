// The neighbour cache as scripts: who is asked when, what is believed, and what a flood costs.
#include "ip/neighbours.hpp"

#include <gtest/gtest.h>

#include <string>

namespace lastack::ip {
namespace {

constexpr MacAddress kOne = MacAddress::of(0x0200'0000'0001);
constexpr MacAddress kTwo = MacAddress::of(0x0200'0000'0002);
const IpAddress kA = IpAddress::v4(10, 0, 0, 2);
const IpAddress kB = IpAddress::v4(10, 0, 0, 3);

IpAddress v6(std::uint32_t i) {
  char text[32];
  std::snprintf(text, sizeof text, "fd00::%x:%x", i >> 16U, i & 0xffffU);
  return *IpAddress::parse(text);
}

/// A cache whose REACHABLE lasts 30 s exactly on average, in virtual time.
class Cache : public testing::TestWithParam<IpAddress> {
 protected:
  explicit Cache(NeighbourSettings settings = {}) : n(settings, Random(1)) {}

  /// Lets time pass as far as something happens or `span` is over; every deadline is kept.
  void pass(Duration span) {
    const TimePoint until = now + span;
    while (n.next_deadline() <= until) {
      ASSERT_GE(n.next_deadline(), now) << "a deadline that is over";
      now = n.next_deadline();
      n.advance(now);
    }
    now = until;
    n.advance(now);
  }
  /// All news since the last time: "ask all", "ask 02:…", "resolved", "unreachable", "forgotten".
  std::string news() {
    std::string text;
    while (const auto news = n.next_news()) {
      if (!text.empty()) text += ", ";
      switch (news->kind) {
        case NeighbourNews::Kind::ask:
          text += "ask " + (news->mac.is_station() ? news->mac.to_string() : "all");
          break;
        case NeighbourNews::Kind::resolved: text += "resolved " + news->mac.to_string(); break;
        case NeighbourNews::Kind::unreachable: text += "unreachable"; break;
        case NeighbourNews::Kind::forgotten: text += "forgotten"; break;
      }
    }
    return text;
  }
  std::string_view state(const IpAddress& address) {
    const Neighbour* found = n.find(address);
    return to_string(found != nullptr ? found->state : NeighbourState::none);
  }
  void answer(const IpAddress& address, const MacAddress& mac) {
    n.answered(address, {.mac = mac, .solicited = true, .overrides = true}, now);
  }
  void become_reachable(const IpAddress& address, const MacAddress& mac) {
    n.wanted(address, now);
    answer(address, mac);
    (void)news();
    ASSERT_EQ(state(address), "REACHABLE");
  }

  TimePoint now{1000s};
  Neighbours n;
};

INSTANTIATE_TEST_SUITE_P(Families, Cache, testing::Values(kA, *IpAddress::parse("fd00::2")));

TEST_P(Cache, AsksAllThenKnows) {
  const IpAddress a = GetParam();
  EXPECT_FALSE(n.wanted(a, now));
  EXPECT_EQ(news(), "ask all");
  EXPECT_FALSE(n.wanted(a, now));
  EXPECT_EQ(news(), "") << "at most one question a second";
  answer(a, kOne);
  EXPECT_EQ(news(), "resolved 02:00:00:00:00:01");
  EXPECT_EQ(n.wanted(a, now), kOne);
  EXPECT_EQ(state(a), "REACHABLE");
}

TEST_P(Cache, ALostAnswerIsAskedForAgainAndAfterThreeTriesNobodyIsThere) {
  const IpAddress a = GetParam();
  n.wanted(a, now);
  pass(1s);
  EXPECT_EQ(news(), "ask all, ask all");
  pass(1s);
  EXPECT_EQ(news(), "ask all");
  pass(999ms);
  EXPECT_EQ(news(), "");
  pass(1ms);
  EXPECT_EQ(news(), "unreachable");
  EXPECT_EQ(state(a), "NONE");
  EXPECT_EQ(n.next_deadline(), kNever);
}

TEST_P(Cache, WhatIsNotUsedGoesStaleAndStaysSo) {
  const IpAddress a = GetParam();
  become_reachable(a, kOne);
  pass(15s - 1us);
  EXPECT_EQ(state(a), "REACHABLE");
  pass(30s);  // 15 to 45 seconds
  EXPECT_EQ(state(a), "STALE");
  pass(24h);
  EXPECT_EQ(news(), "");
  EXPECT_EQ(state(a), "STALE");
}

TEST_P(Cache, WhoIsUsedAgainIsAskedAloneAfterTheDelay) {
  const IpAddress a = GetParam();
  become_reachable(a, kOne);
  pass(1min);
  EXPECT_EQ(n.wanted(a, now), kOne);
  EXPECT_EQ(state(a), "DELAY");
  pass(5s);
  EXPECT_EQ(state(a), "PROBE");
  EXPECT_EQ(news(), "ask 02:00:00:00:00:01");
  EXPECT_EQ(n.wanted(a, now), kOne) << "packets go on meanwhile";
  answer(a, kOne);
  EXPECT_EQ(state(a), "REACHABLE");
}

TEST_P(Cache, WhoDoesNotAnswerAnyMoreIsForgottenAndAskedForAnew) {
  const IpAddress a = GetParam();
  become_reachable(a, kOne);
  pass(1min);
  n.wanted(a, now);
  pass(8s);
  EXPECT_EQ(news(),
            "ask 02:00:00:00:00:01, ask 02:00:00:00:00:01, ask 02:00:00:00:00:01, "
            "unreachable");
  EXPECT_FALSE(n.wanted(a, now));
  EXPECT_EQ(news(), "ask all");
}

TEST_P(Cache, ProgressAboveSavesTheQuestion) {
  const IpAddress a = GetParam();
  become_reachable(a, kOne);
  pass(1min);
  n.wanted(a, now);
  pass(4s);
  n.progress(a, now);
  EXPECT_EQ(state(a), "REACHABLE");
  for (int i = 0; i < 100; ++i) {
    pass(10s);
    n.wanted(a, now);
    n.progress(a, now);
  }
  EXPECT_EQ(news(), "");
  EXPECT_EQ(state(a), "REACHABLE");
  n.progress(kB, now);
  EXPECT_EQ(state(kB), "NONE") << "progress alone makes no neighbour";
}

TEST_P(Cache, DoubtAboveAsksEarlier) {
  const IpAddress a = GetParam();
  become_reachable(a, kOne);
  n.doubted(a, now);
  n.wanted(a, now);
  pass(5s);
  EXPECT_EQ(news(), "ask 02:00:00:00:00:01");
}

TEST_P(Cache, ANeighbourThatTellsItsNewAddressIsBelievedAndAskedLater) {
  const IpAddress a = GetParam();
  become_reachable(a, kOne);
  n.told(a, kTwo, false, now);
  EXPECT_EQ(n.wanted(a, now), kTwo);
  EXPECT_EQ(state(a), "DELAY");
}

TEST_P(Cache, TellingWhatIsKnownChangesNothing) {
  const IpAddress a = GetParam();
  become_reachable(a, kOne);
  n.told(a, kOne, true, now);
  EXPECT_EQ(state(a), "REACHABLE");
}

TEST_P(Cache, AnAnswerThatNobodyAskedForMakesNoNeighbour) {
  answer(GetParam(), kOne);
  n.told(GetParam(), kOne, false, now);
  EXPECT_TRUE(n.all().empty());
  n.told(GetParam(), kOne, true, now);
  EXPECT_EQ(state(GetParam()), "STALE");
}

TEST_P(Cache, TellingWhileBeingAskedForLetsPacketsGo) {
  n.wanted(GetParam(), now);
  n.told(GetParam(), kOne, false, now);
  EXPECT_EQ(news(), "ask all, resolved 02:00:00:00:00:01");
  EXPECT_EQ(state(GetParam()), "STALE");
}

// RFC 4861 §7.2.5, flag by flag.
TEST_P(Cache, OverrideDecidesWhetherAnotherAddressIsTaken) {
  const IpAddress a = GetParam();
  become_reachable(a, kOne);
  n.answered(a, {.mac = kTwo, .solicited = true}, now);
  EXPECT_EQ(state(a), "STALE") << "contradicted";
  EXPECT_EQ(n.find(a)->mac, kOne);
  n.answered(a, {.mac = kTwo, .solicited = true}, now);
  EXPECT_EQ(state(a), "STALE");
  n.answered(a, {.mac = kTwo, .overrides = true}, now);
  EXPECT_EQ(n.find(a)->mac, kTwo);
  EXPECT_EQ(state(a), "STALE");
  n.answered(a, {.mac = kOne, .solicited = true, .overrides = true}, now);
  EXPECT_EQ(n.find(a)->mac, kOne);
  EXPECT_EQ(state(a), "REACHABLE");
}

TEST_P(Cache, AnAnswerWithoutAddressConfirmsTheKnownOne) {
  const IpAddress a = GetParam();
  n.wanted(a, now);
  n.answered(a, {.solicited = true}, now);
  EXPECT_EQ(state(a), "INCOMPLETE");
  answer(a, kOne);
  pass(1min);
  n.answered(a, {.solicited = true, .router = true}, now);
  EXPECT_EQ(state(a), "REACHABLE");
  EXPECT_TRUE(n.find(a)->router);
}

TEST_P(Cache, RoutersSetTheTimesWithinReason) {
  const IpAddress a = GetParam();
  n.set_times(2s, 1ms);
  n.wanted(a, now);
  pass(250ms);
  EXPECT_EQ(news(), "ask all, ask all, ask all") << "not more often than ten times a second";
  answer(a, kOne);
  pass(3s);
  EXPECT_EQ(state(a), "STALE");
  n.set_times(24h, 1h);
  become_reachable(a, kOne);
  pass(3s);
  EXPECT_EQ(state(a), "STALE") << "a day is beyond what RFC 4861 lets a router say";
}

// --- what others can make grow

class Crowd : public Cache {
 protected:
  Crowd() : Cache({.most = 64, .most_incomplete = 16}) {}
};

TEST_F(Crowd, AScanTurnsOverTheUnansweredAndLeavesOthersInPeace) {
  for (std::uint32_t i = 0; i < 40; ++i) become_reachable(v6(i), kOne);
  for (std::uint32_t i = 0; i < 10'000; ++i) n.wanted(v6(1000 + i), now);
  std::size_t forgotten = 0;
  while (const auto news = n.next_news()) {
    forgotten += news->kind == NeighbourNews::Kind::forgotten ? 1U : 0U;
  }
  EXPECT_EQ(forgotten, 10'000U - 16);
  EXPECT_EQ(n.all().size(), 40U + 16);
  for (std::uint32_t i = 0; i < 40; ++i) EXPECT_EQ(state(v6(i)), "REACHABLE");
  EXPECT_EQ(state(v6(1000 + 9'999)), "INCOMPLETE") << "the latest is asked for";
}

TEST_F(Crowd, AFloodOfMadeUpNeighboursTakesOnlyThePlacesOfSuch) {
  for (std::uint32_t i = 0; i < 40; ++i) become_reachable(v6(i), kOne);
  for (std::uint32_t i = 0; i < 10'000; ++i) n.told(v6(1000 + i), kTwo, true, now + Duration(i));
  EXPECT_EQ(n.all().size(), 64U);
  for (std::uint32_t i = 0; i < 40; ++i) EXPECT_EQ(state(v6(i)), "REACHABLE");
  EXPECT_EQ(state(v6(1000 + 9'999)), "STALE") << "the latest is remembered";
  EXPECT_FALSE(n.wanted(kA, now)) << "and a packet finds a place all the same";
  EXPECT_EQ(n.all().size(), 64U);
  EXPECT_EQ(state(kA), "INCOMPLETE");
}

TEST_F(Crowd, NobodyWeTalkToIsForgottenForAStranger) {
  for (std::uint32_t i = 0; i < 64; ++i) become_reachable(v6(i), kOne);
  n.told(kA, kTwo, true, now);
  EXPECT_EQ(state(kA), "NONE");
  now += 1s;
  n.wanted(v6(0), now);
  n.wanted(kB, now);  // for a packet the one goes that was used the longest ago
  EXPECT_EQ(state(kB), "INCOMPLETE");
  EXPECT_EQ(state(v6(0)), "REACHABLE");
  EXPECT_EQ(n.all().size(), 64U);
}

TEST_F(Crowd, SeveralAreFoundAmongMany) {
  for (std::uint32_t i = 0; i < 64; ++i) {
    become_reachable(v6(i * 7919 % 64), MacAddress::of(0x0200'0000'0000 + i * 7919 % 64));
  }
  for (std::uint32_t i = 0; i < 64; ++i) {
    EXPECT_EQ(n.wanted(v6(i), now), MacAddress::of(0x0200'0000'0000 + i));
  }
}

}  // namespace
}  // namespace lastack::ip
