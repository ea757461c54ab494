// What may stand between the IP header and its payload: each rule kept, each rule broken once.
#include "wire/extensions.hpp"

#include <gtest/gtest.h>

#include "wire/header_problem.hpp"
#include "wire/packets.hpp"
#include "wire/quote.hpp"

namespace lastack::wire {
namespace {

using lastack_test::fragment_header;
using lastack_test::octets;
using lastack_test::operator+;
using lastack_test::Octets;
using lastack_test::options_header;
using lastack_test::told;
using lastack_test::v4;
using lastack_test::v6;

const Octets kTcpHeader(20, std::byte{0x50});

std::string_view said(const Octets& packet) {
  const auto ip = parse_ip(packet);
  if (ip) return "fine";
  EXPECT_EQ(header_problem(packet)->error, ip.error());
  return to_string(ip.error());
}

/// What the sender of a refused packet is told.
HeaderProblem refusal(const Octets& packet) { return header_problem(packet).value(); }

HeaderProblem dropped(ParseError error) { return {.error = error}; }

// --- IPv4's options

TEST(Ipv4Options, ArePassedOver) {
  for (const Octets& options :
       {octets({1, 1, 1, 0}), octets({148, 4, 0, 0}), octets({7, 7, 4, 0, 0, 0, 0, 0}),
        octets({0, 2, 2, 2}) /* behind the end nothing counts */, octets({68, 4, 5, 0})}) {
    const Octets packet = v4(6, kTcpHeader, options);
    const auto ip = parse_ip(packet);
    ASSERT_TRUE(ip);
    EXPECT_EQ(ip->payload.size(), kTcpHeader.size());
    EXPECT_EQ(ip->payload[0], kTcpHeader[0]);
  }
}

TEST(Ipv4Options, SourceRoutesAreRefused) {
  EXPECT_EQ(said(v4(6, kTcpHeader, octets({131, 7, 4, 10, 0, 0, 9, 0}))), "source_routed");
  EXPECT_EQ(said(v4(6, kTcpHeader, octets({1, 137, 7, 8, 10, 0, 0, 9}))), "source_routed");
  EXPECT_EQ(refusal(v4(6, kTcpHeader, octets({131, 3, 4, 0}))), dropped(ParseError::source_routed));
}

TEST(Ipv4Options, ALengthThatCantBeIsTold) {
  EXPECT_EQ(refusal(v4(6, kTcpHeader, octets({1, 7, 1, 0}))), told(ParseError::bad_option, 0, 21));
  EXPECT_EQ(refusal(v4(6, kTcpHeader, octets({7, 0, 0, 0}))), told(ParseError::bad_option, 0, 20));
  EXPECT_EQ(refusal(v4(6, kTcpHeader, octets({1, 1, 7, 3}))), told(ParseError::bad_option, 0, 22));
  EXPECT_EQ(refusal(v4(6, kTcpHeader, octets({1, 1, 1, 7}))), told(ParseError::bad_option, 0, 23));
}

// --- IPv6's headers

TEST(Extensions, EveryKindIsPassedOver) {
  const Octets ah = octets({60, 4, 0, 0}) + Octets(20);  // its length counts four octets
  const Octets routing = octets({51, 0, 2, 0, 0, 0, 0, 0});
  const Octets packet = v6(0, options_header(43, octets({5, 2, 0, 0})) + routing + ah +
                                  options_header(44, octets({0x1e, 1, 9})) +
                                  fragment_header(6, 0, false) + kTcpHeader);
  const auto ip = parse_ip(packet);
  ASSERT_TRUE(ip);
  EXPECT_EQ(ip->header.protocol, 6);
  EXPECT_EQ(ip->payload.size(), kTcpHeader.size());
  const auto walked = walk_extensions(packet);
  EXPECT_EQ(walked->end, packet.size() - kTcpHeader.size());
  EXPECT_EQ(walked->named_at, walked->end - 8);
  EXPECT_FALSE(walked->fragment);
}

TEST(Extensions, NothingFollows) {
  const Octets packet = v6(60, options_header(59, {}) + octets({1, 2, 3}));
  EXPECT_EQ(parse_ip(packet)->header.protocol, kNoNextHeader);
}

TEST(Extensions, HopByHopComesFirstOrNotAtAll) {
  EXPECT_EQ(refusal(v6(60, options_header(0, {}) + options_header(6, {}) + kTcpHeader)),
            told(ParseError::bad_extension, 1, 40));
}

TEST(Extensions, RunningPastTheEndIsRefused) {
  for (const int kind : {0, 43, 51, 60}) {
    EXPECT_EQ(said(v6(static_cast<std::uint8_t>(kind), octets({6, 9, 0, 0, 0, 0, 0, 0}))),
              "bad_extension");
    EXPECT_EQ(said(v6(static_cast<std::uint8_t>(kind), octets({6, 0, 0, 0}))), "bad_extension");
  }
  EXPECT_EQ(said(v6(44, octets({6, 0, 0, 1, 0, 0, 0}))), "bad_extension");
}

TEST(Extensions, NotMoreThanEight) {
  const auto chain = [](std::size_t n) {
    Octets rest;
    for (std::size_t i = 0; i + 1 < n; ++i) rest = rest + options_header(60, {});
    return v6(60, rest + options_header(6, {}) + kTcpHeader);
  };
  EXPECT_EQ(said(chain(kMostExtensions)), "fine");
  EXPECT_EQ(refusal(chain(kMostExtensions + 1)), told(ParseError::bad_extension, 8, 40 + 8 * 8));
}

TEST(Extensions, ARouteMustBeOver) {
  const auto routed = [](int type, int left) {
    return v6(43, octets({6, 0, type, left, 0, 0, 0, 0}) + kTcpHeader);
  };
  for (const int type : {0, 2, 3, 4, 99}) {
    EXPECT_EQ(said(routed(type, 0)), "fine");
    EXPECT_EQ(refusal(routed(type, 1)), told(ParseError::source_routed, 0, 42));
  }
}

TEST(Extensions, UnknownOptionsSayWhatIsToBeDone) {
  for (const int kind : {0, 60}) {
    const auto with = [kind](int type) {
      return v6(static_cast<std::uint8_t>(kind),
                options_header(6, octets({type, 1, 9})) + kTcpHeader);
    };
    EXPECT_EQ(said(with(0x1e)), "fine");
    EXPECT_EQ(refusal(with(0x5e)), dropped(ParseError::refused_option));
    HeaderProblem even_multicast = told(ParseError::refused_option, 2, 42);
    even_multicast.even_multicast = true;
    EXPECT_EQ(refusal(with(0x9e)), even_multicast);
    EXPECT_EQ(refusal(with(0xde)), told(ParseError::refused_option, 2, 42));
  }
}

TEST(Extensions, OptionsHaveLimits) {
  const auto with = [](const Octets& options) {
    return said(v6(60, options_header(6, options) + kTcpHeader));
  };
  Octets eight;
  for (int i = 0; i < 8; ++i) eight = eight + octets({0x1e, 0});
  EXPECT_EQ(with(eight), "fine");
  EXPECT_EQ(refusal(v6(60, options_header(6, eight + octets({0x1e, 0})) + kTcpHeader)),
            told(ParseError::bad_extension, 9, 40 + 2 + 16));
  EXPECT_EQ(with(octets({1, 5, 0, 0, 0, 0, 0, 0x1e, 0})), "fine");              // seven of padding
  EXPECT_EQ(with(octets({1, 6, 0, 0, 0, 0, 0, 0, 0x1e, 0})), "bad_extension");  // eight
  EXPECT_EQ(with(octets({0, 0, 0, 0, 0, 0, 0, 0})), "bad_extension");
  EXPECT_EQ(said(v6(60, octets({6, 0, 0x1e, 5, 0, 0, 0, 0}) + kTcpHeader)), "bad_extension");
  EXPECT_EQ(said(v6(60, octets({6, 0, 1, 3, 0, 0, 0, 0x1e}) + kTcpHeader)), "bad_extension");
}

TEST(Extensions, JumbogramsAreRefused) {
  Octets packet = v6(0, octets({6, 0, 0xc2, 4, 0, 1, 0, 0}) + kTcpHeader);
  EXPECT_EQ(refusal(packet), told(ParseError::jumbogram, 2, 42));  // and no length of zero
  packet[4] = packet[5] = std::byte{0};
  EXPECT_EQ(refusal(packet), told(ParseError::jumbogram, 2, 42));
  packet[42] = std::byte{0x1e};  // no such option, and nothing else says how long it is
  EXPECT_EQ(refusal(packet), dropped(ParseError::jumbogram));
}

TEST(Extensions, EachPrefixOfAChainIsRefusedOrShorter) {
  const Octets packet =
      v6(0, options_header(43, octets({5, 2, 0, 0})) + octets({60, 0, 2, 0, 0, 0, 0, 0}) +
                options_header(6, {}) + kTcpHeader);
  for (std::size_t n = 0; n < packet.size(); ++n) {
    EXPECT_EQ(parse_ip(Bytes(packet).first(n)).error(), ParseError::truncated) << n;
    Octets shorter(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(n));
    if (n <= 40) continue;
    shorter[5] = static_cast<std::byte>(n - 40);
    EXPECT_EQ(said(shorter), n < 64 ? "bad_extension" : "fine") << n;
  }
}

// --- what an error quotes

TEST(Quote, PassesOverHeadersAndJudgesNothing) {
  const Octets tcp = octets({0x30, 0x39, 0, 80, 1, 2, 3, 4});
  const Octets packet =
      v6(60, options_header(43, octets({0xde, 0})) + octets({44, 0, 0, 1, 0, 0, 0, 0}) +
                 fragment_header(6, 0, true) + tcp);
  const auto quote = parse_quote(packet);
  ASSERT_TRUE(quote && quote->has_transport);
  EXPECT_EQ(quote->protocol, 6);
  EXPECT_EQ(quote->source_port, 12345);
  EXPECT_EQ(quote->destination_port, 80);
  EXPECT_EQ(quote->seq, Seq(0x01020304));
  EXPECT_EQ(quote->length, packet.size());
  EXPECT_EQ(quote->source, lastack_test::address("fd00::1"));
}

TEST(Quote, EightOctetsBehindAnIpv4HeaderAreEnough) {
  Octets packet = v4(6, lastack_test::counted(1000), octets({7, 4, 4, 0}));
  packet.resize(24 + 8);
  packet[10] ^= std::byte{0xff};  // routers change what the checksum is over
  const auto quote = parse_quote(packet);
  ASSERT_TRUE(quote && quote->has_transport);
  EXPECT_EQ(quote->length, 1024U);
  packet.pop_back();
  EXPECT_FALSE(parse_quote(packet)->has_transport);
}

TEST(Quote, ALaterPieceNamesNoPorts) {
  const auto six = parse_quote(lastack_test::piece_v6(6, kTcpHeader, 8, false));
  EXPECT_TRUE(six->later_piece);
  EXPECT_FALSE(six->has_transport);
  const auto four = parse_quote(lastack_test::piece_v4(6, kTcpHeader, 8, false));
  EXPECT_TRUE(four->later_piece);
  EXPECT_FALSE(four->has_transport);
}

TEST(Quote, IsNothingWhereTheHeaderIsCut) {
  const Octets four = v4(6, kTcpHeader);
  const Octets six = v6(6, kTcpHeader);
  for (std::size_t n = 0; n < 20; ++n) EXPECT_FALSE(parse_quote(Bytes(four).first(n))) << n;
  for (std::size_t n = 0; n < 40; ++n) EXPECT_FALSE(parse_quote(Bytes(six).first(n))) << n;
  EXPECT_FALSE(parse_quote(octets({0x55, 0, 0, 0})));
}

}  // namespace
}  // namespace lastack::wire
