// The way of nearly every segment, in and out: what the checks of §3.10.7.4 and of transmit() come
// to where nothing is lost, and nothing rare is going on (Van Jacobson's header
// prediction). Nothing happens here that the long way would not do: debug builds go both each time,
// on copies, and compare.
#include <algorithm>
#include <cassert>

#include "tcp/arrival.hpp"
#include "tcp/connection.hpp"
#include "tcp/mutant.hpp"

namespace lastack::tcp {

using wire::Flag;

namespace {

/// Nothing but ACK and, where `also` says so, another; and PSH, which says nothing to us.
bool is_plain(const wire::TcpHeader& header, wire::Flags also = {}) {
  const unsigned may = static_cast<unsigned>(Flag::psh) | also.bits();
  return (header.flags.bits() | may) == (static_cast<unsigned>(Flag::ack) | may);
}

}  // namespace

/// Both ways: all that was sent was sent once, and nothing lies ahead of a gap.
bool Connection::is_plain_transfer() const {
  const auto& snd = tcb_.snd;
  return snd.nxt == snd.max && !tcb_.out_of_order && tcb_.recovery.at_rest() && !any_mutant();
}

/// Where ACK, octets and FIN do what they do in ESTABLISHED, but for the state they lead to. Not in
/// TIME_WAIT, which another connection may take over; nor before our SYN is out.
bool Connection::is_between_syn_and_end() const {
  if (tcb_.state == State::syn_rcvd) return !tcb_.close_waits && tcb_.snd.nxt >= 0;
  return traits(tcb_.state).synchronized && tcb_.state != State::time_wait;
}

/// Octets and a FIN in order or none, all in the window, with an ACK of something that is out or,
/// with any of those, of what was acknowledged before.
bool Connection::arrives_as_predicted(const wire::TcpHeader& header, std::uint32_t payload) const {
  const auto& rcv = tcb_.rcv;
  const std::uint32_t fresh = header.ack.raw() - seq_of(tcb_.snd.una).raw();
  const auto out = static_cast<std::uint32_t>(tcb_.snd.max - tcb_.snd.una);
  if (header.seq != ack_field() || fresh > out || header.options.sack_count != 0 ||
      !is_plain_transfer() || tcb_.timers.mode == Retransmission::persist) {
    return false;
  }
  if (tcb_.timestamps && (!header.options.has(wire::TcpOptions::kTimestamps) ||
                          older(header.options.ts_val, tcb_.ts.recent))) {
    return false;
  }
  const bool usual = tcb_.state == State::established && is_plain(header) &&
                     payload <= rcv.edge - rcv.nxt && rcv.fin == ReceiveVariables::kNoFin &&
                     !tcb_.orphan && !tcb_.discarding;
  return usual ? (fresh | payload) != 0 : ends_as_predicted(header, payload, fresh);
}

/// The rest of the question where not all is as in the middle of a transfer: the handshake's ACK,
/// FIN, what comes behind our own.
bool Connection::ends_as_predicted(const wire::TcpHeader& header, std::uint32_t payload,
                                   std::uint32_t fresh) const {
  const auto& rcv = tcb_.rcv;
  const std::uint32_t length = payload + (header.flags.has(Flag::fin) ? 1U : 0U);
  if (!is_plain(header, Flag::fin) || (fresh | length) == 0 || !is_between_syn_and_end()) {
    return false;
  }
  if (length == 0) return true;
  const bool somebody_reads = !tcb_.orphan || payload == 0;
  return traits(tcb_.state).may_receive_data && length <= rcv.edge - rcv.nxt && somebody_reads &&
         rcv.fin == ReceiveVariables::kNoFin && !tcb_.discarding;
}

void Connection::take_predicted(const wire::TcpHeader& header, std::uint32_t payload, TimePoint now,
                                Effects& fx) {
  auto& rcv = tcb_.rcv;
  const Range text{rcv.nxt, rcv.nxt + payload};
  const Arrival a{.header = header,
                  .now = now,
                  .payload = payload,
                  .seq = text.begin,
                  .ack = tcb_.snd.una + (header.ack.raw() - seq_of(tcb_.snd.una).raw()),
                  .text = text,
                  .fin = header.flags.has(Flag::fin),
                  .fin_at = text.end};
  tcb_.heard = now;
  tcb_.timers.keepalives = 0;
  tcb_.more_follows = false;
  if (tcb_.timestamps && !after(header.seq, rcv.last_ack_sent)) {
    tcb_.ts.take(header.options.ts_val, now);
  }
  if (a.ack > tcb_.snd.una) acknowledged(a, fx);
  update_window(a, fx);
  if (tcb_.state != State::established) follow_ack(fx, now);
  if (payload > 0) {
    owe_ack(a, text, true);
    rcv.nxt = text.end;
    fx.accepted = fx.readable = text;
    fx.ready |= kReadable;
  }
  if (a.fin) take_fin(true, a.fin_at, now, fx);
}

bool Connection::prediction_holds(const wire::TcpHeader& header, std::uint32_t payload,
                                  TimePoint now) const {
  Connection predicted = *this;
  Connection full = *this;
  Effects short_way;
  Effects long_way;
  predicted.take_predicted(header, payload, now, short_way);
  full.arrives_in_full(header, payload, now, true, long_way);
  return predicted == full && short_way == long_way;
}

/// Either all that waits to be sent, in one segment that both windows and Nagle let go; or a FIN
/// behind all that was sent; or an ACK, where nothing waits.
bool Connection::sends_as_predicted(TimePoint now, std::uint32_t most) const {
  const auto& snd = tcb_.snd;
  const bool transfers = tcb_.state == State::established || traits(tcb_.state).synchronized;
  if (!transfers || !is_plain_transfer() || tcb_.probe || tcb_.keepalive || tcb_.flush)
    return false;
  const Offset pending = snd.end - snd.nxt;
  if (tcb_.fin_queued && pending >= 0) return pending == 0 && snd.una + snd.wnd > snd.end;
  if (pending <= 0) return tcb_.ack_now;
  const std::uint32_t mss = std::min(most, smss());
  const std::uint32_t cwnd = std::visit([](const auto& c) { return c.cwnd(); }, tcb_.congestion);
  if (pending > mss || snd.end > snd.una + std::min(snd.wnd, cwnd)) return false;
  const Settings& s = settings();
  const bool waits = s.cork || tcb_.more_follows;
  if (snd.una < snd.max) {
    return pending == mss || !(waits || (s.nagle && short_is_out(mss)));
  }
  // No longer idle than a timeout takes at the least (RFC 5681 §4.1).
  return (pending == mss || !waits) &&
         now - tcb_.sent <= std::min(std::min(s.rto_initial, s.rto_min), s.rto_max);
}

void Connection::send_predicted(TimePoint now, Outgoing& out) {
  const Range text{tcb_.snd.nxt, tcb_.snd.end};
  const bool fin = tcb_.fin_queued && text.begin == text.end;  // less than that once it is out
  if (text.empty() && !fin) {
    transmit_ack(now, out);
    return;
  }
  segment(text, fin, fin ? Why::fin : Why::data, now, out);
  sent(text.begin, text.end + (fin ? 1 : 0), now);
}

bool Connection::prediction_holds(TimePoint now, std::uint32_t most) const {
  Connection predicted = *this;
  Connection full = *this;
  Outgoing short_way;
  Outgoing long_way;
  predicted.send_predicted(now, short_way);
  return full.next_segment(now, most, long_way) && predicted == full && short_way == long_way;
}

}  // namespace lastack::tcp
