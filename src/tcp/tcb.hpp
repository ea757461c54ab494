// The transmission control block: every value that makes up one connection (RFC 9293 §3.3.1).
#pragma once

#include <cstdint>

#include "base/box.hpp"
#include "base/count24.hpp"
#include "base/sequence.hpp"
#include "base/time.hpp"
#include "tcp/challenge.hpp"
#include "tcp/congestion/controller.hpp"
#include "tcp/effects.hpp"
#include "tcp/range_set.hpp"
#include "tcp/recovery.hpp"
#include "tcp/rtt.hpp"
#include "tcp/settings.hpp"
#include "tcp/state.hpp"
#include "tcp/timestamps.hpp"

namespace lastack::tcp {

/// Which OPEN made the connection: decides what RST and SYN do in SYN_RCVD (§3.10.7.4).
enum class Origin : std::uint8_t { active, passive };

/// Send sequence variables. Offsets count from our ISS: -1 is the SYN, `end` is where a FIN stands.
struct SendVariables {
  Offset una = -1;  ///< oldest offset not acknowledged
  Offset nxt = -1;  ///< next to be sent; goes back to una when the timer runs out
  Offset max = -1;  ///< highest ever sent: what an ACK may acknowledge
  Offset end = 0;   ///< octets the user has handed over
  Seq wl1;          ///< seg.seq of the last window update
  Seq wl2;          ///< seg.ack of the last window update
  std::uint32_t wnd = 0;
  std::uint32_t max_wnd = 0;  ///< largest window the peer has offered (RFC 5961 §5, SWS)
  std::uint16_t mss = 536;    ///< largest segment the peer and the path take, options included
  std::uint8_t scale = 0;     ///< shift of the windows we receive

  friend bool operator==(const SendVariables&, const SendVariables&) = default;
};

/// Receive sequence variables. Offsets count from the peer's ISS, as above.
struct ReceiveVariables {
  Offset nxt = 0;
  Offset read = 0;  ///< what the user has read, or had discarded
  Offset edge = 0;  ///< right edge of the window we have offered: never moves back
  Offset fin = kNoFin;
  Seq last_ack_sent;          ///< Last.ACK.sent of RFC 7323 §4.3
  std::uint16_t mss = 0;      ///< largest we announced
  std::uint16_t largest = 0;  ///< largest segment seen: what "full-sized" means for delayed ACKs
  std::uint8_t scale = 0;     ///< shift of the windows we offer

  static constexpr Offset kNoFin = INT64_MAX;
  friend bool operator==(const ReceiveVariables&, const ReceiveVariables&) = default;
};

/// Urgent pointers as offsets: the octet behind the urgent data (RFC 6093 §3.2); 0 for none. Few
/// connections ever have any.
struct Urgent {
  Offset send = 0;                 ///< snd.up
  Offset receive = 0;              ///< rcv.up
  std::int16_t octet = kNotThere;  ///< the last of the urgent data, kept aside; or one of these

  static constexpr std::int16_t kNotThere = -1;
  static constexpr std::int16_t kTaken = -2;
  friend bool operator==(const Urgent&, const Urgent&) = default;
};

/// What the one retransmission timer is for at present.
enum class Retransmission : std::uint8_t { off, timeout, persist };

/// Deadlines; kNever where not set.
struct Timers {
  TimePoint retransmission = kNever;
  TimePoint delayed_ack = kNever;
  TimePoint state = kNever;  ///< 2 MSL in TIME_WAIT, fin_timeout in FIN_WAIT_2, SO_LINGER's
  Retransmission mode = Retransmission::off;
  std::uint8_t backoff = 0;     ///< doublings of the timeout
  std::uint8_t unanswered = 0;  ///< expiries since the peer was last heard
  std::uint8_t keepalives = 0;  ///< keepalive probes since then
  friend bool operator==(const Timers&, const Timers&) = default;
};

/// One round trip being timed (RFC 6298 §3): the offset whose acknowledgment ends it.
struct TimedSegment {
  Offset end = -1;  ///< -1: none
  TimePoint sent{};
  friend bool operator==(const TimedSegment&, const TimedSegment&) = default;
};

/// The order is for size, not for reading: what is small stands in the gap that the group before it
/// leaves at its end ([[no_unique_address]]). What a connection costs is in
/// tests/socket/cost_test.cpp. From `sent_again` and `least_rtt` nothing follows for the
/// connection itself, so they do not count where two are compared.
struct Tcb {
  [[no_unique_address]] SendVariables snd;
  State state = State::closed;
  Origin origin = Origin::active;
  Error error = Error::none;  ///< why it ended, once CLOSED; a soft ICMP error before
  // What each segment asks for stands in the first octet: several of these are one test there.
  bool ack_now : 1 = false;           ///< an ACK is owed at once
  bool retransmit_first : 1 = false;  ///< send the segment at snd.una again
  bool probe : 1 = false;             ///< send into the closed window
  bool keepalive : 1 = false;         ///< send a keepalive probe
  bool fin_queued : 1 = false;        ///< the user has closed: a FIN stands at snd.end
  bool more_follows : 1 = false;      ///< the user will send more soon: what is not full waits
  bool orphan : 1 = false;            ///< nobody holds it any more
  bool discarding : 1 = false;        ///< SHUT_RD
  bool timestamps : 1 = false;        ///< agreed on; in SYN_SENT what our SYN offers
  bool window_scaling : 1 = false;    ///< agreed on; in SYN_SENT what our SYN offers
  bool sack : 1 = false;              ///< agreed on; in SYN_SENT what our SYN offers
  bool window_update : 1 = false;     ///< an ACK is owed because the window has opened
  bool close_waits : 1 = false;       ///< CLOSE in SYN_RCVD with data pending (§3.10.4)
  bool syn_lost : 1 = false;          ///< our SYN had to be sent again
  bool flush : 1 = false;             ///< what was handed over so far goes, corked or not

  [[no_unique_address]] ReceiveVariables rcv;
  Count24 sent_again;  ///< segments with data, SYN or FIN that were sent again, in all
  Seq irs;
  [[no_unique_address]] ChallengeBudget challenges;
  Count24 least_rtt;  ///< shortest round trip measured, in microseconds; 0: none
  [[no_unique_address]] Timers timers;
  RttEstimator rtt;
  Controller congestion;
  Timestamps ts;
  TimedSegment timed;
  [[no_unique_address]] Recovery recovery;
  Seq iss;
  Box<RangeSet> out_of_order;  ///< what lies beyond rcv.nxt
  Box<Urgent> urgent;

  TimePoint heard{};     ///< when the last acceptable segment came (keepalive)
  TimePoint sent{};      ///< when the last octet went out (RFC 5681 §4.1)
  TimePoint progress{};  ///< since when the oldest unacknowledged octet waits (user timeout)

  SettingsPtr settings;  ///< shared, never changed; none for the defaults

  friend bool operator==(const Tcb& a, const Tcb& b);
};

}  // namespace lastack::tcp
