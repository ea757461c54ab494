// TIME_WAIT as a record: it keeps what its connection had chosen, and nobody ends it in vain.
#include "host/alone.hpp"

namespace lastack::host {
namespace {

class TimeWaitRecord : public Alone {
 protected:
  void fin_again(const Opened& c) {
    arrives({.flags = Flag::fin | Flag::ack,
             .seq = c.theirs + 1,
             .ack = c.ours + 2,
             .from = {kThem, 80},
             .to = c.local});
    (void)sent();
  }
};

TEST_F(TimeWaitRecord, AFinAgainRestartsTheConnectionsOwn2Msl) {
  tcp::Settings settings;
  settings.msl = 5s;
  const Opened c = connect();
  host.set_settings(c.flow, tcp::SettingsPtr(settings), now);
  host.orphan(c.flow, now);
  (void)sent();
  fin_again(c);
  EXPECT_EQ(states(), std::vector{State::time_wait});
  pass(9s);
  fin_again(c);
  pass(9s);
  EXPECT_EQ(states(), std::vector{State::time_wait});
  pass(1s + 1ms);
  EXPECT_EQ(host.flows(), 0U);
}

TEST_F(TimeWaitRecord, TheConnectionsOwnAnswerToARstCounts) {
  tcp::Settings settings;
  settings.rst_ends_time_wait = true;
  const Opened c = connect();
  host.set_settings(c.flow, tcp::SettingsPtr(settings), now);
  host.orphan(c.flow, now);
  (void)sent();
  fin_again(c);
  ASSERT_EQ(states(), std::vector{State::time_wait});
  arrives({.flags = Flag::rst, .seq = c.theirs + 2, .from = {kThem, 80}, .to = c.local});
  EXPECT_EQ(host.flows(), 0U);
}

/// What it owes the peer at its end is not sent any more, and the flow is nobody's at once.
TEST_F(TimeWaitRecord, IsOverInTimeWhileItsAckWaitsForTheLink) {
  const Opened c = connect_and_close();
  (void)sent();
  const Segment fin{.flags = Flag::fin | Flag::ack,
                    .seq = c.theirs + 1,
                    .ack = c.ours + 2,
                    .from = {kThem, 80},
                    .to = c.local};
  arrives(fin);
  now += 60s;
  host.advance(now);
  EXPECT_EQ(host.flows(), 0U);
  arrives(fin);
  const auto answers = sent();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].header.flags, Flag::rst);
}

/// A SYN takes over from TIME_WAIT for a listener. Where none would take it, it is answered as any
/// other that does not fit: else one forged SYN would end what RFC 1337 protects.
TEST_F(TimeWaitRecord, ASynThatNobodyListensForDoesNotEndIt) {
  const Opened c = connect_and_close();
  ASSERT_EQ(states(), std::vector{State::time_wait});
  arrives({.flags = Flag::syn, .seq = c.theirs + 1000, .from = {kThem, 80}, .to = c.local});
  EXPECT_EQ(states(), std::vector{State::time_wait});
  const auto answers = sent();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].header.flags, Flag::ack);
}

TEST_F(TimeWaitRecord, NorWhileSomebodyHoldsIt) {
  const Opened c = connect();
  ASSERT_TRUE(host.close(c.flow, now));
  (void)sent();
  fin_again(c);
  ASSERT_EQ(states(), std::vector{State::time_wait});
  arrives({.flags = Flag::syn, .seq = c.theirs + 1000, .from = {kThem, 80}, .to = c.local});
  EXPECT_EQ(states(), std::vector{State::time_wait});
  EXPECT_EQ(sent().size(), 1U);
}

}  // namespace
}  // namespace lastack::host
