// Addresses of our own as scripts: asked for, defended, aged, and given up.
#include "ip/own_addresses.hpp"

#include <gtest/gtest.h>

#include <string>

#include "ip/interface_id.hpp"

namespace lastack::ip {
namespace {

constexpr MacAddress kOurMac = MacAddress::of(0x0200'0000'0001);
constexpr MacAddress kRival = MacAddress::of(0x0200'0000'0009);
const Prefix kV4 = *Prefix::parse("10.0.0.2/24");
const Prefix kV6 = *Prefix::parse("fd00::2/64");
const Prefix kAdvertised = *Prefix::parse("2001:db8:1::/64");

class Own : public testing::Test {
 protected:
  explicit Own(std::optional<HashKey> key = std::nullopt) : own({kOurMac, key}, Random(1)) {}

  void pass(Duration span) {
    const TimePoint until = now + span;
    while (own.next_deadline() <= until) {
      ASSERT_GE(own.next_deadline(), now) << "a deadline that is over";
      now = own.next_deadline();
      own.advance(now);
      hear();
    }
    now = until;
    hear();
  }
  void hear() {
    static constexpr std::array kNames{"probe",     "announce", "defend", "usable",
                                       "duplicate", "conflict", "gone"};
    while (const auto news = own.next_news()) {
      if (!log.empty()) log += ", ";
      log += kNames[static_cast<std::size_t>(news->kind)];
      last = *news;
      times.push_back(now);
    }
  }
  /// What happened since the last time.
  std::string heard() {
    hear();
    return std::exchange(log, {});
  }
  std::string_view state(const IpAddress& address) {
    const OwnAddress* a = own.find(address);
    return a != nullptr ? to_string(a->state) : "none";
  }
  /// The one that was made for kAdvertised.
  const OwnAddress* made() {
    for (const OwnAddress& a : own.all()) {
      if (a.origin == AddressOrigin::advertised) return &a;
    }
    return nullptr;
  }

