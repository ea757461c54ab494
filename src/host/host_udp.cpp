// UDP at a host (RFC 768, RFC 1122 §4.1): datagrams in and out, the user's side, what ICMP says.
#include <algorithm>
#include <utility>
#include <vector>

#include "host/host.hpp"
#include "tcp/mutant.hpp"
#include "wire/quote.hpp"
#include "wire/udp.hpp"

// DEVIATES: RFC 1122 §3.2.1.3, §3.3.6: datagrams to a broadcast or multicast address are taken by
// nobody. They are counted (Counters::bad_address) and never answered, not even with an ICMP error.
// None are sent there.

namespace lastack::host {
namespace {

using Meaning = ip::Meaning;

/// What waits to be read must not keep much more memory than it has octets: a small datagram moves
/// out of the block that brought it.
Slice compact(Slice payload, BufferPool* pool) {
  constexpr std::size_t kWasteful = 4;
  if (payload.pinned() <= kWasteful * payload.size()) return payload;
  if (payload.size() <= BufferPool::kTiny) return Slice::copy_of(payload.bytes(), pool);
  const wire::Bytes octets = payload.bytes();
  return Slice::adopt(std::vector<std::byte>(octets.begin(), octets.end()));
}

udp::Error error_of(const Meaning& meaning) {
  switch (meaning.kind) {
    case Meaning::Kind::too_big: return udp::Error::too_big;
    case Meaning::Kind::hard: break;
    default: return udp::Error::unreachable;
  }
  switch (meaning.what) {
    case Meaning::What::port: return udp::Error::refused;
    case Meaning::What::network: return udp::Error::net_prohibited;
    case Meaning::What::protocol: return udp::Error::no_protocol;
    case Meaning::What::policy: return udp::Error::not_allowed;
    case Meaning::What::host: break;
  }
  return udp::Error::prohibited;
}

}  // namespace

// --- in

void Host::udp_arrives(const wire::ParsedIp& ip, const Slice& packet, Via via, bool verify,
                       TimePoint now) {
  const auto& [header, octets] = ip;
  UdpCounters& counts = counters_.udp[Counters::of(header.source)];
  const auto udp = wire::parse_udp(octets);
  if (!udp) {
    ++counters_.malformed[static_cast<std::size_t>(udp.error())];
    ++counts.in_errors;
    return;
  }
  const bool must_be_summed = !udp->summed && !header.source.is_v4();
  if (must_be_summed ||
      (verify && !wire::udp_sum_is_right(header.source, header.destination, *udp))) {
    ++counts.in_checksum_errors;
    ++counts.in_errors;
    return;
  }
  const Flow flow{{header.destination, udp->header.destination_port},
                  {header.source, udp->header.source_port}};
  const auto index = udp_.taker(flow);
  if (!index) {
    ++counts.no_ports;
    to_nobody(ip, packet, via, now);
    return;
  }
  to_endpoint(*index, flow, slice_of(packet, udp->payload), now);
}

void Host::to_endpoint(std::uint32_t index, const Flow& flow, Slice payload, TimePoint now) {
  UdpEntry& entry = udp_[index];
  UdpCounters& counts = counters_.udp[Counters::of(flow.local.address)];
  payload = compact(std::move(payload), &pool_);
  if (udp_.unread + udp::UdpEndpoint::kOverhead + payload.pinned() > config_.most_udp_unread) {
    ++counts.memory_errors;
    ++counts.in_errors;
    return;
  }
  const std::size_t before = entry.endpoint.held();
  if (!entry.endpoint.datagram_arrives({flow.remote, flow.local.address, std::move(payload)})) {
    ++counts.receive_buffer_errors;
    ++counts.in_errors;
    return;
  }
  udp_.unread += entry.endpoint.held() - before;
  ++counts.in_datagrams;
  tell_udp(index, now);
}

void Host::tell_udp(std::uint32_t index, TimePoint now) {
  if (std::exchange(udp_[index].told, true)) return;
  tell(now).udp = udp_.id_of(index);
}

// --- errors about what we have sent

/// The quote names the ports and nothing that only the receiver could know; so only an endpoint
/// that may have sent such a datagram is told, and only one that is connected to its receiver minds
/// (RFC 1122 §4.1.3.3). A path is believed to take less where the datagram would not have passed.
void Host::icmp_to_udp(const Flow& flow, const Meaning& meaning, TimePoint now) {
  const auto index = is_local(flow.local.address) ? udp_.taker(flow) : std::nullopt;
  if (!index) {
    drop_icmp(IcmpDrop::no_connection, flow.local.address.family());
    return;
  }
  ++counters_.icmp_errors_in;
  if (meaning.kind == Meaning::Kind::too_big) {
    path_mtu_.learn(flow.remote.address, meaning.mtu, now);
  }
  const udp::Report report{.error = error_of(meaning), .about = flow.remote, .mtu = meaning.mtu};
  if (udp_[*index].endpoint.icmp_arrives(report)) tell_udp(*index, now);
}

/// A datagram found no way to its receiver: as if a router had said so.
void Host::no_way_for_udp(wire::Bytes packet, TimePoint now) {
  const auto about = wire::parse_quote(packet);
  if (!about || about->protocol != wire::kProtocolUdp || !about->has_transport) return;
  const Flow flow{{about->source, about->source_port},
                  {about->destination, about->destination_port}};
  const auto index = udp_.taker(flow);
  if (!index) return;
  const udp::Report report{.error = udp::Error::unreachable, .about = flow.remote};
  if (udp_[*index].endpoint.icmp_arrives(report)) tell_udp(*index, now);
}

// --- the user's side

std::expected<UdpId, Refusal> Host::udp_open(const Endpoint& local, const Claim& claim,
                                             TimePoint now) {
  if (!local.address.is_unspecified() && !is_local(local.address)) {
    return std::unexpected(Refusal::address_not_available);
  }
  if (udp_.size() >= config_.most_udp_endpoints) {
    ++counters_.too_many;
    return std::unexpected(Refusal::too_many);
  }
  return udp_.open(local, claim, {config_.first_port, config_.last_port}, random_,
                   config_.udp_receive_buffer, now);
}

bool Host::is_one_receiver(const wire::IpAddress& to) const {
  return !to.is_unspecified() && !to.is_multicast() && !is_broadcast(to);
}

std::expected<void, Refusal> Host::udp_connect(UdpId id, const Endpoint& remote) {
  const UdpEntry* entry = udp_.find(id);
  if (entry == nullptr) return std::unexpected(Refusal::address_not_available);
  if (!is_one_receiver(remote.address)) return std::unexpected(Refusal::bad_address);
  Endpoint local = entry->bound;
  if (local.address.family() != remote.address.family() && !entry->claim.both) {
    return std::unexpected(Refusal::unreachable);
  }
  if (local.address.is_unspecified()) {
    const auto source = source_for(remote.address);
    if (!source) return std::unexpected(Refusal::unreachable);
    local.address = *source;
  }
  if (!udp_.connect(id, local, remote)) return std::unexpected(Refusal::address_in_use);
  return {};
}

/// The octets are copied once, behind the headers that they go out with. A datagram too long for
/// the way is cut when its turn comes.
std::expected<std::size_t, udp::Error> Host::udp_send_to(UdpId id, std::optional<Endpoint> to,
                                                         std::span<const std::byte> octets,
                                                         TimePoint now,
                                                         std::optional<Endpoint> from) {
  UdpEntry* entry = udp_.find(id);
  if (entry == nullptr) return std::unexpected(udp::Error::not_open);
  const auto flow = udp_flow(*entry, to, from);
  if (!flow) return std::unexpected(flow.error());
  if (octets.size() > wire::most_udp_payload(flow->local.address.family())) {
    return std::unexpected(udp::Error::too_long);
  }
  UdpCounters& counts = counters_.udp[Counters::of(flow->local.address)];
  if (udp_.outbox.octets() + octets.size() > config_.most_udp_unsent && !udp_.outbox.empty()) {
    ++counts.send_buffer_errors;
    udp_.blocked += std::exchange(entry->blocked, true) ? 0 : 1;
    return std::unexpected(udp::Error::would_block);
  }
  ++counts.out_datagrams;
  udp_.outbox.push(datagram(*entry, *flow, octets, now));
  return octets.size();
}

/// From where to where a datagram goes that is sent so.
std::expected<Flow, udp::Error> Host::udp_flow(const UdpEntry& entry,
                                               const std::optional<Endpoint>& to,
                                               const std::optional<Endpoint>& from) const {
  const udp::UdpEndpoint& endpoint = entry.endpoint;
  if (!to && !endpoint.connected()) return std::unexpected(udp::Error::no_destination);
  Flow flow{endpoint.local(), to ? *to : endpoint.remote()};
  const Family family = flow.remote.address.family();
  if (!is_one_receiver(flow.remote.address)) return std::unexpected(udp::Error::bad_address);
  if (from && is_local(from->address)) flow.local.address = from->address;
  if (from && from->port != 0) flow.local.port = from->port;
  if (flow.local.address.family() != family) {
    if (!entry.claim.both) return std::unexpected(udp::Error::no_route);
    flow.local.address = {};
  }
  if (flow.local.address.is_unspecified()) {
    const auto source = source_for(flow.remote.address);
    if (!source) return std::unexpected(udp::Error::no_route);
    flow.local.address = *source;
  }
  return flow;
}

/// Where routers are to cut since the path takes so little, they may; else each datagram finds out
/// what the path takes.
Slice Host::datagram(const UdpEntry& of, const Flow& flow, wire::Bytes octets, TimePoint now) {
  const auto& [local, remote] = flow;
  const wire::IpMarks& mark = of.marks.of(local.address.is_v4());
  const auto path = path_mtu_.of(remote.address, now);
  const bool may_be_cut = path && *path < ip::kSmallestCut;
  const wire::IpHeader header{
      .source = local.address,
      .destination = remote.address,
      .hop_limit = mark.hop_limit,
      .traffic_class = mark.traffic_class,
      .identification =
          may_be_cut ? identification_for(local.address, remote.address) : identification_++,
      .dont_fragment = !may_be_cut,
  };
  const std::size_t size = wire::udp_packet_size(local.address.family(), octets.size());
  Slice packet = Slice::allocate(size, &pool_);
  packet.grow(wire::emit_udp_packet(header, {local.port, remote.port}, octets, packet.tail_room()));
  count_out(local.address, packet.size());
  return packet;
}

/// The next datagram, or its next piece. Those who found no room are told once there is much.
void Host::transmit_udp(PacketOut& out, TimePoint now) {
  transmit_whole(udp_.outbox, out, now);
  if (udp_.blocked == 0 || udp_.outbox.octets() > config_.most_udp_unsent / 2) return;
  udp_.blocked = 0;
  udp_.each_index([&](std::uint32_t index, const UdpEntry&) {
    if (std::exchange(udp_[index].blocked, false)) tell_udp(index, now);
  });
}

void Host::udp_choose(UdpId id, std::size_t receive_buffer, const wire::MarksOfBoth& marks) {
  UdpEntry* entry = udp_.find(id);
  if (entry == nullptr) return;
  entry->endpoint.set_receive_buffer(receive_buffer);
  entry->marks = marks;
}

std::expected<udp::Datagram, udp::Error> Host::udp_receive(UdpId id) {
  UdpEntry* entry = udp_.find(id);
  if (entry == nullptr) return std::unexpected(udp::Error::not_open);
  const std::size_t before = entry->endpoint.held();
  auto datagram = entry->endpoint.receive();
  udp_.unread -= before - entry->endpoint.held();
  return datagram;
}

udp::Error Host::udp_take_error(UdpId id) {
  UdpEntry* entry = udp_.find(id);
  if (entry == nullptr) return udp::Error::not_open;
  const bool again = tcp::mutated(tcp::Mutant::udp_error_told_again);
  return again ? entry->endpoint.error() : entry->endpoint.take_error();
}

}  // namespace lastack::host
