// A packet that may answer what was sent last: whose it is goes by all four of its ends.
#include <array>

#include "host/alone.hpp"

namespace lastack::host {
namespace {

class Answers : public Alone {
 protected:
  static constexpr auto kOther = wire::IpAddress::v4(10, 0, 0, 3);

  struct Accepted {
    FlowId flow;
    Seq ours;  ///< of the first octet that we send
  };
  Accepted accepted(const Endpoint& from, Seq iss) {
    const Seq ours = open(iss, from) + 1;
    return {host.accept(listener).value(), ours};
  }
  std::size_t received(FlowId flow) {
    std::array<std::byte, 100> octets{};
    return host.receive(flow, octets, now);
  }
  void says(FlowId flow) {
    const std::array<std::byte, 10> octets{};
    ASSERT_EQ(host.send(flow, octets, now), 10U);
    ASSERT_EQ(sent().size(), 1U);
  }

  ListenerId listener = listen();
};

TEST_F(Answers, ComeFromWhomItWasSentTo) {
  const Accepted near = accepted({kThem, 5555}, Seq(100));
  says(near.flow);
  arrives({.flags = Flag::ack, .seq = Seq(101), .ack = near.ours + 10, .payload = 7});
  EXPECT_EQ(received(near.flow), 7U);
}

TEST_F(Answers, EqualPortsAreNotEqualAddresses) {
  const Accepted near = accepted({kThem, 5555}, Seq(100));
  const Accepted other = accepted({kOther, 5555}, Seq(200));
  says(near.flow);
  arrives({.flags = Flag::ack,
           .seq = Seq(201),
           .ack = other.ours,
           .payload = 7,
           .from = {kOther, 5555}});
  EXPECT_EQ(received(other.flow), 7U);
  EXPECT_EQ(received(near.flow), 0U);
}

/// The slot of the last one to send may be another's by the time that it is answered.
TEST_F(Answers, WhoIsGoneIsAnsweredNoMore) {
  const Accepted near = accepted({kThem, 5555}, Seq(100));
  says(near.flow);
  const Segment answer{.flags = Flag::ack, .seq = Seq(101), .ack = near.ours + 10, .payload = 7};
  host.abort(near.flow, now);
  (void)sent();
  arrives(answer);
  const auto reset = sent();
  ASSERT_EQ(reset.size(), 1U);
  EXPECT_TRUE(reset[0].header.flags.has(Flag::rst));
  const Accepted next = accepted({kOther, 5555}, Seq(300));
  arrives(answer);
  EXPECT_EQ(received(next.flow), 0U);
  EXPECT_EQ(sent().size(), 1U) << "a RST for nobody";
}

}  // namespace
}  // namespace lastack::host
