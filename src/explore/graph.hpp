// What a search keeps of the states it has found: how each was reached, and where it goes by
// itself.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "explore/digest.hpp"

namespace lastack::explore {

/// States by number, in the order in which they were found. `Action` is what may happen.
template <typename Action>
class Graph {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  /// The state that has this canonical form, and whether it is new. `parent` and `action` say how
  /// it was reached; `waits` that somebody could act, so that going round is no livelock.
  std::pair<std::uint32_t, bool> find_or_add(const std::vector<std::uint8_t>& form,
                                             std::uint32_t parent, Action action, bool waits) {
    const auto [at, added] =
        seen_.try_emplace(digest_of(form), static_cast<std::uint32_t>(nodes_.size()));
    if (added) nodes_.push_back({.parent = parent, .action = action, .waits = waits});
    return {at->second, added};
  }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

  /// What may happen by itself in state `at` is added next, all of it.
  void begin_edges(std::uint32_t at) {
    nodes_[at].first_edge = static_cast<std::uint32_t>(edges_.size());
  }
  void add_edge(std::uint32_t at, std::uint32_t to, Action action) {
    edges_.push_back({to, action});
    ++nodes_[at].edges;
  }
  /// Only calls are left.
  [[nodiscard]] bool is_quiet(std::uint32_t at) const { return nodes_[at].edges == 0; }

  /// The actions that led from the first state to `at`.
  [[nodiscard]] std::vector<Action> way_to(std::uint32_t at) const {
    std::vector<Action> way;
    for (; nodes_[at].parent != kNone; at = nodes_[at].parent) way.push_back(nodes_[at].action);
    std::ranges::reverse(way);
    return way;
  }

  /// A way along which it goes round by itself: from `first` back to it.
  struct Round {
    std::uint32_t first = 0;
    std::vector<Action> steps;
  };
  /// From every state, whatever the order in which segments arrive and timers fire, it must come
  /// to an end: these steps never lead back to where one was. Only where somebody could read what
  /// lies there may it go round: a closed window is asked after for ever (§3.8.6.1).
  [[nodiscard]] std::optional<Round> round() const {
    enum : std::uint8_t { kNew, kOnTheWay, kEnds };
    std::vector<std::uint8_t> mark(nodes_.size(), kNew);
    Way way;
    for (std::uint32_t start = 0; start < nodes_.size(); ++start) {
      if (mark[start] != kNew) continue;
      way.emplace_back(start, std::uint16_t{0});
      while (!way.empty()) {
        auto& [at, gone] = way.back();
        mark[at] = kOnTheWay;
        if (gone == nodes_[at].edges || nodes_[at].waits) {
          mark[at] = kEnds;
          way.pop_back();
          continue;
        }
        const std::uint32_t to = edges_[nodes_[at].first_edge + gone++].to;
        if (mark[to] == kOnTheWay) return round_of(to, way);
        if (mark[to] == kNew) way.emplace_back(to, std::uint16_t{0});
      }
    }
    return std::nullopt;
  }

 private:
  struct Node {
    std::uint32_t parent = kNone;
    std::uint32_t first_edge = 0;  ///< in edges_
    std::uint16_t edges = 0;
    Action action{};
    bool waits = false;
  };
  /// A segment that arrives or a timer that fires, and the state that this leads to.
  struct Edge {
    std::uint32_t to = kNone;
    Action action{};
  };
  using Way = std::vector<std::pair<std::uint32_t, std::uint16_t>>;  // a state, edges gone along

  [[nodiscard]] Round round_of(std::uint32_t first, const Way& way) const {
    Round round{first, {}};
    auto step = std::ranges::find(way, first, [](const auto& s) { return s.first; });
    for (; step != way.end(); ++step) {
      round.steps.push_back(edges_[nodes_[step->first].first_edge + step->second - 1U].action);
    }
    return round;
  }

  std::vector<Node> nodes_;
  std::vector<Edge> edges_;
  std::unordered_map<Digest, std::uint32_t, DigestHash> seen_;
};

}  // namespace lastack::explore
