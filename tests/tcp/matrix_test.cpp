// Runs every cell of matrix.tsv, over IPv4 and IPv6, and where a state has both, on the connection
// and on the small record that stands for it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string>

#include "tcp/matrix_cells.hpp"
#include "tcp/matrix_checks.hpp"
#include "tcp/matrix_events.hpp"

namespace lastack_test {
namespace {

struct Case {
  Cell cell;
  Family family;
  Holder holder;
};

bool about_segments_or_time(const std::string& event) {
  static const std::string kCalls[]{"active open", "passive open", "send", "receive", "ICMP hard"};
  return event != "abort" && !event.starts_with("shutdown") && !event.starts_with("close") &&
         std::ranges::find(kCalls, event) == std::end(kCalls);
}

void PrintTo(const Case& c, std::ostream* out) { *out << c.cell.state << " x " << c.cell.event; }

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& cell : read_matrix()) {
    const bool passive = cell.state == "SYN_RCVD/passive";
    for (const Family family : {Family::v4, Family::v6}) {
      all.push_back({cell, family, passive ? Holder::record : Holder::connection});
      const bool both = passive || cell.state == "TIME_WAIT";
      if (both && about_segments_or_time(cell.event)) {
        all.push_back({cell, family, passive ? Holder::connection : Holder::record});
      }
    }
  }
  return all;
}

std::string title(const testing::TestParamInfo<Case>& info) {
  const auto& [cell, family, holder] = info.param;
  std::string text = cell.state + "_" + cell.event + (family == Family::v4 ? "_v4" : "_v6");
  if (holder == Holder::record) text += "_record";
  for (const auto [from, to] : {std::pair("+", "_and_"), std::pair("2MSL", "two_MSL")}) {
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from)) {
      text.replace(at, std::string(from).size(), to);
    }
  }
  std::ranges::replace_if(text, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return text;
}

class Matrix : public testing::TestWithParam<Case> {};

/// Time runs on, nobody answers: what the timer would have done must not happen.
void never_happens(World& world, const Cell& cell) {
  for (int i = 0; i < 200 && world.deadline() != kNever; ++i) {
    const Outcome out = world.expire();
    EXPECT_FALSE(is_doing_of(cell.event, out)) << "it was armed";
  }
}

Outcome run(World& world, const Cell& cell, const std::optional<Segment>& segment) {
  if (segment) return world.arrives(*segment);
  Outcome out = call_of(world, cell.event);
  if (cell.event != "timer keepalive unanswered" && cell.event != "timer user timeout") return out;
  for (int i = 0; i < 50 && world.deadline() != kNever; ++i) out = world.expire();
  return out;
}

TEST_P(Matrix, Cell) {
  const auto& [cell, family, holder] = GetParam();
  World world(family, settings_for(cell.event));
  Builder(world, cell.event).reach(cell.state, holder);
  const std::size_t reached = world.steps.size();
  const World before = world;
  ASSERT_EQ(tcp::to_string(world.state()), cell.base()) << story(world, reached);

  if (cell.effect == "no user" || cell.effect == "no door") {
    EXPECT_FALSE(has_user_door(world, cell.event)) << story(world, reached);
    return;
  }
  if (cell.effect == "not armed") {
    never_happens(world, cell);
    EXPECT_FALSE(testing::Test::HasFailure()) << story(world, reached);
    return;
  }
  const auto segment = segment_of(world, cell.state, cell.event);
  const Outcome out = run(world, cell, segment);

  EXPECT_EQ(tcp::to_string(world.state()), cell.next);
  EXPECT_EQ(check_rows(before.state(), out, world.state()), "");
  EXPECT_EQ(check_reply(cell.reply, world, before, out, segment), "");
  EXPECT_EQ(check_effect(cell.effect, world, before, out), "");
  if (testing::Test::HasFailure()) {
    ADD_FAILURE() << "matrix.tsv:" << cell.line << ": " << cell.state << " x " << cell.event
                  << "\n  expected " << cell.next << ", reply " << cell.reply << ", " << cell.effect
                  << " (" << cell.section << ")" << story(world, reached);
  }
}

/// What the cells bring about, taken together, is the whole table: no row is without its cell. The
/// linux profile's row has its own test (linux_profile_test.cpp).
TEST(MatrixRows, EveryRowIsTakenBySomeCell) {
  std::set<std::string> taken;
  const auto note = [&](std::string_view from, std::string_view event) {
    taken.insert(std::string(from) + " " + std::string(event));
  };
  for (const auto& [cell, family, holder] : cases()) {
    World world(family, settings_for(cell.event));
    Builder(world, cell.event).reach(cell.state, holder);
    const bool runs = cell.effect != "no user" && cell.effect != "no door";
    if (!runs || cell.effect == "not armed") continue;
    const Outcome out = run(world, cell, segment_of(world, cell.state, cell.event));
    for (const auto& row : out.fx.transitions())
      note(tcp::to_string(row.from), to_string(row.event));
  }
  for (const auto& row : rfc9293::kTransitions) {
    const bool expected = row.reach == rfc9293::Reach::always;
    EXPECT_EQ(taken.contains(std::string(name(row.from)) + " " + std::string(row.event)), expected)
        << name(row.from) << " --" << row.event << "--> " << name(row.to);
  }
}

INSTANTIATE_TEST_SUITE_P(Every, Matrix, testing::ValuesIn(cases()), title);

}  // namespace
}  // namespace lastack_test
