// The three places where Linux differs from BSD and Stevens, each both ways (DESIGN section 3).
#include <gtest/gtest.h>

#include "tcp/matrix_events.hpp"
#include "tcp/world.hpp"

namespace lastack_test {
namespace {

using tcp::Event;
using enum tcp::State;

struct Profile {
  bool linux_way = false;
  Family family = Family::v4;
};

class LinuxProfile : public testing::TestWithParam<Profile> {
 protected:
  World world(const std::string& state, Holder holder = Holder::connection) const {
    const bool on = GetParam().linux_way;
    tcp::Settings settings;
    settings.rst_ends_time_wait = on;
    settings.shut_rd_keeps_buffered = on;
    settings.shut_rdwr_resets_new_data = on;
    World w(GetParam().family, settings);
    Builder(w, "").reach(state, holder);
    return w;
  }
  static Segment text(const World& w, std::uint32_t octets) {
    return {.flags = Flag::ack, .seq = w.rcv_nxt(), .ack = w.snd_una(), .payload = octets};
  }
};

INSTANTIATE_TEST_SUITE_P(Both, LinuxProfile,
                         testing::Values(Profile{false, Family::v4}, Profile{false, Family::v6},
                                         Profile{true, Family::v4}, Profile{true, Family::v6}),
                         [](const auto& info) {
                           return std::string(info.param.linux_way ? "linux" : "default") +
                                  (info.param.family == Family::v4 ? "_v4" : "_v6");
                         });

/// RFC 9293 §3.10.7.4 against RFC 1337 §3; the connection and the record agree.
TEST_P(LinuxProfile, ARstEndsTimeWait) {
  for (const Holder holder : {Holder::connection, Holder::record}) {
    World w = world("TIME_WAIT", holder);
    const Outcome out = w.arrives({.flags = Flag::rst, .seq = w.rcv_nxt(), .ack = {}});
    EXPECT_EQ(w.state(), GetParam().linux_way ? closed : time_wait);
    ASSERT_EQ(out.fx.transitions().size(), GetParam().linux_way ? 1u : 0u);
    if (GetParam().linux_way) {
      EXPECT_EQ(out.fx.transitions()[0].event, Event::rst_time_wait);
    }
  }
}

TEST_P(LinuxProfile, ShutRdLeavesWhatIsBufferedReadable) {
  World w = world("ESTABLISHED");
  w.arrives(text(w, 100));
  w.shut_read();
  EXPECT_EQ(w.connection().unread(), GetParam().linux_way ? 100u : 0u);
}

TEST_P(LinuxProfile, ShutRdGoesOnTakingWhatArrives) {
  World w = world("ESTABLISHED");
  w.shut_read();
  const Outcome out = w.arrives(text(w, 100));
  EXPECT_FALSE(out.fx.reset.wanted);
  EXPECT_EQ(w.state(), established);
  EXPECT_EQ(out.fx.accepted.size(), GetParam().linux_way ? 100 : 0);
  EXPECT_EQ(w.connection().unread(), GetParam().linux_way ? 100u : 0u);
}

TEST_P(LinuxProfile, NewDataAfterShutRdwrIsAnsweredWithRst) {
  for (const char* state : {"FIN_WAIT_1", "FIN_WAIT_2"}) {
    World w = world(state);
    w.shut_read();
    const State before = w.state();
    const Outcome out = w.arrives(text(w, 100));
    EXPECT_EQ(out.fx.reset.wanted, GetParam().linux_way) << state;
    EXPECT_EQ(w.state(), GetParam().linux_way ? closed : before) << state;
    if (GetParam().linux_way) {
      ASSERT_EQ(out.fx.transitions().size(), 1u);
      EXPECT_EQ(out.fx.transitions()[0].event, Event::orphan_data);
    }
  }
}

TEST_P(LinuxProfile, AnOldDuplicateAfterShutRdwrIsNoNewData) {
  World w = world("FIN_WAIT_2");
  w.shut_read();
  Segment old = text(w, 100);
  old.seq = old.seq - 100;
  const Outcome out = w.arrives(old);
  EXPECT_FALSE(out.fx.reset.wanted);
  EXPECT_EQ(w.state(), fin_wait_2);
  EXPECT_EQ(out.sent.size(), 1u);
}

}  // namespace
}  // namespace lastack_test
