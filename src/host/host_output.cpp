// Packets out: pulled one by one from those that have something to send.
#include <algorithm>
#include <cstring>
#include <utility>

#include "host/host.hpp"

namespace lastack::host {

bool Host::transmit(PacketOut& out, TimePoint now) {
  for (;;) {
    if (!looped_.empty()) {
      packet_arrives(looped_.pop_front(), now);
      continue;
    }
    out.clear();
    if (!replies_.empty()) {
      out.payload.push_back(replies_.pop_front());
      out.payload_size = out.payload[0].size();
    } else if (dirty_.empty()) {
      return false;
    } else if (!is_dirty(dirty_.front())) {
      dirty_.pop_front();  // it ended while it stood in the queue
      continue;
    } else if (!transmit_from(dirty_.front(), out, now)) {
      continue;
    }
    if (loop_back(out, now)) continue;
    ++counters_.packets_out;
    return true;
  }
}

/// The next segment of the first in the queue. False when it has none: it leaves the queue.
bool Host::transmit_from(Handle handle, PacketOut& out, TimePoint now) {
  const std::uint32_t i = handle.index;
  switch (handle.kind) {
    case Handle::Kind::connection: {
      ConnectionEntry& entry = connections_[i];
      const std::uint32_t most =
          config_.super_segment > 0 ? config_.super_segment : entry.connection.tcb().snd.mss;
      if (const auto segment = entry.connection.transmit(now, most)) {
        build(entry.flow, *segment, &entry.out, out);
        return true;
      }
      break;
    }
    case Handle::Kind::syn_rcvd: {
      SynRcvdEntry& entry = syn_rcvd_[i];
      const auto& settings = settings_of(listeners_[entry.listener].settings);
      if (const auto segment = entry.record.transmit(settings, now)) {
        build(entry.flow, *segment, nullptr, out);
        return true;
      }
      break;
    }
    case Handle::Kind::time_wait: {
      TimeWaitEntry& entry = time_wait_[i];
      if (const auto segment = entry.record.transmit(now)) {
        build(entry.flow, *segment, nullptr, out);
        return true;
      }
      break;
    }
  }
  dirty_.pop_front();
  leaves_queue(handle, now);
  return false;
}

/// It has nothing more to send: what it waits for now, or whether it is over.
void Host::leaves_queue(Handle handle, TimePoint now) {
  const std::uint32_t i = handle.index;
  switch (handle.kind) {
    case Handle::Kind::connection:
      connections_[i].dirty = false;
      settle(i, now);
      break;
    case Handle::Kind::syn_rcvd:
      syn_rcvd_[i].dirty = false;
      if (syn_rcvd_[i].record.state != tcp::State::syn_rcvd) {
        end_syn_rcvd(i);
      } else {
        minds_deadline(syn_rcvd_[i].timer, syn_rcvd_[i].record.next_deadline());
      }
      break;
    case Handle::Kind::time_wait:
      time_wait_[i].dirty = false;
      if (time_wait_[i].record.state() != tcp::State::time_wait) {
        end_time_wait(i);
      } else {
        minds_deadline(time_wait_[i].timer, time_wait_[i].record.next_deadline());
      }
      break;
  }
}

/// Writes the headers of a segment and gathers its octets, without copying them.
void Host::build(const Flow& flow, const tcp::Outgoing& segment, const tcp::SendBuffer* octets,
                 PacketOut& out) {
  wire::TcpHeader header = segment.header;
  header.source_port = flow.local.port;
  header.destination_port = flow.remote.port;
  out.why = segment.why;
  out.attempt = segment.attempt;
  if (!segment.payload.empty() && octets != nullptr) {
    octets->gather(segment.payload, [&out](Slice part) { out.payload.push_back(std::move(part)); });
    out.payload_size = static_cast<std::size_t>(segment.payload.size());
    counters_.octets_out += out.payload_size;
  }
  if (segment.why == tcp::Why::timeout || segment.why == tcp::Why::fast_retransmit) {
    ++counters_.retransmissions;
    if (segment.why == tcp::Why::fast_retransmit) ++counters_.fast_retransmissions;
  }
  if (out.payload_size > segment.mss) out.segment_size = segment.mss;
  const wire::IpHeader ip{.source = flow.local.address,
                          .destination = flow.remote.address,
                          .protocol = wire::kProtocolTcp,
                          .identification = identification_++};
  const std::span<std::byte> room(out.header);
  const std::size_t ip_size = wire::ip_header_size(ip.source.family());
  const std::size_t tcp_size = wire::emit_tcp(header, room.subspan(ip_size));
  wire::emit_ip(ip, tcp_size + out.payload_size, room);
  out.tcp_at = static_cast<std::uint16_t>(ip_size);
  out.header_size = ip_size + tcp_size;
  finish_checksum(flow, out);
}

/// Sums header and octets; or where the link will, only the pseudo-header, as offloads want it.
void Host::finish_checksum(const Flow& flow, PacketOut& out) const {
  const auto segment = std::span(out.header).subspan(out.tcp_at, out.header_size - out.tcp_at);
  const std::size_t length = segment.size() + out.payload_size;
  wire::Sum sum = wire::pseudo_header(flow.local.address, flow.remote.address, wire::kProtocolTcp,
                                      static_cast<std::uint32_t>(length));
  out.checksum_partial = !config_.transmit_checksum;
  if (out.checksum_partial && !is_local(flow.remote.address)) {
    wire::set_tcp_checksum(segment, sum.folded());
    return;
  }
  out.checksum_partial = false;
  sum.add(segment);
  bool odd = false;
  for (const Slice& part : out.payload) {
    wire::Sum octets;
    octets.add(part.bytes());
    sum.add(odd ? octets.swapped() : octets);
    odd ^= part.size() % 2 != 0;
  }
  wire::set_tcp_checksum(segment, sum.checksum());
}

/// A packet to an address of our own never sees the link.
bool Host::loop_back(PacketOut& out, TimePoint) {
  const auto first = out.header_size > 0 ? out.header_bytes() : out.payload[0].bytes();
  const bool v4 = (std::to_integer<unsigned>(first[0]) >> 4U) == 4;
  const auto destination = wire::IpAddress::from(v4 ? first.subspan(16, 4) : first.subspan(24, 16));
  if (!is_local(destination)) return false;
  Slice packet = Slice::allocate(out.size(), &pool_);
  packet.grow(out.copy_to(packet.tail_room()));
  looped_.push_back(std::move(packet));
  return true;
}

void Host::reply_reset(const Flow& flow, const tcp::Reset& reset) {
  if (!reset.wanted) return;
  tcp::Outgoing segment;
  segment.header.flags =
      reset.with_ack ? wire::Flag::rst | wire::Flag::ack : wire::Flags(wire::Flag::rst);
  segment.header.seq = reset.seq;
  segment.header.ack = reset.ack;
  PacketOut out;
  build(flow, segment, nullptr, out);
  Slice packet = Slice::allocate(out.size(), &pool_);
  packet.grow(out.copy_to(packet.tail_room()));
  replies_.push_back(std::move(packet));
  ++counters_.resets_out;
}

std::size_t PacketOut::copy_to(std::span<std::byte> into) const {
  if (into.size() < size()) return 0;
  std::memcpy(into.data(), header.data(), header_size);
  std::size_t at = header_size;
  for (const Slice& part : payload) {
    std::memcpy(into.data() + at, part.data(), part.size());
    at += part.size();
  }
  return at;
}

void PacketOut::clear() {
  payload.clear();
  header_size = payload_size = 0;
  segment_size = 0;
  checksum_partial = false;
  attempt = 0;
  why = tcp::Why::acknowledgment;
}

}  // namespace lastack::host
