// The user's side of a host: open, accept, send, receive, close.
#include <algorithm>
#include <utility>

#include "base/flat.hpp"
#include "host/free_port.hpp"
#include "host/host.hpp"
#include "host/unread.hpp"
#include "tcp/mutant.hpp"

namespace lastack::host {

namespace {

constexpr std::size_t kTcpIpv4 = wire::kIpv4Header + wire::kTcpHeader;
constexpr std::size_t kTcpIpv6 = wire::kIpv6Header + wire::kTcpHeader;

/// Octets of a send buffer that a connection uses: some times what the fastest of ways holds that
/// is no longer than this one. More would only wait, with us or with the peer, and be in no cache
/// any more once its turn has come. By the shortest round trip: a queue on the way makes it no
/// longer.
std::size_t fitting(const tcp::Connection& connection) {
  constexpr std::uint64_t kPace = 5000;  // octets a microsecond: 40 Gbit/s
  constexpr std::uint64_t kTimes = 4;
  constexpr std::uint64_t kLeast = std::uint64_t{512} << 10U;
  const std::uint32_t most = connection.settings().send_buffer;
  const std::uint64_t shortest = connection.tcb().least_rtt.value();
  if (shortest == 0) return most;
  const std::uint64_t enough = std::max(kLeast, shortest * kPace * kTimes);
  return static_cast<std::size_t>(std::min<std::uint64_t>(most, enough));
}

std::size_t room_in(const ConnectionEntry& entry) {
  const tcp::Settings& settings = entry.connection.settings();
  const std::size_t limit =
      settings.fits_send_buffer ? fitting(entry.connection) : settings.send_buffer;
  return entry.out.size() < limit ? limit - entry.out.size() : 0;
}

/// The program's octets, as many as there is room for, behind those that wait to be sent.
std::expected<std::size_t, tcp::Error> put(ConnectionEntry& entry,
                                           std::span<const std::byte> octets, BufferPool& pool,
                                           TimePoint now, bool urgent, bool more) {
  const std::size_t n = std::min(octets.size(), room_in(entry));
  const tcp::Tcb& tcb = entry.connection.tcb();
  if (n == 0 && !octets.empty() && tcp::traits(tcb.state).may_send_data && !tcb.fin_queued)
    return 0;
  const auto fx =
      entry.connection.send(static_cast<std::uint32_t>(n), now, urgent && n == octets.size(), more);
  if (!fx) return std::unexpected(fx.error());
  entry.out.append(octets.first(n), &pool);
  return n;
}

/// Those that wait to be read, as many as go into `into`.
std::size_t get_out(ConnectionEntry& entry, std::span<std::byte> into, TimePoint now) {
  const std::size_t n = entry.in.read(into);
  if (n > 0) entry.connection.receive(static_cast<std::uint32_t>(n), now);
  return n;
}

}  // namespace

// --- binding and listening

std::expected<Endpoint, Refusal> Host::bind(const Endpoint& local, const Claim& claim) {
  if (!local.address.is_unspecified() && !is_local(local.address)) {
    return std::unexpected(Refusal::address_not_available);
  }
  Endpoint at = local;
  if (at.port == 0) {
    const auto port = ephemeral_port(at, {});
    if (!port) return std::unexpected(Refusal::address_in_use);
    at.port = port->port;
  }
  if (listens_at(at, claim) || keeps(at, claim) || !bound_.take(at, claim)) {
    return std::unexpected(Refusal::address_in_use);
  }
  return at;
}

bool Host::listens_at(const Endpoint& local, const Claim& claim) const {
  return std::ranges::any_of(listening_.at(local.port), [&](std::uint32_t i) {
    const ListenerEntry& other = listeners_[i];
    return overlap(other.local.address, other.claim.both, local.address, claim.both) &&
           !(claim.port && other.claim.port);
  });
}

/// Whether a connection keeps others from binding `local`: the counts say whether it is worth
/// looking which address it has.
bool Host::keeps(const Endpoint& local, const Claim& claim) const {
  const PortUse::Use use = used_.at(local.port);
  if (!use.keeps(claim) || tcp::mutated(tcp::Mutant::restart_needs_nothing)) return false;
  bool kept = false;
  // What a socket for both families has made keeps IPv4's unspecified address, too, as in Linux;
  // the one that is mapped into IPv6 it does not keep.
  const bool any_v4 = local.address.is_v4() && local.address.is_unspecified() && !claim.mapped;
  const auto look = [&](const Endpoint& its, const Claim& other) {
    kept |= its.port == local.port && !claim.shares_with(other) &&
            (overlap(its.address, false, local.address, claim.both) || (other.both && any_v4));
  };
  connections_.each([&](const ConnectionEntry& e) {
    if (e.in_table && e.connection.state() != tcp::State::closed) look(e.flow.local, e.claim);
  });
  if (!kept) time_wait_.each([&](const TimeWaitEntry& e) { look(e.flow.local, e.claim); });
  return kept;
}

void Host::set_sharing(FlowId id, bool address, bool port) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return;
  if (entry->in_table) used_.remove(entry->flow.local.port, entry->claim);
  entry->claim.address = address;
  entry->claim.port = port;
  if (entry->in_table) used_.add(entry->flow.local.port, entry->claim);
}

