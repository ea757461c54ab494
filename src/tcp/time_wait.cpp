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
}

Effects TimeWait::segment_arrives(const wire::TcpHeader& header, std::uint32_t payload,
                                  const Settings& settings, TimePoint now) {
  Effects fx;
  const bool rst = header.flags.has(Flag::rst);
  if (may_reuse(header, rcv_nxt_, timestamps_, ts_.recent)) {
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
  if (!acceptable(seq, segment_length(header, payload), {0, window_})) {
    fx.drop = seq < 0 ? Drop::old_duplicate : Drop::outside_window;
    const std::uint32_t length = segment_length(header, payload);
    if (timestamps_ && !rst && length > 0 &&
        seq + length == 0) {  // as Connection::check_sequence()
      ts_.take(header.options.ts_val, now);
    }
    refuse_sequence(header, payload, settings, fx, now);
    return fx;
  }
  const std::int32_t acks = distance(snd_nxt_, header.ack);
  const bool exact = seq == 0;
  if (rst && exact && settings.rst_ends_time_wait) {
    state_ = take(state_, Event::rst_time_wait, fx);
  } else if (rst) {
    fx.drop = exact ? Drop::rst_in_time_wait : Drop::rst_not_exact;
    if (!exact && challenges_.spend(settings.challenge_acks_per_second, now)) ack_now_ = true;
  } else if (header.flags.has(Flag::syn)) {
    fx.drop = Drop::syn_in_window;
    if (challenges_.spend(settings.challenge_acks_per_second, now)) ack_now_ = true;
  } else if (!header.flags.has(Flag::ack)) {
    fx.drop = Drop::no_ack;
  } else if (acks > 0 || acks < -std::int64_t{max_wnd_}) {
    fx.drop = acks > 0 ? Drop::ack_unsent : Drop::ack_too_old;
    if (challenges_.spend(settings.challenge_acks_per_second, now)) ack_now_ = true;
  } else if (payload > 0) {
    fx.drop = Drop::after_fin;
  }
  return fx;
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
  if (length > 0 || challenges_.spend(settings.challenge_acks_per_second, now)) ack_now_ = true;
}

Effects TimeWait::timer_expired(TimePoint now) {
  Effects fx;
  if (deadline_ > now) return fx;
  state_ = take(state_, Event::time_wait_over, fx);
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
    out.header.options.ts_val = ts_.value(now);
    out.header.options.ts_ecr = ts_.recent;
  }
  return out;
}

}  // namespace lastack::tcp
