// What the views of the state table say beside it is true: a segment said to be sent is sent.
#include "insight/state_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "insight/ladder.hpp"
#include "tcp/matrix_cells.hpp"
#include "tcp/matrix_events.hpp"

namespace lastack_test {
namespace {

using insight::Language;
using tcp::Event;
using tcp::kTable;
using tcp::Row;

/// "SYN,ACK"; of FIN,ACK "FIN" only, since every segment of an open connection carries ACK.
std::string flags_text(const Outcome& out) {
  if (out.fx.reset.wanted) return "RST";
  if (out.sent.empty()) return "";
  const Flags flags = out.sent.front().header.flags;
  if (flags.has(Flag::rst)) return "RST";
  if (flags.has(Flag::fin)) return "FIN";
  if (flags.has(Flag::syn)) return flags.has(Flag::ack) ? "SYN,ACK" : "SYN";
  return "ACK";
}

/// "FROM event" of each row that some cell of matrix.tsv takes alone, with what it made us send.
std::map<std::string, std::set<std::string>> what_cells_send() {
  std::map<std::string, std::set<std::string>> sent;
  for (const Cell& cell : read_matrix()) {
    if (cell.effect == "no user" || cell.effect == "no door" || cell.effect == "not armed")
      continue;
    World world(Family::v4, settings_for(cell.event));
    Builder(world, cell.event)
        .reach(cell.state, cell.state == "SYN_RCVD/passive" ? Holder::record : Holder::connection);
    const auto segment = segment_of(world, cell.state, cell.event);
    Outcome out = segment ? world.arrives(*segment) : call_of(world, cell.event);
    for (int i = 0; i < 50 && !segment && out.fx.transitions().empty(); ++i) {
      if (world.deadline() == kNever || !cell.event.starts_with("timer")) break;
      out = world.expire();
    }
    if (out.fx.transitions().size() != 1) continue;
    const auto& taken = out.fx.transitions()[0];
    sent[std::string(to_string(taken.from)) + " " + std::string(to_string(taken.event))].insert(
        flags_text(out));
  }
  return sent;
}

/// What cells may be seen to send where a row says `sends`.
std::set<std::string> allowed(const Row& row) {
  const std::string sends(insight::sends(row));
  if (sends == "(RST)") return {"", "RST"};
  // The ACK of our SYN can come with a SYN of its own, which is acknowledged (simultaneous open).
  if (row.event == Event::acks_syn) return {"", "ACK"};
  return {sends};
}

TEST(StateTable, WhatIsSaidToBeSentIsSent) {
  const auto sent = what_cells_send();
  for (const Row& row : kTable) {
    const std::string name =
        std::string(to_string(row.from)) + " " + std::string(to_string(row.event));
    const auto found = sent.find(name);
    // On paper only; and the linux profile's, which the matrix does not run.
    const bool seen = row.by_posix && row.event != Event::rst_time_wait;
    ASSERT_EQ(found != sent.end(), seen) << name;
    if (seen) EXPECT_EQ(found->second, allowed(row)) << name;
  }
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

TEST(StateTable, HasAMeaningForEachNameInBothLanguages) {
  const auto chinese = [](std::string_view text) {
    return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0xe4; });
  };
  std::set<std::string_view> different;
  const auto check = [&](const insight::Text& text) {
    EXPECT_FALSE(text.en.empty());
    EXPECT_FALSE(chinese(text.en)) << text.en;
    EXPECT_TRUE(chinese(text.zh) || text.zh == text.en) << text.zh;  // "listen()" is both
    EXPECT_TRUE(different.insert(text.en).second) << text.en;
  };
  for (std::size_t i = 0; i < tcp::kStateCount; ++i) check(insight::meaning(static_cast<State>(i)));
  for (std::size_t i = 0; i < tcp::kEventCount; ++i) check(insight::meaning(static_cast<Event>(i)));
}

TEST(StateTable, AsTextHasALineForEachRowAndFitsEightyColumns) {
  for (const Language language : {Language::english, Language::chinese}) {
    const auto lines = lines_of(insight::as_text(insight::rows({}), language));
    for (const std::string& line : lines) EXPECT_LE(insight::columns(line), 80U) << line;
    for (const Row& row : kTable) {
      const auto is_row = [&](const std::string& line) {
        return line.starts_with("  " + std::string(to_string(row.event)) + " ") &&
               line.find(" " + std::string(to_string(row.to))) != std::string::npos &&
               line.find(row.section) != std::string::npos;
      };
      EXPECT_TRUE(std::ranges::any_of(lines, is_row)) << to_string(row.from);
    }
  }
}

TEST(StateTable, AFilterLeavesWhatLeadsFromOrToAState) {
  const auto from = insight::rows({.from = State::closing});
  ASSERT_EQ(from.size(), 4U);
  EXPECT_TRUE(std::ranges::all_of(from, [](const Row& r) { return r.from == State::closing; }));
  const auto to = insight::rows({.to = State::time_wait});
  ASSERT_EQ(to.size(), 2U);
  EXPECT_EQ(to[0].from, State::fin_wait_2);
  EXPECT_EQ(to[1].from, State::closing);
  EXPECT_TRUE(insight::rows({.from = State::listen, .to = State::time_wait}).empty());
}

TEST(StateTable, AsGraphsEachPairOfStatesHasOneArrow) {
  std::set<std::pair<State, State>> pairs;
  for (const Row& row : kTable) pairs.insert({row.from, row.to});
  const auto mermaid = lines_of(insight::as_mermaid(insight::rows({})));
  EXPECT_EQ(mermaid.size(), pairs.size() + 1);
  EXPECT_EQ(mermaid[0], "stateDiagram-v2");
  EXPECT_EQ(std::ranges::count(mermaid, "    FIN_WAIT_2 --> TIME_WAIT: fin / ACK"), 1);
  const auto dot = lines_of(insight::as_dot(insight::rows({})));
  EXPECT_EQ(std::ranges::count(dot, "  FIN_WAIT_2 -> TIME_WAIT [label=\"fin / ACK\"];"), 1);
}

/// A picture of one row has its event at an arrow or in the list, and one of none has neither.
TEST(StateTable, TheDiagramShowsEveryRow) {
  const std::string nothing = insight::as_svg({});
  for (const Row& row : kTable) {
    const std::string event = ">" + std::string(to_string(row.event));
    EXPECT_NE(insight::as_svg({row}).find(event), std::string::npos)
        << to_string(row.from) << " " << to_string(row.event);
    EXPECT_EQ(nothing.find(event), std::string::npos);
  }
}

}  // namespace
}  // namespace lastack_test
