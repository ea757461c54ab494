// Headers and checksums: values typed by hand, each rule broken once, every length and alignment.
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

#include "wire/address.hpp"
#include "wire/checksum.hpp"
#include "wire/ip.hpp"
#include "wire/octets.hpp"
#include "wire/tcp.hpp"

namespace lastack::wire {
namespace {

using lastack_test::octets;

std::uint16_t naive(Bytes b) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const auto v = std::to_integer<std::uint32_t>(b[i]);
    sum += i % 2 == 0 ? v << 8U : v;
  }
  while ((sum >> 16U) != 0) sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>(sum);
}

// A SYN with the options a Linux kernel sends, in its order: 10.9.0.1:40000 to 10.9.0.2:80.
const auto kSyn = octets({0x45, 0x00, 0x00, 0x3c, 0x1c, 0x46, 0x40, 0x00, 0x40, 0x06, 0x0a, 0x62,
                          0x0a, 0x09, 0x00, 0x01, 0x0a, 0x09, 0x00, 0x02, 0x9c, 0x40, 0x00, 0x50,
                          0x12, 0x34, 0x56, 0x78, 0x00, 0x00, 0x00, 0x00, 0xa0, 0x02, 0xfa, 0xf0,
                          0x00, 0x00, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4, 0x04, 0x02, 0x08, 0x0a,
                          0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x03, 0x07});

TEST(Checksum, EveryLengthAndAlignment) {
  std::mt19937 random(1);
  std::vector<std::byte> all(400);
  for (auto& b : all) b = static_cast<std::byte>(random());
  for (std::size_t at = 0; at < 9; ++at) {
    for (std::size_t n = 0; n <= 300; ++n) {
      const Bytes part = Bytes(all).subspan(at, n);
      Sum sum;
      sum.add(part);
      // 0 and 0xffff are the same number in one's complement.
      ASSERT_EQ(sum.folded() % 0xffff, naive(part) % 0xffff) << at << " " << n;
      std::vector<std::byte> copy(n);
      ASSERT_EQ(copy_and_sum(part, copy).folded(), sum.folded());
      ASSERT_TRUE(std::equal(copy.begin(), copy.end(), part.begin()));
    }
  }
}

TEST(Checksum, PiecesAtOddPlacesAreSwapped) {
  const auto all = octets({1, 2, 3, 4, 5, 6, 7});
  Sum whole;
  whole.add(all);
  Sum first;
  first.add(Bytes(all).first(3));
  Sum rest;
  rest.add(Bytes(all).subspan(3));
  first.add(rest.swapped());
  EXPECT_EQ(first.folded(), whole.folded());
}

TEST(Checksum, OnesEverywhere) {
  const std::vector<std::byte> ones(70000, std::byte{0xff});
  Sum sum;
  sum.add(ones);
  EXPECT_EQ(sum.folded(), 0xffff);
}

TEST(Address, TextBothWays) {
  for (const char* text :
       {"0.0.0.0", "10.9.0.2", "255.255.255.255", "::", "::1", "fd00::1", "2001:db8::1:0:0:1",
        "1:2:3:4:5:6:7:8", "fe80::1234:5678:9abc:def0", "2001:db8:0:1:1:1:1:1", "ff02::1"}) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
  EXPECT_EQ(IpAddress::parse("::ffff:10.0.0.1"), IpAddress::v4(10, 0, 0, 1));
  EXPECT_EQ(IpAddress::parse("1:0:0:0:0:0:0:0")->to_string(), "1::");
}

