// SEGMENT ARRIVES in the synchronised states and SYN_RCVD: §3.10.7.4, check by check in its order.
#include <algorithm>

#include "tcp/arrival.hpp"
#include "tcp/connection.hpp"
#include "tcp/mutant.hpp"

namespace lastack::tcp {

using wire::Flag;

namespace {

/// A SYN,ACK that answers a SYN of an earlier connection, where a listener's child has only just
/// begun. An ACK, as the first check has it for an old segment, would let its sender take our
/// numbers for those of that SYN, and have something established that is not there: a RST instead,
/// as §3.5.2 has it in its second group.
bool answers_earlier_syn(const Tcb& tcb, const Arrival& a) {
  return tcb.state == State::syn_rcvd && tcb.origin == Origin::passive && a.has(Flag::syn) &&
         a.has(Flag::ack) && !a.has(Flag::rst) && a.ack != 0;
}

}  // namespace

/// §3.10.7, whatever the state: the long way.
void Connection::arrives_in_full(const wire::TcpHeader& header, std::uint32_t payload,
                                 TimePoint now, bool listened, Effects& fx) {
  switch (tcb_.state) {
    case State::closed:
    case State::listen:
      fx.drop = Drop::no_connection;
      fx.reset = reset_for(header, payload);
      return;
    case State::syn_sent: return arrives_in_syn_sent(header, payload, fx, now);
    default: break;
  }
  const Offset seq = tcb_.rcv.nxt + distance(ack_field(), header.seq);
  const Offset text = seq + (header.flags.has(Flag::syn) ? 1 : 0);
  Arrival a{.header = header,
            .now = now,
            .payload = payload,
            .seq = seq,
            .ack = tcb_.snd.una + distance(seq_of(tcb_.snd.una), header.ack),
            .text = {text, text + payload},
            .fin = header.flags.has(Flag::fin),
            .fin_at = text + payload,
            .listened = listened};
  arrives_synchronized(a, fx);
}

void Connection::arrives_synchronized(Arrival& a, Effects& fx) {
  if (answers_earlier_syn(tcb_, a)) {
    fx.drop = Drop::ack_unsent;
    fx.reset = {.wanted = true, .with_ack = false, .seq = a.header.ack, .ack = {}};
    return;
  }
  if (!check_timestamp(a, fx)) return;  // RFC 7323 §5.3 puts this before the sequence check
  if (!check_sequence(a, fx)) return;
  if (!check_rst(a, fx)) return;
  if (!check_syn(a, fx)) return;
  if (!check_ack(a, fx)) return;
  check_urgent(a, fx);
  if (!take_text(a, fx)) return;
  take_fin(a.fin, a.fin_at, a.now, fx);
}

/// PAWS. Also the place where a SYN may take over from TIME_WAIT, since neither an old timestamp
/// nor a number outside the window may stop it.
bool Connection::check_timestamp(const Arrival& a, Effects& fx) {
  if (tcb_.state == State::time_wait && a.listened &&
      (may_reuse(a.header, ack_field(), tcb_.timestamps, tcb_.ts.recent) ||
       (a.has(Flag::syn) && mutated(Mutant::reuse_any_syn)))) {
    enter(Event::reuse, fx, a.now);
    return false;
  }
  if (!tcb_.timestamps || a.has(Flag::rst)) return true;
  if (mutated(Mutant::stamp_not_needed)) return true;
  if (!a.header.options.has(wire::TcpOptions::kTimestamps)) {
    fx.drop = Drop::no_timestamp;  // RFC 7323 §3.2
    return false;
  }
  if (tcb_.ts.outdates(a.header.options.ts_val, a.now) && !mutated(Mutant::paws_off)) {
    fx.drop = Drop::paws;
    refuse_sequence(a, fx);
    return false;
  }
  return true;
}

/// Both have opened at once, and this is the peer's SYN again, now with an ACK: Figure 8 of §3.5
/// establishes with it, although by the letter of the first check it is old. A peer that takes ours
/// in the same way has no reason to send anything else.
bool Connection::answers_our_syn(const Arrival& a) const {
  return tcb_.state == State::syn_rcvd && tcb_.origin != Origin::passive && a.has(Flag::syn) &&
         a.has(Flag::ack) && !a.has(Flag::rst) && a.seq == -1 && tcb_.rcv.nxt == 0;
}

/// §3.10.7.4, first: is any of it new? Cuts the segment to the window.
bool Connection::check_sequence(Arrival& a, Effects& fx) {
  const Range window{tcb_.rcv.nxt, tcb_.rcv.edge};
  const std::uint32_t length = segment_length(a.header, a.payload);
  const bool refused = !acceptable(a.header, a.payload, a.seq, window) && !answers_our_syn(a);
  if (refused && !mutated(Mutant::sequence_not_checked)) {
    // A closed window still lets ACK, RST and URG in (§3.10.7.4): take those, leave the octets.
    const bool closed = window.empty() && !mutated(Mutant::closed_window_takes_nothing);
    if (!closed || a.seq != tcb_.rcv.nxt || a.has(Flag::syn)) {
      fx.drop = a.seq < tcb_.rcv.nxt ? Drop::old_duplicate : Drop::outside_window;
      // The last segment once more: our ACK was lost. The answer echoes the stamp of this copy;
      // that of the first would make the peer take its own timeout for round-trip time (RFC 7323
      // §4.3).
      if (length > 0 && a.seq + length == tcb_.rcv.nxt) keep_timestamp(a);
      refuse_sequence(a, fx);
      return false;
    }
    fx.drop = Drop::outside_window;
    tcb_.ack_now = true;
  }
  const Offset cut = mutated(Mutant::text_not_cut_at_window) ? a.text.end : window.end;
  a.text = {std::max(a.text.begin, window.begin), std::min(a.text.end, cut)};
  a.fin = a.fin && window.begin <= a.fin_at && a.fin_at < window.end;

  tcb_.heard = a.now;
  tcb_.timers.keepalives = 0;
  if (mutated(Mutant::stamp_before_ack)) keep_timestamp(a);
  return true;
}

void Connection::keep_timestamp(const Arrival& a) {
  if (!tcb_.timestamps || !a.header.options.has(wire::TcpOptions::kTimestamps)) return;
  if (a.has(Flag::rst)) return;  // RFC 7323 §5.2: nothing has checked its stamp
  tcb_.ts.take(a.header.options.ts_val, a.now);
}

/// An unacceptable segment is answered with an ACK, unless it is a RST. Those that do not wait for
/// one count against the challenge budget, so that two ends can't answer each other for ever.
void Connection::refuse_sequence(const Arrival& a, Effects& fx) {
  if (a.has(Flag::rst)) {
    fx.drop = Drop::rst_outside_window;
    return;
  }
  if (tcb_.state == State::time_wait && a.has(Flag::fin) && a.fin_at + 1 == tcb_.rcv.nxt &&
      !mutated(Mutant::fin_again_no_restart)) {
    tcb_.timers.state = a.now + 2 * settings().msl;  // §3.10.7.4, eighth: the FIN again
  }
  if (mutated(Mutant::no_ack_for_unacceptable)) return;
  if (waits_for_ack(a.header, a.payload) || challenge(a.now)) tcb_.ack_now = true;
}

/// Whether one more challenge ACK may be sent now (RFC 5961 §7).
bool Connection::challenge(TimePoint now) {
  return tcb_.challenges.spend(settings().challenge_acks_per_second, now);
}

/// §3.10.7.4, second, as RFC 5961 §3 has it: only the exact sequence number resets.
bool Connection::check_rst(const Arrival& a, Effects& fx) {
  if (!a.has(Flag::rst)) return true;
  if (a.seq != tcb_.rcv.nxt && !mutated(Mutant::rst_any_in_window)) {
    fx.drop = Drop::rst_not_exact;
    if (challenge(a.now)) tcb_.ack_now = true;
    return false;
  }
  if (tcb_.state == State::time_wait) {
    // DEVIATES: RFC 1337 §3: a late RST must not end TIME_WAIT; RFC 9293 lets it.
    if (settings().rst_ends_time_wait != mutated(Mutant::rst_ends_time_wait)) {
      enter(Event::rst_time_wait, fx, a.now);
    } else {
      fx.drop = Drop::rst_in_time_wait;
    }
    return false;
  }
  const bool passive = tcb_.state == State::syn_rcvd && tcb_.origin == Origin::passive &&
                       !mutated(Mutant::rst_passive_is_closed);
  const Error error = tcb_.state == State::syn_rcvd ? Error::refused : Error::reset;
  fail(passive ? Event::rst_passive : Event::rst, error, fx, a.now);
  return false;
}

/// §3.10.7.4, fourth; in a synchronised state RFC 5961 §4: challenge, never reset.
bool Connection::check_syn(const Arrival& a, Effects& fx) {
  if (!a.has(Flag::syn)) return true;
  if (answers_our_syn(a)) {
    tcb_.ack_now = true;  // where our own SYN,ACK was lost, this one does its work
    return true;
  }
  if (mutated(Mutant::syn_resets) && tcb_.state == State::established) {
    fail(Event::rst, Error::reset, fx, a.now);
    return false;
  }
  if (tcb_.state == State::syn_rcvd && tcb_.origin == Origin::passive &&
      !mutated(Mutant::syn_passive_challenged)) {
    fail(Event::syn_passive, Error::reset, fx, a.now);
    return false;
  }
  fx.drop = Drop::syn_in_window;
  if (challenge(a.now)) tcb_.ack_now = true;
  return false;
}

/// §3.10.7.4, fifth.
bool Connection::check_ack(const Arrival& a, Effects& fx) {
  if (!a.has(Flag::ack) && !mutated(Mutant::ack_bit_not_needed)) {
    fx.drop = Drop::no_ack;
    return false;
  }
  const bool ours = a.ack > tcb_.snd.una && a.ack <= tcb_.snd.max;
  if (tcb_.state == State::syn_rcvd && !ours && !mutated(Mutant::syn_rcvd_ack_not_checked)) {
    fx.drop = Drop::ack_unsent;
    fx.reset = {.wanted = true, .with_ack = false, .seq = a.header.ack, .ack = {}};
    return false;
  }
  if (a.ack > tcb_.snd.max && !mutated(Mutant::ack_of_unsent_taken)) {
    fx.drop = Drop::ack_unsent;
    if (challenge(a.now)) tcb_.ack_now = true;
    return false;
  }
  if (a.ack < tcb_.snd.una - Offset{tcb_.snd.max_wnd} &&
      !mutated(Mutant::ack_too_old_taken)) {  // RFC 5961 §5
    fx.drop = Drop::ack_too_old;
    if (challenge(a.now)) tcb_.ack_now = true;
    return false;
  }
  take_ack(a, fx);
  return tcb_.state != State::closed;
}

/// §3.10.7.4, sixth; the pointer names the octet behind the urgent data (RFC 6093 §3). What was
/// read is not urgent any more.
void Connection::check_urgent(const Arrival& a, Effects& fx) {
  if (!a.has(Flag::urg) || !traits(tcb_.state).may_receive_data) return;
  const Offset up = a.seq + a.header.urgent;
  if (up <= std::max(tcb_.rcv.read, tcb_.urgent ? tcb_.urgent->receive : 0)) return;
  Urgent& urgent = tcb_.urgent.ensure();
  // Another one comes while the reader stands at the last: that is stepped over, as in Linux.
  const bool stands_at = urgent.receive > 0 && urgent.receive - 1 == tcb_.rcv.read;
  if (stands_at && tcb_.rcv.read < tcb_.rcv.nxt && !settings().oob_inline) ++tcb_.rcv.read;
  urgent.receive = up;
  urgent.octet = Urgent::kNotThere;
  fx.ready |= kUrgent;
}

/// §3.10.7.4, seventh.
bool Connection::take_text(const Arrival& a, Effects& fx) {
  if (a.text.empty()) return true;
  if (!traits(tcb_.state).may_receive_data && !mutated(Mutant::text_after_fin_taken)) {
    fx.drop = Drop::after_fin;
    return true;
  }
  const Range fresh{std::max(a.text.begin, tcb_.rcv.nxt), std::min(a.text.end, tcb_.rcv.fin)};
  if (fresh.empty()) {
    fx.drop = Drop::after_fin;
    tcb_.ack_now = true;
    return true;
  }
  const bool shut_both = tcb_.discarding && settings().shut_rdwr_resets_new_data;
  const bool nobody = (tcb_.orphan && !mutated(Mutant::orphan_reads_on)) || shut_both;
  if (traits(tcb_.state).closing && nobody) {
    fx.drop = Drop::unreadable;  // RFC 1122 4.2.2.13: nobody will ever read it
    reset_peer(fx);
    fail(Event::orphan_data, tcb_.orphan ? Error::aborted : Error::reset, fx, a.now);
    return false;
  }
  const bool in_order = fresh.begin == tcb_.rcv.nxt;
  owe_ack(a, fresh, in_order);
  if (!take_in_order(fresh, fx)) return true;
  if (throws_away()) {
    fx.drop = Drop::discarded;
  } else {
    fx.accepted = fresh;
    fx.accepted_from =
        static_cast<std::uint32_t>(fresh.begin - a.seq) - (a.has(Flag::syn) ? 1U : 0U);
  }
  return true;
}

/// Moves rcv.nxt over `fresh` and what lay behind it, or notes it as out of order. False where
/// there is no room to note it.
bool Connection::take_in_order(Range fresh, Effects& fx) {
  auto& rcv = tcb_.rcv;
  if (fresh.begin > rcv.nxt) {
    if (tcb_.out_of_order.ensure().add(fresh)) return true;
    fx.drop = Drop::reassembly_full;
    return false;
  }
  const Offset before = rcv.nxt;
  rcv.nxt = fresh.end;
  if (tcb_.out_of_order) {
    rcv.nxt = tcb_.out_of_order->covered_until(rcv.nxt);
    tcb_.out_of_order->drop_before(rcv.nxt);
    if (tcb_.out_of_order->empty()) tcb_.out_of_order.reset();
  }
  if (throws_away()) {
    if (!mutated(Mutant::discard_closes_window)) rcv.read = rcv.nxt;
  } else {
    fx.readable = {before, rcv.nxt};
    fx.ready |= kReadable;
  }
  return true;
}

/// Every second full-sized segment at once, others later (RFC 9293 §3.8.6.3); what is out of order
/// or fills a gap at once, so that the peer's recovery sees it (RFC 5681 §4.2).
void Connection::owe_ack(const Arrival& a, Range fresh, bool in_order) {
  auto& rcv = tcb_.rcv;
  const auto size = static_cast<std::uint16_t>(std::min<std::uint32_t>(a.payload, rcv.mss));
  rcv.largest = std::max(rcv.largest, size);
  const Offset owed = fresh.end - rcv.nxt + distance(rcv.last_ack_sent, ack_field());
  const bool at_once = !in_order || tcb_.out_of_order || settings().quick_acks;
  if (at_once || owed >= 2 * Offset{rcv.largest}) {
    tcb_.ack_now = true;
  } else if (tcb_.timers.delayed_ack == kNever && !mutated(Mutant::delayed_ack_never)) {
    tcb_.timers.delayed_ack = a.now + settings().delayed_ack;
  }
}

/// §3.10.7.4, eighth; with a FIN, that stands at `at`. One ahead of missing octets waits until they
/// are there.
void Connection::take_fin(bool fin, Offset at, TimePoint now, Effects& fx) {
  auto& rcv = tcb_.rcv;
  if (!traits(tcb_.state).may_receive_data) return;
  if (fin) {
    tcb_.ack_now = true;
    // Octets of this very segment may have closed a gap, and what is there now reach beyond it.
    const Offset reach = tcb_.out_of_order ? tcb_.out_of_order->ranges().back().end : rcv.nxt;
    if (rcv.fin == ReceiveVariables::kNoFin && reach <= at) rcv.fin = at;
  }
  if (rcv.nxt != rcv.fin && !(mutated(Mutant::fin_before_text) && fin)) return;
  if (!mutated(Mutant::fin_not_counted)) rcv.nxt += 1;
  tcb_.ack_now = true;
  fx.ready |= kReadable | kPeerClosed;
  enter(Event::fin, fx, now);
}

}  // namespace lastack::tcp
