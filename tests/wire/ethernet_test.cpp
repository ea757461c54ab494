// Frames and ARP packets: typed by hand, each rule broken once.
#include "wire/ethernet.hpp"

#include <gtest/gtest.h>

#include "wire/arp.hpp"
#include "wire/ndp_octets.hpp"

namespace lastack::wire {
namespace {

using lastack_test::address;
using lastack_test::append;
using lastack_test::Octets;
using lastack_test::octets;

constexpr MacAddress kOne = MacAddress::of(0x0200'0000'0001);
constexpr MacAddress kTwo = MacAddress::of(0x0200'0000'0002);

TEST(MacAddress, TextBothWays) {
  EXPECT_EQ(kOne.to_string(), "02:00:00:00:00:01");
  EXPECT_EQ(MacAddress::parse("02:00:00:00:00:01"), kOne);
  EXPECT_EQ(MacAddress::parse("DE-AD-BE-EF-00-1f"), MacAddress::of(0xdead'beef'001f));
  for (const char* text :
       {"", "02:00:00:00:00", "02:00:00:00:00:1", "02:00:00:00:00:01:02", "02:00:00-00:00:01",
        "0g:00:00:00:00:01", "020000000001", "02.00.00.00.00.01", "+2:00:00:00:00:01"}) {
    EXPECT_FALSE(MacAddress::parse(text)) << text;
  }
}

TEST(MacAddress, Kinds) {
  EXPECT_TRUE(kOne.is_station());
  EXPECT_FALSE(MacAddress().is_station());
  EXPECT_TRUE(MacAddress::broadcast().is_group());
  EXPECT_TRUE(MacAddress::broadcast().is_broadcast());
  EXPECT_TRUE(MacAddress::of(0x0100'5e00'0001).is_group());
  EXPECT_EQ(MacAddress::of_group(address("224.0.0.251")), MacAddress::of(0x0100'5e00'00fb));
  EXPECT_EQ(MacAddress::of_group(address("239.255.1.2")), MacAddress::of(0x0100'5e7f'0102));
  EXPECT_EQ(MacAddress::of_group(address("ff02::1:ff00:1234")), MacAddress::of(0x3333'ff00'1234));
}

Octets frame(std::initializer_list<lastack_test::Octet> behind_addresses) {
  Octets all;
  append(all, kOne.bytes());
  append(all, kTwo.bytes());
  append(all, octets(behind_addresses));
  return all;
}

TEST(Ethernet, ReadsWhatItWrites) {
  const auto octets = frame({0x08, 0x00, 1, 2, 3});
  const auto parsed = parse_ethernet(octets);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->header, (EthernetHeader{kOne, kTwo, kEtherTypeIpv4}));
  EXPECT_EQ(parsed->payload.size(), 3U);
  Octets back(kEthernetHeader);
  EXPECT_EQ(emit_ethernet(parsed->header, back), kEthernetHeader);
  EXPECT_TRUE(std::ranges::equal(back, Bytes(octets).first(kEthernetHeader)));
  EXPECT_EQ(emit_ethernet(parsed->header, MutableBytes(back).first(13)), 0U);
}

TEST(Ethernet, ATagForPriorityIsPassedOverAndOneForAVlanIsNot) {
  const auto priority = parse_ethernet(frame({0x81, 0x00, 0xe0, 0x00, 0x86, 0xdd, 7}));
  ASSERT_TRUE(priority);
  EXPECT_EQ(priority->header.type, kEtherTypeIpv6);
  EXPECT_EQ(priority->payload.size(), 1U);
  EXPECT_EQ(parse_ethernet(frame({0x81, 0x00, 0x00, 0x05, 0x86, 0xdd, 7})).error(),
            FrameError::vlan);
  EXPECT_EQ(parse_ethernet(frame({0x81, 0x00, 0x00, 0x00})).error(), FrameError::truncated);
}

TEST(Ethernet, WhatIsNone) {
  EXPECT_EQ(parse_ethernet(frame({0x08})).error(), FrameError::truncated);
  EXPECT_EQ(parse_ethernet({}).error(), FrameError::truncated);
  EXPECT_EQ(parse_ethernet(frame({0x05, 0xdc, 0xaa, 0xaa})).error(), FrameError::ieee_802_3);
  for (const MacAddress wrong : {MacAddress(), MacAddress::broadcast()}) {
    Octets all;
    append(all, kOne.bytes());
    append(all, wrong.bytes());
    append(all, octets({0x08, 0x00}));
    EXPECT_EQ(parse_ethernet(all).error(), FrameError::bad_source);
  }
}

// 10.9.0.1 asks for 10.9.0.2, as Linux does.
const auto kRequest =
    octets({0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01,
            0x0a, 0x09, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0a, 0x09, 0x00, 0x02});

TEST(Arp, ReadsWhatItWrites) {
  const auto arp = parse_arp(kRequest);
  ASSERT_TRUE(arp);
  EXPECT_EQ(*arp, (ArpPacket{.operation = ArpPacket::Operation::request,
                             .sender = kOne,
                             .sender_address = address("10.9.0.1"),
                             .target = {},
                             .target_address = address("10.9.0.2")}));
  Octets back(kArpPacket);
  EXPECT_EQ(emit_arp(*arp, back), kArpPacket);
  EXPECT_EQ(back, kRequest);
  back.resize(kArpPacket - 1);
  EXPECT_EQ(emit_arp(*arp, back), 0U);
}

TEST(Arp, PaddingOfShortFramesIsPassedOver) {
  Octets padded = kRequest;
  padded.resize(46);
  EXPECT_TRUE(parse_arp(padded));
}

TEST(Arp, WhatIsNone) {
  const auto with = [](std::size_t at, unsigned value) {
    Octets changed = kRequest;
    changed[at] = static_cast<std::byte>(value);
    return parse_arp(changed);
  };
  for (std::size_t n = 0; n < kArpPacket; ++n) {
    EXPECT_EQ(parse_arp(Bytes(kRequest).first(n)).error(), ArpError::truncated) << n;
  }
  EXPECT_EQ(with(1, 6).error(), ArpError::other_network);  // IEEE 802 hardware
  EXPECT_EQ(with(3, 6).error(), ArpError::other_network);  // ARP for ARP
  EXPECT_EQ(with(4, 8).error(), ArpError::other_network);
  EXPECT_EQ(with(5, 16).error(), ArpError::other_network);
  EXPECT_EQ(with(7, 3).error(), ArpError::bad_operation);  // RARP
  EXPECT_EQ(with(8, 0x03).error(), ArpError::bad_sender);  // a group
  EXPECT_EQ(with(14, 224).error(), ArpError::bad_sender);  // multicast
  EXPECT_EQ(with(14, 127).error(), ArpError::bad_sender);
  EXPECT_TRUE(with(7, 2));
}

}  // namespace
}  // namespace lastack::wire
