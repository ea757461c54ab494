// Pieces read and written, and those that can be none.
#include "wire/fragment.hpp"

#include <gtest/gtest.h>

#include "wire/packets.hpp"

namespace lastack::wire {
namespace {

using lastack_test::counted;
using lastack_test::fragment_header;
using lastack_test::octets;
using lastack_test::operator+;
using lastack_test::Octets;
using lastack_test::options_header;
using lastack_test::piece_v4;
using lastack_test::piece_v6;
using lastack_test::told;
using lastack_test::v6;

constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kTcp = 6;

HeaderProblem problem(const Octets& packet) {
  EXPECT_EQ(parse_ip(packet).error(), ParseError::fragment);
  return parse_fragment(packet).error();
}

TEST(Fragment, OfIpv4) {
  const Octets packet = piece_v4(kUdp, counted(24), 1480, true, 0xbeef, octets({7, 4, 4, 0}));
  EXPECT_EQ(parse_ip(packet).error(), ParseError::fragment);
  const auto piece = parse_fragment(packet);
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->field, (FragmentField{.identification = 0xbeef, .offset = 1480, .more = true}));
  EXPECT_EQ(piece->protocol, kUdp);
  EXPECT_EQ(piece->header, 24);
  EXPECT_EQ(piece->at, 24U);
  EXPECT_EQ(piece->size, 24);
  EXPECT_EQ(piece->end(), 1504U);
}

TEST(Fragment, OfIpv6BehindOtherHeaders) {
  const Octets packet = v6(60, options_header(44, octets({0x1e, 0})) +
                                   fragment_header(kUdp, 1448, false, 9) + counted(11));
  const auto piece = parse_fragment(packet);
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->field, (FragmentField{.identification = 9, .offset = 1448, .more = false}));
  EXPECT_EQ(piece->protocol, kUdp);
  EXPECT_EQ(piece->header, 48);
  EXPECT_EQ(piece->named_at, 40);
  EXPECT_EQ(piece->at, 56U);
  EXPECT_EQ(piece->size, 11);
}

TEST(Fragment, WhatCanBeNone) {
  // Empty; not a multiple of eight; beyond the largest packet.
  EXPECT_EQ(problem(piece_v4(kUdp, {}, 8, false)).error, ParseError::bad_fragment);
  EXPECT_EQ(problem(piece_v4(kUdp, counted(12), 0, true)),
            (HeaderProblem{ParseError::bad_fragment}));
  EXPECT_EQ(problem(piece_v4(kUdp, counted(8), 65512, false)).error, ParseError::bad_fragment);
  EXPECT_TRUE(parse_fragment(piece_v4(kUdp, counted(3), 65512, false)));
  EXPECT_EQ(problem(piece_v6(kUdp, {}, 8, false)), (HeaderProblem{ParseError::bad_fragment}));
  EXPECT_EQ(problem(piece_v6(kUdp, counted(12), 0, true)), told(ParseError::bad_fragment, 0, 4));
  EXPECT_EQ(problem(piece_v6(kUdp, counted(8), 65528, false)),
            told(ParseError::bad_fragment, 0, 42));
  EXPECT_TRUE(parse_fragment(piece_v6(kUdp, counted(7), 65528, false)));
}

TEST(Fragment, TinyOnesHideTcp) {
  for (const std::size_t size : {8U, 16U}) {
    EXPECT_EQ(problem(piece_v4(kTcp, counted(size), 0, true)).error, ParseError::tiny_fragment);
  }
  EXPECT_TRUE(parse_fragment(piece_v4(kTcp, counted(24), 0, true)));
  for (const std::size_t offset : {8U, 16U}) {  // over flags, over ports
    EXPECT_EQ(problem(piece_v4(kTcp, counted(24), offset, true)).error, ParseError::tiny_fragment);
  }
  EXPECT_TRUE(parse_fragment(piece_v4(kTcp, counted(24), 24, true)));
  EXPECT_TRUE(parse_fragment(piece_v4(kUdp, counted(8), 0, true)));
}

TEST(Fragment, TheFirstOfIpv6HasAllHeaders) {
  const HeaderProblem incomplete = told(ParseError::tiny_fragment, 3, 0);
  const auto refused = [](const Octets& packet) { return parse_ip(packet).error(); };
  const auto first = [](std::uint8_t next, const Octets& rest) {
    return v6(kFragmentHeader, fragment_header(next, 0, true) + rest);
  };
  for (const Octets& packet :
       {first(kTcp, counted(16)), first(60, options_header(kTcp, {}) + counted(16)),
        first(60, octets({kTcp, 1, 1, 4, 0, 0, 0, 0})), first(60, options_header(43, {}))}) {
    EXPECT_EQ(refused(packet), ParseError::tiny_fragment);
    EXPECT_EQ(header_problem(packet).value(), incomplete);
  }
  EXPECT_EQ(refused(first(60, options_header(kTcp, octets({0xde, 0})) + counted(24))),
            ParseError::fragment);  // judged when it is whole
  EXPECT_EQ(refused(first(kUdp, counted(8))), ParseError::fragment);
  EXPECT_EQ(refused(first(44, fragment_header(kTcp, 8, true) + counted(24))),
            ParseError::bad_extension);
  // Hop-by-hop options belong right behind IPv6's header. There they would be once it is whole.
  const auto hidden = header_problem(first(0, options_header(kTcp, {}) + counted(24))).value();
  EXPECT_EQ(hidden.error, ParseError::bad_extension);
  EXPECT_EQ(hidden.code, 1);      // unrecognized next header
  EXPECT_EQ(hidden.pointer, 40);  // where the fragment header names it
}

TEST(Fragment, AnAtomicOneIsWhole) {
  const auto ip = parse_ip(piece_v6(kUdp, counted(9), 0, false));
  ASSERT_TRUE(ip);
  EXPECT_EQ(ip->header.protocol, kUdp);
  EXPECT_EQ(ip->payload.size(), 9U);
  EXPECT_FALSE(parse_fragment(piece_v6(kUdp, counted(9), 0, false)));
  EXPECT_FALSE(parse_fragment(piece_v4(kUdp, counted(9), 0, false)));
}

TEST(Fragment, ComesBackAsItWent) {
  for (const char* text : {"10.0.0.1", "fd00::1"}) {
    const IpHeader header{.source = lastack_test::address(text),
                          .destination = lastack_test::address(text),
                          .protocol = kUdp};
    for (const bool more : {false, true}) {
      const FragmentField field{.identification = 0xabcd, .offset = 2400, .more = more};
      Octets packet(kMostFragmentHeader);
      packet.resize(emit_fragment_header(header, field, 16, packet));
      ASSERT_EQ(packet.size(), fragment_header_size(header.source.family()));
      const auto piece = parse_fragment(packet + counted(16));
      ASSERT_TRUE(piece);
      EXPECT_EQ(parse_ip(packet + counted(16)).error(), ParseError::fragment);
      EXPECT_EQ(piece->field, field);
      EXPECT_EQ(piece->protocol, kUdp);
      EXPECT_EQ(piece->size, 16);
      EXPECT_EQ(emit_fragment_header(header, field, 16, std::span(packet).first(19)), 0U);
    }
  }
}

}  // namespace
}  // namespace lastack::wire
