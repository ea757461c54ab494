// What comes in from the network: pieces, echoes, and packets for nobody.
#include <gtest/gtest.h>

#include "host/peer.hpp"

namespace lastack_test {
namespace {

using wire::IcmpKind;
using wire::ParseError;

class Ip : public Peer {
 protected:
  static Octets echo(std::size_t size) {
    return icmp({.kind = IcmpKind::echo_request, .identifier = 7, .sequence = 9}, counted(size));
  }
  /// An address of the peer's kind that no single host has.
  void expect_bad_source(std::string_view text) {
    const auto before = counters().bad_address;
    arrives(packet(icmp_protocol(), echo(8), address(text), us()));
    EXPECT_EQ(counters().bad_address, before + 1) << text;
    EXPECT_TRUE(sent().empty()) << text;
  }
};
INSTANTIATE_TEST_SUITE_P(Family, Ip, testing::Bool(), family_name);

class Ipv4 : public Ip {};
INSTANTIATE_TEST_SUITE_P(Family, Ipv4, testing::Values(false), family_name);
class Ipv6 : public Ip {};
INSTANTIATE_TEST_SUITE_P(Family, Ipv6, testing::Values(true), family_name);

TEST_P(Ip, AnEchoComesBack) {
  arrives(packet(icmp_protocol(), echo(56)));
  const IcmpSeen seen = sent_icmp();
  EXPECT_EQ(seen.message.kind, IcmpKind::echo_reply);
  EXPECT_EQ(seen.message.identifier, 7);
  EXPECT_EQ(seen.message.sequence, 9);
  EXPECT_EQ(seen.body, counted(56));
  EXPECT_EQ(seen.source, us());
  EXPECT_EQ(seen.destination, them());
  EXPECT_EQ(counters().echo_replies, 1U);
}

TEST_P(Ip, ALongEchoComesAndGoesInPieces) {
  for (const std::size_t size : {std::size_t{1480}, std::size_t{5000}, std::size_t{65507}}) {
    arrives_in_pieces(icmp_protocol(), echo(size));
    ip::Reassembly theirs;
    Slice whole;
    for (const Octets& piece : sent()) {
      ASSERT_LE(piece.size(), 1500U);
      ASSERT_TRUE(whole.empty());
      const auto added =
          theirs.add(wire::parse_fragment(piece).value(), Slice::copy_of(piece), now);
      whole = added.whole;
    }
    ASSERT_FALSE(whole.empty());
    const auto ip = wire::parse_ip(whole.bytes());
    EXPECT_EQ(wire::icmp_sum(us(), them(), ip->payload).checksum(), 0);
    const auto icmp = wire::parse_icmp(family(), ip->payload);
    EXPECT_EQ(icmp->message.kind, IcmpKind::echo_reply);
    EXPECT_TRUE(std::ranges::equal(icmp->body, counted(size)));
  }
  EXPECT_EQ(count(counters().pieces, ip::PieceFate::completed), 3U);
  EXPECT_EQ(ours.reassembly().packets(), 0U);
}

TEST_P(Ip, AnEchoWithABadChecksumDoesNot) {
  Octets bad = echo(56);
  bad.back() ^= std::byte{1};
  arrives(packet(icmp_protocol(), bad));
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(malformed(ParseError::bad_checksum), 1U);
}

TEST_P(Ip, OfTheOtherFamilyIcmpIsNoProtocol) {
  arrives(packet(v6() ? wire::kProtocolIcmp : wire::kProtocolIcmpv6, echo(8)));
  EXPECT_EQ(counters().no_protocol, 1U);
}

TEST_P(Ip, TcpInPiecesIsTcp) {
  (void)*ours.listen({{}, 80}, 5, {}, now);
  (void)*ours.listen({address("::"), 80}, 5, {}, now);
  arrives_in_pieces(wire::kProtocolTcp, segment(Flag::syn, Seq(100), {}, {}, 1000), 24);
  const auto answers = sent();
  ASSERT_EQ(answers.size(), 1U);  // all of its 24 octets were in one: IPv6 calls that atomic
  const Seq iss = tcp_of(answers[0]).seq;
  arrives_in_pieces(wire::kProtocolTcp, segment(Flag::ack, Seq(101), iss + 1, counted(100)), 48);
  EXPECT_EQ(counters().octets_in, 100U);
}

TEST_P(Ip, WhatALinkVerifiesItCannotVerifyInPieces) {
  host::Config trusting = config();
  trusting.verify_checksum = false;
  host::Host other(trusting, lastack::Random(1));
  Octets bad = segment(Flag::syn, Seq(100), {}, counted(100));
  bad.back() ^= std::byte{1};
  for (const std::size_t at : {std::size_t{0}, std::size_t{64}}) {
    const Octets part(bad.begin() + static_cast<std::ptrdiff_t>(at),
                      at == 0 ? bad.begin() + 64 : bad.end());
    other.packet_arrives(
        Slice::copy_of(v6() ? piece_v6(6, part, at, at == 0) : piece_v4(6, part, at, at == 0)),
        now);
  }
  EXPECT_EQ(other.counters().tcp_checksum, 1U);
}

TEST_P(Ipv6, APieceWithinAPieceGoesNoFurther) {
  const Octets inner = fragment_header(17, 0, true) + counted(24);
  arrives_in_pieces(wire::kDestinationOptions, options_header(44, {}) + inner, 24);
  EXPECT_EQ(malformed(ParseError::bad_extension), 1U);  // seen in the first, which has all headers
  EXPECT_EQ(count(counters().pieces, ip::PieceFate::held), 1U);
}

TEST_P(Ip, WhatNeverBecomesWholeIsTold) {
  arrives(v6() ? piece_v6(17, counted(80), 0, true) : piece_v4(17, counted(80), 0, true));
  EXPECT_EQ(ours.next_deadline(), now + (v6() ? 60s : 30s));
  now = ours.next_deadline();
  ours.advance(now);
  const IcmpSeen seen = sent_icmp();
  EXPECT_EQ(seen.message.kind, IcmpKind::time_exceeded);
  EXPECT_EQ(seen.message.code, wire::kReassembly);
  EXPECT_EQ(seen.body,
            v6() ? piece_v6(17, counted(80), 0, true) : piece_v4(17, counted(80), 0, true));
  EXPECT_EQ(counters().reassembly_timed_out, 1U);
  EXPECT_EQ(ours.next_deadline(), lastack::kNever);
}

TEST_P(Ip, WithoutItsFirstPieceItIsNot) {
  arrives(v6() ? piece_v6(17, counted(80), 80, true) : piece_v4(17, counted(80), 80, true));
  now = ours.next_deadline();
  ours.advance(now);
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(counters().reassembly_timed_out, 1U);
}

TEST_P(Ip, AFloodOfPiecesDoesNotKeepAnEchoAway) {
  for (std::size_t i = 0; i < 3000; ++i) {
    const auto id = static_cast<std::uint8_t>(i);
    const std::size_t at = 8 * (1 + i);
    Octets piece = v6() ? piece_v6(17, counted(1200), at, true, id)
                        : piece_v4(17, counted(1200), at, true, id);
    piece[v6() ? 22 : 14] = static_cast<std::byte>(i / 256 + 1);
    arrives(v6() ? piece : summed(piece));
    ASSERT_LE(ours.reassembly().octets(), config().reassembly.octets);
  }
  EXPECT_GT(counters().reassembly_evicted, 0U);
  arrives_in_pieces(icmp_protocol(), echo(3000));
  EXPECT_EQ(counters().echo_replies, 1U);
}

// --- packets for nobody

TEST_P(Ip, UdpFindsNoPort) {
  const Octets closed = packet(17, datagram({}, 9));
  arrives(closed);
  const IcmpSeen seen = sent_icmp();
  EXPECT_EQ(seen.message.kind, IcmpKind::unreachable);
  EXPECT_EQ(seen.message.code, v6() ? 4 : 3);
  EXPECT_EQ(seen.body, closed);
  EXPECT_EQ(counters().no_port, 1U);
}

TEST_P(Ipv4, AProtocolThatWeDoNotSpeak) {
  arrives(packet(132, counted(20)));
  EXPECT_EQ(sent_icmp().message, (wire::IcmpMessage{.kind = IcmpKind::unreachable, .code = 2}));
  EXPECT_EQ(counters().no_protocol, 1U);
}

TEST_P(Ipv6, AProtocolThatWeDoNotSpeak) {
  wire::IcmpMessage problem{.kind = IcmpKind::parameter_problem, .code = 1, .pointer = 6};
  arrives(packet(132, counted(20)));
  EXPECT_EQ(sent_icmp().message, problem);
  problem.pointer = 40;
  arrives(lastack_test::v6(60, options_header(132, {}) + counted(20)));
  EXPECT_EQ(sent_icmp().message, problem);
  EXPECT_EQ(counters().no_protocol, 2U);
}

TEST_P(Ipv6, NothingNext) {
  arrives(packet(wire::kNoNextHeader, counted(4)));
  EXPECT_EQ(counters().no_payload, 1U);
  EXPECT_TRUE(sent().empty());
}

TEST_P(Ipv6, HeadersThatAreRefusedAreToldWhereThatIsAsked) {
  const auto problem = [](std::uint8_t code, std::uint32_t pointer) {
    return wire::IcmpMessage{.kind = IcmpKind::parameter_problem, .code = code, .pointer = pointer};
  };
  arrives(lastack_test::v6(60, options_header(17, octets({0xde, 0})) + counted(8)));
  EXPECT_EQ(sent_icmp().message, problem(2, 42));
  arrives(lastack_test::v6(60, options_header(17, octets({0x5e, 0})) + counted(8)));
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(malformed(ParseError::refused_option), 2U);
  arrives(piece_v6(6, counted(16), 0, true));
  EXPECT_EQ(sent_icmp().message, problem(3, 0));
  arrives(piece_v6(17, counted(12), 0, true));
  EXPECT_EQ(sent_icmp().message, problem(0, 4));
}

TEST_P(Ipv4, HeadersThatAreRefusedAreToldWhereThatIsAsked) {
  arrives(v4(17, counted(8), octets({7, 1, 0, 0})));
  EXPECT_EQ(sent_icmp().message,
            (wire::IcmpMessage{.kind = IcmpKind::parameter_problem, .pointer = 20}));
  arrives(v4(17, counted(8), octets({131, 3, 4, 0})));
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(malformed(ParseError::source_routed), 1U);
}

TEST_P(Ip, NoErrorIsSentAboutAnError) {
  const Octets error = icmp({.kind = IcmpKind::unreachable, .code = 1}, packet(17, counted(8)));
  arrives(packet(icmp_protocol(), error));
  EXPECT_TRUE(sent().empty());
}

TEST_P(Ipv6, NotEvenAboutItsHeaders) {
  const Octets error = icmp({.kind = IcmpKind::unreachable, .code = 1}, packet(17, counted(8)));
  arrives(lastack_test::v6(60, options_header(58, octets({0xde, 0})) + error));
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(count(counters().icmp_silent, ip::Silence::about_error), 1U);
}

TEST_P(Ip, NotTooManyErrors) {
  for (int i = 0; i < 1000; ++i) arrives(packet(17, datagram({}, 9)));
  const std::size_t burst = sent().size();
  EXPECT_LE(burst, config().icmp_error_burst);
  EXPECT_GE(burst, config().icmp_error_burst / 4);
  EXPECT_EQ(counters().icmp_errors_out, burst);
  EXPECT_EQ(counters().icmp_errors_limited, 1000 - burst);
  now += 1s;
  arrives(packet(17, datagram({}, 9)));
  EXPECT_EQ(sent().size(), 1U);
}

TEST_P(Ip, NotTooManyAnswersWait) {
  for (int i = 0; i < 5000; ++i) arrives(packet(icmp_protocol(), echo(8)));
  EXPECT_EQ(counters().replies_dropped, 5000 - config().most_replies);
  EXPECT_EQ(sent().size(), config().most_replies);
}

// --- addresses (RFC 9293 MUST-46, MUST-57, MUST-63; RFC 1122 §3.2.1.3)

TEST_P(Ip, FromNobodyOrMany) {
  if (v6()) {
    for (const char* text : {"::", "::1", "ff02::1", "fd00::2"}) expect_bad_source(text);
  } else {
    for (const char* text :
         {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "10.0.0.255", "10.0.0.2"}) {
      expect_bad_source(text);
    }
  }
}

TEST_P(Ip, ToManyOrToOthers) {
  (void)*ours.listen({v6() ? address("::") : address("0.0.0.0"), 80}, 5, {}, now);
  const Octets syn = segment(Flag::syn, Seq(100));
  const std::vector<const char*> many =
      v6() ? std::vector{"ff02::1", "ff0e::5"}
           : std::vector{"255.255.255.255", "10.0.0.255", "224.0.0.1"};
  for (const char* text : many) {
    Octets sum = syn;
    wire::set_tcp_checksum(sum, 0);
    wire::set_tcp_checksum(sum, wire::tcp_sum(them(), address(text), sum).checksum());
    arrives(packet(6, sum, them(), address(text)));
    arrives(packet(17, counted(8), them(), address(text)));
    arrives(packet(icmp_protocol(), echo(8), them(), address(text)));
  }
  EXPECT_EQ(counters().bad_address, 3 * many.size());
  arrives(packet(6, syn, them(), address(v6() ? "fd00::77" : "10.0.0.77")));
  EXPECT_EQ(counters().not_for_us, 1U);
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(ours.flows(), 0U);
}

TEST_P(Ip, APieceFromNobodyIsNotKept) {
  Octets piece = v6() ? piece_v6(17, counted(80), 0, true) : piece_v4(17, counted(80), 0, true);
  std::fill_n(piece.begin() + (v6() ? 8 : 12), v6() ? 16 : 4, std::byte{0});
  arrives(v6() ? piece : summed(piece));
  EXPECT_EQ(counters().bad_address, 1U);
  EXPECT_EQ(ours.reassembly().packets(), 0U);
}

TEST_P(Ip, NobodyConnectsToMany) {
  const std::vector<const char*> many =
      v6() ? std::vector{"ff02::1", "ff0e::5", "::"}
           : std::vector{"255.255.255.255", "10.0.0.255", "224.0.0.1", "0.0.0.0"};
  for (const char* text : many) {
    const auto refused = ours.connect({}, {address(text), 80}, {}, now);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error(), host::Refusal::bad_address) << text;
  }
}

TEST_P(Ip, ToOurselvesNothingIsCut) {
  const auto flow = ours.connect({}, {us(), 80}, {}, now);
  ASSERT_TRUE(flow);
  EXPECT_TRUE(sent().empty());  // SYN and RST stay here, and are not from outside
  EXPECT_EQ(ours.connection(*flow)->tcb().error, tcp::Error::refused);
  EXPECT_EQ(counters().bad_address, 0U);
}

}  // namespace
}  // namespace lastack_test
