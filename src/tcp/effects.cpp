#include "tcp/effects.hpp"
#include "tcp/mutant.hpp"

#include <cassert>

namespace lastack::tcp {

std::string_view to_string(Drop drop) {
  static constexpr std::array<std::string_view, kDropCount> kNames{
      "none",
      "no_connection",
      "paws",
      "no_timestamp",
      "old_duplicate",
      "outside_window",
      "rst_outside_window",
      "rst_not_exact",
      "rst_in_time_wait",
      "rst_without_ack",
      "syn_in_window",
      "no_ack",
      "ack_unsent",
      "ack_too_old",
      "not_syn",
      "after_fin",
      "reassembly_full",
      "discarded",
      "unreadable",
      "icmp_out_of_window",
  };
  return kNames[static_cast<std::size_t>(drop)];
}

State take(State from, Event event, Effects& fx) {
  auto to = next(from, event);
  if (row_missing(from, event)) to.reset();
  assert(to && "no such row in the state table");
  if (!to) {
    fx.untabled = true;
    return from;
  }
  assert(fx.taken_count < fx.taken.size());
  fx.taken[fx.taken_count++] = {from, event, *to};
  return *to;
}

}  // namespace lastack::tcp
