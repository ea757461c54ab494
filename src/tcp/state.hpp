// What can be said of each of the eleven states of RFC 9293 §3.3.2.
#pragma once

#include <array>
#include <cstddef>

#include "lastack/state.hpp"

namespace lastack::tcp {

using lastack::State;
using lastack::to_string;

inline constexpr std::size_t kStateCount = 11;

/// What the code asks of a state, so that it never lists states by name.
struct Traits {
  bool synchronized;      ///< both sides' initial sequence numbers are agreed (RFC 9293 §3.3.2)
  bool may_send_data;     ///< the user may hand over more octets to send
  bool may_receive_data;  ///< octets of the peer's stream may still arrive
  bool fin_received;      ///< the peer's FIN was taken in order
  bool closing;           ///< the user has closed: nothing may be added to our stream
};

inline constexpr std::array<Traits, kStateCount> kTraits{{
    {false, false, false, false, false},
    {false, false, false, false, false},
    {false, true, false, false, false},
    {false, true, false, false, false},
    {true, true, true, false, false},
    {true, false, true, false, true},
    {true, false, true, false, true},
    {true, true, false, true, false},
    {true, false, false, true, true},
    {true, false, false, true, true},
    {true, false, false, true, true},
}};

[[nodiscard]] constexpr const Traits& traits(State state) {
  return kTraits[static_cast<std::size_t>(state)];
}
}  // namespace lastack::tcp
