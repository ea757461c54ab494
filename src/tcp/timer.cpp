// Timers: when the next one is due and what each does (§3.10.8, §3.8, RFC 6298).
#include <algorithm>

#include "tcp/connection.hpp"
#include "tcp/mutant.hpp"

namespace lastack::tcp {

TimePoint Connection::next_deadline() const {
  if (tcb_.state == State::closed || tcb_.state == State::listen) return kNever;
  const auto& timers = tcb_.timers;
  const TimePoint ours =
      std::min(std::min(timers.retransmission, timers.delayed_ack), timers.state);
  const Settings& s = settings();
  if (!s.keepalive && s.user_timeout == Duration(0)) return ours;  // as most have it
  return std::min(std::min(ours, keepalive_deadline()), user_deadline());
}

Effects Connection::timer_expired(TimePoint now) {
  Effects fx;
  if (tcb_.state == State::closed || tcb_.state == State::listen) return fx;
  if (tcb_.timers.delayed_ack <= now) {
    tcb_.timers.delayed_ack = kNever;
    tcb_.ack_now = true;
  }
  if (tcb_.timers.state <= now) {
    state_timer_due(fx, now);
  } else if (user_deadline() <= now) {
    const Error soft = tcb_.error;
    fail(Event::gave_up, soft == Error::none ? Error::timed_out : soft, fx, now);
  } else if (tcb_.timers.retransmission <= now) {
    retransmission_due(fx, now);
  } else if (keepalive_deadline() <= now) {
    keepalive_due(fx, now);
  }
  return fx;
}

void Connection::state_timer_due(Effects& fx, TimePoint now) {
  switch (tcb_.state) {
    case State::time_wait: enter(Event::time_wait_over, fx, now); break;
    case State::fin_wait_2: fail(Event::orphan_timeout, Error::timed_out, fx, now); break;
    default:  // SO_LINGER's time
      reset_peer(fx);
      fail(Event::abort, Error::timed_out, fx, now);
  }
}

Duration Connection::rto(unsigned backoff) const {
  const Settings& s = settings();
  const bool slow = tcb_.syn_lost && tcb_.snd.una >= 0;  // RFC 6298 §5.7
  const Duration initial = slow ? std::max<Duration>(s.rto_initial, 3s) : s.rto_initial;
  return tcb_.rtt.rto({initial, s.rto_min, s.rto_max}, backoff);
}

Expiry Connection::expiry() const {
  const Settings& s = settings();
  const std::uint8_t backoff = tcb_.timers.backoff;
  return {.rto = rto(backoff > 0 ? backoff - 1U : 0U),
          .most = tcb_.snd.una < 0 ? s.syn_retries : s.retries};
}

void Connection::arm_retransmission(Retransmission mode, TimePoint now) {
  tcb_.timers.mode = mode;
  tcb_.timers.retransmission = mode == Retransmission::off ? kNever : now + rto();
}

/// Persist: another probe, for as long as somebody answers (§3.8.6.1). Timeout: RFC 6298 §5.4 to
/// §5.7, until R2 (§3.8.3).
void Connection::retransmission_due(Effects& fx, TimePoint now) {
  auto& timers = tcb_.timers;
  const Settings& s = settings();
  const std::uint8_t most = tcb_.snd.una < 0 ? s.syn_retries : s.retries;
  if (timers.unanswered >= most && !mutated(Mutant::no_give_up)) {
    const Error soft = tcb_.error;
    fail(Event::gave_up, soft == Error::none ? Error::timed_out : soft, fx, now);
    return;
  }
  const bool first = timers.unanswered == 0;
  ++timers.unanswered;
  if (timers.backoff < 255) ++timers.backoff;
  const bool was_persist = timers.mode == Retransmission::persist;
  arm_retransmission(Retransmission::off, now);
  if (was_persist) {
    tcb_.probe = true;
    return;
  }
  if (tcb_.snd.una < 0) tcb_.syn_lost = true;
  std::visit([&](auto& c) { c.on_timeout(in_flight(), smss(), first); }, tcb_.congestion);
  tcb_.recovery.timed_out(tcb_.snd.max);
  tcb_.retransmit_first = false;
  tcb_.timed.end = -1;  // Karn
  tcb_.snd.nxt = tcb_.snd.una;
}

/// Only where nothing of ours is out: then retransmission asks the question (§3.8.4).
TimePoint Connection::keepalive_deadline() const {
  const Settings& s = settings();
  if (!s.keepalive) return kNever;
  const bool idle = traits(tcb_.state).synchronized && tcb_.state != State::time_wait &&
                    tcb_.snd.una == tcb_.snd.max && tcb_.timers.mode == Retransmission::off;
  if (!idle) return kNever;
  return tcb_.heard + s.keepalive_idle + tcb_.timers.keepalives * s.keepalive_interval;
}

void Connection::keepalive_due(Effects& fx, TimePoint now) {
  if (tcb_.timers.keepalives >= settings().keepalive_probes) {
    reset_peer(fx);
    fail(Event::gave_up, Error::timed_out, fx, now);
    return;
  }
  // The next one an interval from now, even where this one comes late.
  const Settings& s = settings();
  tcb_.heard = now - s.keepalive_idle - tcb_.timers.keepalives * s.keepalive_interval;
  ++tcb_.timers.keepalives;
  tcb_.keepalive = true;
}

/// RFC 5482, RFC 9293 §3.8.3: how long octets may wait for an acknowledgment.
TimePoint Connection::user_deadline() const {
  const Settings& s = settings();
  if (s.user_timeout == Duration(0)) return kNever;
  const bool waiting = tcb_.snd.una < tcb_.snd.max || tcb_.snd.una < tcb_.snd.end;
  const bool alive = tcb_.state != State::closed && tcb_.state != State::time_wait;
  if (!waiting || !alive) return kNever;
  return tcb_.progress + s.user_timeout;
}

}  // namespace lastack::tcp
