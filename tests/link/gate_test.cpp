#include "link/gate.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "link/loopback.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::link {
namespace {

constexpr TimePoint kKnocked{1s};
const Knock kKnock{{wire::IpAddress::v4(10, 0, 0, 1), 40000},
                   {wire::IpAddress::v4(10, 0, 0, 2), 7}};

Packet segment(const Knock& knock, wire::Flags flags) {
  std::vector<std::byte> octets(wire::kIpv4Header + wire::kTcpHeader);
  const wire::IpHeader ip{.source = knock.from.address,
                          .destination = knock.to.address,
                          .protocol = wire::kProtocolTcp};
  wire::emit_ip(ip, wire::kTcpHeader, octets);
  wire::emit_tcp(
      {.source_port = knock.from.port, .destination_port = knock.to.port, .flags = flags},
      std::span(octets).subspan(wire::kIpv4Header));
  return {.octets = Slice::copy_of(octets), .at = kKnocked};
}

class GateBefore : public testing::Test {
 protected:
  GateBefore() {
    gate_.knocked = [this](const Knock& knock, TimePoint) {
      asked_.push_back(knock);
      return answer_;
    };
  }
  std::size_t come(wire::Flags flags) {
    gate_.pass_on(segment(kKnock, flags), kKnocked);
    return received();
  }
  std::size_t received() {
    std::vector<Packet> got;
    return gate_.receive(got, kKnocked);
  }

  Loopback inner_{1500};
  Gate gate_{inner_};
  Gate::Answer answer_ = Gate::Answer::is_kept;
  std::vector<Knock> asked_;
};

TEST_F(GateBefore, AsksOfSynsOnly) {
  EXPECT_EQ(come(wire::Flag::ack), 1U);
  EXPECT_EQ(come(wire::Flag::syn | wire::Flag::ack), 1U);
  EXPECT_EQ(come(wire::Flag::rst), 1U);
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(come(wire::Flag::syn), 0U);
  EXPECT_EQ(asked_, std::vector{kKnock});
}

TEST_F(GateBefore, KeepsASynUntilItIsLetIn) {
  come(wire::Flag::syn);
  EXPECT_EQ(come(wire::Flag::syn), 0U) << "sent again";
  EXPECT_EQ(asked_.size(), 1U) << "asked once while one is kept";
  EXPECT_EQ(gate_.next_deadline(), kNever);
  EXPECT_TRUE(gate_.let_in(kKnock));
  EXPECT_LE(gate_.next_deadline(), kKnocked);
  EXPECT_EQ(received(), 1U);
  EXPECT_EQ(gate_.next_deadline(), kNever);
  EXPECT_FALSE(gate_.let_in(kKnock));
}

TEST_F(GateBefore, AsksAgainOfOneThatWasLost) {
  come(wire::Flag::syn);
  EXPECT_TRUE(gate_.lose(kKnock));
  EXPECT_EQ(gate_.kept(), 0U);
  answer_ = Gate::Answer::is_lost;
  EXPECT_EQ(come(wire::Flag::syn), 0U);
  EXPECT_FALSE(gate_.lose(kKnock)) << "it is gone already";
  answer_ = Gate::Answer::passes;
  EXPECT_EQ(come(wire::Flag::syn), 1U);
  EXPECT_EQ(asked_.size(), 3U);
}

}  // namespace
}  // namespace lastack::link
