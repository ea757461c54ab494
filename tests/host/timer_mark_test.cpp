#include "host/timer_mark.hpp"

#include <gtest/gtest.h>

namespace lastack::host {
namespace {

constexpr TimePoint kNow{1000s};

TEST(TimerMark, CoversWhatComesAfterTheTimer) {
  TimerMark mark;
  mark.set(kNow + 200ms, kNow);
  EXPECT_FALSE(mark.covers(kNow));
  EXPECT_FALSE(mark.covers(kNow + 199ms));
  EXPECT_TRUE(mark.covers(kNow + 202ms));
  EXPECT_TRUE(mark.covers(kNow + 24h));
}

/// It may be said not to be covered, and then the wheel is asked; never the other way round.
TEST(TimerMark, NeverCoversWhatComesBefore) {
  for (Duration at{0}; at < 5ms; at += 1us) {
    TimerMark mark;
    mark.set(kNow + at, kNow);
    EXPECT_FALSE(mark.covers(kNow + at - 1us)) << at.count();
    EXPECT_FALSE(mark.covers(kNow)) << at.count();
    EXPECT_TRUE(mark.covers(kNow + at + 2ms)) << at.count();
  }
}

TEST(TimerMark, KnowsNothingBeforeItIsSetAndAfterItForgets) {
  TimerMark mark;
  EXPECT_FALSE(mark.covers(kNow + 1h));
  mark.set(kNow + 1s, kNow);
  mark.forget();
  EXPECT_FALSE(mark.covers(kNow + 1h));
}

/// Marks come round: one that is far ahead could pass for one that is not.
TEST(TimerMark, KnowsNothingOfWhatIsFarAhead) {
  for (Duration ahead = 1h; ahead < 100 * 24h; ahead += 1h) {
    TimerMark mark;
    mark.set(kNow + ahead, kNow);
    EXPECT_FALSE(mark.covers(kNow + 1s)) << ahead.count();
  }
}

/// At any time that a host can have, so also where marks begin anew.
TEST(TimerMark, HoldsWhereMarksComeRound) {
  for (TimePoint now{0s}; now < TimePoint(100 * 24h); now += 1h) {
    TimerMark mark;
    mark.set(now + 1min, now);
    EXPECT_FALSE(mark.covers(now + 59s)) << now.time_since_epoch().count();
    EXPECT_TRUE(mark.covers(now + 2min)) << now.time_since_epoch().count();
  }
}

}  // namespace
}  // namespace lastack::host
