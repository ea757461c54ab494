// Choosing the source: RFC 6724's own examples (§10.1), as far as they concern one interface.
#include "ip/source_address.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace lastack::ip {
namespace {

using wire::IpAddress;
using wire::Prefix;

std::string chosen(const std::vector<std::string>& ours, const std::string& destination,
                   const std::string& next_hop = "") {
  std::vector<UsableAddress> usable;
  for (std::string text : ours) {
    const bool deprecated = text.starts_with('-');
    if (deprecated) text.erase(0, 1);
    usable.push_back({*Prefix::parse(text), deprecated});
  }
  const auto to = *IpAddress::parse(destination);
  const auto source =
      choose_source(usable, to, next_hop.empty() ? to : *IpAddress::parse(next_hop));
  return source ? source->to_string() : "none";
}

TEST(SourceAddress, RfcExamples) {
  EXPECT_EQ(chosen({"2001:db8:3::1/64", "fe80::1/64"}, "2001:db8:1::1"), "2001:db8:3::1");
  EXPECT_EQ(chosen({"fe80::1/64", "2001:db8:3::1/64"}, "2001:db8:1::1"), "2001:db8:3::1");
  EXPECT_EQ(chosen({"2001:db8:3::1/64", "fe80::1/64"}, "ff05::1"), "2001:db8:3::1");
  EXPECT_EQ(chosen({"2001:db8:3::1/64", "fe80::1/64"}, "ff02::1"), "fe80::1");
  EXPECT_EQ(chosen({"2001:db8:1::1/64", "2001:db8:2::1/64"}, "2001:db8:2::5"), "2001:db8:2::1");
  // Same label first: 6to4 to 6to4.
  EXPECT_EQ(chosen({"2001:db8:1::2/64", "2002:c633:6401::d5e3/64"}, "2002:c633:6401::1"),
            "2002:c633:6401::d5e3");
}

TEST(SourceAddress, OursToOurs) {
  EXPECT_EQ(chosen({"fd00::1/64", "fd00::2/64"}, "fd00::2"), "fd00::2");
}

TEST(SourceAddress, LinkLocalForTheLink) {
  EXPECT_EQ(chosen({"2001:db8::1/64", "fe80::1/64"}, "fe80::9"), "fe80::1");
  EXPECT_EQ(chosen({"2001:db8::1/64"}, "fe80::9"), "2001:db8::1") << "a larger scope will do";
  EXPECT_EQ(chosen({"fe80::1/64"}, "2001:db8::9"), "fe80::1")
      << "a smaller one if it is all there is";
}

TEST(SourceAddress, DeprecatedOnlyWhereThereIsNoOther) {
  EXPECT_EQ(chosen({"-2001:db8:1::1/64", "2001:db8:2::1/64"}, "2001:db8:1::9"), "2001:db8:2::1");
  EXPECT_EQ(chosen({"-2001:db8:1::1/64"}, "2001:db8:1::9"), "2001:db8:1::1");
}

TEST(SourceAddress, UniqueLocalTalksToUniqueLocal) {
  EXPECT_EQ(chosen({"2001:db8::1/64", "fd00:1::1/64"}, "fd00:2::9"), "fd00:1::1");
  EXPECT_EQ(chosen({"fd00:1::1/64", "2001:db8::1/64"}, "2001:4860::8"), "2001:db8::1");
}

// The bits in common count only as far as the prefix of ours goes: behind it they are chance.
TEST(SourceAddress, BitsBehindThePrefixDoNotCount) {
  EXPECT_EQ(chosen({"2001:db8:1:1::1/64", "2001:db8:1:1::9/64"}, "2001:db8:1:1::8"),
            "2001:db8:1:1::1");
}

TEST(SourceAddress, Ipv4OnTheNetworkOfTheNextHop) {
  EXPECT_EQ(chosen({"10.0.0.1/24", "10.0.1.1/24"}, "10.0.1.7"), "10.0.1.1");
  EXPECT_EQ(chosen({"10.0.0.1/24", "10.0.1.1/24"}, "192.0.2.1", "10.0.1.254"), "10.0.1.1");
  EXPECT_EQ(chosen({"10.0.0.1/8", "10.0.1.1/24"}, "10.0.1.7"), "10.0.1.1");
  EXPECT_EQ(chosen({"10.0.0.1/24", "10.0.1.1/24"}, "192.0.2.1"), "10.0.0.1");
  EXPECT_EQ(chosen({"fd00::1/64"}, "10.0.0.1"), "none");
  EXPECT_EQ(chosen({}, "fd00::1"), "none");
}

}  // namespace
}  // namespace lastack::ip