void Host::set_sharing(ListenerId id, bool address, bool port) {
  ListenerEntry* entry = find_listener(id);
  if (entry == nullptr) return;
  entry->claim.address = address;
  entry->claim.port = port;
}

std::expected<ListenerId, Refusal> Host::listen(const Endpoint& local, std::uint32_t backlog,
                                                SettingsPtr settings, TimePoint now,
                                                const Claim& claim) {
  if (!local.address.is_unspecified() && !is_local(local.address)) {
    return std::unexpected(Refusal::address_not_available);
  }
  Endpoint at = local;
  if (at.port == 0) {
    const auto port = ephemeral_port(at, {});
    if (!port) return std::unexpected(Refusal::address_not_available);
    at.port = port->port;
  }
  if (listens_at(at, claim) || keeps(at, claim)) {
    return std::unexpected(Refusal::address_in_use);
  }

  const std::uint32_t index = listeners_.make({});
  ListenerEntry& entry = listeners_[index];
  entry.local = at;
  entry.settings = settings ? std::move(settings) : config_.settings;
  entry.backlog = backlog;
  entry.since = now;
  entry.claim = claim;
  listening_.add(at.port, index);
  note({entry.local, {}}, entry.listener.open(), now);
  return ListenerId{index, listeners_.generation(index)};
}

const ListenerEntry* Host::find_listener(ListenerId id) const {
  return const_cast<Host*>(this)->find_listener(id);
}

std::optional<Endpoint> Host::local_of(ListenerId id) const {
  const ListenerEntry* entry = find_listener(id);
  return entry != nullptr ? std::optional(entry->local) : std::nullopt;
}

std::uint32_t Host::backlog(ListenerId id) const {
  const ListenerEntry* listener = find_listener(id);
  return listener != nullptr ? listener->backlog : 0;
}

std::size_t Host::waiting(ListenerId id) const {
  const ListenerEntry* entry = find_listener(id);
  return entry != nullptr ? entry->accept_queue.size() : 0;
}

/// A listener on just this address comes before one on all of them. Of several that balance, the
/// flow's hash picks one: the same for all its packets, while they are the same.
std::optional<std::uint32_t> Host::listener_for(const Flow& flow) const {
  const wire::IpAddress& to = flow.local.address;
  std::optional<std::uint32_t> found;
  bool exact = false;
  std::uint32_t alike = 0;
  for (const std::uint32_t i : listening_.at(flow.local.port)) {
    const wire::IpAddress& address = listeners_[i].local.address;
    const bool just_this = address == to;
    const bool all =
        address.is_unspecified() && (listeners_[i].claim.both || address.family() == to.family());
    if (!just_this && (!all || exact)) continue;
    alike = just_this == exact ? alike + 1 : 1;
    exact = just_this;
    // Each of `alike` so far with the same chance.
    if (alike == 1 || hash_of(flow, {port_key_[0] + alike, port_key_[1]}) % alike == 0) found = i;
  }
  return found;
}

