// ICMP messages of both families: every number, and each message there and back.
#include "wire/icmp.hpp"

#include <gtest/gtest.h>

#include <set>

#include "wire/packets.hpp"

namespace lastack::wire {
namespace {

using lastack_test::octets;
using lastack_test::Octets;

TEST(Icmp, NumbersOfIpv4) {
  const auto kind = [](int type, int code = 0) {
    return parse_icmp(Family::v4, octets({type, code, 0, 0, 0, 0, 0, 0}))->message.kind;
  };
  EXPECT_EQ(kind(0), IcmpKind::echo_reply);
  EXPECT_EQ(kind(8), IcmpKind::echo_request);
  for (int code = 0; code < 16; ++code) {
    EXPECT_EQ(kind(3, code), code == 4 ? IcmpKind::packet_too_big : IcmpKind::unreachable);
  }
  EXPECT_EQ(kind(11), IcmpKind::time_exceeded);
  EXPECT_EQ(kind(12), IcmpKind::parameter_problem);
  EXPECT_EQ(kind(4), IcmpKind::other_error);  // source quench
  EXPECT_EQ(kind(5), IcmpKind::other_error);  // redirect
  EXPECT_EQ(kind(13), IcmpKind::other);       // timestamp
  EXPECT_EQ(kind(200), IcmpKind::other_error);
}

TEST(Icmp, NumbersOfIpv6) {
  const auto kind = [](int type) {
    return parse_icmp(Family::v6, octets({type, 0, 0, 0, 0, 0, 0, 0}))->message.kind;
  };
  EXPECT_EQ(kind(1), IcmpKind::unreachable);
  EXPECT_EQ(kind(2), IcmpKind::packet_too_big);
  EXPECT_EQ(kind(3), IcmpKind::time_exceeded);
  EXPECT_EQ(kind(4), IcmpKind::parameter_problem);
  EXPECT_EQ(kind(128), IcmpKind::echo_request);
  EXPECT_EQ(kind(129), IcmpKind::echo_reply);
  EXPECT_EQ(kind(127), IcmpKind::other_error);
  EXPECT_EQ(kind(135), IcmpKind::other);
  EXPECT_EQ(kind(137), IcmpKind::other_error);  // redirect: no error, but none may be sent about it
}

TEST(Icmp, WhatStandsInTheSecondWord) {
  const Octets word = octets({0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 9});
  const auto with = [&](Family family, int type, int code = 0) {
    Octets message = word;
    message[0] = static_cast<std::byte>(type);
    message[1] = static_cast<std::byte>(code);
    const auto parsed = parse_icmp(family, message);
    EXPECT_EQ(parsed->body.size(), 1U);
    return parsed->message;
  };
  EXPECT_EQ(with(Family::v4, 8).identifier, 0x1234);
  EXPECT_EQ(with(Family::v4, 8).sequence, 0x5678);
  EXPECT_EQ(with(Family::v4, 3, 4).mtu, 0x5678U);
  EXPECT_EQ(with(Family::v6, 2).mtu, 0x12345678U);
  EXPECT_EQ(with(Family::v4, 12).pointer, 0x12U);
  EXPECT_EQ(with(Family::v6, 4).pointer, 0x12345678U);
}

TEST(Icmp, ComesBackAsItWent) {
  for (const Family family : {Family::v4, Family::v6}) {
    const std::uint8_t needed = family == Family::v4 ? icmp4::kFragmentationNeeded : 0;
    for (const IcmpMessage& message : {
             IcmpMessage{.kind = IcmpKind::echo_request, .identifier = 7, .sequence = 9},
             IcmpMessage{.kind = IcmpKind::echo_reply, .identifier = 7, .sequence = 65535},
             IcmpMessage{.kind = IcmpKind::unreachable, .code = 3},
             IcmpMessage{.kind = IcmpKind::packet_too_big, .code = needed, .mtu = 1280},
             IcmpMessage{.kind = IcmpKind::time_exceeded, .code = kReassembly},
             IcmpMessage{.kind = IcmpKind::parameter_problem, .code = 2, .pointer = 42},
         }) {
      Octets octets(kIcmpHeader);
      ASSERT_EQ(emit_icmp(family, message, octets), kIcmpHeader);
      EXPECT_EQ(parse_icmp(family, octets)->message, message);
      EXPECT_EQ(emit_icmp(family, message, std::span(octets).first(7)), 0U);
    }
    Octets octets(kIcmpHeader);
    EXPECT_EQ(emit_icmp(family, {.kind = IcmpKind::other_error}, octets), 0U);
    EXPECT_EQ(parse_icmp(family, Bytes(octets).first(7)).error(), ParseError::truncated);
  }
}

TEST(Icmp, OnlyIpv6SumsThePseudoHeader) {
  for (const char* text : {"10.0.0.1", "fd00::1"}) {
    const IpAddress a = lastack_test::address(text);
    const IpAddress b = lastack_test::address(a.is_v4() ? "10.0.0.9" : "fd00::9");
    Octets message = octets({8, 0, 0, 0, 1, 2, 3, 4, 5});
    set_icmp_checksum(message, icmp_sum(a, b, message).checksum());
    EXPECT_EQ(icmp_sum(a, b, message).checksum(), 0);
    EXPECT_EQ(icmp_sum(a, a, message).checksum() == 0, a.is_v4());
  }
}

TEST(Icmp, ErrorsByType) {
  const std::set<int> no_errors{0, 8, 9, 10, 13, 14, 15, 16, 17, 18};
  for (int type = 0; type < 256; ++type) {
    const auto octet = static_cast<std::uint8_t>(type);
    EXPECT_EQ(is_icmp_error(Family::v4, octet), !no_errors.contains(type)) << type;
    EXPECT_EQ(is_icmp_error(Family::v6, octet), type < 128 || type == 137) << type;
  }
}

}  // namespace
}  // namespace lastack::wire
