// The user's side of a host: open, accept, send, receive, close.
#include <algorithm>
#include <utility>

#include "host/host.hpp"

namespace lastack::host {
namespace {

constexpr std::size_t kTcpIpv4 = wire::kIpv4Header + wire::kTcpHeader;
constexpr std::size_t kTcpIpv6 = wire::kIpv6Header + wire::kTcpHeader;

bool can_be_peer(const Endpoint& remote) {
  const auto& a = remote.address;
  return remote.port != 0 && !a.is_unspecified() && !a.is_multicast() && !a.is_broadcast();
}

}  // namespace

// --- listening

std::expected<ListenerId, Refusal> Host::listen(const Endpoint& local, std::uint32_t backlog,
                                                SettingsPtr settings, TimePoint now) {
  if (!local.address.is_unspecified() && !is_local(local.address)) {
    return std::unexpected(Refusal::address_not_available);
  }
  Endpoint at = local;
  if (at.port == 0) {
    const auto port = ephemeral_port(at, {});
    if (!port) return std::unexpected(Refusal::address_not_available);
    at.port = *port;
  }
  const bool taken = std::ranges::any_of(listeners_, [&](const ListenerEntry& l) {
    const bool same_place = l.local.address == at.address ||
                            (l.local.address.family() == at.address.family() &&
                             (l.local.address.is_unspecified() || at.address.is_unspecified()));
    return l.in_use && l.local.port == at.port && same_place;
  });
  if (taken) return std::unexpected(Refusal::address_in_use);

  auto slot = std::ranges::find_if(listeners_, [](const ListenerEntry& l) { return !l.in_use; });
  if (slot == listeners_.end()) slot = listeners_.insert(listeners_.end(), ListenerEntry{});
  const std::uint32_t generation = slot->generation;
  *slot = ListenerEntry{};
  slot->generation = generation;
  slot->local = at;
  slot->settings = settings ? std::move(settings) : config_.settings;
  slot->backlog = std::max(backlog, 1U);
  slot->since = now;
  slot->in_use = true;
  count(slot->listener.open());
  return ListenerId{static_cast<std::uint32_t>(slot - listeners_.begin()), generation};
}

ListenerEntry* Host::find_listener(ListenerId id) {
  if (id.index >= listeners_.size()) return nullptr;
  ListenerEntry& entry = listeners_[id.index];
  return entry.in_use && entry.generation == id.generation ? &entry : nullptr;
}

std::optional<Endpoint> Host::local_of(ListenerId id) const {
  const ListenerEntry* entry = const_cast<Host*>(this)->find_listener(id);
  return entry != nullptr ? std::optional(entry->local) : std::nullopt;
}

std::size_t Host::waiting(ListenerId id) const {
  const ListenerEntry* entry = const_cast<Host*>(this)->find_listener(id);
  return entry != nullptr ? entry->accept_queue.size() : 0;
}

/// A listener on just this address comes before one on all of them.
ListenerEntry* Host::listener_for(const Endpoint& local) {
  ListenerEntry* any = nullptr;
  for (ListenerEntry& l : listeners_) {
    if (!l.in_use || l.local.port != local.port) continue;
    if (l.local.address == local.address) return &l;
    const bool all = l.local.address.is_unspecified();
    if (all && l.local.address.family() == local.address.family()) any = &l;
  }
  return any;
}

std::optional<FlowId> Host::accept(ListenerId id) {
  ListenerEntry* listener = find_listener(id);
  if (listener == nullptr || listener->accept_queue.empty()) return std::nullopt;
  const std::uint32_t index = listener->accept_queue.pop_front();
  connections_[index].listener = kNobody;
  connections_[index].held = true;
  return FlowId{index, connections_.generation(index)};
}

void Host::close_listener(ListenerId id, TimePoint now) {
  ListenerEntry* listener = find_listener(id);
  if (listener == nullptr) return;
  count(listener->listener.close());
  listener->in_use = false;
  ++listener->generation;
  reset_children(id.index, now);
}

void Host::reset_children(std::uint32_t listener, TimePoint now) {
  for (auto& queue = listeners_[listener].accept_queue; !queue.empty();) {
    const std::uint32_t index = queue.pop_front();
    connections_[index].listener = kNobody;
    apply(index, connections_[index].connection.abort(now), now);
  }
  std::vector<std::uint32_t> children;
  syn_rcvd_.each_index([&](std::uint32_t i, const SynRcvdEntry& entry) {
    if (entry.listener == listener) children.push_back(i);
  });
  for (const std::uint32_t i : children) {
    const tcp::Effects fx = syn_rcvd_[i].record.abort();
    count(fx);
    reply_reset(syn_rcvd_[i].flow, fx.reset);
    end_syn_rcvd(i);
  }
}

// --- connecting

std::optional<wire::IpAddress> Host::source_for(const wire::IpAddress& remote) const {
  if (is_local(remote)) return remote;
  std::optional<wire::IpAddress> any;
  for (const wire::Prefix& p : config_.addresses) {
    if (p.contains(remote)) return p.address;
    if (!any && p.address.family() == remote.family()) any = p.address;
  }
  return any;
}

bool Host::port_taken(const Endpoint& local, const Endpoint& remote) const {
  const bool listened = std::ranges::any_of(
      listeners_, [&](const ListenerEntry& l) { return l.in_use && l.local.port == local.port; });
  return listened || lookup({local, remote}).has_value();
}

/// RFC 6056 §3.3.3: a hash of the flow says where to start, a counter where to go on.
std::optional<std::uint16_t> Host::ephemeral_port(const Endpoint& local, const Endpoint& remote) {
  const std::uint32_t range = config_.last_port - config_.first_port + 1U;
  const std::uint32_t start = hash_of({{local.address, 0}, remote}, port_key_) + port_counter_;
  for (std::uint32_t i = 0; i < range; ++i) {
    const auto port = static_cast<std::uint16_t>(config_.first_port + (start + i) % range);
    if (port_taken({local.address, port}, remote)) continue;
    port_counter_ = static_cast<std::uint16_t>(port_counter_ + i + 1);
    return port;
  }
  return std::nullopt;
}

/// RFC 6528 §3: a clock of 4 microseconds and a keyed hash of the flow.
tcp::Open Host::how_to_open(const Flow& flow, SettingsPtr settings, TimePoint now) {
  const bool v4 = flow.local.address.is_v4();
  const auto clock = static_cast<std::uint32_t>(now.time_since_epoch() / 4us);
  const std::size_t headers = v4 ? kTcpIpv4 : kTcpIpv6;
  return {.iss = Seq(hash_of(flow, iss_key_) + clock),
          .ts_offset = hash_of({flow.remote, flow.local}, iss_key_),
          .mss = static_cast<std::uint16_t>(config_.mtu - headers),
          .default_mss = static_cast<std::uint16_t>(v4 ? 536 : 1220),
          .settings = settings ? std::move(settings) : config_.settings};
}

std::expected<FlowId, Refusal> Host::connect(std::optional<Endpoint> local, const Endpoint& remote,
                                             SettingsPtr settings, TimePoint now) {
  if (!can_be_peer(remote)) return std::unexpected(Refusal::bad_address);
  if (connections_.size() >= config_.most_connections) return std::unexpected(Refusal::too_many);
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
  if (flow.local.port == 0) {
    const auto port = ephemeral_port(flow.local, remote);
    if (!port) return std::unexpected(Refusal::address_not_available);
    flow.local.port = *port;
  } else if (living(flow)) {
    return std::unexpected(Refusal::address_in_use);
  }
  tcp::Connection connection;
  const auto fx = connection.open(how_to_open(flow, std::move(settings), now), now);
  const std::uint32_t index = make_connection(flow, std::move(connection));
  connections_[index].held = true;
  apply(index, *fx, now);
  return FlowId{index, connections_.generation(index)};
}

// --- octets

std::size_t Host::writable(FlowId id) const {
  const ConnectionEntry* entry = find(id);
  if (entry == nullptr) return 0;
  const std::size_t limit = entry->connection.settings().send_buffer;
  return entry->out.size() < limit ? limit - entry->out.size() : 0;
}

std::expected<std::size_t, tcp::Error> Host::send(FlowId id, std::span<const std::byte> octets,
                                                  TimePoint now, bool urgent) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return std::unexpected(tcp::Error::not_open);
  const std::size_t n = std::min(octets.size(), writable(id));
  const auto fx =
      entry->connection.send(static_cast<std::uint32_t>(n), now, urgent && n == octets.size());
  if (!fx) return std::unexpected(fx.error());
  entry->out.append(octets.first(n), &pool_);
  mark({Handle::Kind::connection, id.index});
  return n;
}

