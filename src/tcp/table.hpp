// The state machine as data: every transition there is, and no other (RFC 9293 §3.3.2, §3.10).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tcp/state.hpp"

namespace lastack::tcp {

/// The atomic events. A segment is taken apart into these, in the order of §3.10.7.4, so that a
/// segment that acknowledges our FIN and carries the peer's is two rows of the table.
enum class Event : std::uint8_t {
  passive_open,
  active_open,
  close,           ///< CLOSE: the user has no more to send
  abort,           ///< ABORT; also the last close with unread data, or SO_LINGER's time
  syn,             ///< a SYN that does not acknowledge ours
  syn_ack,         ///< the SYN of a segment that acknowledges ours
  syn_passive,     ///< a SYN in the window of a connection that LISTEN made (§3.10.7.4, fourth)
  acks_syn,        ///< our SYN is acknowledged
  acks_fin,        ///< our FIN is acknowledged
  fin,             ///< the peer's FIN, in order
  rst,             ///< an acceptable RST
  rst_passive,     ///< an acceptable RST for a connection that LISTEN made
  rst_time_wait,   ///< a RST in TIME_WAIT, where RFC 1337 is switched off
  reuse,           ///< a fresh SYN takes over from TIME_WAIT (RFC 6191)
  icmp_hard,       ///< a hard ICMP error before the connection was synchronised (RFC 5927 §4)
  gave_up,         ///< user timeout, retransmission limit, or keepalive unanswered
  orphan_data,     ///< new data for a connection that nobody can read any more (RFC 1122 4.2.2.13)
  orphan_timeout,  ///< FIN_WAIT_2 that nobody holds has lasted long enough
  time_wait_over,  ///< 2 MSL have passed
};

inline constexpr std::size_t kEventCount = 19;

[[nodiscard]] std::string_view to_string(Event event);

struct Row {
  State from;
  Event event;
  State to;
  std::string_view section;  ///< where RFC 9293 (or the RFC named) says so
  bool by_posix = true;      ///< false: no sequence of POSIX calls and segments takes it
};

inline constexpr std::array kTable{
    Row{State::closed, Event::passive_open, State::listen, "3.10.1"},
    Row{State::closed, Event::active_open, State::syn_sent, "3.10.1"},

    Row{State::listen, Event::active_open, State::syn_sent, "3.10.1", false},
    Row{State::listen, Event::syn, State::syn_rcvd, "3.10.7.2"},  // makes a child; LISTEN stays
    Row{State::listen, Event::close, State::closed, "3.10.4"},
    Row{State::listen, Event::abort, State::closed, "3.10.5"},

    Row{State::syn_sent, Event::syn_ack, State::established, "3.10.7.3"},
    Row{State::syn_sent, Event::syn, State::syn_rcvd, "3.10.7.3"},
    Row{State::syn_sent, Event::rst, State::closed, "3.10.7.3"},
    Row{State::syn_sent, Event::close, State::closed, "3.10.4"},
    Row{State::syn_sent, Event::abort, State::closed, "3.10.5"},
    Row{State::syn_sent, Event::gave_up, State::closed, "3.10.8"},
    Row{State::syn_sent, Event::icmp_hard, State::closed, "3.9.2.2"},

    Row{State::syn_rcvd, Event::acks_syn, State::established, "3.10.7.4"},
    Row{State::syn_rcvd, Event::close, State::fin_wait_1, "3.10.4"},
    Row{State::syn_rcvd, Event::rst, State::closed, "3.10.7.4"},
    Row{State::syn_rcvd, Event::rst_passive, State::listen, "3.10.7.4"},
    Row{State::syn_rcvd, Event::syn_passive, State::listen, "3.10.7.4"},
    Row{State::syn_rcvd, Event::abort, State::closed, "3.10.5"},
    Row{State::syn_rcvd, Event::gave_up, State::closed, "3.10.8"},
    Row{State::syn_rcvd, Event::icmp_hard, State::closed, "3.9.2.2"},

    Row{State::established, Event::close, State::fin_wait_1, "3.10.4"},
    Row{State::established, Event::fin, State::close_wait, "3.10.7.4"},
    Row{State::established, Event::rst, State::closed, "3.10.7.4"},
    Row{State::established, Event::abort, State::closed, "3.10.5"},
    Row{State::established, Event::gave_up, State::closed, "3.10.8"},

    Row{State::fin_wait_1, Event::acks_fin, State::fin_wait_2, "3.10.7.4"},
    Row{State::fin_wait_1, Event::fin, State::closing, "3.10.7.4"},
    Row{State::fin_wait_1, Event::rst, State::closed, "3.10.7.4"},
    Row{State::fin_wait_1, Event::abort, State::closed, "3.10.5"},
    Row{State::fin_wait_1, Event::gave_up, State::closed, "3.10.8"},
    Row{State::fin_wait_1, Event::orphan_data, State::closed, "RFC 1122 4.2.2.13"},

    Row{State::fin_wait_2, Event::fin, State::time_wait, "3.10.7.4"},
    Row{State::fin_wait_2, Event::rst, State::closed, "3.10.7.4"},
    Row{State::fin_wait_2, Event::abort, State::closed, "3.10.5"},
    Row{State::fin_wait_2, Event::gave_up, State::closed, "3.8.4"},
    Row{State::fin_wait_2, Event::orphan_data, State::closed, "RFC 1122 4.2.2.13"},
    Row{State::fin_wait_2, Event::orphan_timeout, State::closed, "RFC 1122 4.2.2.13"},

    Row{State::close_wait, Event::close, State::last_ack, "3.10.4"},
    Row{State::close_wait, Event::rst, State::closed, "3.10.7.4"},
    Row{State::close_wait, Event::abort, State::closed, "3.10.5"},
    Row{State::close_wait, Event::gave_up, State::closed, "3.10.8"},

    Row{State::closing, Event::acks_fin, State::time_wait, "3.10.7.4"},
    Row{State::closing, Event::rst, State::closed, "3.10.7.4"},
    Row{State::closing, Event::abort, State::closed, "3.10.5"},
    Row{State::closing, Event::gave_up, State::closed, "3.10.8"},

    Row{State::last_ack, Event::acks_fin, State::closed, "3.10.7.4"},
    Row{State::last_ack, Event::rst, State::closed, "3.10.7.4"},
    Row{State::last_ack, Event::abort, State::closed, "3.10.5"},
    Row{State::last_ack, Event::gave_up, State::closed, "3.10.8"},

    Row{State::time_wait, Event::time_wait_over, State::closed, "3.10.8"},
    Row{State::time_wait, Event::reuse, State::closed, "RFC 6191 2"},
    Row{State::time_wait, Event::rst_time_wait, State::closed, "3.10.7.4"},
    Row{State::time_wait, Event::abort, State::closed, "3.10.5"},
};

/// The rows by their state and event, so that nobody has to search: each row's number and one, 0
/// for none.
inline constexpr auto kRowNumbers = [] {
  std::array<std::array<std::uint8_t, kEventCount>, kStateCount> numbers{};
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    numbers[static_cast<std::size_t>(kTable[i].from)][static_cast<std::size_t>(kTable[i].event)] =
        static_cast<std::uint8_t>(i + 1);
  }
  return numbers;
}();

/// The row's place in the table; nothing where there is no such row.
[[nodiscard]] constexpr std::optional<std::size_t> row_of(State from, Event event) {
  const std::size_t number =
      kRowNumbers[static_cast<std::size_t>(from)][static_cast<std::size_t>(event)];
  return number > 0 ? std::optional(number - 1) : std::nullopt;
}

/// Where `event` leads from `from`; nothing where the table has no such row.
[[nodiscard]] constexpr std::optional<State> next(State from, Event event) {
  const auto row = row_of(from, event);
  return row ? std::optional(kTable[*row].to) : std::nullopt;
}

}  // namespace lastack::tcp
