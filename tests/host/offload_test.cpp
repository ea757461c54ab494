// Where the link sums and cuts: what it is told, and what it is not told to do.
#include "host/alone.hpp"

namespace lastack::host {
namespace {

class Offload : public Alone {
 protected:
  static Config offloading() {
    Config c = config();
    c.transmit_checksum = c.verify_checksum = false;
    c.super_segment = 64000;
    return c;
  }
  Offload() : Alone(offloading()) {}
};

TEST_F(Offload, ASegmentOfAConnectionIsLeftToTheLink) {
  listen();
  arrives({.flags = Flag::syn, .seq = Seq(1)});
  const auto answers = sent();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers[0].partial);
}

TEST_F(Offload, ARstThatBelongsToNoConnectionIsSummed) {
  arrives({.flags = Flag::syn, .seq = Seq(1)});
  const auto answers = sent();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers[0].header.flags.has(Flag::rst));
  EXPECT_TRUE(answers[0].summed || answers[0].partial);
}

/// What goes to ourselves is summed only where that is verified.
TEST(OffloadToOurselves, WhatNobodyVerifiesIsNotSummed) {
  for (const bool verified : {false, true}) {
    Config config;
    config.addresses = {{wire::IpAddress::v4(10, 0, 0, 1), 8}};
    config.loops_over_link = true;
    config.transmit_checksum = false;
    config.verify_checksum = verified;
    Host host(std::move(config), Random(1));
    const TimePoint now{1000s};
    ASSERT_TRUE(host.connect({}, {wire::IpAddress::v4(10, 0, 0, 1), 80}, {}, now));
    PacketOut out;
    ASSERT_TRUE(host.transmit(out, now));
    std::vector<std::byte> octets(out.size());
    out.copy_to(octets);
    const auto ip = wire::parse_ip(octets);
    const auto& ends = ip->header;
    const bool summed = wire::tcp_sum(ends.source, ends.destination, ip->payload).checksum() == 0;
    EXPECT_EQ(summed, verified);
    EXPECT_FALSE(out.checksum_partial) << "nobody is to finish it";
  }
}

class Blocks : public Alone {
 protected:
  static Config keeping(bool keeps) {
    Config c = config();
    c.keeps_blocks = keeps;
    c.mtu = 65535;
    return c;
  }
  explicit Blocks(bool keeps = true) : Alone(keeping(keeps)) {}

  static Slice block(std::size_t octets) {
    Slice slice = Slice::allocate_behind(128, octets);
    slice.grow(octets);
    return slice;
  }
  /// The sizes of the segments that these make, all handed over before the first is sent.
  std::vector<std::size_t> segments_of(const std::vector<std::size_t>& blocks) {
    const ListenerId listener = listen();
    wire::TcpOptions options{.present = wire::TcpOptions::kMss, .mss = 60000};
    arrives({.flags = Flag::syn, .seq = Seq(1), .options = options});
    const Seq ours = sent().at(0).header.seq;
    arrives({.flags = Flag::ack, .seq = Seq(2), .ack = ours + 1});
    (void)sent();
    const FlowId flow = host.accept(listener).value();
    for (const std::size_t octets : blocks) EXPECT_TRUE(host.send(flow, block(octets), now));
    std::vector<std::size_t> sizes;
    for (const Sent& segment : sent()) sizes.push_back(segment.payload);
    return sizes;
  }
};

class BlocksOfNoAccount : public Blocks {
 protected:
  BlocksOfNoAccount() : Blocks(false) {}
};

TEST_F(Blocks, LeaveInSegmentsOfTheirOwn) {
  EXPECT_EQ(segments_of({30000, 18000, 17000}), (std::vector<std::size_t>{30000, 18000, 17000}));
}

TEST_F(Blocks, OnesTooSmallForThatGoWithOthers) {
  EXPECT_EQ(segments_of({6000, 17000}), (std::vector<std::size_t>{23000}));
}

TEST_F(BlocksOfNoAccount, MakeWholeSegments) {
  EXPECT_EQ(segments_of({30000, 18000, 17000}), (std::vector<std::size_t>{60000, 5000}));
}

}  // namespace
}  // namespace lastack::host