std::expected<std::size_t, tcp::Error> Host::send(FlowId id, Slice slice, TimePoint now) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return std::unexpected(tcp::Error::not_open);
  if (writable(id) == 0) return 0;
  const std::size_t n = slice.size();
  const auto fx = entry->connection.send(static_cast<std::uint32_t>(n), now);
  if (!fx) return std::unexpected(fx.error());
  entry->out.append(std::move(slice), &pool_);
  mark({Handle::Kind::connection, id.index});
  return n;
}

std::size_t Host::readable(FlowId id) const {
  const ConnectionEntry* entry = find(id);
  return entry != nullptr ? static_cast<std::size_t>(entry->in.readable().size()) : 0;
}

std::size_t Host::receive(FlowId id, std::span<std::byte> into, TimePoint now) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return 0;
  const std::size_t n = entry->in.read(into);
  if (n == 0) return 0;
  entry->connection.receive(static_cast<std::uint32_t>(n), now);
  mark({Handle::Kind::connection, id.index});
  return n;
}

std::size_t Host::peek(FlowId id, std::span<std::byte> into) const {
  const ConnectionEntry* entry = find(id);
  return entry != nullptr ? entry->in.peek(into) : 0;
}

Slice Host::take(FlowId id, TimePoint now) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return {};
  Slice slice = entry->in.take();
  if (slice.empty()) return slice;
  entry->connection.receive(static_cast<std::uint32_t>(slice.size()), now);
  mark({Handle::Kind::connection, id.index});
  return slice;
}

// --- closing

std::expected<void, tcp::Error> Host::close(FlowId id, TimePoint now) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return std::unexpected(tcp::Error::not_open);
  const auto fx = entry->connection.close(now);
  if (!fx) return std::unexpected(fx.error());
  apply(id.index, *fx, now);
  return {};
}

void Host::discard_receive(FlowId id, TimePoint now) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return;
  apply(id.index, entry->connection.discard_receive(now), now);
  if (!entry->connection.settings().shut_rd_keeps_buffered) {
    entry->in.skip_to(entry->connection.tcb().rcv.read, &pool_);
  }
}

void Host::abort(FlowId id, TimePoint now) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return;
  apply(id.index, entry->connection.abort(now), now);
}

void Host::orphan(FlowId id, TimePoint now) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return;
  apply(id.index, entry->connection.orphan(now), now);
  entry->held = false;
  connections_.forget_ids(id.index);
}

void Host::set_settings(FlowId id, SettingsPtr settings, TimePoint now) {
  ConnectionEntry* entry = get(id);
  if (entry == nullptr) return;
  entry->connection.set_settings(std::move(settings), now);
  mark({Handle::Kind::connection, id.index});
}

}  // namespace lastack::host
