// The eleven states of RFC 9293 §3.3.2.
#pragma once

#include <cstdint>
#include <string_view>

namespace lastack {

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

/// The classic name, as in "FIN_WAIT_1". Never translated.
[[nodiscard]] constexpr std::string_view to_string(State state) {
  switch (state) {
    case State::closed: return "CLOSED";
    case State::listen: return "LISTEN";
    case State::syn_sent: return "SYN_SENT";
    case State::syn_rcvd: return "SYN_RCVD";
    case State::established: return "ESTABLISHED";
    case State::fin_wait_1: return "FIN_WAIT_1";
    case State::fin_wait_2: return "FIN_WAIT_2";
    case State::close_wait: return "CLOSE_WAIT";
    case State::closing: return "CLOSING";
    case State::last_ack: return "LAST_ACK";
    case State::time_wait: return "TIME_WAIT";
  }
  return "?";
}

}  // namespace lastack