TEST(Address, WhatIsNone) {
  for (const char* text :
       {"", "1", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.4 ", "1..2.3", ":",
        ":::", "1::2::3", "1:2:3:4:5:6:7", "12345::", "1:2:3:4:5:6:7:8:9", "::1.2.3", "fd00::1/64",
        "g::", "1:2:3:4:5:6:7:8::"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
}

TEST(Address, Kinds) {
  EXPECT_TRUE(IpAddress::parse("224.0.0.1")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("ff02::1")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("127.1.2.3")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("::2")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::")->is_unspecified());
  EXPECT_TRUE(IpAddress::parse("255.255.255.255")->is_broadcast());
}

TEST(Address, Prefixes) {
  const auto net = Prefix::parse("10.9.0.2/23");
  ASSERT_TRUE(net);
  EXPECT_TRUE(net->contains(*IpAddress::parse("10.9.1.200")));
  EXPECT_FALSE(net->contains(*IpAddress::parse("10.9.2.0")));
  EXPECT_TRUE(net->is_broadcast(*IpAddress::parse("10.9.1.255")));
  EXPECT_FALSE(net->is_broadcast(*IpAddress::parse("10.9.0.255")));
  EXPECT_TRUE(Prefix::parse("fd00::1/64")->contains(*IpAddress::parse("fd00::ffff")));
  EXPECT_FALSE(Prefix::parse("fd00::1/64")->contains(*IpAddress::parse("10.0.0.1")));
  EXPECT_EQ(Prefix::parse("10.0.0.1")->length, 32);
  for (const char* bad : {"10.0.0.1/33", "10.0.0.1/", "10.0.0.1/-1", "fd00::/129", "/24"}) {
    EXPECT_FALSE(Prefix::parse(bad)) << bad;
  }
}

TEST(Ip, ASynAsLinuxSendsIt) {
  const auto ip = parse_ip(kSyn);
  ASSERT_TRUE(ip);
  EXPECT_EQ(ip->header.source.to_string(), "10.9.0.1");
  EXPECT_EQ(ip->header.protocol, kProtocolTcp);
  const auto tcp = parse_tcp(ip->payload);
  ASSERT_TRUE(tcp);
  const TcpHeader& h = tcp->header;
  EXPECT_EQ(h.source_port, 40000);
  EXPECT_EQ(h.destination_port, 80);
  EXPECT_EQ(h.seq, Seq(0x12345678));
  EXPECT_EQ(h.flags, Flags(Flag::syn));
  EXPECT_EQ(h.window, 64240);
  EXPECT_EQ(h.options.mss, 1460);
  EXPECT_TRUE(h.options.has(TcpOptions::kSackPermitted));
  EXPECT_EQ(h.options.ts_val, 1U);
  EXPECT_EQ(h.options.window_scale, 7);
  EXPECT_TRUE(tcp->payload.empty());
  std::vector<std::byte> again(header_size(h));
  ASSERT_EQ(emit_tcp(h, again), 40U);
  EXPECT_TRUE(std::equal(again.begin(), again.end(), ip->payload.begin()));
}

TEST(Ip, EachRuleBrokenOnce) {
  const auto broken = [](std::size_t at, int value) {
    auto packet = kSyn;
    packet[at] = static_cast<std::byte>(value);
    // The header checksum is kept right, so that only the rule itself is broken.
    packet[10] = packet[11] = std::byte{0};
    Sum sum;
    sum.add(Bytes(packet).first(20));
    Writer(MutableBytes(packet).subspan(10, 2)).u16(sum.checksum());
    const auto parsed = parse_ip(packet);
    return parsed ? std::string_view("fine") : to_string(parsed.error());
  };
  EXPECT_EQ(broken(0, 0x55), "bad_version");
  EXPECT_EQ(broken(0, 0x44), "bad_length");
  EXPECT_EQ(broken(3, 19), "bad_length");
  EXPECT_EQ(broken(3, 61), "truncated");
  EXPECT_EQ(broken(6, 0x20), "fragment");
  EXPECT_EQ(broken(7, 1), "fragment");
  EXPECT_EQ(broken(8, 63), "fine");
  auto packet = kSyn;
  packet[8] = std::byte{63};
  EXPECT_EQ(parse_ip(packet).error(), ParseError::bad_checksum);
  for (std::size_t n = 0; n < kSyn.size(); ++n) {
    EXPECT_EQ(parse_ip(Bytes(kSyn).first(n)).error(), ParseError::truncated) << n;
  }
}

TEST(Ip, V6ExtensionHeadersArePassedOver) {
  const IpAddress a = *IpAddress::parse("fd00::1");
  std::vector<std::byte> packet(40 + 8 + 16 + 20);
  emit_ip({.source = a, .destination = a, .protocol = 0}, packet.size() - 40, packet);
  packet[40] = std::byte{60};  // hop-by-hop, then destination options of 16 octets, then TCP
  packet[48] = std::byte{6};
  packet[49] = std::byte{1};
  packet[50] = std::byte{0x1e};  // an option that may be skipped, and fills the header
  packet[51] = std::byte{12};
  const auto parsed = parse_ip(packet);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->header.protocol, 6);
  EXPECT_EQ(parsed->payload.size(), 20U);
  packet[49] = std::byte{9};
  EXPECT_EQ(parse_ip(packet).error(), ParseError::bad_extension);
  packet[40] = std::byte{44};
  EXPECT_EQ(parse_ip(packet).error(), ParseError::fragment);
}

TEST(Tcp, OptionsSurviveAnything) {
  auto segment = std::vector<std::byte>(kSyn.begin() + 20, kSyn.end());
  const auto with = [&segment](std::initializer_list<int> options) {
    std::fill(segment.begin() + 20, segment.end(), std::byte{0});
    std::size_t at = 20;
    for (const int v : options) segment[at++] = static_cast<std::byte>(v);
    return parse_tcp(segment);
  };
  EXPECT_TRUE(with({1, 1, 1, 0, 2, 0}));  // what follows the end does not count
  EXPECT_EQ(with({254, 6, 1, 2, 3, 4, 2, 4, 5, 0xb4})->header.options.mss,
            1460);                                                      // unknown: skipped
  EXPECT_FALSE(with({2, 3, 5})->header.options.has(TcpOptions::kMss));  // a length not its own
  EXPECT_EQ(with({2, 0}).error(), ParseError::bad_option);
  EXPECT_EQ(with({2, 1}).error(), ParseError::bad_option);
  EXPECT_EQ(with({254, 40}).error(), ParseError::bad_option);
  segment[12] = std::byte{0x40};
  EXPECT_EQ(parse_tcp(segment).error(), ParseError::bad_length);
  segment[12] = std::byte{0xb0};
  EXPECT_EQ(parse_tcp(segment).error(), ParseError::bad_length);
  EXPECT_EQ(parse_tcp(Bytes(segment).first(19)).error(), ParseError::truncated);
}

TEST(Tcp, NothingIsLeftOfASackOptionBeforeTheLast) {
  auto segment = std::vector<std::byte>(kSyn.begin() + 20, kSyn.end());
  const auto two = octets({5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 5, 2, 1, 1, 1, 1, 1, 1, 1, 1});
  std::ranges::copy(two, segment.begin() + 20);
  const auto parsed = parse_tcp(segment);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->header.options, TcpOptions{});
}

TEST(Tcp, EveryHeaderComesBackAsItWent) {
  std::mt19937 random(7);
  for (int i = 0; i < 20000; ++i) {
    TcpHeader h;
    h.source_port = static_cast<std::uint16_t>(random());
    h.destination_port = static_cast<std::uint16_t>(random());
    h.seq = Seq(static_cast<std::uint32_t>(random()));
    h.ack = Seq(static_cast<std::uint32_t>(random()));
    h.flags = Flags(static_cast<std::uint8_t>(random()));
    h.window = static_cast<std::uint16_t>(random());
    h.urgent = static_cast<std::uint16_t>(random());
    const bool syn = h.flags.has(Flag::syn);
    h.options.present = static_cast<std::uint8_t>(random() & (syn ? 15U : 8U));
    if (h.options.has(TcpOptions::kMss)) h.options.mss = static_cast<std::uint16_t>(random());
    if (h.options.has(TcpOptions::kWindowScale))
      h.options.window_scale = static_cast<std::uint8_t>(random() % 20);
    if (h.options.has(TcpOptions::kTimestamps))
      h.options.ts_val = h.options.ts_ecr = static_cast<std::uint32_t>(random());
    if (!syn) h.options.sack_count = static_cast<std::uint8_t>(random() % 4);
    for (std::size_t b = 0; b < h.options.sack_count; ++b) {
      h.options.sack[b] = {Seq(static_cast<std::uint32_t>(random())), Seq(0)};
    }
    std::array<std::byte, kMostTcpHeader> octets{};
    const std::size_t n = emit_tcp(h, octets);
    ASSERT_EQ(n, header_size(h));
    ASSERT_EQ(n % 4, 0U);
    const auto back = parse_tcp(Bytes(octets).first(n));
    ASSERT_TRUE(back);
    ASSERT_EQ(back->header, h);
  }
}

TEST(Tcp, ChecksumOverBothFamilies) {
  for (const char* text : {"10.0.0.1", "fd00::1"}) {
    const IpAddress a = *IpAddress::parse(text);
    std::vector<std::byte> segment(kSyn.begin() + 20, kSyn.end());
    set_tcp_checksum(segment, tcp_sum(a, a, segment).checksum());
    EXPECT_EQ(tcp_sum(a, a, segment).checksum(), 0);
    segment[30] ^= std::byte{4};
    EXPECT_NE(tcp_sum(a, a, segment).checksum(), 0);
  }
}

}  // namespace
}  // namespace lastack::wire
