// What all sides of a host share: entries come, change, and go.
#include "host/host.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "host/link_side.hpp"
#include "tcp/mutant.hpp"

namespace lastack::host {
namespace {

constexpr tcp::Settings kDefaults{};

HashKey draw_key(Random& random) { return {random.next(), random.next()}; }

std::vector<ip::UsableAddress> at_once(const std::vector<wire::Prefix>& prefixes) {
  std::vector<ip::UsableAddress> all;
  all.reserve(prefixes.size());
  for (const wire::Prefix& p : prefixes) all.push_back({.prefix = p});
  return all;
}

/// Whether all there is to do is to wait: what the queue of those that may send would find, too.
bool rests(const ConnectionEntry& entry) {
  const tcp::Connection& connection = entry.connection;
  return connection.state() == tcp::State::established && connection.nothing_due() &&
         connection.settings().not_sent_low_at == 0;
}

/// The nth of the timers that are due has its turn: what is asked first of those that follow may
/// come into the caches meanwhile, and then all there is of those that have to do something.
void expect_due(std::size_t n, const std::vector<std::uint32_t>& due,
                const Slab<ConnectionEntry>& connections) {
  constexpr std::size_t kFirst = 32;
  constexpr std::size_t kAll = 16;
  const auto is_connection = [&](std::size_t at) {
    return at < due.size() && Handle::from(due[at]).kind() == Handle::Kind::connection;
  };
  if (is_connection(n + kFirst)) {
    const ConnectionEntry& entry = connections[Handle::from(due[n + kFirst]).index()];
    __builtin_prefetch(&entry.dirty);
    __builtin_prefetch(&entry.timer_stands);
  }
  if (!is_connection(n + kAll)) return;
  const std::uint32_t soon = Handle::from(due[n + kAll]).index();
  if (connections[soon].waits) connections.expect(soon);
}

}  // namespace

Host::Host(Config config, Random random)
    : config_(std::move(config)),
      random_(random),
      table_key_(draw_key(random_)),
      iss_key_(draw_key(random_)),
      port_key_(draw_key(random_)),
      arrived_(table_key_),
      dialled_(port_key_),
      cookies_(draw_key(random_)),
      udp_(table_key_),
      reassembly_(config_.reassembly),
      path_mtu_(draw_key(random_)),
      identifications_(draw_key(random_)),
      error_budget_(config_.icmp_errors_per_second, config_.icmp_error_burst),
      trace_(config_.trace) {
  constexpr std::size_t kMostConnections = 1U << 20U;  // all may stand at one port, with records
  config_.most_connections = std::min(config_.most_connections, kMostConnections);
  config_.most_time_wait =
      std::min<std::size_t>(config_.most_time_wait, PortUse::kMost - kMostConnections);
  if (config_.medium == Medium::ethernet) {
    link_ = Box(LinkSide(config_, Random(random_.next())));
  } else {
    addresses_ = at_once(config_.addresses);
  }
}

Host::~Host() = default;
Host::Host(const Host&) = default;

std::unique_ptr<Host> Host::copy() const {
  std::unique_ptr<Host> other(new Host(*this));
  other->last_ = nullptr;
  connections_.each_index([&](std::uint32_t i, const ConnectionEntry&) {
    other->connections_[i].out.move_to(other->pool_);
    other->connections_[i].in.move_to(other->pool_);
  });
  return other;
}

const tcp::Settings& Host::settings_of(const SettingsPtr& settings) const {
  if (settings) return *settings;
  return config_.settings ? *config_.settings : kDefaults;
}

/// Of a handshake: its listener's, while there is one.
const tcp::Settings& Host::settings_of(const SynRcvdEntry& entry) const {
  if (entry.listener == kNobody) return settings_of(SettingsPtr{});
  return settings_of(listeners_[entry.listener].settings);
}

bool Host::is_local(const wire::IpAddress& address) const {
  if (config_.takes_any) return !address.is_multicast() && !is_broadcast(address);
  return std::ranges::any_of(
      addresses_, [&](const ip::UsableAddress& a) { return a.prefix.address == address; });
}

const Flow& Host::flow_of(Handle handle) const {
  switch (handle.kind()) {
    case Handle::Kind::syn_rcvd: return syn_rcvd_[handle.index()].flow;
    case Handle::Kind::time_wait: return time_wait_[handle.index()].flow;
    case Handle::Kind::connection: break;
  }
  return connections_[handle.index()].flow;
}

Handle Host::lookup(const Flow& flow, std::uint32_t hash) const {
  return table_.find(hash, [&](Handle handle) {
    if (handle.kind() == Handle::Kind::connection) connections_.expect(handle.index());
    return flow_of(handle) == flow;
  });
}

tcp::State Host::state_of(const Flow& flow) const {
  const Handle handle = lookup(flow, hash(flow));
  if (!handle) return tcp::State::closed;
  switch (handle.kind()) {
    case Handle::Kind::syn_rcvd: return syn_rcvd_[handle.index()].record.state;
    case Handle::Kind::time_wait: return time_wait_[handle.index()].record.state();
    case Handle::Kind::connection: break;
  }
  return connections_[handle.index()].connection.state();
}

/// What there is for `flow`, a connection that ended earlier in the same batch not counting: its
/// holders may still look at it, but its ports are free.
Handle Host::living(const Flow& flow, std::uint32_t hash) {
  const auto handle = lookup(flow, hash);
  if (!handle || handle.kind() != Handle::Kind::connection) return handle;
  remember_last(handle.index(), hash);
  if (last_->connection.state() != tcp::State::closed) return handle;
  remove_from_table(*last_, handle.index());
  return {};
}

std::uint32_t Host::hash(const ConnectionEntry& entry) const {
  return last_ == &entry && of_last_.hash ? *of_last_.hash : hash(entry.flow);
}

void Host::remember_last(std::uint32_t index, std::optional<std::uint32_t> hash) {
  last_ = &connections_[index];
  of_last_ = {index, hash,
              wire::sum_of_ends(last_->flow.local.address, last_->flow.remote.address)};
  heard_.take(index);
  if (heard_.steady()) look_ahead();
}

/// Where connections are heard one after another, what comes next may come into the caches
/// meanwhile: a connection, and what an ACK lets go of at one that is there already.
void Host::look_ahead() {
  constexpr std::uint32_t kAll = 16;
  constexpr std::uint32_t kOctets = 8;
  connections_.expect(heard_.next(kAll));
  if (const ConnectionEntry* const next = connections_.find(heard_.next(kOctets))) {
    next->out.expect_release();
  }
}

/// A new connection; the next packet is most likely for it.
void Host::enter_table(std::uint32_t index, std::uint32_t hash) {
  const Handle handle{Handle::Kind::connection, index};
  connections_[index].timer = wheel_.create(handle.packed());
  table_.insert(hash, handle);
  remember_last(index, hash);
}

/// The same where a record has grown into it, whose timer and place in the table it takes.
void Host::take_place(std::uint32_t index, std::uint32_t syn_rcvd) {
  const SynRcvdEntry& record = syn_rcvd_[syn_rcvd];
  const Handle handle{Handle::Kind::connection, index};
  connections_[index].timer = record.timer;
  wheel_.hand_on(record.timer, handle.packed());
  table_.replace(record.hash, {Handle::Kind::syn_rcvd, syn_rcvd}, handle);
  remember_last(index, record.hash);
  drop_syn_rcvd(syn_rcvd);
}

/// Takes what a door brought about to the buffers, the books and those who watch.
void Host::apply(ConnectionEntry& entry, std::uint32_t index, const tcp::Effects& fx,
                 TimePoint now) {
  note(entry.flow, fx, now);
  for (const tcp::Transition& t : fx.transitions()) entry.history.add(t, now);
  const bool keeps = tcp::mutated(tcp::Mutant::acked_octets_kept);
  if (!fx.acked.empty() && !keeps) entry.out.release(fx.acked.end);
  if (fx.reset.wanted) reply_reset(entry.flow, fx.reset);
  if (link_ && !(fx.acked.empty() && fx.accepted.empty())) way_works(entry.flow, now);
  if ((fx.ready & tcp::kConnected) != 0) mind_path(entry, now);
  const bool news = (fx.ready & ~entry.told) != 0;
  if (news || fx.taken_count > 0) {
    entry.told = static_cast<std::uint8_t>(entry.told | fx.ready);
    HostEvent& event = tell(now);
    event.flow = {index, connections_.generation(index)};
    event.news = fx;
  }
  if (fx.accepted.empty() && !entry.dirty && rests(entry)) {
    return minds_deadline(entry, entry.connection.next_deadline(), now);
  }
  mark(entry, index);
}

/// What was to go out has: who minds how much has not (TCP_NOTSENT_LOWAT) may have room again.
void Host::tell_all_is_out(ConnectionEntry& entry, std::uint32_t index, TimePoint now) {
  if (!entry.held || (entry.told & tcp::kWritable) != 0) return;
  entry.told |= tcp::kWritable;
  HostEvent& event = tell(now);
  event.flow = {index, connections_.generation(index)};
  event.news.ready = tcp::kWritable;
}

/// Counts what became of a segment, a call or a timer, and keeps it for those who ask.
void Host::note(const Flow& flow, const tcp::Effects& fx, TimePoint now) {
  if (trace_.on()) trace_effects(flow, fx, now);
  counters_.dropped[static_cast<std::size_t>(fx.drop)] += 1;
  for (const tcp::Transition& t : fx.transitions()) {
    if (const auto row = tcp::row_of(t.from, t.event)) counters_.transitions[*row] += 1;
  }
}

/// Puts an entry into the queue of those that may have something to send.
void Host::mark(Handle handle) {
  bool* dirty = nullptr;
  switch (handle.kind()) {
    case Handle::Kind::connection: return mark(connections_[handle.index()], handle.index());
    case Handle::Kind::syn_rcvd: dirty = &syn_rcvd_[handle.index()].dirty; break;
    case Handle::Kind::time_wait: dirty = &time_wait_[handle.index()].dirty; break;
  }
  if (std::exchange(*dirty, true)) return;
  dirty_.push_back(handle);
}

/// The wheel's entry is moved only to an earlier time: one that fires too early is put in again.
void Host::minds_deadline(ConnectionEntry& entry, TimePoint deadline, TimePoint now) {
  entry.waits = deadline != kNever;
  if (deadline == kNever || entry.timer_stands.covers(deadline)) return;
  entry.timer_stands.set(deadline, now);
  wheel_.set_earlier(entry.timer, deadline);
}

/// A connection has nothing more to send for now: what it waits for, or whether it is over.
void Host::settle(ConnectionEntry& entry, std::uint32_t index, TimePoint now) {
  const tcp::State state = entry.connection.state();
  if (state == tcp::State::closed || state == tcp::State::listen) {
    remove_from_table(entry, index);
    if (!entry.held && entry.listener == kNobody) release(index);
    return;
  }
  if (state == tcp::State::time_wait && !entry.held && entry.listener == kNobody) {
    to_time_wait_record(index, now);
    return;
  }
  minds_deadline(entry, entry.connection.next_deadline(), now);
}

void Host::remove_from_table(ConnectionEntry& entry, std::uint32_t index) {
  if (entry.timer != kNoTimer) wheel_.stop(entry.timer);
  if (entry.in_table) {
    entry.in_table = false;
    used_.remove(entry.flow.local.port, entry.claim);
    table_.erase(hash(entry), {Handle::Kind::connection, index});
  }
  if (last_ == &entry) last_ = nullptr;
}

void Host::release(std::uint32_t index) {
  ConnectionEntry& entry = connections_[index];
  remove_from_table(entry, index);
  if (entry.timer != kNoTimer) wheel_.destroy(entry.timer);
  if (entry.orphan && !tcp::mutated(tcp::Mutant::orphan_still_counted)) --orphans_;
  unread_ -= entry.in.held();
  connections_.drop(index);
}

/// From here on 2 MSL cost a record. It takes the connection's timer, and its place in the table,
/// which is always there: no other may have it before this one is over.
void Host::to_time_wait_record(std::uint32_t index, TimePoint now) {
  ConnectionEntry& entry = connections_[index];
  const TimePoint since = entry.history.kept() > 0 ? entry.history.last(0).at : now;
  make_room_in_time_wait();
  const std::uint32_t record = time_wait_.make({.flow = entry.flow,
                                                .record = tcp::TimeWait(entry.connection),
                                                .settings = entry.connection.tcb().settings,
                                                .since = since,
                                                .hash = hash(entry),
                                                .claim = entry.claim});
  const Handle handle{Handle::Kind::time_wait, record};
  time_wait_by_age_.add(time_wait_, record);
  TimeWaitEntry& waits = time_wait_[record];
  waits.timer = std::exchange(entry.timer, kNoTimer);
  wheel_.hand_on(waits.timer, handle.packed());
  wheel_.set(waits.timer, waits.record.next_deadline());
  table_.replace(waits.hash, {Handle::Kind::connection, index}, handle);
  entry.in_table = false;
  release(index);
}

/// Where there are too many the oldest goes: it has protected its ports for the longest.
void Host::make_room_in_time_wait() {
  if (time_wait_.size() < config_.most_time_wait) return;
  const auto oldest =
      time_wait_by_age_.oldest(time_wait_, 1, [](const TimeWaitEntry&) { return true; });
  if (!oldest) return;
  end_time_wait(*oldest);
  ++counters_.time_wait_cut;
}

/// A record that has ended goes at once: the next packet of its flow must not find it.
void Host::go_on_with_syn_rcvd(std::uint32_t index) {
  const Handle handle{Handle::Kind::syn_rcvd, index};
  if (syn_rcvd_[index].record.state == tcp::State::syn_rcvd) {
    mark(handle);
    return;
  }
  end_syn_rcvd(index);
}

/// Its listener has gone: nobody is told.
void Host::give_syn_rcvd_up(std::uint32_t index, TimePoint now) {
  note(syn_rcvd_[index].flow, syn_rcvd_[index].record.abort(), now);
  end_syn_rcvd(index);
}

void Host::end_syn_rcvd(std::uint32_t index) {
  const SynRcvdEntry& entry = syn_rcvd_[index];
  table_.erase(entry.hash, {Handle::Kind::syn_rcvd, index});
  if (!tcp::mutated(tcp::Mutant::timer_kept)) wheel_.destroy(entry.timer);
  drop_syn_rcvd(index);
}

void Host::drop_syn_rcvd(std::uint32_t index) {
  const SynRcvdEntry& entry = syn_rcvd_[index];
  if (entry.listener == kNobody) {
    --outliving_;
  } else {
    auto& handshakes = listeners_[entry.listener].handshakes;
    syn_rcvd_[handshakes.back()].place = entry.place;
    handshakes[entry.place] = handshakes.back();
    handshakes.pop_back();
  }
  syn_rcvd_.drop(index);
}

void Host::end_time_wait(std::uint32_t index) {
  const TimeWaitEntry& entry = time_wait_[index];
  table_.erase(entry.hash, {Handle::Kind::time_wait, index});
  if (!tcp::mutated(tcp::Mutant::port_kept_after_wait)) {
    used_.remove(entry.flow.local.port, entry.claim);
  }
  wheel_.destroy(time_wait_[index].timer);
  time_wait_.drop(index);
}

void Host::advance(TimePoint now) {
  if (link_) advance_link(now);
  if (reassembly_.next_deadline() <= now) reassembly_due(now);
  due_.clear();
  wheel_.advance(now, due_);
  for (std::size_t n = 0; n < due_.size(); ++n) {
    expect_due(n, due_, connections_);
    const Handle handle = Handle::from(due_[n]);
    const std::uint32_t i = handle.index();
    switch (handle.kind()) {
      case Handle::Kind::connection: timer_fires(i, now); break;
      case Handle::Kind::syn_rcvd: {
        SynRcvdEntry& entry = syn_rcvd_[i];
        if (entry.listener == kNobody) {
          give_syn_rcvd_up(i, now);
        } else {
          note(entry.flow, entry.record.timer_expired(settings_of(entry), now), now);
          go_on_with_syn_rcvd(i);
        }
        break;
      }
      case Handle::Kind::time_wait: time_wait_due(i, now); break;
    }
  }
}

/// Most often what it stood for came about since, and there is nothing to do but to wait on; or not
/// even that, which is known without a look at the connection.
void Host::timer_fires(std::uint32_t index, TimePoint now) {
  ConnectionEntry& entry = connections_[index];
  entry.timer_stands.forget();
  if (!entry.waits && !entry.dirty) {
    assert(entry.connection.next_deadline() == kNever);
    return;
  }
  const TimePoint deadline = entry.connection.next_deadline();
  if (deadline > now) return minds_deadline(entry, deadline, now);
  do {
    connection_due(index, now);
  } while (entry.connection.next_deadline() <= now);
  mark(entry, index);
}

void Host::connection_due(std::uint32_t index, TimePoint now) {
  tcp::Connection& connection = connections_[index].connection;
  const tcp::Timers before = connection.tcb().timers;
  const tcp::Effects fx = connection.timer_expired(now);
  const tcp::Timers& after = connection.tcb().timers;
  TcpCounters& counts = counters_.tcp;
  if (after.unanswered > before.unanswered) {
    ++(before.mode == tcp::Retransmission::persist ? counts.window_probes : counts.timeouts);
  }
  counts.delayed_acks += before.delayed_ack <= now ? 1 : 0;
  counts.keepalives += after.keepalives > before.keepalives ? 1 : 0;
  const bool gave_up = fx.taken_count > 0 && fx.transitions().back().event == tcp::Event::gave_up;
  counts.abort_on_timeout += gave_up ? 1 : 0;
  apply(index, fx, now);
}

/// What is over is over now, not when somebody asks for packets: the port is free.
void Host::time_wait_due(std::uint32_t index, TimePoint now) {
  TimeWaitEntry& entry = time_wait_[index];
  note(entry.flow, entry.record.timer_expired(now), now);
  if (entry.record.state() == tcp::State::closed) {
    end_time_wait(index);
  } else {
    mark({Handle::Kind::time_wait, index});
  }
}

bool Host::next_event(HostEvent& event) {
  if (events_.empty()) return false;
  event = events_.pop_front();
  if (ConnectionEntry* entry = get(event.flow)) {
    entry->told = 0;
    return true;
  }
  if (ListenerEntry* listener = find_listener(event.listener)) listener->told = false;
  if (UdpEntry* entry = udp_.find(event.udp)) entry->told = false;
  return true;
}

/// A new event, for the caller to fill.
HostEvent& Host::tell(TimePoint now) {
  if (events_.size() >= config_.most_events) lose_event();
  HostEvent& event = events_.next_place();
  event = {};
  event.at = now;
  return event;
}

void Host::lose_event() {
  HostEvent lost;
  if (next_event(lost)) ++counters_.events_lost;
}

}  // namespace lastack::host
