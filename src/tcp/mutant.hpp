// Deliberate mistakes, for the tests of the tests: each must be found by the explorer or by a unit
// test. Only builds with LASTACK_MUTANTS have any; in all others the calls below are constants.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tcp/table.hpp"

namespace lastack::tcp {

/// One for each check of §3.10.7 and what belongs to it; the name says what is left out.
enum class Mutant : std::uint8_t {
  none,
  rst_any_in_window,            ///< RFC 5961 §3: only the exact RST resets
  rst_ends_time_wait,           ///< RFC 1337
  rst_passive_is_closed,        ///< SYN_RCVD that came from LISTEN goes back there
  syn_resets,                   ///< RFC 5961 §4: a SYN in the window is challenged
  syn_not_budgeted,             ///< RFC 5961 §7: SYNs outside the window too
  syn_passive_challenged,       ///< §3.10.7.4, fourth
  ack_bit_not_needed,           ///< fifth
  ack_of_unsent_taken,          ///< fifth
  ack_too_old_taken,            ///< RFC 5961 §5
  syn_rcvd_ack_not_checked,     ///< fifth: RST for an ACK that is none of our SYN
  sequence_not_checked,         ///< first
  no_ack_for_unacceptable,      ///< first
  closed_window_takes_nothing,  ///< first: ACK and RST come in through a closed window
  ack_at_end_refused,           ///< first: an ACK may stand at the end of the window
  old_syn_is_new,               ///< first: of a SYN with octets the SYN counts
  text_not_cut_at_window,       ///< seventh
  text_after_fin_taken,         ///< seventh
  orphan_reads_on,              ///< RFC 1122 4.2.2.13
  discard_closes_window,        ///< SHUT_RD goes on acknowledging
  fin_before_text,              ///< eighth: a FIN waits for what is missing
  fin_not_counted,              ///< eighth: rcv.nxt moves over the FIN
  fin_again_no_restart,         ///< eighth: TIME_WAIT starts anew
  fin_ack_not_seen,             ///< our FIN is acknowledged
  close_waits_for_nobody,       ///< §3.10.4: CLOSE in SYN_RCVD with data pending
  syn_sent_ack_not_checked,     ///< §3.10.7.3, first
  syn_sent_rst_without_ack,     ///< §3.10.7.3, second
  syn_sent_no_simultaneous,     ///< §3.10.7.3, fourth
  listen_takes_ack,             ///< §3.10.7.2, second
  reuse_any_syn,                ///< RFC 6191
  paws_off,                     ///< RFC 7323 §5
  stamp_not_needed,             ///< RFC 7323 §3.2
  stamp_before_ack,             ///< RFC 7323 §4.3: TS.Recent is for those whose ACK is good
  window_from_old_segment,      ///< fifth: wl1 and wl2
  stands_behind_window,         ///< §3.8.6: ACKs and RSTs stay inside the peer's window
  edge_runs_away,               ///< RFC 7323 §2.4: rounding does not open the window
  retransmission_forgotten,     ///< RFC 6298 §5.1
  no_give_up,                   ///< §3.8.3
  persist_never,                ///< §3.8.6.1
  persist_starts_anew,          ///< §3.8.6.2.1: the override timeout runs out
  time_wait_short,              ///< 2 MSL
  orphan_never_ends,            ///< FIN_WAIT_2 of an orphan
  unread_close_is_fin,          ///< RFC 1122 4.2.2.13
  icmp_hard_when_synchronised,  ///< RFC 5927 §5
  icmp_any_sequence,            ///< RFC 5927 §4
  delayed_ack_never,            ///< §3.8.6.3
  // of hosts and sockets
  dup_not_counted,        ///< a descriptor that dup() made is a reference
  any_close_sends_fin,    ///< only the last close() does
  linger_zero_sends_fin,  ///< SO_LINGER 0 resets
  linger_without_end,     ///< and so does another when its time is over
  bound_port_kept,        ///< what bind() took is given back
  port_kept_after_wait,   ///< and so is what TIME_WAIT kept
  timer_kept,             ///< a handshake's, when it is over
  acked_octets_kept,      ///< what was acknowledged is let go of
  orphan_still_counted,   ///< one that is over is none
  waiting_not_reset,      ///< who waits for accept() at a listener that is closed
  error_told_again,       ///< an error is told once
  fin_not_polled,         ///< POLLIN: the end of the stream can be read
  shut_rd_keeps_octets,   ///< SHUT_RD discards what lies there
  cut_octets_kept,        ///< MSG_TRUNC throws octets away: they count as read
  restart_needs_nothing,  ///< SO_REUSEADDR decides who may listen where connections are left
  // of UDP
  datagram_kept,         ///< what nobody has read goes with the socket
  datagram_counted,      ///< and is not counted any more
  udp_port_kept,         ///< the port of a socket that is closed is free
  udp_strangers_heard,   ///< who is connected hears its peer alone
  udp_error_told_again,  ///< an ICMP error is told once
  begun_datagram_sent,   ///< one that has begun goes with the socket
  count,
};

#ifdef LASTACK_MUTANTS
/// The mistake that is made now: a number below Mutant::count, or that plus a row of the table,
/// which is then missing.
inline int chosen_mutant = 0;
/// What prediction leaves out must not hide a mistake.
[[nodiscard]] inline bool any_mutant() { return chosen_mutant != 0; }
[[nodiscard]] inline bool mutated(Mutant mutant) {
  return chosen_mutant == static_cast<int>(mutant);
}
[[nodiscard]] inline bool row_missing(State from, Event event) {
  const int row = chosen_mutant - static_cast<int>(Mutant::count);
  if (row < 0 || row >= static_cast<int>(kTable.size())) return false;
  const Row& missing = kTable[static_cast<std::size_t>(row)];
  return missing.from == from && missing.event == event;
}
#else
[[nodiscard]] constexpr bool any_mutant() { return false; }
[[nodiscard]] constexpr bool mutated(Mutant) { return false; }
[[nodiscard]] constexpr bool row_missing(State, Event) { return false; }
#endif

}  // namespace lastack::tcp
