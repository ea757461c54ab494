// What must hold in every state, and the form in which states are compared.
#include <algorithm>
#include <span>

#include "explore/encoder.hpp"
#include "explore/world.hpp"

namespace lastack::explore {

using tcp::State;

/// No octet lost, doubled or out of place: what a segment brought must be what its sender meant.
void World::check_arrival(Endpoint& e, const Segment& segment, const tcp::Effects& fx) {
  const Endpoint& peer = endpoints_[peer_of(index_of(e))];
  const bool current = segment.incarnation == e.peer_incarnation;
  if (!fx.accepted.empty()) {
    if (current && fx.accepted.begin != segment.payload.begin + Offset{fx.accepted_from}) {
      wrong("an octet was taken for another one");
    }
    if (fx.accepted.end > segment.payload.end && current) wrong("more octets than the segment had");
  }
  if (!fx.readable.empty()) {
    if (fx.readable.begin != e.delivered) wrong("octets became readable twice, or not in order");
    e.delivered = fx.readable.end;
  }
  const bool alive =
      peer.kind == Endpoint::Kind::connection && peer.incarnation == e.peer_incarnation;
  for (const tcp::Transition& t : fx.transitions()) {
    if (t.event != tcp::Event::fin || !alive || !current) continue;
    const bool whole =
        e.connection.tcb().discarding || e.delivered == peer.connection.tcb().snd.end;
    if (!whole) wrong("the FIN was taken before all octets in front of it");
  }
}

void World::check_invariants(const Endpoint& e) {
  if (e.kind != Endpoint::Kind::connection) return;
  const tcp::Tcb& t = e.connection.tcb();
  if (t.snd.una > t.snd.nxt || t.snd.nxt > t.snd.max) wrong("snd.una <= snd.nxt <= sent is broken");
  if (t.snd.max > t.snd.end + 1) wrong("more was sent than there was");
  if (t.rcv.nxt > t.rcv.edge + 1) wrong("more was taken than the window");
  if (t.rcv.read > t.rcv.nxt) wrong("more was read than came");
  const bool outstanding = t.snd.una < t.snd.max && t.state != State::closed;
  if (outstanding && t.timers.retransmission == kNever) wrong("something is out and no timer runs");
  const bool time_wait = t.state == State::time_wait;
  if (time_wait != (time_wait && t.timers.state != kNever)) wrong("TIME_WAIT without an end");
}

std::string World::wrong_when_quiet() const {
  for (const Endpoint& e : endpoints_) {
    if (e.kind == Endpoint::Kind::syn_rcvd) return "a handshake waits for ever";
    if (e.kind != Endpoint::Kind::connection) continue;
    const tcp::Tcb& t = e.connection.tcb();
    if (t.state == State::syn_sent || t.state == State::syn_rcvd)
      return "a handshake waits for ever";
    if (t.snd.una < t.snd.end) return "octets wait for ever";
    if (t.fin_queued && t.snd.una <= t.snd.end) return "a FIN waits for ever";
    if (!e.held) return "a connection that nobody holds stays for ever";
  }
  return {};
}

bool World::waits_for_user() const {
  // With keepalive two live ends ask each other until somebody closes.
  return std::ranges::any_of(endpoints_, [this](const Endpoint& e) {
    return e.kind == Endpoint::Kind::connection && e.held &&
           (e.connection.unread() > 0 || settings_->keepalive);
  });
}

namespace {

std::vector<std::uint8_t> encoded(const Segment& s, TimePoint senders_now) {
  std::vector<std::uint8_t> octets;
  Encoder out(octets);
  out.byte(s.to);
  out.byte(s.incarnation);
  out.byte(s.header.flags.bits());
  out.seq(s.header.seq, Seq(0));
  out.seq(s.header.ack, Seq(0));
  out.window(s.header.window);
  out.byte(static_cast<std::uint64_t>(s.payload.size()));
  const wire::TcpOptions& options = s.header.options;
  if (options.has(wire::TcpOptions::kTimestamps)) out.stamp(options.ts_val, senders_now);
  for (std::size_t i = 0; i < options.sack_count; ++i) {
    out.seq(options.sack[i].left, Seq(0));
    out.seq(options.sack[i].right, Seq(0));
  }
  return octets;
}

}  // namespace

void World::canonical(std::vector<std::uint8_t>& into) const {
  into.clear();
  Encoder out(into);
  out.byte(losses_left_);
  out.byte(duplicates_left_);
  for (const Endpoint& e : endpoints_) {
    const TimePoint peers_now = endpoints_[peer_of(index_of(e))].now;
    out.byte(static_cast<std::uint64_t>(e.kind) | std::uint64_t{e.held} << 4U |
             static_cast<std::uint64_t>(e.listener.state() == State::listen) << 5U);
    out.byte(e.opens_left);
    out.byte(e.octets_left);
    out.byte(e.calls_left);
    out.byte(std::uint64_t{e.incarnation} << 4U | e.peer_incarnation);
    if (e.kind != Endpoint::Kind::connection) out.deadline(e.next_deadline(), e.now);
    if (e.kind == Endpoint::Kind::connection) encode(out, e.connection.tcb(), e.now, peers_now);
    if (e.kind == Endpoint::Kind::syn_rcvd) {
      out.byte(std::uint64_t{e.record->retransmissions} | std::uint64_t{e.record->syn_ack_due}
                                                              << 4U);
      out.seq(e.record->irs, Seq(0));
      out.byte(e.record->challenges.spent(e.now));
      if (e.record->agreed.timestamps) out.stamp(e.record->ts.recent, peers_now);
    }
    if (e.kind == Endpoint::Kind::time_wait) {
      // Where both sides' numbers end: what is taken for a duplicate depends on it.
      out.seq(e.time_wait->snd_nxt(), Seq(0));
      out.seq(e.time_wait->rcv_nxt(), Seq(0));
      out.window(e.time_wait->window());
      out.byte(e.time_wait->challenges().spent(e.now));
      if (settings_->timestamps) out.stamp(e.time_wait->ts_recent(), peers_now);
    }
  }
  std::vector<std::vector<std::uint8_t>> segments;
  segments.reserve(wire_.size());
  for (const Segment& s : wire_) segments.push_back(encoded(s, endpoints_[peer_of(s.to)].now));
  std::ranges::sort(segments);
  for (const auto& s : segments) into.insert(into.end(), s.begin(), s.end());
}

std::string to_string(const Action& action) {
  constexpr std::array<const char*, 15> kNames{"deliver segment",
                                               "lose segment",
                                               "duplicate segment",
                                               "timer of endpoint",
                                               "open",
                                               "close the listener",
                                               "abort the listener",
                                               "send",
                                               "receive",
                                               "shutdown(SHUT_RD)",
                                               "shutdown(SHUT_WR)",
                                               "shutdown(SHUT_RDWR)",
                                               "close (last)",
                                               "abort",
                                               "ICMP error"};
  const bool segment = action.kind <= Action::Kind::duplicate;
  const std::string which =
      segment ? std::to_string(action.which) : std::string(1, "AB"[action.which]);
  return segment || action.kind == Action::Kind::timer
             ? std::string(kNames[static_cast<std::size_t>(action.kind)]) + " " + which
             : which + ": " + kNames[static_cast<std::size_t>(action.kind)];
}

}  // namespace lastack::explore
