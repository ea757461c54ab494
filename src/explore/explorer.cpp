#include "explore/explorer.hpp"

#include <optional>
#include <utility>

#include "explore/graph.hpp"

namespace lastack::explore {
namespace {

class Search {
 public:
  Search(const Bounds& bounds, const OnProgress& progress) : bounds_(bounds), progress_(progress) {}

  Report run() {
    std::vector<std::pair<World, std::uint32_t>> stack;
    World first(bounds_);
    note_rows(first);
    const std::uint32_t root = find_or_add(first, graph_.kNone, {}).first;
    stack.emplace_back(std::move(first), root);
    report_.exhausted = true;
    while (!stack.empty() && report_.violations.empty()) {
      auto [world, index] = std::move(stack.back());
      stack.pop_back();
      expand(world, index, stack);
      if (progress_ && graph_.size() >= next_report_) {
        next_report_ = graph_.size() + 100'000;
        if (!progress_({graph_.size(), stack.size(), 0})) {
          report_.exhausted = false;
          break;
        }
      }
    }
    report_.states = graph_.size();
    if (report_.violations.empty() && report_.exhausted) check_ends();
    return std::move(report_);
  }

 private:
  void note_rows(const World& world) {
    for (const std::uint8_t row : world.rows()) report_.rows[row] = true;
  }

  std::pair<std::uint32_t, bool> find_or_add(const World& world, std::uint32_t parent,
                                             Action action) {
    world.canonical(octets_);
    return graph_.find_or_add(octets_, parent, action, world.waits_for_user());
  }

  void expand(const World& world, std::uint32_t index,
              std::vector<std::pair<World, std::uint32_t>>& stack) {
    graph_.begin_edges(index);
    for (const Action& action : world.actions()) {
      World next = world;
      next.act(action);
      ++report_.steps;
      note_rows(next);
      const auto [to, added] = find_or_add(next, index, action);
      if (by_itself(action.kind)) graph_.add_edge(index, to, action);
      if (!next.violation().empty()) return violated(next.violation(), index, action);
      if (added) stack.emplace_back(std::move(next), to);
    }
    if (!graph_.is_quiet(index)) return;
    const std::string wrong = world.wrong_when_quiet();
    if (!wrong.empty()) violated(wrong, index, {});
  }

  void violated(const std::string& what, std::uint32_t at, std::optional<Action> last) {
    Violation v{.what = what, .bounds = bounds_.name, .trace = {}};
    for (const Action& action : graph_.way_to(at)) v.trace.push_back(to_string(action));
    if (last) v.trace.push_back(to_string(*last));
    report_.violations.push_back(std::move(v));
  }

  void check_ends() {
    const auto round = graph_.round();
    if (!round) return;
    violated("it can go on for ever without anybody calling", round->first, std::nullopt);
    auto& trace = report_.violations.back().trace;
    trace.emplace_back("and from here on round and round:");
    for (const Action& action : round->steps) trace.push_back(to_string(action));
  }

  const Bounds& bounds_;
  const OnProgress& progress_;
  Report report_;
  Graph<Action> graph_;
  std::vector<std::uint8_t> octets_;
  std::size_t next_report_ = 100'000;
};

}  // namespace

void Report::add(const Report& other) {
  states += other.states;
  steps += other.steps;
  exhausted = exhausted && other.exhausted;
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = rows[i] || other.rows[i];
  violations.insert(violations.end(), other.violations.begin(), other.violations.end());
}

Report explore(const Bounds& bounds, const OnProgress& progress) {
  if (bounds.holders[0] > 0) return explore_sockets(bounds, progress);
  return Search(bounds, progress).run();
}

namespace {

/// One end connects, the other listens.
std::vector<Bounds> client_and_server() {
  // Each set is a few hundred thousand to a few million states. What one leaves out (losses,
  // octets, calls) another has: all of it at once would be beyond any machine.
  return {
      {.name = "octets", .losses = 0, .duplicates = 0, .octets = {1, 0}, .calls = {1, 1}},
      {.name = "calls", .losses = 0, .duplicates = 0, .octets = {0, 0}, .calls = {2, 2}},
      {.name = "calls with octets unread",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 1},
       .calls = {2, 0}},
      {.name = "a loss", .losses = 1, .duplicates = 0, .octets = {0, 0}, .calls = {1, 1}},
      {.name = "two losses", .losses = 2, .duplicates = 0, .octets = {0, 0}, .calls = {1, 1}},
      {.name = "a duplicate", .losses = 0, .duplicates = 1, .octets = {0, 0}, .calls = {1, 1}},
      {.name = "three in flight",
       .in_flight = 3,
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {1, 1}},
      {.name = "a client that comes again",
       .losses = 0,
       .duplicates = 0,
       .opens = {2, 0},
       .octets = {0, 0},
       .calls = {2, 1}},
      {.name = "a server that comes again",
       .losses = 0,
       .duplicates = 0,
       .opens = {1, 1},
       .listens = {true, true},
       .octets = {0, 0},
       .calls = {2, 2}},
      {.name = "keepalive",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {1, 1},
       .keepalive = true},
      {.name = "a client that comes again, timestamps",
       .losses = 0,
       .duplicates = 0,
       .opens = {2, 0},
       .octets = {0, 0},
       .calls = {2, 1},
       .options = true},
      {.name = "Linux profile",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 1},
       .calls = {1, 1},
       .linux_profile = true},
  };
}

/// One end connects, the other listens; what arrives is out of order, or hardly fits.
std::vector<Bounds> order_and_windows() {
  return {
      {.name = "octets out of order",
       .in_flight = 3,
       .losses = 0,
       .duplicates = 0,
       .octets = {2, 0},
       .calls = {1, 0},
       .nagle = false},
      {.name = "octets out of order, timestamps and SACK",
       .in_flight = 3,
       .losses = 0,
       .duplicates = 0,
       .octets = {2, 0},
       .calls = {1, 0},
       .nagle = false,
       .options = true},
      {.name = "a window of one octet",
       .losses = 0,
       .duplicates = 0,
       .octets = {2, 0},
       .calls = {1, 0},
       .window = 1},
      {.name = "a window of one octet, a loss",
       .losses = 1,
       .duplicates = 0,
       .octets = {2, 0},
       .calls = {1, 0},
       .window = 1},
  };
}

/// Nobody listens.
std::vector<Bounds> both_open() {
  constexpr std::array<bool, 2> kNobody{false, false};
  return {
      {.name = "simultaneous open",
       .losses = 0,
       .duplicates = 0,
       .opens = {1, 1},
       .listens = kNobody,
       .octets = {1, 0},
       .calls = {1, 1}},
      {.name = "simultaneous open, a loss",
       .losses = 1,
       .duplicates = 0,
       .opens = {1, 1},
       .listens = kNobody,
       .octets = {0, 0},
       .calls = {1, 1}},
      {.name = "simultaneous open, ICMP errors",
       .losses = 0,
       .duplicates = 0,
       .opens = {1, 1},
       .listens = kNobody,
       .octets = {0, 0},
       .calls = {1, 0},
       .icmp = true},
      {.name = "self-connect",
       .losses = 1,
       .duplicates = 0,
       .opens = {1, 0},
       .listens = kNobody,
       .octets = {1, 0},
       .calls = {2, 0},
       .self_connect = true},
  };
}

}  // namespace

/// What one set leaves out (losses, octets, calls) another has: all of it at once would be beyond
/// any machine.
std::vector<Bounds> standard_bounds() {
  auto all = client_and_server();
  for (const auto& more : {order_and_windows(), both_open()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace lastack::explore
