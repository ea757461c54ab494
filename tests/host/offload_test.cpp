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

}  // namespace
}  // namespace lastack::host
