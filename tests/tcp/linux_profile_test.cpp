// The four places where Linux differs from BSD and Stevens, each both ways (DESIGN section 3).
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
    settings.close_as_linux(on);
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

/// SO_LINGER's time is over, and the peer has not acknowledged all.
TEST_P(LinuxProfile, LingersTimeResets) {
  for (const char* state : {"ESTABLISHED", "FIN_WAIT_1", "CLOSE_WAIT", "CLOSING", "LAST_ACK"}) {
    World w = world(state);
    w.close(5s);
    const State after = w.state();
    EXPECT_TRUE(after == fin_wait_1 || after == closing || after == last_ack) << state;
    const Seq behind = w.snd_nxt();
    EXPECT_TRUE(w.connection().timer_expired(w.now + 5s - 1ms).transitions().empty()) << state;
    const auto fx = w.connection().timer_expired(w.now + 5s);
    EXPECT_EQ(fx.reset.wanted, !GetParam().linux_way) << state;
    EXPECT_EQ(w.state(), GetParam().linux_way ? after : closed) << state;
    if (GetParam().linux_way) continue;
    ASSERT_EQ(fx.transitions().size(), 1U) << state;
    EXPECT_EQ(fx.transitions()[0].event, Event::abort) << state;
    EXPECT_EQ(fx.reset.seq, behind) << state;
  }
}

/// Once all is acknowledged SO_LINGER has nothing to say: FIN_WAIT_2 and TIME_WAIT last as ever.
TEST_P(LinuxProfile, LingersTimeEndsWithTheAck) {
  for (const char* state : {"FIN_WAIT_1", "FIN_WAIT_2", "CLOSING", "TIME_WAIT"}) {
    World w = world(state);
    w.close(5s);
    w.arrives({.flags = Flag::ack, .seq = w.rcv_nxt(), .ack = w.snd_nxt()});
    const State after = w.state();
    EXPECT_TRUE(after == fin_wait_2 || after == time_wait) << state;
    EXPECT_TRUE(w.connection().timer_expired(w.now + 6s).transitions().empty()) << state;
    EXPECT_EQ(w.state(), after) << state;
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
