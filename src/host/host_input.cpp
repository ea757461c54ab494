// Packets in: what they are, whose they are, and the door they go through.
#include <algorithm>
#include <utility>

#include "host/host.hpp"

namespace lastack::host {
namespace {

constexpr std::uint8_t kEchoRequest = 8;
constexpr std::uint8_t kEchoReply = 0;
constexpr std::uint8_t kEchoRequestV6 = 128;
constexpr std::uint8_t kEchoReplyV6 = 129;
constexpr std::size_t kIcmpHeader = 8;

/// `part` of the octets of `whole`, as a slice of it.
Slice slice_of(const Slice& whole, wire::Bytes part) {
  if (part.empty()) return {};
  return whole.sub(static_cast<std::size_t>(part.data() - whole.bytes().data()), part.size());
}

}  // namespace

void Host::packet_arrives(const Slice& packet, TimePoint now) {
  ++counters_.packets_in;
  const auto ip = wire::parse_ip(packet.bytes());
  if (!ip) {
    ++counters_.malformed[static_cast<std::size_t>(ip.error())];
    return;
  }
  if (!is_local(ip->header.destination)) {
    ++counters_.not_for_us;
    return;
  }
  if (!may_come_from(ip->header.source)) {
    ++counters_.bad_address;
    return;
  }
  if (ip->header.protocol == wire::kProtocolTcp) {
    tcp_arrives(*ip, packet, now);
  } else if (ip->header.protocol == wire::kProtocolIcmp ||
             ip->header.protocol == wire::kProtocolIcmpv6) {
    icmp_arrives(*ip, now);
  } else {
    ++counters_.not_for_us;
  }
}

/// A single host sends from one address (MUST-57, MUST-63).
bool Host::may_come_from(const wire::IpAddress& address) const {
  if (address.is_multicast() || address.is_broadcast() || address.is_unspecified()) return false;
  return std::ranges::none_of(config_.addresses,
                              [&](const wire::Prefix& p) { return p.is_broadcast(address); });
}

void Host::tcp_arrives(const wire::ParsedIp& ip, const Slice& packet, TimePoint now) {
  if (config_.verify_checksum &&
      wire::tcp_sum(ip.header.source, ip.header.destination, ip.payload).checksum() != 0) {
    ++counters_.tcp_checksum;
    return;
  }
  const auto tcp = wire::parse_tcp(ip.payload);
  if (!tcp) {
    ++counters_.malformed[static_cast<std::size_t>(tcp.error())];
    return;
  }
  const Flow flow{{ip.header.destination, tcp->header.destination_port},
                  {ip.header.source, tcp->header.source_port}};
  const auto handle = living(flow);
  if (!handle) {
    to_listener(flow, *tcp, now);
    return;
  }
  switch (handle->kind) {
    case Handle::Kind::connection: to_connection(handle->index, *tcp, packet, now); break;
    case Handle::Kind::syn_rcvd: to_syn_rcvd(handle->index, *tcp, packet, now); break;
    case Handle::Kind::time_wait: to_time_wait(handle->index, flow, *tcp, packet, now); break;
  }
}

void Host::to_connection(std::uint32_t index, const wire::ParsedTcp& tcp, const Slice& packet,
                         TimePoint now) {
  ConnectionEntry& entry = connections_[index];
  const auto size = static_cast<std::uint32_t>(tcp.payload.size());
  const tcp::Effects fx = entry.connection.segment_arrives(tcp.header, size, now);
  if (!fx.accepted.empty()) {
    const auto octets = static_cast<std::size_t>(fx.accepted.size());
    counters_.octets_in += octets;
    entry.in.insert(fx.accepted.begin,
                    slice_of(packet, tcp.payload.subspan(fx.accepted_from, octets)), &pool_);
  }
  apply(index, fx, now);
  const bool over = fx.taken_count > 0 && fx.transitions().back().event == tcp::Event::reuse;
  if (!over) return;
  // RFC 6191: the SYN belongs to a new connection.
  const Flow flow = entry.flow;
  const tcp::Tcb& t = entry.connection.tcb();
  const Seq snd_nxt = t.iss + 1 + static_cast<std::uint32_t>(t.snd.max);
  remove_from_table(entry, index);
  to_listener(flow, tcp, now, snd_nxt);
}

void Host::to_syn_rcvd(std::uint32_t index, const wire::ParsedTcp& tcp, const Slice& packet,
                       TimePoint now) {
  SynRcvdEntry& entry = syn_rcvd_[index];
  const auto& settings = settings_of(listeners_[entry.listener].settings);
  const auto size = static_cast<std::uint32_t>(tcp.payload.size());
  const auto step = entry.record.segment_arrives(tcp.header, size, settings, now);
  count(step.fx);
  if (step.fx.reset.wanted) reply_reset(entry.flow, step.fx.reset);
  if (step.grows) {
    grow(index, tcp, packet, now);
  } else {
    go_on_with_syn_rcvd(index);
  }
}

/// The handshake is complete: the record becomes a connection that waits to be accepted. Where the
/// queue for that is full the ACK counts as lost, and the peer's next segment asks again.
void Host::grow(std::uint32_t index, const wire::ParsedTcp& tcp, const Slice& packet,
                TimePoint now) {
  SynRcvdEntry& entry = syn_rcvd_[index];
  const std::uint32_t listener = entry.listener;
  if (listeners_[listener].accept_queue.size() >= listeners_[listener].backlog) {
    ++counters_.accept_queue_full;
    return;
  }
  const Flow flow = entry.flow;
  tcp::Connection connection(entry.record, listeners_[listener].settings, now);
  end_syn_rcvd(index);
  const std::uint32_t grown = make_connection(flow, std::move(connection));
  connections_[grown].history.add({tcp::State::listen, tcp::Event::syn, tcp::State::syn_rcvd}, now);
  connections_[grown].listener = listener;
  listeners_[listener].accept_queue.push_back(grown);
  to_connection(grown, tcp, packet, now);
  events_.push_back({.at = now,
                     .flow = {},
                     .listener = {listener, listeners_[listener].generation},
                     .effects = {}});
}

void Host::to_time_wait(std::uint32_t index, const Flow& flow, const wire::ParsedTcp& tcp,
                        const Slice&, TimePoint now) {
  TimeWaitEntry& entry = time_wait_[index];
  const auto size = static_cast<std::uint32_t>(tcp.payload.size());
  const auto fx = entry.record.segment_arrives(tcp.header, size, settings_of({}), now);
  count(fx);
  if (entry.record.state() == tcp::State::time_wait) {
    minds_deadline(entry.timer, entry.record.next_deadline());
    mark({Handle::Kind::time_wait, index});
    return;
  }
  const Seq snd_nxt = entry.record.snd_nxt();
  end_time_wait(index);
  if (fx.transitions().back().event == tcp::Event::reuse) to_listener(flow, tcp, now, snd_nxt);
}

/// No connection: a listener may make one; else §3.10.7.1. `beyond` is where the connection it
/// takes over from stood: its old segments must never fit into the new one (RFC 1122 4.2.2.13).
void Host::to_listener(const Flow& flow, const wire::ParsedTcp& tcp, TimePoint now,
                       std::optional<Seq> beyond) {
  const auto size = static_cast<std::uint32_t>(tcp.payload.size());
  ListenerEntry* listener = listener_for(flow.local);
  if (listener == nullptr) {
    ++counters_.dropped[static_cast<std::size_t>(tcp::Drop::no_connection)];
    reply_reset(flow, tcp::reset_for(tcp.header, size));
    return;
  }
  tcp::Open how = how_to_open(flow, listener->settings, now);
  if (beyond && !after(how.iss, *beyond)) how.iss = *beyond + 1;
  auto step = listener->listener.segment_arrives(tcp.header, size, how, now);
  if (step.child && listener->handshakes >= config_.syn_queue) {
    ++counters_.syn_queue_full;
    return;
  }
  if (step.child && listener->accept_queue.size() >= listener->backlog) {
    ++counters_.accept_queue_full;
    return;
  }
  count(step.fx);
  if (step.fx.reset.wanted) reply_reset(flow, step.fx.reset);
  if (!step.child) return;
  const auto owner = static_cast<std::uint32_t>(listener - listeners_.data());
  const std::uint32_t index =
      syn_rcvd_.make({.flow = flow, .record = *step.child, .listener = owner});
  const Handle handle{Handle::Kind::syn_rcvd, index};
  syn_rcvd_[index].timer = wheel_.create(handle.packed());
  ++listener->handshakes;
  table_.insert(hash(flow), handle);
  mark(handle);
}

/// Echo requests are answered (RFC 792, RFC 4443). Errors reach connections with the next issue.
void Host::icmp_arrives(const wire::ParsedIp& ip, TimePoint) {
  const bool v4 = ip.header.source.is_v4();
  wire::Reader in(ip.payload);
  const std::uint8_t type = in.u8();
  const bool request = type == (v4 ? kEchoRequest : kEchoRequestV6);
  if (!request || ip.payload.size() < kIcmpHeader) {
    ++counters_.not_for_us;
    return;
  }
  wire::Sum sum;
  sum.add(ip.payload);
  const auto length = static_cast<std::uint32_t>(ip.payload.size());
  if (!v4) {
    sum.add(wire::pseudo_header(ip.header.source, ip.header.destination, wire::kProtocolIcmpv6,
                                length));
  }
  if (sum.checksum() != 0) {
    ++counters_.malformed[static_cast<std::size_t>(wire::ParseError::bad_checksum)];
    return;
  }
  wire::IpHeader header = ip.header;
  std::swap(header.source, header.destination);
  header.hop_limit = 64;
  Slice reply = Slice::allocate(wire::ip_header_size(header.source.family()) + length, &pool_);
  const auto room = reply.tail_room();
  const std::size_t at = wire::emit_ip(header, length, room);
  if (at == 0) return;
  std::ranges::copy(ip.payload, room.begin() + static_cast<std::ptrdiff_t>(at));
  room[at] = std::byte{v4 ? kEchoReply : kEchoReplyV6};
  room[at + 2] = room[at + 3] = std::byte{0};
  wire::Sum fresh;
  fresh.add(wire::Bytes(room).subspan(at, length));
  if (!v4) {
    fresh.add(
        wire::pseudo_header(header.source, header.destination, wire::kProtocolIcmpv6, length));
  }
  wire::Writer(room.subspan(at + 2, 2)).u16(fresh.checksum());
  reply.grow(at + length);
  ++counters_.echo_replies;
  replies_.push_back(std::move(reply));
}

}  // namespace lastack::host