std::optional<FlowId> Host::accept(ListenerId id) {
  ListenerEntry* listener = find_listener(id);
  if (listener == nullptr || listener->accept_queue.empty()) return std::nullopt;
  const std::uint32_t index = listener->accept_queue.pop_front();
  connections_[index].listener = kNobody;
  connections_[index].held = true;
  return FlowId{index, connections_.generation(index)};
}

void Host::set_backlog(ListenerId id, std::uint32_t backlog) {
  if (ListenerEntry* entry = find_listener(id)) entry->backlog = backlog;
}

void Host::shut_children(ListenerId id, bool receiving, bool sending) {
  if (ListenerEntry* entry = find_listener(id)) {
    entry->shut_receiving = receiving;
    entry->shut_sending = sending;
  }
}

void Host::set_settings(ListenerId id, SettingsPtr settings) {
  if (ListenerEntry* entry = find_listener(id)) entry->settings = std::move(settings);
}

void Host::close_listener(ListenerId id, TimePoint now) {
  ListenerEntry* listener = find_listener(id);
  if (listener == nullptr) return;
  note({listener->local, {}}, listener->listener.close(), now);
  reset_children(id.index, now);
  listening_.remove(listener->local.port, id.index);
  listeners_.drop(id.index);
}

void Host::reset_children(std::uint32_t listener, TimePoint now) {
  for (auto& queue = listeners_[listener].accept_queue; !queue.empty();) {
    const std::uint32_t index = queue.pop_front();
    connections_[index].listener = kNobody;
    if (tcp::mutated(tcp::Mutant::waiting_not_reset)) continue;
    apply(index, connections_[index].connection.abort(now), now);
  }
  // To whoever sent the SYN there is nothing to reset yet, or it says something, and hears then.
  for (const std::uint32_t i : listeners_[listener].handshakes) {
    syn_rcvd_[i].listener = kNobody;
    if (++outliving_ > config_.syn_queue) give_syn_rcvd_up(i, now);
  }
}

// --- connecting

std::optional<wire::IpAddress> Host::source_for(const wire::IpAddress& remote) const {
  if (link_) return link()->source_for(remote);
  return ip::choose_source(addresses_, remote, remote);
}

/// RFC 6528 §3: a clock of 4 microseconds and a keyed hash of the flow.
tcp::Open Host::how_to_open(const Flow& flow, SettingsPtr settings, TimePoint now) {
  const Family family = flow.local.address.family();
  const bool v4 = family == Family::v4;
  const auto clock = static_cast<std::uint32_t>(now.time_since_epoch() / 4us);
  const std::size_t headers = v4 ? kTcpIpv4 : kTcpIpv6;
  auto mss = static_cast<std::uint16_t>(mtu_for(family) - headers);
  if (const auto most = settings_of(settings).max_segment; most != 0) mss = std::min(mss, most);
  const std::uint64_t drawn = wide_hash_of(flow, iss_key_);
  return {.iss = Seq(static_cast<std::uint32_t>(drawn) + clock),
          .ts_offset = static_cast<std::uint32_t>(drawn >> 32U),
          .mss = mss,
          .default_mss = static_cast<std::uint16_t>(v4 ? 536 : 1220),
          .settings = settings ? std::move(settings) : config_.settings};
}

