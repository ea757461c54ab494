// What errors to us mean, and what is remembered of paths.
#include "ip/path_mtu.hpp"

#include <gtest/gtest.h>

#include "ip/icmp_meaning.hpp"
#include "wire/packets.hpp"

namespace lastack::ip {
namespace {

using Kind = Meaning::Kind;
using lastack_test::address;
using wire::Family;
using wire::IcmpKind;

Meaning meaning(const wire::IcmpMessage& message, bool v6 = false, std::uint32_t length = 1500) {
  wire::Quote about;
  about.source = address(v6 ? "fd00::1" : "10.0.0.1");
  about.length = length;
  return meaning_of(message, about);
}

/// What each code from 0 on says: s soft, n soft of the network, h hard, N hard of the network,
/// r hard and refused, p hard and no such protocol, f hard and forbidden.
std::string kinds(IcmpKind kind, bool v6, std::uint8_t codes) {
  std::string all;
  for (std::uint8_t code = 0; code < codes; ++code) {
    const Meaning m = meaning({.kind = kind, .code = code}, v6);
    const bool known = m.kind == Kind::hard || m.kind == Kind::soft;
    all += !known ? '?' : (m.kind == Kind::soft ? "sn???" : "hNrpf")[static_cast<int>(m.what)];
  }
  return all;
}

TEST(IcmpMeaning, SoftAndHard) {
  // Code 4 with this kind never comes from the wire: it is "too big" there.
  EXPECT_EQ(kinds(IcmpKind::unreachable, false, 16),
            "nsprssnss"
            "Nhns"
            "hss");
  EXPECT_EQ(kinds(IcmpKind::unreachable, true, 9), "nfssrffss");
  EXPECT_EQ(kinds(IcmpKind::time_exceeded, false, 2), "ss");
  EXPECT_EQ(kinds(IcmpKind::time_exceeded, true, 2), "ss");
  EXPECT_EQ(kinds(IcmpKind::parameter_problem, false, 3), "sss");
  EXPECT_EQ(kinds(IcmpKind::parameter_problem, true, 4), "ssss");
  EXPECT_EQ(meaning({.kind = IcmpKind::other_error}).kind, Kind::none);
  EXPECT_EQ(meaning({.kind = IcmpKind::echo_reply}).kind, Kind::none);
}

TEST(IcmpMeaning, TooBigAsFarAsItCanBeTrue) {
  const auto mtu = [](std::uint32_t claim, bool v6, std::uint32_t length) {
    const Meaning m = meaning({.kind = IcmpKind::packet_too_big, .mtu = claim}, v6, length);
    return m.kind == Kind::too_big ? int{m.mtu} : m.kind == Kind::unbelievable ? -1 : -2;
  };
  EXPECT_EQ(mtu(1400, false, 1500), 1400);
  EXPECT_EQ(mtu(68, false, 1500), 68);
  EXPECT_EQ(mtu(67, false, 1500), -1);
  EXPECT_EQ(mtu(1500, false, 1500), -1);  // it would have passed
  EXPECT_EQ(mtu(1400, true, 1500), 1400);
  EXPECT_EQ(mtu(1280, true, 1500), 1280);
  EXPECT_EQ(mtu(1279, true, 1500), -1);  // RFC 8201 §4
  EXPECT_EQ(mtu(0, true, 1500), -1);
  EXPECT_EQ(mtu(0x10000 + 1400, true, 65575), -1);
}

/// RFC 1191 §7.1
TEST(IcmpMeaning, PlateausWhereNoSizeIsTold) {
  const auto below = [](std::uint32_t length) { return believable_mtu(Family::v4, 0, length); };
  EXPECT_EQ(below(65535), 32000);
  EXPECT_EQ(below(1500), 1492);
  EXPECT_EQ(below(1492), 1006);
  EXPECT_EQ(below(1006), 508);
  EXPECT_EQ(below(300), 296);
  EXPECT_EQ(below(69), 68);
  EXPECT_FALSE(below(68));
}

TEST(PathMtu, IsRememberedForTenMinutes) {
  PathMtu paths({1, 2});
  TimePoint now{1000s};
  const auto to = address("10.0.0.9");
  EXPECT_FALSE(paths.of(to, now));
  paths.learn(to, 1400, now);
  EXPECT_EQ(paths.of(to, now + 600s - 1us), 1400);
  EXPECT_FALSE(paths.of(address("10.0.0.8"), now));
  EXPECT_FALSE(paths.of(to, now + 600s));
  EXPECT_EQ(paths.size(now + 600s), 0U);
}

TEST(PathMtu, OnlyShrinksMeanwhile) {
  PathMtu paths({1, 2});
  const TimePoint now{1000s};
  const auto to = address("fd00::9");
  paths.learn(to, 1300, now);
  paths.learn(to, 1400, now + 500s);
  EXPECT_EQ(paths.of(to, now + 500s), 1300);
  EXPECT_FALSE(paths.of(to, now + 600s));  // and what it did not take does not keep it alive
  paths.learn(to, 1280, now + 500s);
  EXPECT_EQ(paths.of(to, now + 1000s), 1280);
  paths.learn(to, 1400, now + 1200s);  // that was forgotten
  EXPECT_EQ(paths.of(to, now + 1200s), 1400);
}

TEST(PathMtu, HasRoomForSomeDestinationsAndNoMore) {
  PathMtu paths({1, 2});
  TimePoint now{1000s};
  for (std::uint32_t i = 0; i < 20 * PathMtu::kMost; ++i) {
    const auto a = static_cast<std::uint8_t>(i >> 8U);
    paths.learn(wire::IpAddress::v4(10, 1, a, static_cast<std::uint8_t>(i)), 1400, now);
    now += 1ms;
  }
  EXPECT_LE(paths.size(now), PathMtu::kMost);
  EXPECT_GT(paths.size(now), PathMtu::kMost * 9 / 10);
  const auto fresh = address("fd00::7");
  paths.learn(fresh, 1300, now);
  EXPECT_EQ(paths.of(fresh, now), 1300);
}

}  // namespace
}  // namespace lastack::ip
