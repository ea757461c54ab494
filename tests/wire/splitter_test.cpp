// Super-segments cut and put together again: every packet complete, and nothing but what was there.
#include "wire/splitter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.hpp"
#include "wire/merger.hpp"
#include "wire/packets.hpp"
#include "wire/tcp.hpp"

namespace lastack::wire {
namespace {

using lastack_test::counted;
using lastack_test::Octets;

/// What one host has to send: headers with a partial checksum, and octets in slices of any size.
struct Large {
  explicit Large(bool v6, std::size_t octets, Random random, TcpHeader header = plain())
      : source(*IpAddress::parse(v6 ? "fd00::1" : "10.0.0.1")),
        destination(*IpAddress::parse(v6 ? "fd00::2" : "10.0.0.2")),
        text(counted(octets)) {
    for (std::size_t at = 0; at < octets;) {
      const std::size_t size = std::min<std::size_t>(1 + random.below(3000), octets - at);
      payload.push_back(Slice::copy_of(std::span(text).subspan(at, size)));
      at += size;
    }
    const std::size_t ip_size = ip_header_size(source.family());
    const std::size_t tcp_size = header_size(header);
    header_octets.resize(frame + ip_size + tcp_size);
    const IpHeader ip{.source = source,
                      .destination = destination,
                      .protocol = kProtocolTcp,
                      .traffic_class = 0x22,
                      .identification = 0xfffe};
    emit_ip(ip, tcp_size + octets, std::span(header_octets).subspan(frame));
    emit_tcp(header, std::span(header_octets).subspan(frame + ip_size));
    whole = {.header = header_octets,
             .payload = payload,
             .payload_size = octets,
             .ip_at = frame,
             .tcp_at = frame + ip_size};
  }
  static TcpHeader plain() {
    TcpHeader header{.source_port = 5555,
                     .destination_port = 80,
                     .seq = Seq(0xffff'f000),
                     .ack = Seq(77),
                     .flags = Flag::ack,
                     .window = 500};
    header.options.present = TcpOptions::kTimestamps;
    header.options.ts_val = 0x12345678;
    header.options.ts_ecr = 0x9abcdef0;
    return header;
  }
  /// Its packets, without frame headers.
  [[nodiscard]] std::vector<Octets> cut(std::uint16_t segment_size) {
    whole.segment_size = segment_size;
    Splitter splitter(whole);
    std::vector<Octets> packets;
    while (!splitter.done()) {
      Octets packet(splitter.next_size());
      EXPECT_EQ(splitter.next(std::span(packet).first(packet.size() - 1)), 0U) << "too little room";
      EXPECT_EQ(splitter.next(packet), packet.size());
      EXPECT_TRUE(std::ranges::equal(std::span(packet).first(frame),
                                     std::span(header_octets).first(frame)));
      packets.emplace_back(packet.begin() + static_cast<std::ptrdiff_t>(frame), packet.end());
    }
    EXPECT_EQ(splitter.next(std::span<std::byte>{}), 0U);
    return packets;
  }

  static constexpr std::size_t frame = 14;
  IpAddress source;
  IpAddress destination;
  Octets text;
  std::vector<Slice> payload;
  Octets header_octets;
  Splitter::Whole whole;
};

class Split : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Families, Split, testing::Bool(),
                         [](const auto& info) { return info.param ? "V6" : "V4"; });

struct Read {
  ParsedIp ip;
  ParsedTcp tcp;
};

/// A packet's headers; a failure where it is not whole and right.
Read read(const Octets& packet) {
  const auto ip = parse_ip(packet);
  if (!ip) {
    ADD_FAILURE() << to_string(ip.error());
    return {};
  }
  EXPECT_EQ(tcp_sum(ip->header.source, ip->header.destination, ip->payload).checksum(), 0);
  return {*ip, parse_tcp(ip->payload).value()};
}

TEST_P(Split, EveryPacketIsWholeAndNothingIsLost) {
  Random random(7);
  for (int round = 0; round < 300; ++round) {
    const std::size_t octets = 1 + std::size_t{random.below(65'000)};
    const auto segment_size = static_cast<std::uint16_t>(1 + random.below(1500));
    Large large(GetParam(), octets, Random(random.next()));
    Octets all;
    std::uint16_t identification = 0xfffe;
    for (const Octets& packet : large.cut(segment_size)) {
      const auto [ip, tcp] = read(packet);
      TcpHeader expected = Large::plain();
      expected.seq = expected.seq + static_cast<std::uint32_t>(all.size());
      EXPECT_EQ(tcp.header, expected);
      EXPECT_EQ(ip.header.source, large.source);
      EXPECT_EQ(ip.header.destination, large.destination);
      EXPECT_EQ(ip.header.traffic_class, 0x22);
      if (!GetParam()) EXPECT_EQ(ip.header.identification, identification++);
      EXPECT_EQ(tcp.payload.size(), std::min<std::size_t>(segment_size, octets - all.size()));
      all.insert(all.end(), tcp.payload.begin(), tcp.payload.end());
    }
    ASSERT_EQ(all, large.text) << round;
  }
}

TEST_P(Split, WhatHappensOnceStandsInOnePacket) {
  TcpHeader header = Large::plain();
  header.flags = Flag::ack | Flag::fin | Flag::psh | Flag::urg | Flag::cwr;
  header.urgent = 1700;
  Large large(GetParam(), 2500, Random(1), header);
  const auto packets = large.cut(1000);
  ASSERT_EQ(packets.size(), 3U);
  const auto first = read(packets[0]).tcp.header;
  const auto second = read(packets[1]).tcp.header;
  const auto last = read(packets[2]).tcp.header;
  EXPECT_EQ(first.flags, Flag::ack | Flag::urg | Flag::cwr);
  EXPECT_EQ(first.urgent, 1700);
  EXPECT_EQ(second.flags, Flag::ack | Flag::urg);
  EXPECT_EQ(second.urgent, 700);
  EXPECT_EQ(last.flags, Flag::ack | Flag::fin | Flag::psh);
  EXPECT_EQ(last.urgent, 0);
}

TEST_P(Split, WhereTheLinkSumsThePseudoHeaderIsSummed) {
  Large large(GetParam(), 2500, Random(1));
  large.whole.checksums = false;
  for (const Octets& packet : large.cut(1000)) {
    const auto ip = parse_ip(packet).value();
    Sum sum;
    sum.add(ip.payload);  // with what stands in the field, as the link does
    Octets segment(ip.payload.begin(), ip.payload.end());
    set_tcp_checksum(segment, sum.checksum());
    EXPECT_EQ(tcp_sum(large.source, large.destination, segment).checksum(), 0);
  }
}

// --- put together again

/// How many of `packets` are one run.
std::size_t run(const std::vector<Octets>& packets, std::size_t* payload = nullptr) {
  const auto ip = parse_ip(packets[0]).value();
  Merger merger(packets[0], ip, parse_tcp(ip.payload).value(), true);
  std::size_t count = 1;
  while (count < packets.size() && merger.takes(packets[count])) ++count;
  if (payload != nullptr) *payload = merger.payload();
  return count;
}

TEST_P(Split, PacketsThatContinueEachOtherAreOneRun) {
  Large large(GetParam(), 10'001, Random(3));
  std::size_t payload = 0;
  const auto packets = large.cut(1000);
  EXPECT_EQ(run(packets, &payload), 11U);
  EXPECT_EQ(payload, 10'001U);
}

TEST_P(Split, PshMeansNothingToARun) {
  TcpHeader header = Large::plain();
  header.flags = Flag::ack | Flag::psh;
  Large large(GetParam(), 3000, Random(3), header);
  EXPECT_EQ(run(large.cut(1000)), 3U);
}

TEST_P(Split, AFinIsLookedAtItself) {
  TcpHeader header = Large::plain();
  header.flags = Flag::ack | Flag::fin;
  Large large(GetParam(), 3000, Random(3), header);
  EXPECT_EQ(run(large.cut(1000)), 2U);
  EXPECT_EQ(run(large.cut(3000)), 1U);
}

/// A bit that differs anywhere ends the run; that is, unless the sum were to forgive it.
TEST_P(Split, AnyOtherBitEndsARun) {
  Large large(GetParam(), 2000, Random(3));
  const auto packets = large.cut(1000);
  ASSERT_EQ(run(packets), 2U);
  for (std::size_t bit = 0; bit < 8 * packets[1].size(); ++bit) {
    auto damaged = packets;
    damaged[1][bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    ASSERT_EQ(run(damaged), 1U) << "bit " << bit % 8 << " of octet " << bit / 8;
  }
}

/// The checksums put right, so that only what the header says can tell.
TEST_P(Split, AnyOtherHeaderEndsARun) {
  const auto with = [](auto change) {
    TcpHeader header = Large::plain();
    header.seq = header.seq + 1000;
    change(header);
    return header;
  };
  const auto continues = [&](const TcpHeader& header) {
    std::vector<Octets> packets{Large(GetParam(), 1000, Random(3)).cut(1000).at(0),
                                Large(GetParam(), 1000, Random(4), header).cut(1000).at(0)};
    return run(packets) == 2;
  };
  EXPECT_TRUE(continues(with([](TcpHeader&) {})));
  EXPECT_FALSE(continues(with([](TcpHeader& h) { h.seq = h.seq + 1; })));
  EXPECT_FALSE(continues(with([](TcpHeader& h) { h.seq = h.seq - 1; })));
  EXPECT_FALSE(continues(with([](TcpHeader& h) { h.ack = h.ack + 1; })));
  EXPECT_FALSE(continues(with([](TcpHeader& h) { h.window = 501; })));
  EXPECT_FALSE(continues(with([](TcpHeader& h) { ++h.options.ts_val; })));
  EXPECT_FALSE(continues(with([](TcpHeader& h) { ++h.options.ts_ecr; })));
  EXPECT_FALSE(continues(with([](TcpHeader& h) { h.options = {}; })));
  EXPECT_FALSE(continues(with([](TcpHeader& h) { ++h.source_port; })));
  EXPECT_FALSE(continues(with([](TcpHeader& h) { ++h.destination_port; })));
  EXPECT_FALSE(continues(with([](TcpHeader& h) { h.flags = h.flags | Flag::ece; })));
  EXPECT_FALSE(continues(with([](TcpHeader& h) { h.flags = h.flags | Flag::rst; })));
  EXPECT_FALSE(continues(with([](TcpHeader& h) { h.flags = Flag::psh; })));
}

TEST_P(Split, WithoutOctetsNothingGoesOn) {
  Large large(GetParam(), 1000, Random(3));
  auto packets = large.cut(1000);
  const auto headers = static_cast<std::ptrdiff_t>(large.header_octets.size() - Large::frame);
  Octets bare(packets[0].begin(), packets[0].begin() + headers);
  const bool v4 = !GetParam();
  const std::size_t length = bare.size() - (v4 ? 0 : kIpv6Header);
  Writer(std::span(bare).subspan(v4 ? 2 : 4, 2)).u16(static_cast<std::uint32_t>(length));
  if (v4) bare = lastack_test::summed(bare);
  EXPECT_EQ(run({bare, packets[0]}), 1U);
  EXPECT_EQ(run({packets[0], bare}), 1U);
}

}  // namespace
}  // namespace lastack::wire