std::expected<FlowId, Refusal> Host::connect(std::optional<Endpoint> local, const Endpoint& remote,
                                             SettingsPtr settings, TimePoint now,
                                             const Claim& claim) {
  const wire::IpAddress& to = remote.address;
  const bool many = to.is_multicast() || is_broadcast(to);
  if (many || to.is_unspecified()) return std::unexpected(Refusal::bad_address);
  if (connections_.size() >= config_.most_connections) {
    ++counters_.too_many;
    return std::unexpected(Refusal::too_many);
  }
  Flow flow{local.value_or(Endpoint{}), remote};
  if (!local || local->address.is_unspecified()) {
    const auto source = source_for(remote.address);
    if (!source) return std::unexpected(Refusal::unreachable);
    flow.local.address = *source;
  } else if (!is_local(local->address)) {
    return std::unexpected(Refusal::address_not_available);
  } else if (local->address.family() != remote.address.family()) {
    return std::unexpected(Refusal::unreachable);
  }
  const auto place = place_for(flow, settings, now);
  if (!place) return std::unexpected(place.error());
  flow.local.port = place->port;
  tcp::Open how = how_to_open(flow, std::move(settings), now);
  if (place->waits) take_over(*place->waits, how, now);
  const std::uint32_t index = make_connection(flow, claim, [] { return tcp::Connection(); });
  enter_table(index, place->hash);
  ConnectionEntry& entry = connections_[index];
  const auto fx = entry.connection.open(how, now);
  entry.held = true;
  trace_call(flow, TraceEvent::Call::connect, 0, now);
  apply(entry, index, *fx, now);
  return FlowId{index, connections_.generation(index)};
}

// --- octets

std::size_t Host::writable(FlowId id) const {
  const ConnectionEntry* entry = find(id);
  if (entry == nullptr) return 0;
  return room_in(*entry);
}

LASTACK_FLAT std::expected<std::size_t, tcp::Error> Host::send(FlowId id,
                                                               std::span<const std::byte> octets,
                                                               TimePoint now, bool urgent,
                                                               bool more) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return std::unexpected(tcp::Error::not_open);
  const auto n = put(*entry, octets, pool_, now, urgent, more);
  if (!n || (*n == 0 && !octets.empty())) return n;
  trace_call(entry->flow, TraceEvent::Call::send, *n, now);
  mark(*entry, id.index);
  return n;
}

LASTACK_FLAT std::optional<std::size_t> Host::send_plain(FlowId id,
                                                         std::span<const std::byte> octets,
                                                         TimePoint now) {
  ConnectionEntry* entry = get(id);
  const bool plain = entry != nullptr && entry->connection.state() == tcp::State::established &&
                     entry->connection.settings().not_sent_low_at == 0;
  if (!plain) return std::nullopt;
  const auto n = put(*entry, octets, pool_, now, false, false);
  if (!n) return std::nullopt;
  if (*n == 0 && !octets.empty()) return 0;
  trace_call(entry->flow, TraceEvent::Call::send, *n, now);
  mark(*entry, id.index);
  return *n;
}

std::expected<std::size_t, tcp::Error> Host::send(FlowId id, Slice slice, TimePoint now) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return std::unexpected(tcp::Error::not_open);
  const std::size_t n = slice.size();
  if (room_in(*entry) == 0 || n > UINT32_MAX - entry->out.size()) return 0;
  const auto fx = entry->connection.send(static_cast<std::uint32_t>(n), now);
  if (!fx) return std::unexpected(fx.error());
  entry->out.append(std::move(slice), &pool_);
  trace_call(entry->flow, TraceEvent::Call::send, n, now);
  mark(*entry, id.index);
  return n;
}

std::size_t Host::readable(FlowId id) const {
  const ConnectionEntry* entry = find(id);
  return entry != nullptr ? static_cast<std::size_t>(entry->in.readable().size()) : 0;
}

LASTACK_FLAT std::size_t Host::receive(FlowId id, std::span<std::byte> into, TimePoint now) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return 0;
  const std::size_t n = get_out(*entry, into, now);
  if (n == 0) return 0;
  unread_ -= n;
  trace_call(entry->flow, TraceEvent::Call::receive, n, now);
  mark(*entry, id.index);
  return n;
}

LASTACK_FLAT std::optional<std::size_t> Host::receive_plain(FlowId id, std::span<std::byte> into,
                                                            TimePoint now) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr || entry->connection.tcb().urgent) return std::nullopt;
  const std::size_t n = get_out(*entry, into, now);
  if (n == 0) return 0;
  unread_ -= n;
  trace_call(entry->flow, TraceEvent::Call::receive, n, now);
  mark(*entry, id.index);
  return n;
}

