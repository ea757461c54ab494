// The referee must see what it is there for: a segment that breaks each rule, and one that doesn't.
#include "sim/referee.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "wire/ip.hpp"

namespace lastack::sim {
namespace {

using wire::Flag;
using wire::TcpOptions;

constexpr Seq kOurs{1000};
constexpr Seq kTheirs{5000};
constexpr auto kUs = wire::IpAddress::v4(10, 0, 0, 1);
constexpr auto kThem = wire::IpAddress::v4(10, 0, 0, 2);

std::vector<std::byte> packet(bool ours, wire::TcpHeader header, std::size_t payload) {
  header.source_port = ours ? 1 : 2;
  header.destination_port = ours ? 2 : 1;
  std::vector<std::byte> octets(wire::kIpv4Header + wire::header_size(header) + payload);
  const wire::IpHeader ip{.source = ours ? kUs : kThem,
                          .destination = ours ? kThem : kUs,
                          .protocol = wire::kProtocolTcp};
  wire::emit_ip(ip, octets.size() - wire::kIpv4Header, octets);
  const auto tcp = std::span(octets).subspan(wire::kIpv4Header);
  wire::emit_tcp(header, tcp);
  wire::set_tcp_checksum(tcp, wire::tcp_sum(ip.source, ip.destination, tcp).checksum());
  return octets;
}

/// A host that has opened, with MSS 100, windows of 1000 and timestamps both ways, and was sent 50
/// octets. `change` makes its next segment, which would keep all rules, into another.
std::vector<std::string> faults_of(const std::function<void(wire::TcpHeader&)>& change,
                                   std::size_t payload = 10) {
  Referee referee;
  const auto sent = [&](const wire::TcpHeader& h, std::size_t size) {
    const auto octets = packet(true, h, size);
    referee.sent(0, {.header = octets, .payload = {}}, World::kStart);
  };
  const auto arrived = [&](const wire::TcpHeader& h, std::size_t size) {
    referee.arrived(0, Slice::copy_of(packet(false, h, size)), World::kStart);
  };
  TcpOptions syn_options;
  syn_options.present = TcpOptions::kMss | TcpOptions::kTimestamps;
  syn_options.mss = 100;
  syn_options.ts_val = 7;
  TcpOptions options;
  options.present = TcpOptions::kTimestamps;
  options.ts_val = 8;
  sent({.seq = kOurs, .flags = Flag::syn, .window = 1000, .options = syn_options}, 0);
  arrived({.seq = kTheirs,
           .ack = kOurs + 1,
           .flags = Flag::syn | Flag::ack,
           .window = 1000,
           .options = syn_options},
          0);
  arrived({.seq = kTheirs + 1,
           .ack = kOurs + 1,
           .flags = Flag::ack,
           .window = 1000,
           .options = options},
          50);
  wire::TcpHeader next{
      .seq = kOurs + 1, .ack = kTheirs + 51, .flags = Flag::ack, .window = 950, .options = options};
  sent(next, 10);  // [1, 11) is out, 51 is acknowledged, the edge at 1001
  next.seq = kOurs + 11;
  change(next);
  sent(next, payload);
  return referee.faults();
}

void expect_fault(const std::string& what, const std::function<void(wire::TcpHeader&)>& change,
                  std::size_t payload = 10) {
  const auto faults = faults_of(change, payload);
  ASSERT_FALSE(faults.empty()) << what;
  EXPECT_TRUE(std::ranges::any_of(faults, [&](const std::string& fault) {
    return fault.find(what) != std::string::npos;
  })) << faults[0];
}

TEST(Referee, FindsNoFaultWithASegmentThatKeepsTheRules) {
  const auto faults = faults_of([](wire::TcpHeader&) {});
  EXPECT_TRUE(faults.empty()) << faults[0];
  EXPECT_TRUE(faults_of([](wire::TcpHeader& h) { h.seq = kOurs + 1001; }, 1).empty());  // a probe
}

TEST(Referee, SeesOctetsBeyondTheWindow) {
  expect_fault("beyond the window", [](wire::TcpHeader& h) { h.seq = kOurs + 992; });
  expect_fault("too far beyond", [](wire::TcpHeader& h) { h.seq = kOurs + 1003; }, 1);
}

TEST(Referee, SeesAcksOfNothingAndAcksThatGoBack) {
  expect_fault("what has not arrived", [](wire::TcpHeader& h) { h.ack = kTheirs + 52; });
  expect_fault("an ACK that goes back", [](wire::TcpHeader& h) { h.ack = kTheirs + 50; });
}

TEST(Referee, SeesAWindowTakenBack) {
  expect_fault("taken back", [](wire::TcpHeader& h) { h.window = 949; });
}

TEST(Referee, SeesASegmentTooLarge) {
  expect_fault("larger than the peer takes", [](wire::TcpHeader&) {}, 89);  // 12 octets of options
  EXPECT_TRUE(faults_of([](wire::TcpHeader&) {}, 88).empty());
}

TEST(Referee, SeesTimestampsThatGoBackOrAreMissing) {
  expect_fault("a timestamp that goes back", [](wire::TcpHeader& h) { h.options.ts_val = 7; });
  expect_fault("no timestamp", [](wire::TcpHeader& h) { h.options.present = 0; });
}

TEST(Referee, SeesSackBlocksOfNothing) {
  expect_fault("a SACK block", [](wire::TcpHeader& h) {
    h.options.sack_count = 1;
    h.options.sack[0] = {kTheirs + 60, kTheirs + 70};
  });
}

class Answer : public testing::Test {
 protected:
  void calls(Seq iss) {
    const auto syn = packet(false, {.seq = iss, .flags = Flag::syn, .window = 1000}, 0);
    referee.arrived(0, Slice::copy_of(syn), World::kStart);
  }
  void answers(Seq iss, Seq caller) {
    const wire::TcpHeader header{
        .seq = iss, .ack = caller + 1, .flags = Flag::syn | Flag::ack, .window = 1000};
    referee.sent(0, {.header = packet(true, header, 0), .payload = {}}, World::kStart);
  }
  void two_answers() {
    calls(kEarlier);
    calls(kTheirs);
    answers(kOurs + 100, kTheirs);
    answers(kOurs, kEarlier);
  }
  void fin_of_the_first() {
    const wire::TcpHeader fin{
        .seq = kOurs + 101, .ack = kTheirs + 1, .flags = Flag::fin | Flag::ack, .window = 1000};
    referee.sent(0, {.header = packet(true, fin, 0), .payload = {}}, World::kStart);
  }
  static constexpr Seq kEarlier{9'000'000};
  Referee referee;
};

TEST_F(Answer, IsForTheSynItAcknowledges) {
  calls(kEarlier);
  calls(kTheirs);
  answers(kOurs, kEarlier);
  answers(kOurs + 100, kTheirs);
  EXPECT_TRUE(referee.faults().empty()) << referee.faults()[0];
}

TEST_F(Answer, MayComeToOneSynTwice) {
  calls(kTheirs);
  answers(kOurs, kTheirs);
  calls(kTheirs);
  answers(kOurs + 100, kTheirs);  // the first one was reset
  EXPECT_TRUE(referee.faults().empty()) << referee.faults()[0];
}

TEST_F(Answer, MayBeginWhereTheOneBeforeDid) {
  calls(kEarlier);
  answers(kOurs, kEarlier);
  calls(kTheirs);
  answers(kOurs, kTheirs);
  EXPECT_TRUE(referee.faults().empty()) << referee.faults()[0];
}

/// Two SYNs are answered, the later one first; the ACK says which of them has become a connection.
TEST_F(Answer, BecomesAConnectionWhenItIsAcknowledged) {
  two_answers();
  const wire::TcpHeader ack{
      .seq = kTheirs + 1, .ack = kOurs + 101, .flags = Flag::ack, .window = 1000};
  referee.arrived(0, Slice::copy_of(packet(false, ack, 0)), World::kStart);
  fin_of_the_first();
  EXPECT_TRUE(referee.faults().empty()) << referee.faults()[0];
}

TEST_F(Answer, BecomesNoneWhereItIsNot) {
  two_answers();
  fin_of_the_first();
  EXPECT_FALSE(referee.faults().empty());
}

TEST_F(Answer, ToNobodyIsAFault) {
  calls(kEarlier);
  answers(kOurs, kTheirs);
  EXPECT_FALSE(referee.faults().empty());
}

/// The answer to the first call was refused: it says nothing of the second, which may begin at the
/// same number.
TEST(Referee, KnowsThatWhoCallsAgainHasTakenNoAnswer) {
  Referee referee;
  const auto call = packet(true, {.seq = kOurs, .flags = Flag::syn, .window = 1000}, 0);
  for (const Seq theirs : {kTheirs, kTheirs + 1'000'000}) {
    referee.sent(0, {.header = call, .payload = {}}, World::kStart);
    const wire::TcpHeader answer{
        .seq = theirs, .ack = kOurs + 1, .flags = Flag::syn | Flag::ack, .window = 1000};
    referee.arrived(0, Slice::copy_of(packet(false, answer, 0)), World::kStart);
  }
  const wire::TcpHeader ack{
      .seq = kOurs + 1, .ack = kTheirs + 1'000'001, .flags = Flag::ack, .window = 1000};
  referee.sent(0, {.header = packet(true, ack, 0), .payload = {}}, World::kStart);
  EXPECT_TRUE(referee.faults().empty()) << referee.faults()[0];
}

TEST(Referee, SeesWhatComesBehindAFin) {
  Referee referee;
  const auto sent = [&](const wire::TcpHeader& h, std::size_t size) {
    const auto octets = packet(true, h, size);
    referee.sent(0, {.header = octets, .payload = {}}, World::kStart);
  };
  sent({.seq = kOurs, .flags = Flag::syn, .window = 1000}, 0);
  const wire::TcpHeader syn_ack{
      .seq = kTheirs, .ack = kOurs + 1, .flags = Flag::syn | Flag::ack, .window = 1000};
  referee.arrived(0, Slice::copy_of(packet(false, syn_ack, 0)), World::kStart);
  const wire::TcpHeader fin{
      .seq = kOurs + 1, .ack = kTheirs + 1, .flags = Flag::fin | Flag::ack, .window = 1000};
  sent(fin, 10);
  sent(fin, 10);  // the same again is no fault
  EXPECT_TRUE(referee.faults().empty());
  sent(fin, 9);
  ASSERT_EQ(referee.faults().size(), 1U);
  EXPECT_NE(referee.faults()[0].find("a FIN that moved"), std::string::npos);
  sent({.seq = kOurs + 11, .ack = kTheirs + 1, .flags = Flag::ack, .window = 1000}, 5);
  ASSERT_EQ(referee.faults().size(), 2U);
  EXPECT_NE(referee.faults()[1].find("behind the FIN"), std::string::npos);
}

}  // namespace
}  // namespace lastack::sim
