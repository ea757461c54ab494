// How often a peer can make us answer (RFC 5961 §7): so many challenge ACKs a second for each
// connection, and never an endless exchange of ACKs.
#include <gtest/gtest.h>

#include "tcp/matrix_events.hpp"
#include "tcp/world.hpp"

namespace lastack_test {
namespace {

int answers(World& world, const Segment& segment, int times) {
  int count = 0;
  for (int i = 0; i < times; ++i) count += static_cast<int>(world.arrives(segment).sent.size());
  return count;
}

World in_state(const std::string& state, Holder holder) {
  World world(Family::v4);
  Builder(world, "").reach(state, holder);
  world.now = TimePoint(1000s);  // the beginning of a second
  return world;
}

TEST(Challenge, TenASecondForASynInTheWindow) {
  World world = in_state("ESTABLISHED", Holder::connection);
  const Segment syn = *segment_of(world, "ESTABLISHED", "SYN");
  EXPECT_EQ(answers(world, syn, 100), 10);
  world.now += 1s - Duration(1);
  EXPECT_EQ(answers(world, syn, 100), 0) << "the same second";
  world.now += Duration(1);
  EXPECT_EQ(answers(world, syn, 100), 10) << "the next one";
}

TEST(Challenge, OneBudgetForAllThatAsksForNoAnswer) {
  World world = in_state("ESTABLISHED", Holder::connection);
  int all = 0;
  for (const char* event : {"SYN", "RST in window", "ACK not yet sent", "ACK too old"}) {
    all += answers(world, *segment_of(world, "ESTABLISHED", event), 5);
  }
  EXPECT_EQ(all, 10);
}

TEST(Challenge, RecordsHaveTheSameLimit) {
  World syn_rcvd = in_state("SYN_RCVD/passive", Holder::record);
  EXPECT_EQ(answers(syn_rcvd, *segment_of(syn_rcvd, "SYN_RCVD/passive", "RST in window"), 50), 10);
  World wait = in_state("TIME_WAIT", Holder::record);
  EXPECT_EQ(answers(wait, *segment_of(wait, "TIME_WAIT", "ACK not yet sent"), 50), 10);
}

/// Two ends whose numbers disagree answer each other's ACKs: the budget ends that.
TEST(Challenge, AnEmptySegmentOutsideTheWindowIsAnsweredWithinTheBudgetOnly) {
  for (const Holder holder : {Holder::connection, Holder::record}) {
    World world = in_state("TIME_WAIT", holder);
    Segment stray = *segment_of(world, "TIME_WAIT", "ACK of nothing new");
    stray.seq = stray.seq - 500;
    EXPECT_EQ(answers(world, stray, 50), 10);
  }
}

/// What occupies sequence space is always answered: the sender waits for that ACK.
TEST(Challenge, DataOutsideTheWindowIsAlwaysAnswered) {
  World world = in_state("ESTABLISHED", Holder::connection);
  EXPECT_EQ(answers(world, *segment_of(world, "ESTABLISHED", "old duplicate"), 50), 50);
}

/// Only the FIN that was received restarts 2 MSL; an older segment with a FIN bit does not.
TEST(Challenge, AFinInAnotherPlaceDoesNotProlongTimeWait) {
  for (const Holder holder : {Holder::connection, Holder::record}) {
    World world(Family::v4);
    Builder(world, "").reach("TIME_WAIT", holder);
    const TimePoint over = world.deadline();
    Segment fin = *segment_of(world, "TIME_WAIT", "FIN");
    fin.seq = fin.seq - 10;
    world.arrives(fin);
    EXPECT_EQ(world.deadline(), over);
  }
}

/// RFC 5961 §4 asks for a challenge ACK wherever a SYN stands, and §7 for a limit.
TEST(Challenge, ASynOutsideTheWindowIsAnsweredWithinTheBudgetOnly) {
  for (const auto& [state, holder] :
       {std::pair("ESTABLISHED", Holder::connection), std::pair("TIME_WAIT", Holder::connection),
        std::pair("TIME_WAIT", Holder::record), std::pair("SYN_RCVD/passive", Holder::record)}) {
    World world = in_state(state, holder);
    Segment syn = *segment_of(world, state, "SYN old");
    EXPECT_EQ(answers(world, syn, 50), 10) << state;
    syn.payload = 100;  // octets with a SYN are no excuse
    EXPECT_EQ(answers(world, syn, 50), 0) << state;
    EXPECT_EQ(tcp::to_string(world.state()),
              std::string(state).substr(0, 8) == "SYN_RCVD" ? "SYN_RCVD" : state);
  }
}

}  // namespace
}  // namespace lastack_test
