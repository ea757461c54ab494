#include "ip/groups.hpp"

#include <gtest/gtest.h>

#include <string>

namespace lastack::ip {
namespace {

using wire::IpAddress;
using wire::MldRecord;

const IpAddress kGroupA = *IpAddress::parse("ff02::1:ff00:a");
const IpAddress kGroupB = *IpAddress::parse("ff02::1:ff00:b");
const IpAddress kAny = *IpAddress::parse("::");

class Membership : public testing::Test {
 protected:
  void set(std::initializer_list<IpAddress> wanted) {
    const std::vector<IpAddress> all(wanted);
    groups.set(all, now);
  }
  /// What is reported until `span` is over: "+a" joins, "-a" leaves, "=a" listens, ";" between.
  std::string said(Duration span) {
    std::string all;
    const TimePoint until = now + span;
    while (groups.next_deadline() <= until) {
      now = std::max(now, groups.next_deadline());
      if (!all.empty()) all += ";";
      for (const MldRecord& r : groups.next_report(now)) {
        all += r.kind == MldRecord::Kind::joins    ? "+"
               : r.kind == MldRecord::Kind::leaves ? "-"
                                                   : "=";
        all += r.group.to_string().back();
      }
    }
    now = until;
    return all;
  }

  TimePoint now{1000s};
  Groups groups{Random(1)};
};

TEST_F(Membership, JoiningIsSaidTwiceWithinASecond) {
  set({kGroupA, kGroupB});
  EXPECT_EQ(said(1s), "+a+b;+a+b");
  EXPECT_EQ(said(1h), "");
  set({kGroupA, kGroupB});
  EXPECT_EQ(said(1h), "");
}

TEST_F(Membership, LeavingToo) {
  set({kGroupA, kGroupB});
  (void)said(1s);
  set({kGroupB});
  EXPECT_EQ(said(1s), "-a;-a");
}

TEST_F(Membership, WhatChangesMeanwhileIsSaidTogetherAndUndoneIfItIsUndone) {
  set({kGroupA});
  EXPECT_EQ(said(0s).substr(0, 2), "+a");
  set({kGroupA, kGroupB});
  EXPECT_EQ(said(1s), "+a+b;+a+b");
  set({kGroupA});
  set({kGroupA, kGroupB});
  EXPECT_EQ(said(1s), "+b;+b") << "the last word on it";
}

TEST_F(Membership, AQueryIsAnsweredOnceWithinItsTime) {
  set({kGroupA, kGroupB});
  (void)said(1s);
  for (int i = 0; i < 100; ++i) groups.asked({kAny, 5s}, now);
  EXPECT_EQ(said(5s), "=a=b");
  groups.asked({kGroupA, 1s}, now);
  EXPECT_EQ(said(1s), "=a=b");
  groups.asked({*IpAddress::parse("ff02::1:ff00:c"), 1s}, now);
  EXPECT_EQ(said(1s), "");
  groups.asked({kGroupA, 24h}, now);
  EXPECT_LE(groups.next_deadline(), now + 24h);
}

TEST_F(Membership, WhoListensToNothingSaysNothing) {
  groups.asked({kAny, 1s}, now);
  groups.say_again(now);
  EXPECT_EQ(said(1h), "");
}

TEST_F(Membership, AllOfItAgainFromTheRightAddress) {
  set({kGroupA, kGroupB});
  (void)said(1s);
  groups.say_again(now);
  EXPECT_EQ(said(1s), "+a+b;+a+b");
}

TEST_F(Membership, IsBounded) {
  std::vector<IpAddress> many;
  for (int i = 0; i < 1000; ++i) {
    many.push_back(*IpAddress::parse("ff02::1:ff00:" + std::to_string(1000 + i)));
  }
  groups.set(many, now);
  EXPECT_EQ(groups.all().size(), Groups::kMost);
  for (std::size_t i = 0; i + 40 < many.size(); i += 17) {
    groups.set(std::span(many).subspan(i, 40), now);
    EXPECT_LE(groups.next_report(now).size(), wire::kMostMldRecords);
  }
}

}  // namespace
}  // namespace lastack::ip
