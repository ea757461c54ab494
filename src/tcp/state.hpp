// The eleven states of RFC 9293 §3.3.2 and what can be said of each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lastack::tcp {

enum class State : std::uint8_t {
  closed,
  listen,
  syn_sent,
  syn_rcvd,
  established,
  fin_wait_1,
  fin_wait_2,
  close_wait,
  closing,
  last_ack,
  time_wait,
};

inline constexpr std::size_t kStateCount = 11;

/// What the code asks of a state, so that it never lists states by name.
struct Traits {
  std::string_view name;
  bool synchronized;      ///< both sides' initial sequence numbers are agreed (RFC 9293 §3.3.2)
  bool may_send_data;     ///< the user may hand over more octets to send
  bool may_receive_data;  ///< octets of the peer's stream may still arrive
  bool fin_received;      ///< the peer's FIN was taken in order
  bool closing;           ///< the user has closed: nothing may be added to our stream
};

inline constexpr std::array<Traits, kStateCount> kTraits{{
    {"CLOSED", false, false, false, false, false},
    {"LISTEN", false, false, false, false, false},
    {"SYN_SENT", false, true, false, false, false},
    {"SYN_RCVD", false, true, false, false, false},
    {"ESTABLISHED", true, true, true, false, false},
    {"FIN_WAIT_1", true, false, true, false, true},
    {"FIN_WAIT_2", true, false, true, false, true},
    {"CLOSE_WAIT", true, true, false, true, false},
    {"CLOSING", true, false, false, true, true},
    {"LAST_ACK", true, false, false, true, true},
    {"TIME_WAIT", true, false, false, true, true},
}};

[[nodiscard]] constexpr const Traits& traits(State state) {
  return kTraits[static_cast<std::size_t>(state)];
}
/// The classic name, as in "FIN_WAIT_1". Never translated.
[[nodiscard]] constexpr std::string_view to_string(State state) { return traits(state).name; }

}  // namespace lastack::tcp
