#include "tcp/time_wait.hpp"

#include <algorithm>

#include "tcp/arrival.hpp"

namespace lastack::tcp {

using wire::Flag;

TimeWait::TimeWait(const Connection& connection) {
  const Tcb& t = connection.tcb();
  deadline_ = t.timers.state;
  snd_nxt_ = t.iss + 1 + static_cast<std::uint32_t>(t.snd.max);
  rcv_nxt_ = t.irs + 1 + static_cast<std::uint32_t>(t.rcv.nxt);
  ts_ = t.ts;
  window_ = static_cast<std::uint32_t>(std::max<Offset>(t.rcv.edge - t.rcv.nxt, 0));
  max_wnd_ = t.snd.max_wnd;
  challenges_ = t.challenges;
  scale_ = t.rcv.scale;
  timestamps_ = t.timestamps;
  ack_now_ = t.ack_now;
  sent_ = ts_.value(deadline_ - 2 * connection.settings().msl);
}

Effects TimeWait::segment_arrives(const wire::TcpHeader& header, std::uint32_t payload,
                                  const Settings& settings, TimePoint now, bool listened) {
  Effects fx;
  const bool rst = header.flags.has(Flag::rst);
  if (listened && may_reuse(header, rcv_nxt_, timestamps_, ts_.recent)) {
    state_ = take(state_, Event::reuse, fx);
    return fx;
  }
  if (timestamps_ && !rst) {
    if (!header.options.has(wire::TcpOptions::kTimestamps)) {
      fx.drop = Drop::no_timestamp;
      return fx;
    }
    if (ts_.outdates(header.options.ts_val, now)) {
      fx.drop = Drop::paws;
      refuse_sequence(header, payload, settings, fx, now);
      return fx;
    }
  }
  const Offset seq = distance(rcv_nxt_, header.seq);
  if (!acceptable(header, payload, seq, {0, window_})) {
    const std::uint32_t length = segment_length(header, payload);
    const bool closed = window_ == 0 && seq == 0 && !header.flags.has(Flag::syn);
    if (!closed) {
      fx.drop = seq < 0 ? Drop::old_duplicate : Drop::outside_window;
      if (timestamps_ && !rst && length > 0 && seq + length == 0) {
        ts_.take(header.options.ts_val, now);  // as Connection::check_sequence()
      }
      refuse_sequence(header, payload, settings, fx, now);
      return fx;
    }
    fx.drop = Drop::outside_window;
    ack_now_ = true;
  }
  check_flags(header, payload, seq, settings, fx, now);
  return fx;
}

/// §3.10.7.4, second to seventh, of a segment in the window.
void TimeWait::check_flags(const wire::TcpHeader& header, std::uint32_t payload, Offset seq,
                           const Settings& settings, Effects& fx, TimePoint now) {
  const bool rst = header.flags.has(Flag::rst);
  const auto challenge = [&](Drop why) {
    fx.drop = why;
    if (challenges_.spend(settings.challenge_acks_per_second, now)) ack_now_ = true;
  };
  const std::int32_t acks = distance(snd_nxt_, header.ack);
  if (rst && seq == 0 && settings.rst_ends_time_wait) {
    state_ = take(state_, Event::rst_time_wait, fx);
  } else if (rst && seq == 0) {
    fx.drop = Drop::rst_in_time_wait;
  } else if (rst) {
    challenge(Drop::rst_not_exact);
  } else if (header.flags.has(Flag::syn)) {
    challenge(Drop::syn_in_window);
  } else if (!header.flags.has(Flag::ack)) {
    fx.drop = Drop::no_ack;
  } else if (acks > 0) {
    challenge(Drop::ack_unsent);
  } else if (acks < -std::int64_t{max_wnd_}) {
    challenge(Drop::ack_too_old);
  } else {
    if (timestamps_ && seq <= 0) ts_.take(header.options.ts_val, now);  // as Connection::take_ack()
    const bool text = std::max<Offset>(seq, 0) < std::min<Offset>(seq + payload, window_);
    if (text) fx.drop = Drop::after_fin;
  }
}

void TimeWait::refuse_sequence(const wire::TcpHeader& header, std::uint32_t payload,
                               const Settings& settings, Effects& fx, TimePoint now) {
  if (header.flags.has(Flag::rst)) {
    fx.drop = Drop::rst_outside_window;
    return;
  }
  const std::uint32_t length = segment_length(header, payload);
  if (header.flags.has(Flag::fin) && header.seq + length == rcv_nxt_) {
    deadline_ = now + 2 * settings.msl;  // §3.10.7.4, eighth: the FIN again
  }
  if (waits_for_ack(header, payload) ||
      challenges_.spend(settings.challenge_acks_per_second, now)) {
    ack_now_ = true;
  }
}

Effects TimeWait::timer_expired(TimePoint now) {
  Effects fx;
  if (deadline_ > now) return fx;
  state_ = take(state_, Event::time_wait_over, fx);
  deadline_ = kNever;
  return fx;
}

Effects TimeWait::give_way(Open& how) {
  // As far beyond as Linux goes: no window without scaling reaches there.
  const Seq beyond = snd_nxt_ + 65535 + 2;
  if (before(how.iss, beyond)) how.iss = beyond;
  how.ts_offset = ts_.offset;
  Effects fx;
  state_ = take(state_, Event::reuse, fx);
  deadline_ = kNever;
  return fx;
}

std::optional<Outgoing> TimeWait::transmit(TimePoint now) {
  if (!ack_now_ || state_ != State::time_wait) return std::nullopt;
  ack_now_ = false;
  Outgoing out;
  out.why = Why::acknowledgment;
  out.header.seq = snd_nxt_;
  out.header.ack = rcv_nxt_;
  out.header.flags = Flag::ack;
  out.header.window = static_cast<std::uint16_t>(
      std::min<std::uint64_t>((std::uint64_t{window_} + (1U << scale_) - 1) >> scale_, 0xffff));
  if (timestamps_) {
    out.header.options.present = wire::TcpOptions::kTimestamps;
    out.header.options.ts_val = sent_ = ts_.value(now);
    out.header.options.ts_ecr = ts_.recent;
  }
  return out;
}

}  // namespace lastack::tcp
