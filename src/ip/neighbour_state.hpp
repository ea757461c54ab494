// What is known of a neighbour's link-layer address, as a table (RFC 4861 §7.3.2, appendix C).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace lastack::ip {

/// RFC 4861's states, for ARP as well; `none` is no entry at all.
enum class NeighbourState : std::uint8_t { none, incomplete, reachable, stale, delay, probe };
inline constexpr std::size_t kNeighbourStateCount = 6;

enum class NeighbourEvent : std::uint8_t {
  wanted,          ///< there is a packet for it
  answered,        ///< it answered what we asked: both directions work
  progress,        ///< the layer above got something through to it and back (§7.3.1)
  told,            ///< it named an address that we did not have, unasked
  contradicted,    ///< somebody answered for it with another address, and does not insist
  doubted,         ///< the layer above sends again what got no answer (RFC 1122 §3.3.1.4)
  reachable_over,  ///< long since it was last known to be there
  delay_over,      ///< the layer above had its time to say so
  gave_up,         ///< asked as often as one asks, no answer
  forgotten,       ///< its place was needed
};
inline constexpr std::size_t kNeighbourEventCount = 10;

struct NeighbourRow {
  NeighbourState from;
  NeighbourEvent event;
  NeighbourState to;
  std::string_view section;  ///< of RFC 4861
};

/// A pair that is not here changes nothing: a packet for a neighbour that is REACHABLE, say.
inline constexpr std::array kNeighbourTable{
    NeighbourRow{NeighbourState::none, NeighbourEvent::wanted, NeighbourState::incomplete, "7.2.2"},
    NeighbourRow{NeighbourState::none, NeighbourEvent::told, NeighbourState::stale, "7.2.3"},

    NeighbourRow{NeighbourState::incomplete, NeighbourEvent::answered, NeighbourState::reachable,
                 "7.2.5"},
    NeighbourRow{NeighbourState::incomplete, NeighbourEvent::told, NeighbourState::stale, "7.2.5"},
    NeighbourRow{NeighbourState::incomplete, NeighbourEvent::gave_up, NeighbourState::none,
                 "7.2.2"},
    NeighbourRow{NeighbourState::incomplete, NeighbourEvent::forgotten, NeighbourState::none,
                 "7.3.3"},

    NeighbourRow{NeighbourState::reachable, NeighbourEvent::answered, NeighbourState::reachable,
                 "7.2.5"},
    NeighbourRow{NeighbourState::reachable, NeighbourEvent::progress, NeighbourState::reachable,
                 "7.3.1"},
    NeighbourRow{NeighbourState::reachable, NeighbourEvent::told, NeighbourState::stale, "7.2.3"},
    NeighbourRow{NeighbourState::reachable, NeighbourEvent::contradicted, NeighbourState::stale,
                 "7.2.5"},
    NeighbourRow{NeighbourState::reachable, NeighbourEvent::doubted, NeighbourState::stale,
                 "7.3.3"},
    NeighbourRow{NeighbourState::reachable, NeighbourEvent::reachable_over, NeighbourState::stale,
                 "7.3.3"},
    NeighbourRow{NeighbourState::reachable, NeighbourEvent::forgotten, NeighbourState::none,
                 "7.3.3"},

    NeighbourRow{NeighbourState::stale, NeighbourEvent::wanted, NeighbourState::delay, "7.3.3"},
    NeighbourRow{NeighbourState::stale, NeighbourEvent::answered, NeighbourState::reachable,
                 "7.2.5"},
    NeighbourRow{NeighbourState::stale, NeighbourEvent::progress, NeighbourState::reachable,
                 "7.3.1"},
    NeighbourRow{NeighbourState::stale, NeighbourEvent::told, NeighbourState::stale, "7.2.3"},
    NeighbourRow{NeighbourState::stale, NeighbourEvent::forgotten, NeighbourState::none, "7.3.3"},

    NeighbourRow{NeighbourState::delay, NeighbourEvent::answered, NeighbourState::reachable,
                 "7.2.5"},
    NeighbourRow{NeighbourState::delay, NeighbourEvent::progress, NeighbourState::reachable,
                 "7.3.1"},
    NeighbourRow{NeighbourState::delay, NeighbourEvent::told, NeighbourState::stale, "7.2.3"},
    NeighbourRow{NeighbourState::delay, NeighbourEvent::delay_over, NeighbourState::probe, "7.3.3"},
    NeighbourRow{NeighbourState::delay, NeighbourEvent::forgotten, NeighbourState::none, "7.3.3"},

    NeighbourRow{NeighbourState::probe, NeighbourEvent::answered, NeighbourState::reachable,
                 "7.2.5"},
    NeighbourRow{NeighbourState::probe, NeighbourEvent::progress, NeighbourState::reachable,
                 "7.3.1"},
    NeighbourRow{NeighbourState::probe, NeighbourEvent::told, NeighbourState::stale, "7.2.3"},
    NeighbourRow{NeighbourState::probe, NeighbourEvent::gave_up, NeighbourState::none, "7.3.3"},
    NeighbourRow{NeighbourState::probe, NeighbourEvent::forgotten, NeighbourState::none, "7.3.3"},
};

/// Where `event` leads from `from`; nothing where the table has no such row.
[[nodiscard]] constexpr std::optional<NeighbourState> next(NeighbourState from,
                                                           NeighbourEvent event) {
  for (const NeighbourRow& row : kNeighbourTable) {
    if (row.from == from && row.event == event) return row.to;
  }
  return std::nullopt;
}

/// Frames can be sent to it.
[[nodiscard]] constexpr bool has_link_address(NeighbourState state) {
  return state != NeighbourState::none && state != NeighbourState::incomplete;
}

[[nodiscard]] std::string_view to_string(NeighbourState state);
[[nodiscard]] std::string_view to_string(NeighbourEvent event);

}  // namespace lastack::ip
