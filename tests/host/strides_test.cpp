#include "host/strides.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>

namespace lastack::host {
namespace {

Strides after(std::initializer_list<std::uint32_t> indices) {
  Strides strides;
  for (const std::uint32_t index : indices) strides.take(index);
  return strides;
}

TEST(Strides, TwoEqualStepsAreFollowedByAThird) {
  const Strides up = after({7, 8, 9});
  EXPECT_TRUE(up.steady());
  EXPECT_EQ(up.next(), 10U);
  EXPECT_EQ(up.next(4), 13U);
  const Strides down = after({100, 97, 94});
  EXPECT_TRUE(down.steady());
  EXPECT_EQ(down.next(2), 88U);
}

TEST(Strides, OneStepSaysNothing) {
  EXPECT_FALSE(Strides().steady());
  EXPECT_FALSE(after({7}).steady());
  EXPECT_FALSE(after({7, 8}).steady());
  EXPECT_FALSE(after({7, 8, 10}).steady());
}

TEST(Strides, WhoComesAgainIsNoStep) { EXPECT_FALSE(after({7, 7, 7}).steady()); }

TEST(Strides, BeginAnewWhereTheyAreBroken) {
  Strides strides = after({7, 8, 9, 20});
  EXPECT_FALSE(strides.steady());
  strides.take(21);
  EXPECT_FALSE(strides.steady());
  strides.take(22);
  EXPECT_TRUE(strides.steady());
}

}  // namespace
}  // namespace lastack::host
