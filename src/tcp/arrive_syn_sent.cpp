// SEGMENT ARRIVES in SYN_SENT: §3.10.7.3.
#include <algorithm>

#include "tcp/arrival.hpp"
#include "tcp/connection.hpp"
#include "tcp/handshake.hpp"
#include "tcp/mutant.hpp"

namespace lastack::tcp {

using wire::Flag;

void Connection::arrives_in_syn_sent(const wire::TcpHeader& header, std::uint32_t payload,
                                     Effects& fx, TimePoint now) {
  const bool has_ack = header.flags.has(Flag::ack);
  const bool acks_syn = has_ack && tcb_.snd.max >= 0 && header.ack == seq_of(0);
  if (has_ack && !acks_syn &&
      !mutated(Mutant::syn_sent_ack_not_checked)) {  // first: nothing but our SYN is out
    fx.drop = Drop::ack_unsent;
    if (!header.flags.has(Flag::rst)) fx.reset = reset_for(header, payload);
    return;
  }
  if (header.flags.has(Flag::rst)) {  // second
    if (acks_syn || mutated(Mutant::syn_sent_rst_without_ack)) {
      fail(Event::rst, Error::refused, fx, now);
    } else {
      fx.drop = Drop::rst_without_ack;
    }
    return;
  }
  if (!header.flags.has(Flag::syn)) {  // fifth
    fx.drop = Drop::not_syn;
    return;
  }
  if (!acks_syn && mutated(Mutant::syn_sent_no_simultaneous)) return;
  tcb_.irs = header.seq;  // fourth
  tcb_.heard = now;
  tcb_.snd.wnd = tcb_.snd.max_wnd = header.window;
  tcb_.snd.wl1 = tcb_.irs;
  tcb_.rcv.last_ack_sent = tcb_.irs;
  agree_on_options(header, now);
  if (!acks_syn) {
    tcb_.snd.wl2 = tcb_.iss;
    tcb_.snd.nxt = -1;    // our SYN goes out again, with an ACK of theirs
    tcb_.timed.end = -1;  // ... so an ACK of it tells nothing about the time (Karn)
    enter(Event::syn, fx, now);
    return;
  }
  Arrival a{.header = header,
            .now = now,
            .payload = 0,
            .seq = -1,
            .ack = 0,
            .text = {},
            .fin = false,
            .fin_at = 0};
  acknowledged(a, fx);
  tcb_.snd.wl2 = header.ack;
  // Who defers accept() has something to send soon, as Linux sees it: the ACK goes with that.
  const bool waits = settings().defer_accept > Duration(0);
  tcb_.ack_now = !waits;
  if (waits) tcb_.timers.delayed_ack = now + settings().delayed_ack;
  enter(Event::syn_ack, fx, now);
  // DEVIATES: §3.10.7.3 queues text and FIN that come with a SYN. They are left unacknowledged, so
  // the peer sends them again: nothing of a SYN is kept before the handshake is over.
}

/// What counts is what our SYN offered: the settings may be others by now.
void Connection::agree_on_options(const wire::TcpHeader& syn, TimePoint now) {
  const Agreement agreed = agree(syn.options, offered(), tcb_.rcv.mss, tcb_.snd.mss);
  tcb_.snd.mss = agreed.send_mss;
  tcb_.snd.scale = agreed.send_scale;
  stand_by(agreed);
  if (agreed.timestamps) tcb_.ts.take(syn.options.ts_val, now);
}

/// Our half of the options: in SYN_SENT what we offer, then what was agreed on.
Agreement Connection::offered() const {
  return {.send_mss = 0,
          .send_scale = 0,
          .receive_scale = tcb_.rcv.scale,
          .window_scaling = tcb_.window_scaling,
          .timestamps = tcb_.timestamps,
          .sack = tcb_.sack};
}

void Connection::stand_by(const Agreement& options) {
  tcb_.rcv.scale = options.receive_scale;
  tcb_.window_scaling = options.window_scaling;
  tcb_.timestamps = options.timestamps;
  tcb_.sack = options.sack;
}

}  // namespace lastack::tcp
