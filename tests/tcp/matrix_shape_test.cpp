// The matrix itself, before anything runs it: no cell missing, none twice, and no cell that asks
// for a change of state which the hand-typed transition table does not have.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "tcp/matrix_cells.hpp"
#include "tcp/rfc9293_transitions.hpp"

namespace lastack_test {
namespace {

const std::vector<Cell>& matrix() {
  static const auto cells = read_matrix();
  return cells;
}

/// The states that `steps` rows lead to from `state`.
std::set<std::string> reachable(const std::string& state, int steps) {
  std::set<std::string> found{state};
  if (steps == 0) return found;
  for (const auto& row : rfc9293::kTransitions) {
    if (rfc9293::name(row.from) == state)
      found.merge(reachable(std::string(name(row.to)), steps - 1));
  }
  return found;
}

TEST(MatrixShape, EveryStateMeetsEveryEventOnce) {
  std::set<std::string> states;
  std::set<std::string> events;
  std::map<std::pair<std::string, std::string>, int> seen;
  for (const auto& cell : matrix()) {
    states.insert(cell.state);
    events.insert(cell.event);
    EXPECT_EQ(++seen[std::pair(cell.state, cell.event)], 1)
        << "line " << cell.line << " says it twice";
  }
  EXPECT_EQ(events.size(), 40u);
  EXPECT_EQ(states.size(), 14u);
  for (const auto& state : states) {
    for (const auto& event : events) {
      EXPECT_TRUE(seen.contains({state, event})) << state << " says nothing of " << event;
    }
  }
}

TEST(MatrixShape, EveryOneOfTheElevenStatesIsThere) {
  std::set<std::string> bases;
  for (const auto& cell : matrix()) bases.insert(cell.base());
  for (const auto name : rfc9293::kStateNames)
    EXPECT_TRUE(bases.contains(std::string(name))) << name;
  EXPECT_EQ(bases.size(), rfc9293::kStateNames.size());
}

TEST(MatrixShape, NoFieldIsEmpty) {
  for (const auto& cell : matrix()) {
    EXPECT_FALSE(cell.next.empty() || cell.reply.empty() || cell.effect.empty() ||
                 cell.section.empty())
        << "line " << cell.line;
  }
}

/// One segment is at most two changes of state: acks_syn or acks_fin, then fin or orphan_data.
TEST(MatrixShape, EveryChangeOfStateIsRowsOfTheTable) {
  for (const auto& cell : matrix()) {
    EXPECT_TRUE(reachable(cell.base(), 2).contains(cell.next))
        << "line " << cell.line << ": no rows lead from " << cell.state << " to " << cell.next;
  }
}

TEST(MatrixShape, IgnoredMeansTheSameState) {
  for (const auto& cell : matrix()) {
    if (cell.effect == "ignored" || cell.effect == "dupack" || cell.effect == "not armed") {
      EXPECT_EQ(cell.next, cell.base()) << "line " << cell.line;
    }
  }
}

}  // namespace
}  // namespace lastack_test
