#include "ip/neighbour_state.hpp"

namespace lastack::ip {
namespace {

constexpr std::array<std::string_view, kNeighbourEventCount> kEvents{
    "wanted",  "answered",       "progress",   "told",    "contradicted",
    "doubted", "reachable_over", "delay_over", "gave_up", "forgotten"};

constexpr bool no_row_twice() {
  for (std::size_t i = 0; i < kNeighbourTable.size(); ++i) {
    for (std::size_t j = i + 1; j < kNeighbourTable.size(); ++j) {
      const NeighbourRow& a = kNeighbourTable[i];
      const NeighbourRow& b = kNeighbourTable[j];
      if (a.from == b.from && a.event == b.event) return false;
    }
  }
  return true;
}

/// Whether `target` can be reached from each state, found by walking the rows backwards.
constexpr bool all_reach(NeighbourState target) {
  std::array<bool, kNeighbourStateCount> can{};
  can[static_cast<std::size_t>(target)] = true;
  for (std::size_t round = 0; round < kNeighbourStateCount; ++round) {
    for (const NeighbourRow& row : kNeighbourTable) {
      if (can[static_cast<std::size_t>(row.to)]) can[static_cast<std::size_t>(row.from)] = true;
    }
  }
  for (const bool reached : can) {
    if (!reached) return false;
  }
  return true;
}

constexpr bool each_state_reached_from_each() {
  for (std::size_t i = 0; i < kNeighbourStateCount; ++i) {
    if (!all_reach(static_cast<NeighbourState>(i))) return false;
  }
  return true;
}

/// Nobody is kept for ever: the place of any neighbour can be had.
constexpr bool each_can_be_forgotten() {
  for (std::size_t i = 1; i < kNeighbourStateCount; ++i) {
    const auto state = static_cast<NeighbourState>(i);
    if (next(state, NeighbourEvent::forgotten) != NeighbourState::none) return false;
  }
  return true;
}

static_assert(no_row_twice());
static_assert(each_state_reached_from_each());
static_assert(each_can_be_forgotten());

}  // namespace

std::string_view to_string(NeighbourState state) {
  static constexpr std::array<std::string_view, kNeighbourStateCount> kStates{
      "NONE", "INCOMPLETE", "REACHABLE", "STALE", "DELAY", "PROBE"};
  return kStates[static_cast<std::size_t>(state)];
}

std::string_view to_string(NeighbourEvent event) {
  return kEvents[static_cast<std::size_t>(event)];
}

}  // namespace lastack::ip
