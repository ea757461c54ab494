#include "explore/explorer.hpp"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "explore/digest.hpp"

namespace lastack::explore {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

/// What is kept of each state: how it was reached, and where it goes by itself.
struct Node {
  std::uint32_t parent = kNone;
  std::uint32_t first_edge = 0;  ///< in Search::edges_
  std::uint16_t edges = 0;       ///< arrivals and timers that may come next; 0: only calls are left
  Action action{};
  bool quiet_for_user = false;  ///< somebody could read: going round is no livelock
};

/// A segment that arrives or a timer that fires, and the state that this leads to.
struct Edge {
  std::uint32_t to = kNone;
  Action action{};
};

class Search {
 public:
  Search(const Bounds& bounds, const OnProgress& progress) : bounds_(bounds), progress_(progress) {}

  Report run() {
    std::vector<std::pair<World, std::uint32_t>> stack;
    World first(bounds_);
    note_rows(first);
    const std::uint32_t root = find_or_add(first, kNone, {}).first;
    stack.emplace_back(std::move(first), root);
    report_.exhausted = true;
    while (!stack.empty() && report_.violations.empty()) {
      auto [world, index] = std::move(stack.back());
      stack.pop_back();
      expand(world, index, stack);
      if (progress_ && nodes_.size() >= next_report_) {
        next_report_ = nodes_.size() + 100'000;
        if (!progress_({nodes_.size(), stack.size(), 0})) {
          report_.exhausted = false;
          break;
        }
      }
    }
    report_.states = nodes_.size();
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
    const auto [at, added] =
        seen_.try_emplace(digest_of(octets_), static_cast<std::uint32_t>(nodes_.size()));
    if (added) {
      nodes_.push_back(
          {.parent = parent, .action = action, .quiet_for_user = world.waits_for_user()});
    }
    return {at->second, added};
  }

  void expand(const World& world, std::uint32_t index,
              std::vector<std::pair<World, std::uint32_t>>& stack) {
    nodes_[index].first_edge = static_cast<std::uint32_t>(edges_.size());
    for (const Action& action : world.actions()) {
      World next = world;
      next.act(action);
      ++report_.steps;
      note_rows(next);
      const auto [to, added] = find_or_add(next, index, action);
      if (by_itself(action.kind)) {
        edges_.push_back({to, action});
        ++nodes_[index].edges;
      }
      if (!next.violation().empty()) return violated(next.violation(), index, action);
      if (added) stack.emplace_back(std::move(next), to);
    }
    if (nodes_[index].edges > 0) return;
    const std::string wrong = world.wrong_when_quiet();
    if (!wrong.empty()) violated(wrong, index, {});
  }

  void violated(const std::string& what, std::uint32_t at, std::optional<Action> last) {
    Violation v{.what = what, .bounds = bounds_.name, .trace = {}};
    if (last) v.trace.push_back(to_string(*last));
    for (; nodes_[at].parent != kNone; at = nodes_[at].parent) {
      v.trace.push_back(to_string(nodes_[at].action));
    }
    std::ranges::reverse(v.trace);
    report_.violations.push_back(std::move(v));
  }

  /// From every state, whatever the order in which segments arrive and timers fire, it must come
  /// to an end: these steps never lead back to where one was. Only where somebody could read what
  /// lies there may it go round: a closed window is asked after for ever (§3.8.6.1).
  void check_ends() {
    enum : std::uint8_t { kNew, kOnTheWay, kEnds };
    std::vector<std::uint8_t> mark(nodes_.size(), kNew);
    std::vector<std::pair<std::uint32_t, std::uint16_t>> way;  // a state, edges of it gone along
    for (std::uint32_t start = 0; start < nodes_.size(); ++start) {
      if (mark[start] != kNew) continue;
      way.emplace_back(start, std::uint16_t{0});
      while (!way.empty()) {
        auto& [at, gone] = way.back();
        mark[at] = kOnTheWay;
        if (gone == nodes_[at].edges || nodes_[at].quiet_for_user) {
          mark[at] = kEnds;
          way.pop_back();
          continue;
        }
        const std::uint32_t to = edges_[nodes_[at].first_edge + gone++].to;
        if (mark[to] == kOnTheWay) return goes_round(to, way);
        if (mark[to] == kNew) way.emplace_back(to, std::uint16_t{0});
      }
    }
  }

  /// `way` leads back to `first`.
  void goes_round(std::uint32_t first,
                  const std::vector<std::pair<std::uint32_t, std::uint16_t>>& way) {
    violated("it can go on for ever without anybody calling", first, std::nullopt);
    auto& trace = report_.violations.back().trace;
    trace.emplace_back("and from here on round and round:");
    auto step = std::ranges::find(way, first, [](const auto& s) { return s.first; });
    for (; step != way.end(); ++step) {
      trace.push_back(to_string(edges_[nodes_[step->first].first_edge + step->second - 1U].action));
    }
  }

  const Bounds& bounds_;
  const OnProgress& progress_;
  Report report_;
  std::vector<Node> nodes_;
  std::vector<Edge> edges_;
  std::unordered_map<Digest, std::uint32_t, DigestHash> seen_;
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
  if (bounds.holders > 0) return explore_sockets(bounds, progress);
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

std::vector<Bounds> socket_bounds() {
  return {
      {.name = "three holders",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {0, 0},
       .holders = 3},
      {.name = "one holder, a call",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {1, 0},
       .holders = 1},
      {.name = "two holders, a call",
       .losses = 0,
       .duplicates = 0,
       .octets = {0, 0},
       .calls = {0, 1},
       .holders = 2},
  };
}

}  // namespace lastack::explore
