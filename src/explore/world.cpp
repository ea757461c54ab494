#include "explore/world.hpp"

#include <algorithm>
#include <utility>

namespace lastack::explore {
namespace {

using tcp::State;
using wire::Flag;

constexpr std::uint32_t kFirstIss[] = {0xfffffffeU, 100};  // the first wraps at once
constexpr std::uint32_t kIssStep = 3;  // a next incarnation begins in the window of the last

std::uint8_t row_of(const tcp::Transition& t) {
  return static_cast<std::uint8_t>(tcp::row_of(t.from, t.event).value_or(tcp::kTable.size()));
}

}  // namespace

tcp::Settings settings_for(const Bounds& bounds) {
  tcp::Settings s;
  s.receive_buffer = bounds.window;
  s.nagle = bounds.nagle;
  s.timestamps = s.sack = bounds.options;
  s.window_scaling = false;
  // One timeout for all: no doubling, no measuring. The states differ by what is armed.
  s.rto_initial = s.rto_min = s.rto_max = 1s;
  s.delayed_ack = 500ms;
  s.msl = 5s;
  s.fin_timeout = 10s;
  s.retries = s.syn_retries = 1;
  s.challenge_acks_per_second = 2;  // what keeps two ends from answering each other for ever
  s.keepalive = bounds.keepalive;
  s.keepalive_idle = 20s;
  s.keepalive_interval = 1s;
  s.keepalive_probes = 1;
  s.close_as_linux(bounds.linux_profile);
  return s;
}

State Endpoint::state() const {
  switch (kind) {
    case Kind::syn_rcvd: return record->state;
    case Kind::connection: return connection.state();
    case Kind::time_wait: return time_wait->state();
    case Kind::closed: break;
  }
  return listener.state();
}

TimePoint Endpoint::next_deadline() const {
  switch (kind) {
    case Kind::syn_rcvd: return record->next_deadline();
    case Kind::connection: return connection.next_deadline();
    case Kind::time_wait: return time_wait->next_deadline();
    case Kind::closed: break;
  }
  return kNever;
}

World::World(const Bounds& bounds)
    : losses_left_(bounds.losses),
      duplicates_left_(bounds.duplicates),
      in_flight_(static_cast<std::uint8_t>(bounds.in_flight)),
      icmp_(bounds.icmp),
      self_(bounds.self_connect),
      settings_(tcp::SettingsPtr(settings_for(bounds))) {
  for (std::size_t i = 0; i < 2; ++i) {
    Endpoint& e = endpoints_[i];
    e.opens_left = bounds.opens[i];
    e.octets_left = bounds.octets[i];
    e.calls_left = bounds.calls[i];
    if (bounds.listens[i]) take(e, e.listener.open());
  }
}

void World::wrong(std::string what) {
  if (violation_.empty()) violation_ = std::move(what);
}

tcp::Open World::how_to_open(const Endpoint& e) const {
  const std::size_t i = index_of(e);
  return {.iss = Seq(kFirstIss[i] + kIssStep * e.incarnation),
          .ts_offset = 0,
          .mss = 1460,
          .default_mss = 536,
          .settings = settings_};
}

// --- what may happen

std::vector<Action> World::actions() const {
  using Kind = Action::Kind;
  std::vector<Action> all;
  const auto flying = static_cast<std::uint8_t>(wire_.size());
  for (std::uint8_t i = 0; i < flying; ++i) {
    all.push_back({Kind::deliver, i});
    if (losses_left_ > 0) all.push_back({Kind::lose, i});
    if (duplicates_left_ > 0) all.push_back({Kind::duplicate, i});
  }
  for (std::uint8_t i = 0; i < 2; ++i) {
    const Endpoint& e = endpoints_[i];
    if (e.next_deadline() != kNever) all.push_back({Kind::timer, i});
    if (e.kind == Endpoint::Kind::closed && e.opens_left > 0 &&
        e.listener.state() == State::closed) {
      all.push_back({Kind::open, i});
    }
    if (e.calls_left > 0 && e.listener.state() == State::listen) {
      all.push_back({Kind::listen_close, i});
      all.push_back({Kind::listen_abort, i});
    }
    if (!e.held) continue;
    const State state = e.state();
    if (e.octets_left > 0 && tcp::traits(state).may_send_data && !e.connection.tcb().close_waits) {
      all.push_back({Kind::send, i});
    }
    if (e.connection.unread() > 0) all.push_back({Kind::receive, i});
    const bool handshake = state == State::syn_sent || state == State::syn_rcvd;
    if (icmp_ && handshake) all.push_back({Kind::icmp, i});
    if (e.calls_left == 0) continue;
    for (const Kind kind :
         {Kind::shut_rd, Kind::shut_wr, Kind::shut_rdwr, Kind::close, Kind::abort}) {
      all.push_back({kind, i});
    }
  }
  return all;
}

void World::act(const Action& action) {
  using Kind = Action::Kind;
  rows_.clear();
  violation_.clear();
  if (action.kind > Kind::duplicate) {
    Endpoint& e = endpoints_[action.which];
    action.kind == Kind::timer ? fire_timer(e) : call(e, action.kind);
    settle(action.which);
    return;
  }
  const Segment segment = wire_[action.which];
  if (action.kind == Kind::duplicate) {
    --duplicates_left_;
  } else {
    wire_.erase(wire_.begin() + action.which);
  }
  if (action.kind == Kind::lose) {
    --losses_left_;
    return;
  }
  deliver(segment);
  settle(segment.to);
}

// --- segments

void World::deliver(const Segment& segment) {
  Endpoint& e = endpoints_[segment.to];
  switch (e.kind) {
    case Endpoint::Kind::connection: to_connection(e, segment); break;
    case Endpoint::Kind::syn_rcvd: to_record(e, segment); break;
    case Endpoint::Kind::time_wait: to_time_wait(e, segment); break;
    case Endpoint::Kind::closed: to_listener(e, segment); break;
  }
}

void World::to_connection(Endpoint& e, const Segment& segment) {
  const State before = e.state();
  const auto size = static_cast<std::uint32_t>(segment.payload.size());
  const tcp::Effects fx = e.connection.segment_arrives(segment.header, size, e.now);
  if (before == State::syn_sent && e.state() != State::syn_sent) {
    e.peer_incarnation = segment.incarnation;
  }
  check_arrival(e, segment, fx);
  take(e, fx);
  const bool over = fx.taken_count > 0 && fx.transitions().back().event == tcp::Event::reuse;
  if (!over) return;
  e.kind = Endpoint::Kind::closed;
  e.held = false;
  to_listener(e, segment);
}

void World::to_record(Endpoint& e, const Segment& segment) {
  const auto size = static_cast<std::uint32_t>(segment.payload.size());
  const auto step = e.record->segment_arrives(segment.header, size, *settings_, e.now);
  take(e, step.fx);
  if (!step.grows) return;
  e.connection = tcp::Connection(*e.record, settings_, e.now);
  e.record.reset();
  e.kind = Endpoint::Kind::connection;
  e.held = true;
  e.delivered = 0;
  to_connection(e, segment);
  if (e.state() == State::syn_rcvd) wrong("a record grew on an ACK that its connection refuses");
}

void World::to_time_wait(Endpoint& e, const Segment& segment) {
  const auto size = static_cast<std::uint32_t>(segment.payload.size());
  const tcp::Effects fx = e.time_wait->segment_arrives(segment.header, size, *settings_, e.now);
  take(e, fx);
  if (e.time_wait->state() != State::closed) return;
  e.time_wait.reset();
  e.kind = Endpoint::Kind::closed;
  if (fx.transitions().back().event == tcp::Event::reuse) to_listener(e, segment);
}

void World::to_listener(Endpoint& e, const Segment& segment) {
  const auto size = static_cast<std::uint32_t>(segment.payload.size());
  auto step = e.listener.segment_arrives(segment.header, size, how_to_open(e), e.now);
  take(e, step.fx);
  if (!step.child) return;
  ++e.incarnation;
  e.peer_incarnation = segment.incarnation;
  e.record = step.child;
  e.kind = Endpoint::Kind::syn_rcvd;
}

// --- timers and calls

void World::fire_timer(Endpoint& e) {
  e.now = std::max(e.now, e.next_deadline());
  switch (e.kind) {
    case Endpoint::Kind::connection: take(e, e.connection.timer_expired(e.now)); break;
    case Endpoint::Kind::syn_rcvd: take(e, e.record->timer_expired(*settings_, e.now)); break;
    case Endpoint::Kind::time_wait: take(e, e.time_wait->timer_expired(e.now)); break;
    case Endpoint::Kind::closed: break;
  }
}

void World::call(Endpoint& e, Action::Kind kind) {
  using Kind = Action::Kind;
  tcp::Connection& c = e.connection;
  const auto spend = [&e] { --e.calls_left; };
  switch (kind) {
    case Kind::open:
      --e.opens_left;
      c = {};
      take(e, *c.open(how_to_open(e), e.now));
      ++e.incarnation;
      e.kind = Endpoint::Kind::connection;
      e.held = true;
      e.delivered = 0;
      break;
    case Kind::listen_close:
    case Kind::listen_abort:
      spend();
      take(e, kind == Kind::listen_close ? e.listener.close() : e.listener.abort());
      if (e.kind == Endpoint::Kind::syn_rcvd) take(e, e.record->abort());
      break;
    case Kind::send:
      --e.octets_left;
      if (const auto fx = c.send(1, e.now)) take(e, *fx);
      break;
    case Kind::receive: take(e, c.receive(c.unread(), e.now)); break;
    case Kind::shut_rd:
      spend();
      take(e, c.discard_receive(e.now));
      break;
    case Kind::shut_rdwr: take(e, c.discard_receive(e.now)); [[fallthrough]];
    case Kind::shut_wr:
      spend();
      if (const auto fx = c.close(e.now)) take(e, *fx);
      break;
    case Kind::close:
      spend();
      e.held = false;
      take(e, c.orphan(e.now));
      break;
    case Kind::abort:
      spend();
      take(e, c.abort(e.now));
      break;
    case Kind::icmp:
      take(e, c.icmp_arrives({.kind = tcp::IcmpError::Kind::hard,
                              .error = tcp::Error::unreachable,
                              .seq = c.tcb().iss,
                              .mss = 0},
                             e.now));
      break;
    default: break;
  }
}

// --- what follows

void World::take(Endpoint& e, const tcp::Effects& fx) {
  if (fx.untabled) wrong("an event in a state that has no row for it");
  for (const tcp::Transition& t : fx.transitions()) rows_.push_back(row_of(t));
  if (fx.reset.wanted) reset(index_of(e), fx.reset);
}

/// Lets endpoint `i` send what it has to send, and turns what is over into what is left of it.
void World::settle(std::size_t i) {
  Endpoint& e = endpoints_[i];
  std::optional<tcp::Outgoing> out;
  for (int guard = 0; guard < 64; ++guard) {
    out.reset();
    if (e.kind == Endpoint::Kind::connection) out = e.connection.transmit(e.now, 1460);
    if (e.kind == Endpoint::Kind::syn_rcvd) out = e.record->transmit(*settings_, e.now);
    if (e.kind == Endpoint::Kind::time_wait) out = e.time_wait->transmit(e.now);
    if (!out) break;
    put(i, *out);
  }
  if (out) wrong("it does not stop sending");
  check_invariants(e);
  const State state = e.state();
  if (e.kind == Endpoint::Kind::connection && state == State::time_wait && !e.held) {
    e.time_wait = tcp::TimeWait(e.connection);
    e.connection = {};
    e.kind = Endpoint::Kind::time_wait;
  } else if (e.kind != Endpoint::Kind::closed &&
             (state == State::closed || state == State::listen)) {
    e.kind = Endpoint::Kind::closed;
    e.held = false;
    e.connection = {};
    e.record.reset();
    e.time_wait.reset();
  }
}

void World::put(std::size_t from, const tcp::Outgoing& out) {
  if (wire_.size() >= in_flight_) return;  // a full wire drops
  wire_.push_back({.to = static_cast<std::uint8_t>(peer_of(from)),
                   .incarnation = endpoints_[from].incarnation,
                   .header = out.header,
                   .payload = out.payload});
}

void World::reset(std::size_t from, const tcp::Reset& reset) {
  tcp::Outgoing out;
  out.header.flags = reset.with_ack ? Flag::rst | Flag::ack : wire::Flags(Flag::rst);
  out.header.seq = reset.seq;
  out.header.ack = reset.ack;
  put(from, out);
}

}  // namespace lastack::explore
