// RFC 2883: a peer that received something twice says so, and the host counts it as the kernel
// does.
#include "host/alone.hpp"

namespace lastack::host {
namespace {

class DuplicateSacks : public Alone {
 protected:
  /// A connection with 100 octets acknowledged and 200 more on their way.
  void open(std::uint8_t sack) {
    wire::TcpOptions options{.mss = 100};
    options.present = static_cast<std::uint8_t>(wire::TcpOptions::kMss | sack);
    arrives({.flags = Flag::syn, .seq = Seq(1), .from = from, .options = options});
    first = sent().at(0).header.seq + 1;
    arrives({.flags = Flag::ack, .seq = Seq(2), .ack = first, .from = from});
    const FlowId flow = host.accept(listener).value();
    EXPECT_EQ(host.send(flow, std::vector<std::byte>(300), now).value_or(0), 300U);
    EXPECT_FALSE(sent().empty());
    acknowledges({});
  }
  struct Block {
    std::uint32_t left, right;  ///< octets of our stream
  };
  /// An ACK of the first 100 octets.
  void acknowledges(const std::vector<Block>& blocks) {
    wire::TcpOptions options;
    for (const Block& block : blocks) {
      options.sack[options.sack_count++] = {first + block.left, first + block.right};
    }
    arrives(
        {.flags = Flag::ack, .seq = Seq(2), .ack = first + 100, .from = from, .options = options});
  }
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> counted() const {
    const auto& tcp = host.counters().tcp;
    return {tcp.duplicate_sacks, tcp.duplicate_sacks_beyond};
  }
  using Counted = std::pair<std::uint64_t, std::uint64_t>;

  Endpoint from{kThem, 1001};
  ListenerId listener = listen(80, 5);
  Seq first;
};

TEST_F(DuplicateSacks, OfWhatWasAcknowledged) {
  open(wire::TcpOptions::kSackPermitted);
  acknowledges({{0, 100}});
  EXPECT_EQ(counted(), Counted(1, 0));
  acknowledges({{50, 100}, {200, 300}});
  EXPECT_EQ(counted(), Counted(2, 0));
}

TEST_F(DuplicateSacks, OfWhatLiesBeyondIt) {
  open(wire::TcpOptions::kSackPermitted);
  acknowledges({{200, 250}, {200, 300}});
  EXPECT_EQ(counted(), Counted(0, 1));
}

TEST_F(DuplicateSacks, BlocksThatNameNothingTwice) {
  open(wire::TcpOptions::kSackPermitted);
  acknowledges({{200, 300}});
  acknowledges({{200, 250}, {260, 300}});
  acknowledges({{200, 300}, {200, 250}});
  EXPECT_EQ(counted(), Counted(0, 0));
}

TEST_F(DuplicateSacks, WhereSackWasNotAgreedOn) {
  open(0);
  acknowledges({{0, 100}});
  EXPECT_EQ(counted(), Counted(0, 0));
}

}  // namespace
}  // namespace lastack::host
