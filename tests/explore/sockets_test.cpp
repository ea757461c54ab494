// Open sockets with several holders, as far as a test has the time: whatever was called and lost,
// nothing is left once everybody has let go.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "explore/explorer.hpp"

namespace lastack::explore {
namespace {

class ExploredSockets : public testing::TestWithParam<Bounds> {};

/// The search goes on from the state that it found last: it sees whole lives, not beginnings only.
TEST_P(ExploredSockets, LeaveNothing) {
  const Report report = explore_sockets(GetParam(), [](const Progress&) { return false; });
  EXPECT_GE(report.states, 10'000U);
  for (const Violation& violation : report.violations) {
    ADD_FAILURE() << violation.what;
    for (const std::string& action : violation.trace) std::puts(action.c_str());
  }
}

INSTANTIATE_TEST_SUITE_P(Bounds, ExploredSockets, testing::ValuesIn(socket_bounds()),
                         [](const auto& one) { return "Set" + std::to_string(one.index); });

}  // namespace
}  // namespace lastack::explore
