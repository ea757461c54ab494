// The user's doors (§3.10.1 to §3.10.6), and what entering a state means.
#include "tcp/connection.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <memory>
#include <tuple>
#include <utility>

#include "base/flat.hpp"
#include "tcp/arrival.hpp"
#include "tcp/handshake.hpp"
#include "tcp/mutant.hpp"
#include "tcp/syn_rcvd.hpp"

namespace lastack::tcp {
namespace {

constexpr Settings kDefaults{};
constexpr std::uint16_t kSmallestPathMss = 48;  // below this options would leave no room for data

/// Whether ABORT tells the peer (§3.10.5): in LAST_ACK and later our FIN has said all there is.
bool abort_resets(State state) {
  switch (state) {
    case State::syn_rcvd:
    case State::established:
    case State::fin_wait_1:
    case State::fin_wait_2:
    case State::close_wait: return true;
    default: return false;
  }
}

}  // namespace

bool operator==(const Tcb& a, const Tcb& b) {
  const auto values = [](const Tcb& t) {
    return std::tie(t.state, t.origin, t.error, t.challenges, t.iss, t.irs, t.snd, t.rcv, t.ts,
                    t.timers, t.timed, t.rtt, t.congestion, t.recovery, t.out_of_order, t.urgent,
                    t.heard, t.sent, t.progress);
  };
  const auto bits = [](const Tcb& t) {
    return std::array<bool, 15>{t.fin_queued,     t.close_waits,      t.orphan, t.discarding,
                                t.window_scaling, t.timestamps,       t.sack,   t.ack_now,
                                t.window_update,  t.retransmit_first, t.probe,  t.keepalive,
                                t.syn_lost,       t.more_follows,     t.flush};
  };
  const Settings& sa = a.settings ? *a.settings : kDefaults;
  const Settings& sb = b.settings ? *b.settings : kDefaults;
  return values(a) == values(b) && bits(a) == bits(b) && sa == sb;
}

const Settings& Connection::settings() const { return tcb_.settings ? *tcb_.settings : kDefaults; }

Connection::Connection(const SynRcvd& record, SettingsPtr settings, TimePoint now) {
  tcb_.settings = std::move(settings);
  tcb_.state = State::syn_rcvd;
  tcb_.origin = Origin::passive;
  tcb_.iss = record.iss;
  tcb_.irs = record.irs;
  tcb_.snd = {.una = -1,
              .nxt = 0,
              .max = 0,
              .wl1 = record.irs,
              .wl2 = record.iss,
              .wnd = record.window,
              .max_wnd = record.window,
              .mss = record.agreed.send_mss,
              .scale = record.agreed.send_scale};
  tcb_.rcv.mss = record.mss;
  stand_by(record.agreed);
  tcb_.rcv.edge = record.receive_window;
  tcb_.rcv.last_ack_sent = record.irs + 1;
  tcb_.ts = record.ts;
  tcb_.syn_lost = record.retransmissions > 0;
  tcb_.timers.mode = Retransmission::timeout;
  tcb_.timers.retransmission = record.deadline;
  tcb_.timers.backoff = record.retransmissions;
  tcb_.timers.unanswered = record.retransmissions;
  if (!tcb_.syn_lost && record.sent != TimePoint{}) tcb_.timed = {.end = 0, .sent = record.sent};
  tcb_.heard = tcb_.sent = tcb_.progress = now;
}

std::expected<Effects, Error> Connection::open(const Open& how, TimePoint now) {
  if (tcb_.state != State::closed) return std::unexpected(Error::exists);
  std::destroy_at(&tcb_);
  std::construct_at(&tcb_);
  tcb_.settings = how.settings;
  tcb_.iss = how.iss;
  tcb_.ts.offset = how.ts_offset;
  tcb_.rcv.mss = how.mss;
  tcb_.snd.mss = std::min(how.mss, how.default_mss);
  stand_by(offer_of(settings()));
  tcb_.rcv.edge = std::min<Offset>(settings().receive_buffer, 0xffff);
  tcb_.heard = tcb_.sent = tcb_.progress = now;
  Effects fx;
  enter(Event::active_open, fx, now);
  return fx;
}

std::expected<Effects, Error> Connection::send(std::uint32_t octets, TimePoint now, bool urgent,
                                               bool more) {
  if (tcb_.fin_queued || tcb_.close_waits) return std::unexpected(Error::closing);
  if (!traits(tcb_.state).may_send_data) return std::unexpected(Error::not_open);
  if (tcb_.snd.una == tcb_.snd.end) tcb_.progress = now;
  tcb_.snd.end += octets;
  tcb_.more_follows = more;
  tcb_.flush = false;
  if (urgent) tcb_.urgent.ensure().send = tcb_.snd.end;
  return Effects{};
}

Effects Connection::receive(std::uint32_t octets, TimePoint now) {
  tcb_.rcv.read += std::min(octets, unread());
  offer_window(now);
  return {};
}

std::expected<Effects, Error> Connection::close(TimePoint now, bool after_handshake) {
  if (tcb_.fin_queued || tcb_.close_waits) return std::unexpected(Error::closing);
  Effects fx;
  switch (tcb_.state) {
    case State::closed: return std::unexpected(Error::not_open);
    case State::listen:
    case State::syn_sent: fail(Event::close, Error::closing, fx, now); break;
    case State::syn_rcvd:
      if (tcb_.snd.end > 0 || after_handshake) {
        tcb_.close_waits = true;  // §3.10.4: until ESTABLISHED
        break;
      }
      [[fallthrough]];
    default: send_fin(fx, now);
  }
  return fx;
}

/// Queues the FIN behind what the user has sent; the state says at once that it is on its way.
void Connection::send_fin(Effects& fx, TimePoint now) {
  tcb_.close_waits = false;
  tcb_.fin_queued = true;
  if (tcb_.snd.una == tcb_.snd.end) tcb_.progress = now;
  enter(Event::close, fx, now);
}

Effects Connection::discard_receive(TimePoint now) {
  if (settings().shut_rd_keeps_buffered) {
    tcb_.discarding = true;
    return {};
  }
  Effects fx;
  tcb_.rcv.read += unread();
  tcb_.discarding = true;
  fx.ready = kReadable;
  offer_window(now);
  return fx;
}

Effects Connection::orphan(TimePoint now, Duration linger) {
  const Effects fx = let_go(now);
  // FIN_WAIT_2 and TIME_WAIT have a time of their own, and nothing that waits for an ACK.
  const bool waits = tcb_.state != State::closed && tcb_.timers.state == kNever;
  if (waits && linger > Duration(0) && !settings().linger_goes_on &&
      !mutated(Mutant::linger_without_end)) {
    tcb_.timers.state = now + linger;
  }
  return fx;
}

Effects Connection::let_go(TimePoint now) {
  Effects fx;
  tcb_.orphan = true;
  const State state = tcb_.state;
  if (state == State::closed) return fx;
  if (unread() > 0 && state != State::time_wait && !mutated(Mutant::unread_close_is_fin)) {
    reset_peer(fx);
    fail(Event::abort, Error::aborted, fx, now);
  } else if (!tcb_.fin_queued && !tcb_.close_waits) {
    return *close(now);
  } else if (tcb_.close_waits && tcb_.snd.end == 0) {
    send_fin(fx, now);  // only shutdown() waits with nothing to send
  } else if (state == State::fin_wait_2) {
    limit_fin_wait_2(fx, now);
  }
  return fx;
}

/// How long an orphan waits for the peer's FIN; less than no time resets, as Linux's TCP_LINGER2
/// has it.
void Connection::limit_fin_wait_2(Effects& fx, TimePoint now) {
  if (settings().fin_timeout >= Duration(0)) {
    tcb_.timers.state = now + settings().fin_timeout;
    return;
  }
  reset_peer(fx);
  fail(Event::orphan_timeout, Error::timed_out, fx, now);
}

Effects Connection::abort(TimePoint now) {
  Effects fx;
  if (tcb_.state == State::closed) return fx;
  if (abort_resets(tcb_.state)) reset_peer(fx);
  fail(Event::abort, Error::aborted, fx, now);
  return fx;
}

Effects Connection::icmp_arrives(const IcmpError& icmp, TimePoint now) {
  Effects fx;
  // RFC 5927 §4.1: the quoted segment must be one that is out now.
  const Offset quoted = tcb_.snd.una + distance(seq_of(tcb_.snd.una), icmp.seq);
  const bool out = quoted >= tcb_.snd.una && quoted < tcb_.snd.max && tcb_.state != State::closed;
  if (!out && !mutated(Mutant::icmp_any_sequence)) {
    fx.drop = Drop::icmp_out_of_window;
    return fx;
  }
  if (icmp.kind == IcmpError::Kind::too_big) {
    if (icmp.mss >= tcb_.snd.mss || icmp.mss < kSmallestPathMss) return fx;  // only ever smaller
    tcb_.snd.mss = icmp.mss;
    tcb_.snd.nxt = tcb_.snd.una;  // what was too big did not arrive: send it again in pieces
    tcb_.retransmit_first = false;
    tcb_.timed.end = -1;
    return fx;
  }
  const bool handshake = tcb_.state == State::syn_sent || tcb_.state == State::syn_rcvd ||
                         mutated(Mutant::icmp_hard_when_synchronised);
  const bool hard = icmp.kind == IcmpError::Kind::hard || settings().icmp_ends_handshake;
  if (hard && handshake) {
    fail(Event::icmp_hard, icmp.error, fx, now);
  } else {
    tcb_.error = icmp.error;  // RFC 5927 §5: soft once synchronised; told if nothing else answers
  }
  return fx;
}

/// Where nothing has been sent yet, the initial window is made of such segments, too.
void Connection::path_takes(std::uint16_t mss) {
  if (mss >= tcb_.snd.mss || mss < kSmallestPathMss) return;
  tcb_.snd.mss = mss;
  if (tcb_.snd.max > 0) return;
  std::visit([this](auto& c) { c.start(smss(), tcb_.syn_lost); }, tcb_.congestion);
}

std::uint32_t Connection::unread() const {
  const Offset data_end = tcb_.rcv.nxt - (tcb_.rcv.nxt > tcb_.rcv.fin ? 1 : 0);
  return static_cast<std::uint32_t>(std::max<Offset>(data_end - tcb_.rcv.read, 0));
}

void Connection::set_settings(SettingsPtr settings, TimePoint now) {
  const Settings before = this->settings();
  tcb_.settings = std::move(settings);
  if (!before.keepalive && this->settings().keepalive) tcb_.heard = now;
  if (before.receive_buffer != this->settings().receive_buffer) offer_window(now);
}

void Connection::flush(bool corked) {
  tcb_.more_follows = false;
  tcb_.flush |= corked;
}

LASTACK_FLAT Effects Connection::segment_arrives(const wire::TcpHeader& header,
                                                 std::uint32_t payload, TimePoint now,
                                                 bool listened) {
  Effects fx;
  if (arrives_as_predicted(header, payload)) {
    assert(prediction_holds(header, payload, now));
    take_predicted(header, payload, now, fx);
  } else {
    arrives_in_full(header, payload, now, listened, fx);
  }
  return fx;
}

/// The one place that writes the state.
void Connection::enter(Event event, Effects& fx, TimePoint now) {
  tcb_.state = take(tcb_.state, event, fx);
  entered(tcb_.state, fx, now);
}

void Connection::entered(State state, Effects& fx, TimePoint now) {
  auto& timers = tcb_.timers;
  switch (state) {
    case State::established: fx.ready |= kConnected | kWritable; break;
    case State::fin_wait_2:
      if (tcb_.orphan && !mutated(Mutant::orphan_never_ends)) limit_fin_wait_2(fx, now);
      break;
    case State::time_wait:
      timers = {};
      timers.state = now + (mutated(Mutant::time_wait_short) ? 1 : 2) * settings().msl;
      break;
    case State::closed:
    case State::listen:
      timers = {};
      tcb_.ack_now = tcb_.window_update = tcb_.probe = false;
      tcb_.keepalive = tcb_.retransmit_first = false;
      tcb_.out_of_order.reset();
      tcb_.recovery = {};
      fx.ready |= kClosed | kReadable | kWritable;
      break;
    default: break;
  }
}

/// The connection ends for a reason that its user shall learn.
void Connection::fail(Event event, Error error, Effects& fx, TimePoint now) {
  tcb_.error = error;
  fx.error = error;
  fx.ready |= kFailed;
  enter(event, fx, now);
}

/// The RST of ABORT (§3.10.5). It stands behind everything we sent, where a peer that has received
/// all of it accepts it (RFC 5961 §3); another peer challenges it, and the answer to that is exact.
void Connection::reset_peer(Effects& fx) const {
  const Seq seq = seq_of(where_we_stand());
  fx.reset = {.wanted = true, .with_ack = true, .seq = seq, .ack = ack_field()};
}

Reset reset_for(const wire::TcpHeader& header, std::uint32_t payload) {
  using wire::Flag;
  if (header.flags.has(Flag::rst)) return {};
  if (header.flags.has(Flag::ack))
    return {.wanted = true, .with_ack = false, .seq = header.ack, .ack = {}};
  return {.wanted = true,
          .with_ack = true,
          .seq = Seq(0),
          .ack = header.seq + segment_length(header, payload)};
}

}  // namespace lastack::tcp
