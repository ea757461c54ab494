// Neighbour discovery messages: octets against values, and each check of RFC 4861 broken once.
#include "wire/ndp.hpp"

#include <gtest/gtest.h>

#include "wire/ndp_octets.hpp"

namespace lastack::wire {
namespace {

using lastack_test::address;
using lastack_test::advertisement_body;
using lastack_test::append;
using lastack_test::append_u32;
using lastack_test::icmpv6;
using lastack_test::ipv6;
using lastack_test::link_option;
using lastack_test::mtu_option;
using lastack_test::ndp_body;
using lastack_test::Octets;
using lastack_test::octets;
using lastack_test::prefix_option;

constexpr MacAddress kMac = MacAddress::of(0x0200'0000'0001);
const auto kRouter = address("fe80::1");
const auto kHost = address("fe80::2");
const auto kAll = address("ff02::1");

using Result = std::expected<NdpMessage, NdpError>;

Result parse(const IpAddress& source, const IpAddress& destination, unsigned type,
             const Octets& body, std::uint8_t hop_limit = 255, unsigned code = 0) {
  const IpHeader header{.source = source,
                        .destination = destination,
                        .protocol = kProtocolIcmpv6,
                        .hop_limit = hop_limit};
  return parse_ndp(header, icmpv6(source, destination, type, body, code));
}

Result parse_advertisement(std::vector<Octets> options) {
  return parse(kRouter, kAll, 134, advertisement_body({.options = std::move(options)}));
}

TEST(Ndp, GroupsOfAddresses) {
  EXPECT_EQ(all_nodes(), address("ff02::1"));
  EXPECT_EQ(all_routers(), address("ff02::2"));
  EXPECT_EQ(solicited_node(address("2001:db8::aa:bbcc:ddee")), address("ff02::1:ffcc:ddee"));
}

TEST(Ndp, RouterAdvertisement) {
  Octets route = octets({24, 2, 48, 0x08});
  append_u32(route, 600);
  append(route, address("2001:db8:77::").bytes().first(8));
  const Octets rdnss =
      octets({25, 3, 0, 0, 0, 0, 0, 60, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  const auto got =
      parse(kRouter, kAll, 134,
            advertisement_body({.hop_limit = 64,
                                .flags = 0x18,
                                .lifetime = 1800,
                                .reachable = 20000,
                                .retransmit = 500,
                                .options = {link_option(1, kMac), mtu_option(1400), rdnss, route,
                                            prefix_option({.prefix = "2001:db8:1::ff",
                                                           .flags = 0x80,
                                                           .valid = UINT32_MAX,
                                                           .preferred = 7})}}));
  ASSERT_TRUE(got);
  const auto& ra = std::get<RouterAdvertisement>(*got);
  EXPECT_EQ(ra.hop_limit, 64);
  EXPECT_EQ(ra.preference, RouterPreference::low);
  EXPECT_EQ(ra.lifetime, 1800s);
  EXPECT_EQ(ra.reachable, 20s);
  EXPECT_EQ(ra.retransmit, 500ms);
  EXPECT_EQ(ra.source_link, kMac);
  EXPECT_EQ(ra.mtu, 1400U);
  ASSERT_EQ(ra.prefixes().size(), 1U);
  // What stands behind the prefix's length is of no meaning.
  EXPECT_EQ(ra.prefixes()[0], (PrefixInformation{.prefix = *Prefix::parse("2001:db8:1::/64"),
                                                 .on_link = true,
                                                 .autonomous = false,
                                                 .valid = kForever,
                                                 .preferred = 7s}));
  ASSERT_EQ(ra.routes().size(), 1U);
  EXPECT_EQ(ra.routes()[0], (RouteInformation{.prefix = *Prefix::parse("2001:db8:77::/48"),
                                              .preference = RouterPreference::high,
                                              .lifetime = 600s}));
}

TEST(Ndp, ARoutesPrefixTakesTheOctetsItNeeds) {
  const auto route = [](unsigned units, unsigned length) {
    Octets option = octets({24, units, length, 0});
    append_u32(option, 1);
    option.resize(units * std::size_t{8});
    return option;
  };
  EXPECT_TRUE(parse_advertisement({route(1, 0)}));
  EXPECT_TRUE(parse_advertisement({route(2, 64)}));
  EXPECT_TRUE(parse_advertisement({route(3, 128)}));
  EXPECT_EQ(parse_advertisement({route(1, 1)}).error(), NdpError::bad_option);
  EXPECT_EQ(parse_advertisement({route(2, 65)}).error(), NdpError::bad_option);
  EXPECT_EQ(parse_advertisement({route(3, 129)}).error(), NdpError::bad_option);
  EXPECT_EQ(parse_advertisement({route(4, 64)}).error(), NdpError::bad_option);
}

TEST(Ndp, OptionsThatCannotBe) {
  const auto wrong = [](const Octets& option) { return parse_advertisement({option}).error(); };
  EXPECT_EQ(wrong(octets({200, 0, 0, 0, 0, 0, 0, 0})), NdpError::bad_option);  // no length
  EXPECT_EQ(wrong(octets({200, 2, 0, 0, 0, 0, 0, 0})), NdpError::bad_option);  // past the end
  EXPECT_EQ(wrong(octets({200})), NdpError::bad_option);
  EXPECT_EQ(wrong(octets({1, 2, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})), NdpError::bad_option);
  EXPECT_EQ(wrong(octets({5, 2, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0})), NdpError::bad_option);
  EXPECT_EQ(wrong(prefix_option({.length = 129})), NdpError::bad_option);
  EXPECT_EQ(wrong(link_option(1, MacAddress::broadcast())), NdpError::bad_option);
  EXPECT_EQ(wrong(link_option(1, MacAddress())), NdpError::bad_option);
  EXPECT_TRUE(parse_advertisement({octets({200, 1, 9, 9, 9, 9, 9, 9})}));  // unknown
}

TEST(Ndp, ManyOptionsArePassedOverAndTooManyRefused) {
  const std::vector<Octets> prefixes(RouterAdvertisement::kMostPrefixes + 3, prefix_option({}));
  const auto got = parse_advertisement(prefixes);
  ASSERT_TRUE(got);
  EXPECT_EQ(std::get<RouterAdvertisement>(*got).prefixes().size(),
            RouterAdvertisement::kMostPrefixes);
  const Octets unknown = octets({200, 1, 0, 0, 0, 0, 0, 0});
  EXPECT_TRUE(parse_advertisement(std::vector(64, unknown)));
  EXPECT_EQ(parse_advertisement(std::vector(65, unknown)).error(), NdpError::bad_option);
}

TEST(Ndp, NeighbourSolicitation) {
  const auto group = solicited_node(address("fd00::7"));
  const Octets nonce = octets({14, 1, 1, 2, 3, 4, 5, 6});
  const auto got =
      parse(kHost, group, 135, ndp_body(0, {"fd00::7"}, {link_option(1, kMac), nonce}));
  ASSERT_TRUE(got);
  EXPECT_EQ(std::get<NeighbourSolicitation>(*got),
            (NeighbourSolicitation{
                .target = address("fd00::7"), .source_link = kMac, .nonce = 0x0102'0304'0506}));
  // A probe comes from nobody, to the target's group, and names no link-layer address (§7.1.1).
  const auto nobody = address("::");
  EXPECT_TRUE(parse(nobody, group, 135, ndp_body(0, {"fd00::7"}, {nonce})));
  EXPECT_EQ(parse(nobody, address("fd00::7"), 135, ndp_body(0, {"fd00::7"})).error(),
            NdpError::bad_address);
  EXPECT_EQ(parse(nobody, group, 135, ndp_body(0, {"fd00::7"}, {link_option(1, kMac)})).error(),
            NdpError::bad_address);
  EXPECT_EQ(parse(kHost, group, 135, ndp_body(0, {"ff02::5"})).error(), NdpError::bad_address);
  EXPECT_EQ(parse(kHost, group, 135, ndp_body(0, {"::"})).error(), NdpError::bad_address);
  EXPECT_EQ(parse(kHost, group, 135, ndp_body(0, {})).error(), NdpError::truncated);
}

TEST(Ndp, NeighbourAdvertisement) {
  const auto got =
      parse(kRouter, kHost, 136, ndp_body(0xe000'0000, {"fe80::1"}, {link_option(2, kMac)}));
  ASSERT_TRUE(got);
  EXPECT_EQ(std::get<NeighbourAdvertisement>(*got), (NeighbourAdvertisement{.target = kRouter,
                                                                            .router = true,
                                                                            .solicited = true,
                                                                            .overrides = true,
                                                                            .target_link = kMac}));
  // An answer to a question goes to who asked (§7.1.2).
  EXPECT_EQ(parse(kRouter, kAll, 136, ndp_body(0x4000'0000, {"fe80::1"})).error(),
            NdpError::bad_address);
  EXPECT_TRUE(parse(kRouter, kAll, 136, ndp_body(0x2000'0000, {"fe80::1"})));
  EXPECT_EQ(parse(kRouter, kAll, 136, ndp_body(0, {"ff02::1"})).error(), NdpError::bad_address);
  EXPECT_EQ(parse(address("::"), kAll, 136, ndp_body(0, {"fe80::1"})).error(),
            NdpError::bad_address);
}

TEST(Ndp, RedirectComesFromARouterToARouterOrTheDestination) {
  const auto redirect = [](const IpAddress& from, const char* target, const char* destination) {
    return parse(from, kHost, 137, ndp_body(0, {target, destination}, {link_option(2, kMac)}));
  };
  const auto got = redirect(kRouter, "fe80::9", "2001:db8::5");
  ASSERT_TRUE(got);
  EXPECT_EQ(std::get<Redirect>(*got), (Redirect{.target = address("fe80::9"),
                                                .destination = address("2001:db8::5"),
                                                .target_link = kMac}));
  EXPECT_TRUE(redirect(kRouter, "2001:db8::5", "2001:db8::5"));
  EXPECT_EQ(redirect(address("2001:db8::1"), "fe80::9", "2001:db8::5").error(),
            NdpError::bad_address);
  EXPECT_EQ(redirect(kRouter, "2001:db8::9", "2001:db8::5").error(), NdpError::bad_address);
  EXPECT_EQ(redirect(kRouter, "fe80::9", "ff02::5").error(), NdpError::bad_address);
}

TEST(Ndp, RouterSolicitation) {
  EXPECT_TRUE(parse(kHost, all_routers(), 133, ndp_body(0, {}, {link_option(1, kMac)})));
  EXPECT_TRUE(parse(address("::"), all_routers(), 133, ndp_body(0, {})));
  EXPECT_EQ(
      parse(address("::"), all_routers(), 133, ndp_body(0, {}, {link_option(1, kMac)})).error(),
      NdpError::bad_address);
}

// §6.1, §7.1, §8.1: what came through a router, or was damaged, is not taken.
TEST(Ndp, EveryKindIsChecked) {
  const std::vector<std::pair<unsigned, Octets>> kinds{
      {133, ndp_body(0, {})},
      {134, advertisement_body({})},
      {135, ndp_body(0, {"fe80::2"})},
      {136, ndp_body(0, {"fe80::1"})},
      {137, ndp_body(0, {"fe80::9", "2001:db8::5"})}};
  for (const auto& [type, body] : kinds) {
    EXPECT_TRUE(parse(kRouter, kHost, type, body)) << type;
    EXPECT_EQ(parse(kRouter, kHost, type, body, 254).error(), NdpError::bad_hop_limit) << type;
    EXPECT_EQ(parse(kRouter, kHost, type, body, 255, 1).error(), NdpError::bad_code) << type;
    EXPECT_EQ(parse(kAll, kHost, type, body).error(), NdpError::bad_address) << type;
    const IpHeader header{.source = kRouter, .destination = kHost, .hop_limit = 255};
    Octets message = icmpv6(kRouter, kHost, type, body);
    message.back() ^= std::byte{1};
    EXPECT_EQ(parse_ndp(header, message).error(), NdpError::bad_checksum) << type;
    for (std::size_t n = 0; n < message.size();
         ++n) {  // cut anywhere, with a checksum that is right
      Octets cut(body.begin(),
                 body.begin() + static_cast<std::ptrdiff_t>(std::min(n, body.size())));
      if (cut.size() < body.size()) EXPECT_FALSE(parse(kRouter, kHost, type, cut)) << type << n;
    }
  }
  EXPECT_EQ(parse(kRouter, kHost, 128, ndp_body(0, {})).error(), NdpError::unknown);
  EXPECT_EQ(parse_ndp({}, {}).error(), NdpError::truncated);
}

TEST(Ndp, WritesWhatTheOctetsSay) {
  Octets into(kMostNdpPacket);
  const auto written = [&](const NdpFromHost& message, const IpAddress& to) {
    const std::size_t n = emit_ndp(kHost, to, message, into);
    return Octets(into.begin(), into.begin() + static_cast<std::ptrdiff_t>(n));
  };
  const auto packet = [](const IpAddress& to, unsigned type, const Octets& body) {
    return ipv6(kHost, to, icmpv6(kHost, to, type, body));
  };
  EXPECT_EQ(written(RouterSolicitation{.source_link = kMac}, all_routers()),
            packet(all_routers(), 133, ndp_body(0, {}, {link_option(1, kMac)})));
  EXPECT_EQ(
      written(
          NeighbourSolicitation{
              .target = address("fd00::7"), .source_link = kMac, .nonce = 0x0102'0304'0506},
          kRouter),
      packet(kRouter, 135,
             ndp_body(0, {"fd00::7"}, {link_option(1, kMac), octets({14, 1, 1, 2, 3, 4, 5, 6})})));
  EXPECT_EQ(written(NeighbourAdvertisement{.target = address("fd00::7"),
                                           .router = true,
                                           .solicited = true,
                                           .overrides = true,
                                           .target_link = kMac},
                    kRouter),
            packet(kRouter, 136, ndp_body(0xe000'0000, {"fd00::7"}, {link_option(2, kMac)})));
  for (std::size_t n = 0; n < 40 + 8 + 16; ++n) {
    const NeighbourAdvertisement message{.target = address("fd00::7"), .target_link = {}};
    EXPECT_EQ(emit_ndp(kHost, kRouter, message, MutableBytes(into).first(n)), 0U) << n;
  }
}

}  // namespace
}  // namespace lastack::wire
