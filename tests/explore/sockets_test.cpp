// Open sockets with several holders: all that can happen to them, in the bounds that are quick.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "explore/explorer.hpp"

namespace lastack::explore {
namespace {

TEST(ExploredSockets, LeaveNothing) {
  Bounds bounds = socket_bounds().front();
  bounds.holders = {2, 2};
  const Report report = explore_sockets(bounds);
  EXPECT_TRUE(report.exhausted);
  EXPECT_GE(report.states, 10'000U);
  for (const Violation& violation : report.violations) {
    ADD_FAILURE() << violation.what;
    for (const std::string& action : violation.trace) std::puts(action.c_str());
  }
}

}  // namespace
}  // namespace lastack::explore
