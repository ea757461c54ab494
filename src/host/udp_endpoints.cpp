#include "host/udp_endpoints.hpp"

#include <utility>

#include "tcp/mutant.hpp"

namespace lastack::host {
namespace {

/// The table is for connections, which are of more than one kind.
Handle udp_handle(std::uint32_t index) { return {Handle::Kind::connection, index}; }

}  // namespace

std::expected<UdpId, Refusal> UdpEndpoints::open(Endpoint local, Claim claim, Ports ports,
                                                 Random& random, std::size_t receive_buffer,
                                                 TimePoint now) {
  const bool any_port = local.port == 0;
  if (any_port) claim.address = claim.port = false;
  const std::uint32_t range = any_port ? ports.last - ports.first + 1U : 1U;
  const std::uint32_t start = any_port ? random.below(range) : 0;
  for (std::uint32_t i = 0; i < range; ++i) {
    if (any_port) local.port = static_cast<std::uint16_t>(ports.first + (start + i) % range);
    if (!bound_.take(local, claim)) continue;
    UdpEntry entry;
    entry.endpoint = udp::UdpEndpoint(local, receive_buffer);
    entry.bound = local;
    entry.claim = claim;
    entry.since = now;
    const std::uint32_t index = entries_.make(std::move(entry));
    open_.add(local.port, index);
    return id_of(index);
  }
  return std::unexpected(any_port ? Refusal::address_not_available : Refusal::address_in_use);
}

UdpEntry* UdpEndpoints::find(UdpId id) {
  return const_cast<UdpEntry*>(std::as_const(*this).find(id));
}

const UdpEntry* UdpEndpoints::find(UdpId id) const {
  const bool fresh = entries_.has(id.index) && entries_.generation(id.index) == id.generation;
  return fresh ? &entries_[id.index] : nullptr;
}

void UdpEndpoints::close(UdpId id) {
  UdpEntry* entry = find(id);
  if (entry == nullptr) return;
  if (!tcp::mutated(tcp::Mutant::udp_port_kept)) leave(id);
  unread -= tcp::mutated(tcp::Mutant::datagram_counted) ? 0 : entry->endpoint.held();
  if (tcp::mutated(tcp::Mutant::datagram_kept) && entry->endpoint.front() != nullptr) return;
  blocked -= entry->blocked ? 1 : 0;
  entries_.drop(id.index);
}

void UdpEndpoints::leave(UdpId id) {
  if (find(id) == nullptr) return;
  disconnect(id);
  UdpEntry& entry = entries_[id.index];
  if (entry.bound.port == 0) return;
  open_.remove(entry.bound.port, id.index);
  bound_.give_back(entry.bound, entry.claim);
  entry.bound = {};
}

void UdpEndpoints::take_over(UdpId id, UdpId left) {
  entries_[id.index].endpoint.take_over(entries_[left.index].endpoint);
  close(left);
}

/// connect() leaves no more of the unspecified address than the one that it chooses.
UdpEndpoints::Place UdpEndpoints::place_of(const UdpEntry& entry) {
  const Endpoint& local = entry.endpoint.local();
  if (!entry.endpoint.connected()) return {entry.bound, entry.claim};
  Claim claim = entry.claim;
  claim.both = claim.both && !local.address.is_v4();
  return {local, claim};
}

void UdpEndpoints::set_sharing(UdpId id, bool address, bool port) {
  UdpEntry* entry = find(id);
  if (entry == nullptr) return;
  const auto [at, before] = place_of(*entry);
  entry->claim.address = address;
  entry->claim.port = port;
  if (at.port != 0) bound_.move(at, before, at, place_of(*entry).claim);
}

bool UdpEndpoints::connect(UdpId id, const Endpoint& local, const Endpoint& remote) {
  const Flow flow{local, remote};
  const auto other = connected(flow);
  if (other) return other.index() == id.index;
  disconnect(id);
  UdpEntry& entry = entries_[id.index];
  open_.remove(entry.bound.port, id.index);
  connected_.insert(hash_of(flow, key_), udp_handle(id.index));
  to_port_0_ += remote.port == 0 ? 1 : 0;
  entry.endpoint.connect(local, remote);
  const auto [at, claim] = place_of(entry);
  bound_.move(entry.bound, entry.claim, at, claim);
  return true;
}

void UdpEndpoints::disconnect(UdpId id) {
  UdpEntry* entry = find(id);
  if (entry == nullptr || !entry->endpoint.connected()) return;
  const Flow flow{entry->endpoint.local(), entry->endpoint.remote()};
  connected_.erase(hash_of(flow, key_), udp_handle(id.index));
  to_port_0_ -= flow.remote.port == 0 ? 1 : 0;
  open_.add(entry->bound.port, id.index);
  const auto [at, claim] = place_of(*entry);
  bound_.move(at, claim, entry->bound, entry->claim);
  entry->endpoint.disconnect();
}

Handle UdpEndpoints::connected(const Flow& flow) const {
  if (connected_.size() == 0) return {};
  return connected_.find(hash_of(flow, key_), [&](Handle handle) {
    const udp::UdpEndpoint& e = entries_[handle.index()].endpoint;
    return e.local() == flow.local && e.remote() == flow.remote;
  });
}

std::optional<std::uint32_t> UdpEndpoints::taker(const Flow& flow) const {
  if (const auto one = connected(flow)) return one.index();
  if (to_port_0_ > 0) {
    if (const auto one = connected({flow.local, {flow.remote.address, 0}})) return one.index();
  }
  std::optional<std::uint32_t> at_address;
  std::optional<std::uint32_t> at_any;
  for (const std::uint32_t i : open_.at(flow.local.port)) {
    const wire::IpAddress& address = entries_[i].bound.address;
    if (address == flow.local.address) {
      at_address = i;
    } else if (address.is_unspecified() &&
               (entries_[i].claim.both || address.family() == flow.local.address.family())) {
      at_any = i;
    }
  }
  if (tcp::mutated(tcp::Mutant::udp_strangers_heard)) {
    entries_.each_index([&](std::uint32_t i, const UdpEntry& entry) {
      if (entry.bound.port == flow.local.port) at_any = i;
    });
  }
  return at_address ? at_address : at_any;
}

}  // namespace lastack::host
