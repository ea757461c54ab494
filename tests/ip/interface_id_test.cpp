#include "ip/interface_id.hpp"

#include <gtest/gtest.h>

#include <set>

namespace lastack::ip {
namespace {

constexpr auto kMac = wire::MacAddress::of(0x3456'789a'bcde);
constexpr HashKey kKey{1, 2};

// RFC 4291, appendix A: 34:56:78:9a:bc:de makes 3656:78ff:fe9a:bcde.
TEST(InterfaceId, Eui64) {
  EXPECT_EQ(eui64(kMac), 0x3656'78ff'fe9a'bcdeU);
  EXPECT_EQ(eui64(wire::MacAddress::of(0x0200'0000'0001)), 0x0000'00ff'fe00'0001U);
  EXPECT_EQ(with_interface(link_local_prefix(), eui64(kMac)).to_string(),
            "fe80::3656:78ff:fe9a:bcde");
}

// RFC 7217 §4: stable for one network, different for each other one, interface, attempt and host.
TEST(InterfaceId, OpaqueOnesDifferInWhateverDiffers) {
  const auto one = *wire::Prefix::parse("2001:db8:1::/64");
  const auto other = *wire::Prefix::parse("2001:db8:2::/64");
  EXPECT_EQ(opaque_id(one, kMac, 0, kKey), opaque_id(one, kMac, 0, kKey));
  const std::set<std::uint64_t> all{
      opaque_id(one, kMac, 0, kKey), opaque_id(other, kMac, 0, kKey), opaque_id(one, kMac, 1, kKey),
      opaque_id(one, wire::MacAddress::of(1), 0, kKey), opaque_id(one, kMac, 0, {1, 3})};
  EXPECT_EQ(all.size(), 5U);
}

}  // namespace
}  // namespace lastack::ip
