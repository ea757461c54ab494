// What a peer can make a host keep, and where that ends.
#include "host/alone.hpp"

namespace lastack::host {
namespace {

class Limits : public Alone {
 protected:
  static Config small() {
    Config c = config();
    c.most_connections = 3;
    return c;
  }
  Limits() : Alone(small()) {}

  static Endpoint peer(std::size_t i) {
    return {wire::IpAddress::v4(10, 1, static_cast<std::uint8_t>(i / 60000), 1),
            static_cast<std::uint16_t>(1024 + i % 60000)};
  }
};

TEST_F(Limits, ConnectionsThatPeersOpenCountToo) {
  listen(80, 100);
  for (std::size_t i = 0; i < 3; ++i) open(Seq(1), peer(i));
  EXPECT_EQ(host.connections(), 3U);
  arrives({.flags = Flag::syn, .seq = Seq(1), .from = peer(9)});
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(host.counters().too_many, 1U);
  EXPECT_EQ(host.connections(), 3U);
}

TEST_F(Limits, AHandshakeThatFindsTheLastPlaceTakenWaits) {
  listen(80, 100);
  open(Seq(1), peer(0));
  open(Seq(1), peer(1));
  std::vector<Seq> ours;
  for (std::size_t i = 2; i < 4; ++i) {
    arrives({.flags = Flag::syn, .seq = Seq(1), .from = peer(i)});
    ours.push_back(sent().at(0).header.seq);
  }
  for (std::size_t i = 2; i < 4; ++i) {
    arrives({.flags = Flag::ack, .seq = Seq(2), .ack = ours[i - 2] + 1, .from = peer(i)});
  }
  EXPECT_EQ(host.connections(), 3U);
  EXPECT_EQ(host.counters().too_many, 1U);
  EXPECT_EQ(states(), (std::vector{State::syn_rcvd, State::established, State::established,
                                   State::established}));
}

}  // namespace
}  // namespace lastack::host
