#include "tcp/syn_rcvd.hpp"

#include "tcp/arrival.hpp"
#include "tcp/rtt.hpp"

namespace lastack::tcp {
namespace {

/// Nothing is measured before the handshake is over.
Duration rto_after(const Settings& settings, unsigned retransmissions) {
  return RttEstimator{}.rto({settings.rto_initial, settings.rto_min, settings.rto_max},
                            retransmissions);
}

}  // namespace

using wire::Flag;

SynRcvd::Step SynRcvd::segment_arrives(const wire::TcpHeader& header, std::uint32_t payload,
                                       const Settings& settings, TimePoint now) {
  Step step;
  Effects& fx = step.fx;
  const bool rst = header.flags.has(Flag::rst);
  const bool of_ours = header.ack == iss + 1;
  if (!rst && !of_ours && header.flags.has(Flag::syn) && header.flags.has(Flag::ack)) {
    // As answers_earlier_syn() of a connection.
    fx.drop = Drop::ack_unsent;
    fx.reset = {.wanted = true, .with_ack = false, .seq = header.ack, .ack = {}};
    return step;
  }
  const bool stamped = header.options.has(wire::TcpOptions::kTimestamps);
  if (agreed.timestamps && !rst && !stamped) {
    fx.drop = Drop::no_timestamp;
    return step;
  }
  const bool paws = agreed.timestamps && !rst && ts.outdates(header.options.ts_val, now);
  const Offset seq = distance(irs + 1, header.seq);
  const std::uint32_t length = segment_length(header, payload);
  if (paws || !acceptable(header, payload, seq, {0, receive_window})) {
    fx.drop = rst       ? Drop::rst_outside_window
              : paws    ? Drop::paws
              : seq < 0 ? Drop::old_duplicate
                        : Drop::outside_window;
    if (agreed.timestamps && !rst && !paws && length > 0 && seq + length == 0) {
      ts.take(header.options.ts_val, now);  // the SYN again, as Connection::check_sequence()
    }
    const bool answer = !rst && (waits_for_ack(header, payload) ||
                                 challenges.spend(settings.challenge_acks_per_second, now));
    if (answer) ack_now = true;
    return step;
  }
  if (rst) {
    check_rst(seq, settings, now, fx);
  } else if (header.flags.has(Flag::syn)) {
    fx.error = Error::reset;
    state = take(state, Event::syn_passive, fx);
  } else if (!header.flags.has(Flag::ack)) {
    fx.drop = Drop::no_ack;
  } else if (syn_ack_due && retransmissions == 0) {
    fx.drop = Drop::ack_unsent;  // our SYN has not gone out yet
  } else if (!of_ours) {
    fx.drop = Drop::ack_unsent;
    fx.reset = {.wanted = true, .with_ack = false, .seq = header.ack, .ack = {}};
  } else {
    step.grows = true;
  }
  return step;
}

/// RFC 5961 §3: exactly at rcv.nxt, or it is challenged.
void SynRcvd::check_rst(Offset seq, const Settings& settings, TimePoint now, Effects& fx) {
  if (seq != 0) {
    fx.drop = Drop::rst_not_exact;
    if (challenges.spend(settings.challenge_acks_per_second, now)) ack_now = true;
    return;
  }
  fx.error = Error::refused;
  state = take(state, Event::rst_passive, fx);
}

Effects SynRcvd::timer_expired(const Settings& settings, TimePoint now) {
  Effects fx;
  if (deadline > now) return fx;
  if (retransmissions >= settings.syn_retries) {
    fx.error = Error::timed_out;
    state = take(state, Event::gave_up, fx);
    deadline = kNever;
    return fx;
  }
  ++retransmissions;
  syn_ack_due = true;
  deadline = kNever;
  return fx;
}

/// A hard error about our SYN,ACK ends the handshake. There is nobody to tell of a soft one.
Effects SynRcvd::icmp_arrives(const IcmpError& icmp, TimePoint) {
  Effects fx;
  const bool out = !syn_ack_due || retransmissions > 0;
  if (icmp.seq != iss || !out) {
    fx.drop = Drop::icmp_out_of_window;
  } else if (icmp.kind == IcmpError::Kind::hard) {
    fx.error = icmp.error;
    state = take(state, Event::icmp_hard, fx);
    deadline = kNever;
  }
  return fx;
}

Effects SynRcvd::abort() {
  Effects fx;
  fx.error = Error::aborted;
  fx.reset = {.wanted = true, .with_ack = true, .seq = iss + 1, .ack = irs + 1};
  state = take(state, Event::abort, fx);
  deadline = kNever;
  return fx;
}

Expiry SynRcvd::expiry(const Settings& settings) const {
  return {.rto = rto_after(settings, retransmissions > 0 ? retransmissions - 1U : 0U),
          .most = settings.syn_retries};
}

std::optional<Outgoing> SynRcvd::transmit(const Settings& settings, TimePoint now) {
  if (state != State::syn_rcvd || (!syn_ack_due && !ack_now)) return std::nullopt;
  Outgoing out;
  auto& header = out.header;
  header.ack = irs + 1;
  header.seq = syn_ack_due ? iss : iss + 1;
  header.window = receive_window;
  out.attempt = retransmissions;
  if (syn_ack_due) {
    header.flags = Flag::syn | Flag::ack;
    header.options = syn_options(agreed, mss, ts.value(now), ts.recent);
    out.why = retransmissions > 0 ? Why::timeout : Why::handshake;
    deadline = now + rto_after(settings, retransmissions);
    if (retransmissions == 0) sent = now;
  } else {
    header.flags = Flag::ack;
    header.window = static_cast<std::uint16_t>((receive_window + (1 << agreed.receive_scale) - 1) >>
                                               agreed.receive_scale);
    if (agreed.timestamps) {
      header.options.present = wire::TcpOptions::kTimestamps;
      header.options.ts_val = ts.value(now);
      header.options.ts_ecr = ts.recent;
    }
    out.why = Why::acknowledgment;
  }
  syn_ack_due = ack_now = false;
  return out;
}

}  // namespace lastack::tcp
