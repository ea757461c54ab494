// About what we send errors, how often, and how much they quote.
#include "ip/icmp_errors.hpp"

#include <gtest/gtest.h>

#include "ip/identification.hpp"
#include "ip/token_bucket.hpp"
#include "wire/packets.hpp"

namespace lastack::ip {
namespace {

using lastack_test::address;
using lastack_test::counted;
using lastack_test::Octets;
using lastack_test::octets;

Octets packet_of(std::string_view from, std::string_view to, std::uint8_t protocol,
                 const Octets& payload) {
  const wire::IpAddress source = address(from);
  Octets packet(wire::ip_header_size(source.family()));
  wire::emit_ip({.source = source, .destination = address(to), .protocol = protocol},
                payload.size(), packet);
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

std::string_view silence(const Octets& packet, bool even_multicast = false) {
  return to_string(silence_about(wire::parse_quote(packet).value(), even_multicast));
}

wire::IpHeader answer_to(const wire::Quote& about) {
  return {.source = about.destination, .destination = about.source};
}

TEST(IcmpErrors, NothingIsSaidAboutErrors) {
  const auto four = [](int type) {
    return silence(packet_of("10.0.0.1", "10.0.0.2", 1, octets({type, 0, 0, 0, 0, 0, 0, 0})));
  };
  const auto six = [](int type) {
    return silence(packet_of("fd00::1", "fd00::2", 58, octets({type, 0, 0, 0, 0, 0, 0, 0})));
  };
  for (const int type : {3, 4, 5, 11, 12, 77}) EXPECT_EQ(four(type), "about_error") << type;
  for (const int type : {0, 8, 13}) EXPECT_EQ(four(type), "none") << type;
  for (const int type : {1, 2, 3, 4, 100, 137}) EXPECT_EQ(six(type), "about_error") << type;
  for (const int type : {128, 129, 135}) EXPECT_EQ(six(type), "none") << type;
  EXPECT_EQ(silence(packet_of("10.0.0.1", "10.0.0.2", 1, {})), "about_error");
}

TEST(IcmpErrors, NothingIsSaidAboutLaterPieces) {
  EXPECT_EQ(silence(lastack_test::piece_v4(17, counted(8), 8, false)), "later_piece");
  EXPECT_EQ(silence(lastack_test::piece_v6(17, counted(8), 8, false)), "later_piece");
  EXPECT_EQ(silence(lastack_test::piece_v4(17, counted(8), 0, true)), "none");
  EXPECT_EQ(silence(lastack_test::piece_v6(17, counted(8), 0, true)), "none");
}

TEST(IcmpErrors, NothingIsSaidToNobodyOrAboutWhatWentToMany) {
  const auto udp = counted(8);
  for (const char* from : {"0.0.0.0", "224.0.0.1", "255.255.255.255"}) {
    EXPECT_EQ(silence(packet_of(from, "10.0.0.2", 17, udp)), "from_nobody") << from;
  }
  for (const char* from : {"::", "ff02::1"}) {
    EXPECT_EQ(silence(packet_of(from, "fd00::2", 17, udp)), "from_nobody") << from;
  }
  EXPECT_EQ(silence(packet_of("10.0.0.1", "224.0.0.1", 17, udp)), "to_many");
  EXPECT_EQ(silence(packet_of("10.0.0.1", "255.255.255.255", 17, udp)), "to_many");
  EXPECT_EQ(silence(packet_of("fd00::1", "ff02::1", 17, udp)), "to_many");
  EXPECT_EQ(silence(packet_of("fd00::1", "ff02::1", 17, udp), true), "none");
}

TEST(IcmpErrors, QuoteAsMuchAsFits) {
  for (const bool v6 : {false, true}) {
    const std::size_t most = v6 ? kMostErrorV6 : kMostErrorV4;
    for (const std::size_t size : {std::size_t{8}, std::size_t{500}, std::size_t{5000}}) {
      const Octets packet = v6 ? packet_of("fd00::1", "fd00::2", 17, counted(size))
                               : packet_of("10.0.0.1", "10.0.0.2", 17, counted(size));
      const auto about = wire::parse_quote(packet).value();
      const wire::IcmpMessage message{.kind = wire::IcmpKind::unreachable, .code = 3};
      const Slice error = error_about(message, answer_to(about), packet, nullptr);
      const auto ip = wire::parse_ip(error.bytes());
      ASSERT_TRUE(ip);
      EXPECT_EQ(error.size(),
                std::min(most, packet.size() + wire::ip_header_size(about.source.family()) + 8));
      EXPECT_EQ(ip->header.source, about.destination);
      EXPECT_EQ(ip->header.destination, about.source);
      EXPECT_EQ(wire::icmp_sum(ip->header.source, ip->header.destination, ip->payload).checksum(),
                0);
      const auto icmp = wire::parse_icmp(about.source.family(), ip->payload);
      EXPECT_EQ(icmp->message, message);
      EXPECT_TRUE(std::ranges::equal(icmp->body, wire::Bytes(packet).first(icmp->body.size())));
    }
  }
}

TEST(IcmpErrors, NoneOfAKindThatIsNeverSent) {
  const Octets packet = packet_of("10.0.0.1", "10.0.0.2", 17, counted(8));
  const auto about = wire::parse_quote(packet).value();
  EXPECT_TRUE(error_about({}, answer_to(about), packet, nullptr).empty());
}

TEST(TokenBucket, SoManyAtOnceAndSoManyASecond) {
  TokenBucket bucket(10, 5);
  TimePoint now{1000s};
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(bucket.take(now));
  EXPECT_FALSE(bucket.take(now));
  EXPECT_FALSE(bucket.take(now + 99ms));
  EXPECT_TRUE(bucket.take(now + 100ms));
  EXPECT_FALSE(bucket.take(now + 100ms));
  now += 1h;  // it does not fill beyond its burst
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(bucket.take(now));
  EXPECT_FALSE(bucket.take(now));
  EXPECT_FALSE(TokenBucket(0, 5).take(now));
}

TEST(TokenBucket, MoreThanOneMayGoAtOnce) {
  TokenBucket bucket(10, 5);
  const TimePoint now{1000s};
  EXPECT_TRUE(bucket.take(now, 2));
  EXPECT_TRUE(bucket.take(now, 2));  // takes the two that are left
  EXPECT_FALSE(bucket.take(now));
}

TEST(Identifications, NextToEachOtherForOneDestinationOnly) {
  Identifications ids({1, 2});
  const auto a = address("10.0.0.1");
  const auto b = address("10.0.0.2");
  const auto c = address("10.0.0.3");
  const std::uint32_t first = ids.next(a, b);
  EXPECT_EQ(ids.next(a, b), first + 1);
  EXPECT_NE(ids.next(a, c) - first, 2U);
  EXPECT_EQ(ids.next(a, b), first + 2);
  EXPECT_NE(Identifications({3, 4}).next(a, b), first);
}

}  // namespace
}  // namespace lastack::ip
