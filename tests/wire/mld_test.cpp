// Multicast listener discovery: octets against values, and each check of RFC 3810 broken once.
#include "wire/mld.hpp"

#include <gtest/gtest.h>

#include "wire/ndp_octets.hpp"

namespace lastack::wire {
namespace {

using lastack_test::address;
using lastack_test::append;
using lastack_test::icmpv6;
using lastack_test::ipv6;
using lastack_test::Octets;
using lastack_test::octets;

const auto kQuerier = address("fe80::1");
const auto kAllNodes = address("ff02::1");

Octets query_body(unsigned max_response, std::string_view group) {
  Octets body = octets({max_response >> 8U, max_response & 0xffU, 0, 0});
  append(body, address(group).bytes());
  return body;
}

std::expected<MldQuery, NdpError> parse(const Octets& body, const IpAddress& source = kQuerier,
                                        std::uint8_t hop_limit = 1, unsigned code = 0) {
  const IpHeader header{.source = source,
                        .destination = kAllNodes,
                        .protocol = kProtocolIcmpv6,
                        .hop_limit = hop_limit};
  return parse_mld_query(header, icmpv6(source, kAllNodes, 130, body, code));
}

TEST(Mld, QueriesOfBothVersions) {
  const auto one = parse(query_body(10'000, "::"));
  ASSERT_TRUE(one);
  EXPECT_EQ(*one, (MldQuery{.group = address("::"), .max_response = 10s}));
  Octets two = query_body(0x8000 | 0x2000 | 5, "ff02::1:ff00:1");  // exponent 2, mantissa 5
  append(two, octets({2, 125, 0, 0}));
  const auto query = parse(two);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->group, address("ff02::1:ff00:1"));
  EXPECT_EQ(query->max_response, Duration(std::chrono::milliseconds(0x1005 << 5)));
}

TEST(Mld, WhatIsNone) {
  const Octets body = query_body(1000, "::");
  for (std::size_t n = 0; n < body.size(); ++n) {
    const Octets cut(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_EQ(parse(cut).error(), NdpError::truncated) << n;
  }
  EXPECT_EQ(parse(body, kQuerier, 255).error(), NdpError::bad_hop_limit);
  EXPECT_EQ(parse(body, kQuerier, 1, 1).error(), NdpError::bad_code);
  EXPECT_EQ(parse(body, address("fd00::1")).error(), NdpError::bad_address);
  EXPECT_EQ(parse(body, address("::")).error(), NdpError::bad_address);
  EXPECT_EQ(parse(query_body(1000, "fd00::1")).error(), NdpError::bad_address);
  const IpHeader header{.source = kQuerier, .destination = kAllNodes, .hop_limit = 1};
  Octets damaged = icmpv6(kQuerier, kAllNodes, 130, body);
  damaged[5] ^= std::byte{1};
  EXPECT_EQ(parse_mld_query(header, damaged).error(), NdpError::bad_checksum);
  EXPECT_EQ(parse_mld_query(header, icmpv6(kQuerier, kAllNodes, 131, body)).error(),
            NdpError::unknown);
}

TEST(Mld, WritesWhatTheOctetsSay) {
  const auto to = address("ff02::16");
  Octets body = octets({0, 0, 0, 2, 4, 0, 0, 0});
  append(body, address("ff02::1:ff00:1").bytes());
  append(body, octets({3, 0, 0, 0}));
  append(body, address("ff02::1:ff00:2").bytes());
  Octets payload = octets({58, 0, 5, 2, 0, 0, 1, 0});
  append(payload, icmpv6(kQuerier, to, 143, body));
  const std::vector<MldRecord> records{{MldRecord::Kind::joins, address("ff02::1:ff00:1")},
                                       {MldRecord::Kind::leaves, address("ff02::1:ff00:2")}};
  Octets into(kMostMldReport);
  const std::size_t n = emit_mld_report(kQuerier, records, into);
  into.resize(n);
  EXPECT_EQ(into, ipv6(kQuerier, to, payload, 1, 0));
  for (std::size_t less = 0; less < n; ++less) {
    EXPECT_EQ(emit_mld_report(kQuerier, records, MutableBytes(into).first(less)), 0U) << less;
  }
  const std::vector<MldRecord> many(kMostMldRecords, records[0]);
  into.resize(kMostMldReport);
  EXPECT_EQ(emit_mld_report(kQuerier, many, into), kMostMldReport);
}

}  // namespace
}  // namespace lastack::wire
