#include "tcp/table.hpp"

namespace lastack::tcp {
namespace {

constexpr std::array<std::string_view, kEventCount> kNames{
    "passive_open", "active_open", "close",          "abort",          "syn",
    "syn_ack",      "syn_passive", "acks_syn",       "acks_fin",       "fin",
    "rst",          "rst_passive", "rst_time_wait",  "reuse",          "icmp_hard",
    "gave_up",      "orphan_data", "orphan_timeout", "time_wait_over",
};

constexpr bool no_row_twice() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    for (std::size_t j = i + 1; j < kTable.size(); ++j) {
      if (kTable[i].from == kTable[j].from && kTable[i].event == kTable[j].event) return false;
    }
  }
  return true;
}

/// The states from which `target` can be reached, found by walking the rows backwards.
constexpr std::array<bool, kStateCount> reaching(State target) {
  std::array<bool, kStateCount> can{};
  can[static_cast<std::size_t>(target)] = true;
  for (std::size_t round = 0; round < kStateCount; ++round) {
    for (const Row& row : kTable) {
      if (can[static_cast<std::size_t>(row.to)]) can[static_cast<std::size_t>(row.from)] = true;
    }
  }
  return can;
}

constexpr bool each_state_reached_and_left() {
  for (std::size_t i = 0; i < kStateCount; ++i) {
    if (!reaching(static_cast<State>(i))[static_cast<std::size_t>(State::closed)]) return false;
    if (!reaching(State::closed)[i]) return false;
  }
  return true;
}

static_assert(no_row_twice());
static_assert(each_state_reached_and_left());

}  // namespace

std::string_view to_string(Event event) { return kNames[static_cast<std::size_t>(event)]; }

}  // namespace lastack::tcp
