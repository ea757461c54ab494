// Questions for names, and answers: what is read, what is written, what is refused.
#include "run/dns.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string_view>

#include "run/names.hpp"

namespace lastack::run {
namespace {

using Octets = std::vector<std::byte>;

wire::IpAddress at(std::string_view text) { return *wire::IpAddress::parse(text); }

Octets octets(std::string_view text) {
  Octets all(text.size());
  std::ranges::transform(text, all.begin(), [](char c) { return static_cast<std::byte>(c); });
  return all;
}

/// A question for WEB.lan, an addition behind it as resolvers have it (RFC 6891).
constexpr std::string_view kHead("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01", 12);
constexpr std::string_view kName("\x03WEB\x03lan\x00", 9);
constexpr std::string_view kAddition("\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00", 11);

Octets question(std::uint16_t type, std::string_view name = kName) {
  Octets all = octets(kHead);
  const Octets asked = octets(name);
  all.insert(all.end(), asked.begin(), asked.end());
  for (const unsigned octet : {0U, unsigned{type}, 0U, 1U}) all.push_back(std::byte(octet));
  const Octets addition = octets(kAddition);
  all.insert(all.end(), addition.begin(), addition.end());
  return all;
}

TEST(Dns, ReadsAQuestion) {
  const auto read = question_in(question(DnsQuestion::kA));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->name, "web.lan");
  EXPECT_EQ(read->type, DnsQuestion::kA);
  EXPECT_EQ(read->end, 12U + 9 + 4);
}

TEST(Dns, RefusesWhatIsNone) {
  const Octets whole = question(DnsQuestion::kA);
  const std::size_t end = question_in(whole)->end;
  for (std::size_t size = 0; size < end; ++size) {
    EXPECT_FALSE(question_in(std::span(whole).first(size))) << size;
  }
  EXPECT_FALSE(question_in(question(1, std::string_view("\xc0\x0c", 2))));  // a pointer to itself
  for (const auto& [place, octet] : {std::pair(2, 0x81), {2, 0x21}, {5, 2}, {5, 0}, {24, 3}}) {
    Octets other = whole;
    other[static_cast<std::size_t>(place)] = static_cast<std::byte>(octet);
    EXPECT_FALSE(question_in(other)) << place;
  }
  std::string longest;
  for (int i = 0; i < 5; ++i) longest += '?' + std::string(63, 'a');
  EXPECT_FALSE(question_in(question(1, longest + std::string(1, 0))));
}

TEST(Dns, ShowsNothingThatATerminalActsOn) {
  EXPECT_EQ(question_in(question(1, std::string_view("\x04"
                                                     "a\x1b.\xff\x00",
                                                     6)))
                ->name,
            "a???");
}

TEST(Dns, AnswersWithTheAddressesOfAFamily) {
  const std::vector<wire::IpAddress> all{at("10.1.0.1"), at("fd01::1"), at("10.1.0.2")};
  for (const auto& [type, count, size] : {std::tuple(DnsQuestion::kA, 2, 16),
                                          {DnsQuestion::kAaaa, 1, 28},
                                          {std::uint16_t{15}, 0, 0}}) {
    const Octets asked = question(type);
    const auto read = question_in(asked);
    const Octets answer = dns_answer(asked, *read, all);
    ASSERT_EQ(answer.size(), read->end + static_cast<std::size_t>(count * size));
    EXPECT_TRUE(std::equal(answer.begin(), answer.begin() + 2, asked.begin()));  // its number
    EXPECT_EQ(wire::read_at<std::uint16_t>(answer, 2), 0x8180);
    EXPECT_EQ(wire::read_at<std::uint16_t>(answer, 6), count);
    EXPECT_EQ(wire::read_at<std::uint32_t>(answer, 8), 0U);
    EXPECT_TRUE(std::equal(asked.begin() + 12, asked.begin() + 25, answer.begin() + 12));
    if (count == 0) continue;
    const auto record = std::span(answer).subspan(read->end);
    EXPECT_EQ(wire::read_at<std::uint16_t>(record, 0), 0xc00c);
    EXPECT_EQ(wire::read_at<std::uint16_t>(record, 2), type);
    EXPECT_EQ(wire::read_at<std::uint16_t>(record, 10), size - 12);
    const auto told =
        wire::IpAddress::from(record.subspan(12, static_cast<std::size_t>(size - 12)));
    EXPECT_EQ(told, type == DnsQuestion::kA ? all[0] : all[1]);
  }
}

TEST(Dns, AnswersFitWhatEverybodyTakes) {
  const std::vector<wire::IpAddress> many(100, at("fd01::1"));
  std::string longest;
  for (int i = 0; i < 3; ++i) longest += '?' + std::string(63, 'a');
  EXPECT_EQ(longest.size(), 192U);
  const Octets asked = question(DnsQuestion::kAaaa);
  EXPECT_LE(dns_answer(asked, *question_in(asked), many).size(), 512U);
}

TEST(Dns, SaysThatThereIsNoSuchName) {
  const Octets asked = question(DnsQuestion::kA);
  const Octets answer = dns_no_such_name(asked, *question_in(asked));
  EXPECT_EQ(wire::read_at<std::uint16_t>(answer, 2), 0x8183);
  EXPECT_EQ(answer.size(), 25U);
}

TEST(ResolverFile, ReadsServersAndWhatIsPutBehindNames) {
  std::istringstream file(
      "# nameserver 1.1.1.1\ndomain old\nsearch lan example.net\nnameserver 192.0.2.53\n"
      "nameserver fd00::53\nnameserver fe80::1%eth0\noptions edns0\n");
  const ResolverFile read = ResolverFile::read(file);
  EXPECT_EQ(read.search, (std::vector<std::string>{"lan", "example.net"}));
  EXPECT_EQ(read.servers, (std::vector<Endpoint>{{at("192.0.2.53"), 53}, {at("fd00::53"), 53}}));
  std::istringstream empty;
  EXPECT_EQ(ResolverFile::read(empty).servers,
            (std::vector<Endpoint>{{at("127.0.0.1"), 53}, {at("::1"), 53}}));
}

TEST(Names, KnowsThoseThatAreTriedBeforeOurs) {
  const Names names{.hosts = {{"web", at("10.1.0.1")}, {"web", at("fd01::1")}}};
  EXPECT_EQ(names.of("web").size(), 2U);
  EXPECT_TRUE(names.is_tried("web.lan", {"net", "lan"}));
  for (const auto* other : {"web", "lan", ".lan", "webxlan", "db.lan", "a.web.lan", "web.land"}) {
    EXPECT_FALSE(names.is_tried(other, {"net", "lan"})) << other;
  }
}

}  // namespace
}  // namespace lastack::run
