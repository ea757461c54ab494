// Text and a FIN that come with a SYN are left unacknowledged, so the peer sends them again (a
// departure from §3.10.7.2 and §3.10.7.3, which queue them).
#include <gtest/gtest.h>

#include "tcp/world.hpp"

namespace lastack_test {
namespace {

using enum tcp::State;

class SynText : public testing::TestWithParam<Family> {
 protected:
  World w{GetParam()};

  /// What the peer sends again, and for the first time where it can be taken.
  Outcome text_and_fin() {
    return w.arrives(
        {.flags = Flag::fin | Flag::ack, .seq = w.peer_iss + 1, .ack = w.iss + 1, .payload = 100});
  }
};
INSTANTIATE_TEST_SUITE_P(Both, SynText, testing::Values(Family::v4, Family::v6),
                         [](const auto& info) { return info.param == Family::v4 ? "v4" : "v6"; });

TEST_P(SynText, InSynSentIsTakenWhenItComesAgain) {
  w.connect();
  const Outcome syn = w.arrives({.flags = Flag::syn | Flag::ack | Flag::fin,
                                 .seq = w.peer_iss,
                                 .ack = w.iss + 1,
                                 .payload = 100});
  EXPECT_EQ(w.state(), established);
  EXPECT_TRUE(syn.fx.accepted.empty());
  ASSERT_EQ(syn.sent.size(), 1U);
  EXPECT_EQ(syn.sent[0].header.ack, w.peer_iss + 1);
  EXPECT_EQ(text_and_fin().fx.accepted.size(), 100);
  EXPECT_EQ(w.state(), close_wait);
}

TEST_P(SynText, InListenIsTakenWhenItComesAgain) {
  w.listen();
  const Outcome syn =
      w.arrives({.flags = Flag::syn | Flag::fin, .seq = w.peer_iss, .ack = {}, .payload = 100});
  ASSERT_TRUE(w.child);
  ASSERT_EQ(syn.sent.size(), 1U);
  EXPECT_EQ(syn.sent[0].header.ack, w.peer_iss + 1);
  w.become_child();
  EXPECT_EQ(w.state(), syn_rcvd);
  EXPECT_EQ(text_and_fin().fx.accepted.size(), 100);
  EXPECT_EQ(w.state(), close_wait);
}

}  // namespace
}  // namespace lastack_test
