// RFC 9293's state machine typed a second time, by hand, from the RFC and not from src/: whoever
// compares the two tables compares two readings of the standard. So it uses its own enum and plain
// strings, and includes nothing of lastack.
//
// What a row is: one *change* of state, caused by one atomic event. A segment is several events in
// the order of §3.10.7 (RST, SYN, acknowledges our SYN, acknowledges our FIN, text, FIN).
//
// Judgements, each one where the RFC leaves room:
//  - A row whose two states are equal is no row. The FIN that arrives again in TIME_WAIT restarts
//    2 MSL (§3.10.7.4, eighth) and a FIN again in CLOSE_WAIT, CLOSING or LAST_ACK is acknowledged;
//    neither changes the state.
//  - SYN_RCVD --fin--> CLOSE_WAIT stands in §3.10.7.4, eighth, but cannot be taken: a segment
//  without
//    ACK is dropped in the fifth step, and one whose ACK does not cover our SYN is answered with
//    RST there. A FIN that reaches the eighth step has passed acks_syn and finds ESTABLISHED.
//  - SYN_SENT --fin--> is ruled out by the eighth step's first sentence; a SYN+ACK+FIN is syn_ack,
//  then
//    fin in ESTABLISHED.
//  - SEND in LISTEN (§3.10.2) would be active_open again; sockets answer it with an error.
//  - CLOSE in SYN_RCVD goes to FIN_WAIT_1. With data queued, §3.10.4 would wait for ESTABLISHED and
//    then go there; what peers see is the same: data, then FIN.
//  - CLOSE in CLOSE_WAIT enters LAST_ACK. §3.10.4 does so when the queued data has been cut into
//    segments; sockets see LAST_ACK from the call on, and the FIN still goes behind the data.
//  - CLOSE in FIN_WAIT_1 and FIN_WAIT_2 is no second FIN, in CLOSING, LAST_ACK and TIME_WAIT an
//  error
//    or nothing (§3.10.4): no rows.
//  - RST: §3.10.7.4 sends a passively opened SYN_RCVD back to LISTEN. The listener never left, so
//  this
//    is the child's end; it is a row of its own, and so is the SYN in the window (fourth step).
//  - user timeout (§3.10.8) says "any state". A state with nothing outstanding has nothing to time:
//  in
//    FIN_WAIT_2 only keepalive (§3.8.4) gives up, in LISTEN and TIME_WAIT nothing does.
//  - ICMP hard errors end a connection only before it is synchronized (RFC 5927 §5.2; against the
//    SHOULD of RFC 1122 4.2.3.9, §3.9.2.2).
//  - orphan_data and orphan_timeout are RFC 1122's: 4.2.2.13 allows a full close, says RST when
//  data
//    arrives that nobody will read; RFC 9293 keeps it in §3.6.1 (MAY-1, SHLD-3).
//    shutdown(SHUT_RDWR) of the linux profile answers new data with RST in the same two states: the
//    same event, orphan_data.
//  - security and precedence (third step) are not implemented by anyone outside of MLS: no rows.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace lastack_test::rfc9293 {

enum class St {
  CLOSED,
  LISTEN,
  SYN_SENT,
  SYN_RCVD,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  CLOSE_WAIT,
  CLOSING,
  LAST_ACK,
  TIME_WAIT,
};

inline constexpr std::array<std::string_view, 11> kStateNames{
    "CLOSED",     "LISTEN",     "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1",
    "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING",  "LAST_ACK", "TIME_WAIT",
};

[[nodiscard]] constexpr std::string_view name(St s) {
  return kStateNames[static_cast<std::size_t>(s)];
}

enum class Reach {
  always,      ///< by socket calls, segments and timers, in the default profile
  linux_only,  ///< only where a host runs with the linux profile
  never,       ///< the RFC has it, no POSIX call can bring it about
};

struct Row {
  St from;
  std::string_view event;
  St to;
  std::string_view section;  ///< of RFC 9293 unless it names another
  Reach reach = Reach::always;
};

using enum St;

