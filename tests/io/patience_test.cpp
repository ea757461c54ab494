// When it is worth while to ask again and again before one sleeps.
#include "io/patience.hpp"

#include <gtest/gtest.h>

namespace lastack::io {
namespace {

/// How often it is tried in so many sleeps, where a try always brings the same.
unsigned tries(Patience& patience, unsigned sleeps, bool found) {
  unsigned tried = 0;
  for (unsigned i = 0; i < sleeps; ++i) {
    if (patience.before_sleep() == Duration(0)) continue;
    patience.tried(found);
    ++tried;
  }
  return tried;
}

TEST(PatienceTest, IsKeptAsLongAsItPays) {
  Patience patience;
  EXPECT_EQ(tries(patience, 1000, true), 1000U);
}

TEST(PatienceTest, IsLostWhereItDoesNot) {
  Patience patience;
  EXPECT_LE(tries(patience, 6400, false), 6400 / Patience::kMostPasses + 6);
  EXPECT_GE(tries(patience, 6400, false), 6400 / (Patience::kMostPasses + 1));
}

TEST(PatienceTest, ComesBackWithTheFirstTryThatPays) {
  Patience patience;
  tries(patience, 1000, false);
  while (patience.before_sleep() == Duration(0)) {
  }
  patience.tried(true);
  EXPECT_EQ(tries(patience, 100, true), 100U);
}

}  // namespace
}  // namespace lastack::io