std::size_t Host::peek(FlowId id, std::span<std::byte> into) const {
  const ConnectionEntry* entry = find(id);
  return entry != nullptr ? entry->in.peek(into) : 0;
}

std::size_t Host::lend(FlowId id, std::span<std::span<const std::byte>> to) const {
  const ConnectionEntry* entry = find(id);
  return entry != nullptr ? entry->in.lend(to) : 0;
}

std::size_t Host::discard(FlowId id, std::size_t octets, TimePoint now) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return 0;
  const std::size_t n = entry->in.discard(octets);
  if (n == 0) return 0;
  unread_ -= n;
  trace_call(entry->flow, TraceEvent::Call::receive, n, now);
  const bool kept = tcp::mutated(tcp::Mutant::cut_octets_kept);
  if (!kept) entry->connection.receive(static_cast<std::uint32_t>(n), now);
  mark(*entry, id.index);
  return n;
}

void Host::take_urgent(FlowId id) {
  if (ConnectionEntry* entry = get(id)) entry->connection.keep_urgent(tcp::Urgent::kTaken);
}

// --- closing

std::expected<void, tcp::Error> Host::close(FlowId id, TimePoint now, bool after_handshake) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return std::unexpected(tcp::Error::not_open);
  const auto fx = entry->connection.close(now, after_handshake);
  if (!fx) return std::unexpected(fx.error());
  trace_call(entry->flow, TraceEvent::Call::close, 0, now);
  apply(id.index, *fx, now);
  return {};
}

void Host::discard_receive(FlowId id, TimePoint now) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return;
  trace_call(entry->flow, TraceEvent::Call::discard_receive, 0, now);
  apply(id.index, entry->connection.discard_receive(now), now);
  const bool keeps = tcp::mutated(tcp::Mutant::shut_rd_keeps_octets);
  if (!entry->connection.settings().shut_rd_keeps_buffered && !keeps) {
    const CountsUnread counts(unread_, entry->in);
    entry->in.skip_to(entry->connection.tcb().rcv.read, &pool_);
  }
}

void Host::abort(FlowId id, TimePoint now) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return;
  trace_call(entry->flow, TraceEvent::Call::abort, 0, now);
  apply(id.index, entry->connection.abort(now), now);
}

void Host::orphan(FlowId id, TimePoint now, Duration linger) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return;
  trace_call(entry->flow, TraceEvent::Call::orphan, 0, now);
  const tcp::Effects fx = entry->connection.orphan(now, linger);
  counters_.tcp.abort_on_close += fx.reset.wanted ? 1 : 0;
  apply(id.index, fx, now);
  entry->held = false;
  connections_.forget_ids(id.index);
  if (entry->connection.state() == tcp::State::closed) return;
  if (orphans_ >= config_.most_orphans) reset_an_orphan(now);
  entry->orphan = true;
  ++orphans_;
  orphans_by_age_.add(connections_, id.index);
}

/// A peer that never answers, or never ends, must not cost memory for all who did not close well:
/// the oldest goes that has nothing left to send but a FIN, or else the oldest of all.
void Host::reset_an_orphan(TimePoint now) {
  constexpr std::size_t kLookedAt = 64;
  const auto oldest = orphans_by_age_.oldest(connections_, kLookedAt, [](const ConnectionEntry& e) {
    const tcp::State state = e.connection.state();
    return state == tcp::State::fin_wait_2 || state == tcp::State::last_ack;
  });
  if (!oldest) return;
  ConnectionEntry& entry = connections_[*oldest];
  entry.orphan = false;
  --orphans_;
  ++counters_.orphans_reset;
  apply(*oldest, entry.connection.abort(now), now);
  connections_.forget_ids(*oldest);
}

void Host::flush(FlowId id, bool corked) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return;
  entry->connection.flush(corked);
  mark(*entry, id.index);
}

void Host::set_settings(FlowId id, SettingsPtr settings, TimePoint now) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return;
  entry->connection.set_settings(std::move(settings), now);
  mark(*entry, id.index);
}

}  // namespace lastack::host