// clang-format off
inline constexpr std::array kTransitions{
    Row{CLOSED,      "passive_open",   LISTEN,      "3.10.1"},
    Row{CLOSED,      "active_open",    SYN_SENT,    "3.10.1"},

    Row{LISTEN,      "active_open",    SYN_SENT,    "3.10.1", Reach::never},
    Row{LISTEN,      "syn",            SYN_RCVD,    "3.10.7.2"},
    Row{LISTEN,      "close",          CLOSED,      "3.10.4"},
    Row{LISTEN,      "abort",          CLOSED,      "3.10.5"},

    Row{SYN_SENT,    "syn",            SYN_RCVD,    "3.10.7.3"},
    Row{SYN_SENT,    "syn_ack",        ESTABLISHED, "3.10.7.3"},
    Row{SYN_SENT,    "rst",            CLOSED,      "3.10.7.3"},
    Row{SYN_SENT,    "close",          CLOSED,      "3.10.4"},
    Row{SYN_SENT,    "abort",          CLOSED,      "3.10.5"},
    Row{SYN_SENT,    "gave_up",        CLOSED,      "3.10.8"},
    Row{SYN_SENT,    "icmp_hard",      CLOSED,      "3.9.2.2"},

    Row{SYN_RCVD,    "acks_syn",       ESTABLISHED, "3.10.7.4"},
    Row{SYN_RCVD,    "rst_passive",    LISTEN,      "3.10.7.4"},
    Row{SYN_RCVD,    "syn_passive",    LISTEN,      "3.10.7.4"},
    Row{SYN_RCVD,    "rst",            CLOSED,      "3.10.7.4"},
    Row{SYN_RCVD,    "close",          FIN_WAIT_1,  "3.10.4"},
    Row{SYN_RCVD,    "abort",          CLOSED,      "3.10.5"},
    Row{SYN_RCVD,    "gave_up",        CLOSED,      "3.10.8"},
    Row{SYN_RCVD,    "icmp_hard",      CLOSED,      "3.9.2.2"},

    Row{ESTABLISHED, "fin",            CLOSE_WAIT,  "3.10.7.4"},
    Row{ESTABLISHED, "close",          FIN_WAIT_1,  "3.10.4"},
    Row{ESTABLISHED, "rst",            CLOSED,      "3.10.7.4"},
    Row{ESTABLISHED, "abort",          CLOSED,      "3.10.5"},
    Row{ESTABLISHED, "gave_up",        CLOSED,      "3.10.8"},

    Row{FIN_WAIT_1,  "acks_fin",       FIN_WAIT_2,  "3.10.7.4"},
    Row{FIN_WAIT_1,  "fin",            CLOSING,     "3.10.7.4"},
    Row{FIN_WAIT_1,  "rst",            CLOSED,      "3.10.7.4"},
    Row{FIN_WAIT_1,  "abort",          CLOSED,      "3.10.5"},
    Row{FIN_WAIT_1,  "gave_up",        CLOSED,      "3.10.8"},
    Row{FIN_WAIT_1,  "orphan_data",    CLOSED,      "RFC 1122 4.2.2.13"},

    Row{FIN_WAIT_2,  "fin",            TIME_WAIT,   "3.10.7.4"},
    Row{FIN_WAIT_2,  "rst",            CLOSED,      "3.10.7.4"},
    Row{FIN_WAIT_2,  "abort",          CLOSED,      "3.10.5"},
    Row{FIN_WAIT_2,  "gave_up",        CLOSED,      "3.8.4"},
    Row{FIN_WAIT_2,  "orphan_data",    CLOSED,      "RFC 1122 4.2.2.13"},
    Row{FIN_WAIT_2,  "orphan_timeout", CLOSED,      "RFC 1122 4.2.2.13"},

    Row{CLOSE_WAIT,  "close",          LAST_ACK,    "3.10.4"},
    Row{CLOSE_WAIT,  "rst",            CLOSED,      "3.10.7.4"},
    Row{CLOSE_WAIT,  "abort",          CLOSED,      "3.10.5"},
    Row{CLOSE_WAIT,  "gave_up",        CLOSED,      "3.10.8"},

    Row{CLOSING,     "acks_fin",       TIME_WAIT,   "3.10.7.4"},
    Row{CLOSING,     "rst",            CLOSED,      "3.10.7.4"},
    Row{CLOSING,     "abort",          CLOSED,      "3.10.5"},
    Row{CLOSING,     "gave_up",        CLOSED,      "3.10.8"},

    Row{LAST_ACK,    "acks_fin",       CLOSED,      "3.10.7.4"},
    Row{LAST_ACK,    "rst",            CLOSED,      "3.10.7.4"},
    Row{LAST_ACK,    "abort",          CLOSED,      "3.10.5"},
    Row{LAST_ACK,    "gave_up",        CLOSED,      "3.10.8"},

    Row{TIME_WAIT,   "time_wait_over", CLOSED,      "3.10.8"},
    Row{TIME_WAIT,   "reuse",          CLOSED,      "RFC 6191 2"},
    Row{TIME_WAIT,   "abort",          CLOSED,      "3.10.5"},
    Row{TIME_WAIT,   "rst_time_wait",  CLOSED,      "3.10.7.4", Reach::linux_only},
};
// clang-format on

static_assert(kTransitions.size() == 54);

/// No row twice, and an event in a state leads to one state only.
consteval bool deterministic() {
  for (std::size_t i = 0; i < kTransitions.size(); ++i) {
    for (std::size_t j = i + 1; j < kTransitions.size(); ++j) {
      if (kTransitions[i].from == kTransitions[j].from &&
          kTransitions[i].event == kTransitions[j].event) {
        return false;
      }
    }
  }
  return true;
}
static_assert(deterministic());

}  // namespace lastack_test::rfc9293