  TimePoint now{1000s};
  OwnAddresses own;
  std::string log;
  std::vector<TimePoint> times;
  AddressNews last{};
};

// RFC 5227 §2.1.1: up to 1 s, three probes 1 to 2 s apart, 2 s of silence, two announcements.
TEST_F(Own, Ipv4IsProbedForThenAnnounced) {
  own.add(kV4, AddressOrigin::configured, true, now);
  pass(1s);
  EXPECT_EQ(heard(), "probe");
  EXPECT_TRUE(own.usable().empty());
  pass(10s);
  EXPECT_EQ(heard(), "probe, probe, usable, announce, announce");
  EXPECT_EQ(state(kV4.address), "preferred");
  for (std::size_t i = 1; i < 3; ++i) {
    EXPECT_GE(times[i] - times[i - 1], 1s);
    EXPECT_LE(times[i] - times[i - 1], 2s);
  }
  EXPECT_EQ(times[3] - times[2], 2s);
  EXPECT_EQ(times[5] - times[4], 2s);
  EXPECT_EQ(own.next_deadline(), kNever);
}

// RFC 4862 §5.4.2: up to 1 s, one probe, 1 s of silence.
TEST_F(Own, Ipv6IsProbedForThenAnnounced) {
  own.add(kV6, AddressOrigin::configured, true, now);
  pass(1s);
  EXPECT_EQ(heard(), "probe");
  pass(1s);
  EXPECT_EQ(heard(), "usable, announce");
  EXPECT_EQ(times[1] - times[0], 1s);
  EXPECT_EQ(own.usable(), (std::vector{UsableAddress{kV6}}));
}

TEST_F(Own, WithoutAskingItIsOursAtOnce) {
  own.add(kV4, AddressOrigin::configured, false, now);
  EXPECT_EQ(heard(), "usable, announce");
  EXPECT_EQ(state(kV4.address), "preferred");
}

TEST_F(Own, OneThatSomebodyHasIsNotTaken) {
  for (const Prefix& p : {kV4, kV6}) own.add(p, AddressOrigin::configured, true, now);
  pass(500ms);
  (void)heard();
  own.conflict(kV4.address, kRival, now);
  own.conflict(kV6.address, kRival, now);
  EXPECT_EQ(heard(), "duplicate, duplicate");
  EXPECT_EQ(last.mac, kRival);
  pass(1h);
  EXPECT_EQ(heard(), "");
  EXPECT_TRUE(own.usable().empty());
  EXPECT_EQ(own.find(kV4.address)->rival, kRival);
}

// RFC 5227 §2.4 (c)
TEST_F(Own, OursIsDefendedOnceAnInterval) {
  own.add(kV4, AddressOrigin::configured, false, now);
  pass(5s);
  (void)heard();
  for (int i = 0; i < 1000; ++i) own.conflict(kV4.address, kRival, now);
  EXPECT_EQ(heard(), "conflict, defend");
  pass(10s - 1us);
  own.conflict(kV4.address, kRival, now);
  EXPECT_EQ(heard(), "");
  pass(1us);
  own.conflict(kV4.address, kRival, now);
  EXPECT_EQ(heard(), "conflict, defend");
  EXPECT_EQ(state(kV4.address), "preferred");
}

TEST_F(Own, TheLinkLocalAddressComesFromTheMac) {
  own.add_link_local(true, now);
  pass(2s);
  ASSERT_NE(own.link_local(), nullptr);
  EXPECT_EQ(own.link_local()->prefix.address.to_string(), "fe80::ff:fe00:1");
  EXPECT_EQ(own.link_local()->prefix.length, 64);
}

TEST_F(Own, OneMadeFromTheMacIsNotMadeAgain) {
  own.add_link_local(true, now);
  own.conflict(own.all()[0].prefix.address, kRival, now);
  pass(1h);
  EXPECT_EQ(heard(), "duplicate");
  EXPECT_EQ(own.link_local(), nullptr);
}

class Opaque : public Own {
 protected:
  Opaque() : Own(HashKey{1, 2}) {}
};

// RFC 7217 §6: another identifier, three times at most.
TEST_F(Opaque, OneMadeByKeyIsMadeAgainDifferently) {
  own.add_link_local(true, now);
  std::vector<IpAddress> tried;
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(own.all().size(), 1U);
    tried.push_back(own.all()[0].prefix.address);
    EXPECT_EQ(state(tried.back()), "tentative");
    own.conflict(tried.back(), kRival, now);
  }
  EXPECT_EQ(state(tried.back()), "duplicate");
  std::ranges::sort(tried);
  EXPECT_EQ(std::ranges::unique(tried).size(), 0U);
  for (const IpAddress& a : tried) EXPECT_TRUE(a.is_link_local());
}

// --- RFC 4862 §5.5.3

TEST_F(Own, APrefixMakesAnAddressThatAges) {
  EXPECT_TRUE(own.advertised(kAdvertised, 3h, 1h, now));
  pass(2s);
  ASSERT_NE(made(), nullptr);
  EXPECT_EQ(made()->prefix.address.to_string(), "2001:db8:1::ff:fe00:1");
  EXPECT_EQ(heard(), "probe, usable, announce");
  pass(1h);
  EXPECT_EQ(heard(), "usable");
  EXPECT_EQ(made()->state, AddressState::deprecated);
  EXPECT_TRUE(own.usable()[0].deprecated);
  own.advertised(kAdvertised, 3h, 1h, now);
  EXPECT_EQ(made()->state, AddressState::preferred);
  pass(3h);
  EXPECT_EQ(made(), nullptr);
  EXPECT_EQ(heard(), "usable, usable, gone");
  EXPECT_EQ(own.next_deadline(), kNever);
}

TEST_F(Own, PrefixesThatMakeNone) {
  EXPECT_TRUE(own.advertised(kAdvertised, 0s, 0s, now));
  EXPECT_TRUE(own.advertised(kAdvertised, 1h, 2h, now));  // preferred beyond valid
  EXPECT_TRUE(own.advertised(*Prefix::parse("2001:db8:1::/56"), 2h, 1h, now));
  EXPECT_TRUE(own.advertised(*Prefix::parse("fe80::/64"), 2h, 1h, now));
  EXPECT_TRUE(own.all().empty());
}

// §5.5.3 (e): a forged advertisement can't take an address away in less than two hours.
TEST_F(Own, TheTwoHourRule) {
  own.advertised(kAdvertised, 24h, 1h, now);
  pass(2s);
  own.advertised(kAdvertised, 1s, 0s, now);
  EXPECT_EQ(made()->valid_until, now + 2h) << "cut to two hours";
  EXPECT_EQ(made()->state, AddressState::deprecated) << "but deprecated at once";
  pass(1h);
  own.advertised(kAdvertised, 30min, 0s, now);
  EXPECT_EQ(made()->valid_until, now + 1h) << "less than two hours are left: not cut at all";
  own.advertised(kAdvertised, 90min, 0s, now);
  EXPECT_EQ(made()->valid_until, now + 90min) << "but made longer";
  own.advertised(kAdvertised, 3h, 1h, now);
  EXPECT_EQ(made()->valid_until, now + 3h);
  own.advertised(kAdvertised, wire::kForever, wire::kForever, now);
  EXPECT_EQ(made()->valid_until, kNever);
}

TEST_F(Own, ADuplicateIsNotAskedForWithEachAdvertisement) {
  own.advertised(kAdvertised, 24h, 1h, now);
  own.conflict(made()->prefix.address, kRival, now);
  (void)heard();
  for (int i = 0; i < 10; ++i) {
    own.advertised(kAdvertised, 24h, 1h, now);
    pass(1min);
  }
  EXPECT_EQ(heard(), "");
  EXPECT_EQ(made()->state, AddressState::duplicate);
}

TEST_F(Own, OnlyPrefixesOfSingleHostsMakeAddresses) {
  const std::size_t before = own.all().size();
  for (const char* prefix : {"fe80::/64", "ff05::/64", "ffff:ffff:ffff:ffff::/64"}) {
    EXPECT_TRUE(own.advertised(*Prefix::parse(prefix), 24h, 1h, now));
    EXPECT_EQ(own.all().size(), before) << prefix;
  }
}

TEST_F(Own, RoutersMakeUsTakeABoundedNumber) {
  for (unsigned i = 0; i < 100; ++i) {
    const auto prefix = *Prefix::parse("2001:db8:" + std::to_string(i) + "::/64");
    EXPECT_EQ(own.advertised(prefix, 24h, 1h, now), i < OwnAddresses::kMostAdvertised);
  }
  EXPECT_EQ(own.all().size(), OwnAddresses::kMostAdvertised);
  own.add(kV4, AddressOrigin::configured, true, now);
  EXPECT_EQ(state(kV4.address), "tentative") << "what is configured always finds room";
}

}  // namespace
}  // namespace lastack::ip
