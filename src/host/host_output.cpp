// Packets out: pulled one by one from those that have something to send.
#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "base/copy.hpp"
#include "base/flat.hpp"
#include "host/host.hpp"

namespace lastack::host {
namespace {

/// Octets that a connection sends in one turn, where others wait: as much as the largest packet.
constexpr std::size_t kTurn = 65536;
/// Of a segment, what costs more to copy than to send by itself.
constexpr std::size_t kPartsWorth = 8;

}  // namespace

LASTACK_FLAT bool Host::transmit_next(PacketOut& out, TimePoint now) {
  for (;;) {
    if (link_ && transmit_link(out)) return true;
    if (!looped_.empty()) {
      const Slice packet = looped_.pop_front();
      arrive({&packet, 1}, Via::loop, now);
      continue;
    }
    if (!replies_.empty()) {
      transmit_reply(out, now);
    } else if (!udp_.outbox.empty() && (dirty_.empty() || !udp_went_)) {
      udp_went_ = true;
      transmit_udp(out, now);
    } else if (dirty_.empty()) {
      return false;
    } else if (!transmit_first(out, now)) {
      continue;
    } else {
      udp_went_ = false;
    }
    const bool here = out.to_us && !config_.loops_over_link;
    if (here) loop_back(out);
    if (!here && (!link_ || find_way(out, now))) {
      ++counters_.packets_out;
      return true;
    }
    out.clear();
  }
}

/// The first in the queue has sent `octets`: when its turn is over, it goes to the end.
void Host::take_turns(std::size_t octets) {
  turn_ += octets;
  if (turn_ < kTurn) return;
  turn_ = 0;
  dirty_.push_back(dirty_.pop_front());
}

bool Host::transmit_connection(ConnectionEntry& entry, PacketOut& out, TimePoint now) {
  std::uint32_t most =
      std::max<std::uint32_t>(config_.super_segment, entry.connection.tcb().snd.mss);
  if (config_.keeps_blocks) {
    const std::size_t block = entry.out.block_at(entry.connection.tcb().snd.nxt);
    if (block >= most / kPartsWorth) most = std::min(most, static_cast<std::uint32_t>(block));
  }
  tcp::Outgoing segment;
  if (!entry.connection.transmit(now, most, segment)) return false;
  if (link_ && segment.why == tcp::Why::timeout) doubt_way(entry.flow, segment, now);
  build(entry.flow, segment, &entry, out, &entry.connection.settings());
  if (trace_.on()) trace_departure(entry.flow, out, entry.connection.expiry(), now);
  return true;
}

/// The next segment of the first in the queue. Who has none leaves the queue (false); so does who
/// is seen to have sent its last. Some in the queue have ended while they stood there.
bool Host::transmit_first(PacketOut& out, TimePoint now) {
  const Handle handle = dirty_.front();
  if (handle.kind() != Handle::Kind::connection) return transmit_record(handle, out, now);
  ConnectionEntry* const entry = connections_.find(handle.index());
  if (entry == nullptr || !entry->dirty) {
    dirty_.pop_front();
    return false;
  }
  const bool sent = transmit_connection(*entry, out, now);
  if (sent) asked_ = handle.index();
  if (sent && !entry->connection.nothing_due()) {
    take_turns(out.size());
    return true;
  }
  dirty_.pop_front();
  turn_ = 0;
  entry->dirty = false;
  if (entry->connection.settings().not_sent_low_at != 0)
    tell_all_is_out(*entry, handle.index(), now);
  settle(*entry, handle.index(), now);
  return sent;
}

bool Host::transmit_record(Handle handle, PacketOut& out, TimePoint now) {
  const std::uint32_t i = handle.index();
  const bool waits = handle.kind() == Handle::Kind::syn_rcvd;
  const bool dirty =
      waits ? syn_rcvd_.has(i) && syn_rcvd_[i].dirty : time_wait_.has(i) && time_wait_[i].dirty;
  if (!dirty) {
    dirty_.pop_front();
    return false;
  }
  const Flow& flow = waits ? syn_rcvd_[i].flow : time_wait_[i].flow;
  std::optional<tcp::Outgoing> segment;
  tcp::Expiry expiry;
  const tcp::Settings* settings = nullptr;
  if (waits) {
    settings = &settings_of(syn_rcvd_[i]);
    segment = syn_rcvd_[i].record.transmit(*settings, now);
    expiry = syn_rcvd_[i].record.expiry(*settings);
  } else {
    segment = time_wait_[i].record.transmit(now);
  }
  if (!segment) {
    dirty_.pop_front();
    turn_ = 0;
    record_leaves(handle);
    return false;
  }
  build(flow, *segment, nullptr, out, settings);
  if (trace_.on()) trace_departure(flow, out, expiry, now);
  take_turns(out.size());
  return true;
}

/// It has nothing more to send: what it waits for now, or whether it is over.
void Host::record_leaves(Handle handle) {
  const std::uint32_t i = handle.index();
  if (handle.kind() == Handle::Kind::syn_rcvd) {
    SynRcvdEntry& entry = syn_rcvd_[i];
    entry.dirty = false;
    if (entry.record.state != tcp::State::syn_rcvd) return end_syn_rcvd(i);
    wheel_.set_earlier(entry.timer, entry.record.next_deadline());
  } else {
    TimeWaitEntry& entry = time_wait_[i];
    entry.dirty = false;
    wheel_.set_earlier(entry.timer, entry.record.next_deadline());
  }
}

/// Writes the headers of a segment and gathers its octets, without copying them. `flow` is that
/// `of` a connection, or of none.
void Host::build(const Flow& flow, tcp::Outgoing& segment, ConnectionEntry* of, PacketOut& out,
                 const tcp::Settings* how) {
  segment.header.source_port = flow.local.port;
  segment.header.destination_port = flow.remote.port;
  out.why = segment.why;
  out.attempt = segment.attempt;
  if (!segment.payload.empty() && of != nullptr) {
    of->out.gather(segment.payload, [&out](Slice part) { out.payload.push_back(std::move(part)); });
    out.payload_size = static_cast<std::size_t>(segment.payload.size());
    counters_.octets_out += out.payload_size;
  }
  const bool cut = out.payload_size > segment.mss;
  if (cut) out.segment_size = segment.mss;
  const std::size_t packets = cut ? (out.payload_size - 1) / segment.mss + 1 : 1;
  count_segment(segment, packets);
  if (of != nullptr) of->segments_out += static_cast<std::uint32_t>(packets);
  const wire::IpMarks marks =
      how != nullptr ? how->ip.of(flow.local.address.is_v4()) : wire::IpMarks{};
  const wire::IpHeader ip{.source = flow.local.address,
                          .destination = flow.remote.address,
                          .protocol = wire::kProtocolTcp,
                          .hop_limit = marks.hop_limit,
                          .traffic_class = marks.traffic_class,
                          .identification = identification_,
                          .dont_fragment = of == nullptr || !of->may_be_cut};
  identification_ = static_cast<std::uint16_t>(identification_ + packets);
  const std::span<std::byte> room = out.header_room();
  const std::size_t ip_size = wire::ip_header_size(ip.source.family());
  const std::size_t tcp_size = wire::emit_tcp(segment.header, room.subspan(ip_size));
  wire::emit_ip(ip, tcp_size + out.payload_size, room);
  out.tcp_at = static_cast<std::uint16_t>(ip_size);
  out.header_size = ip_size + tcp_size;
  count_out(ip.source, out.size());
  out.to_us = of != nullptr ? of->to_us : is_local(flow.remote.address);
  // Whoever cuts it has to sum the parts.
  out.checksum_partial = (cut || !config_.transmit_checksum) && !out.to_us;
  // And what goes to ourselves needs no sum where we verify none.
  const bool for_nobody = out.to_us && !config_.transmit_checksum && !config_.verify_checksum;
  const bool whole = !out.checksum_partial && !for_nobody;
  finish_checksum(flow, of != nullptr && of == last_, whole, out);
}

/// What is sent again is no segment sent to RFC 4022, and to Linux.
void Host::count_segment(const tcp::Outgoing& segment, std::size_t packets) {
  if (!is_again(segment.why)) {
    counters_.tcp.out_segments += packets;
    return;
  }
  ++counters_.retransmissions;
  if (segment.why == tcp::Why::fast_retransmit) ++counters_.fast_retransmissions;
  if (segment.header.flags.has(wire::Flag::syn)) ++counters_.tcp.syn_retransmissions;
}

/// A packet that we send, whole.
void Host::count_out(const wire::IpAddress& from, std::size_t octets) {
  IpCounters& counts = counters_.ip[Counters::of(from)];
  ++counts.out_requests;
  counts.out_octets += octets;
}

/// Sums header and octets; or, not `whole`, only the pseudo-header, as offloads want it.
void Host::finish_checksum(const Flow& flow, bool of_last, bool whole, PacketOut& out) const {
  const auto segment = out.header_room().subspan(out.tcp_at, out.header_size - out.tcp_at);
  const std::size_t length = segment.size() + out.payload_size;
  wire::Sum sum =
      of_last ? of_last_.ends : wire::sum_of_ends(flow.local.address, flow.remote.address);
  sum.add_words(static_cast<std::uint32_t>(length) + wire::kProtocolTcp);
  if (!whole) {
    wire::set_tcp_checksum(segment, sum.folded());
    return;
  }
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
void Host::loop_back(const PacketOut& out) {
  Slice packet = Slice::allocate(out.size(), &pool_);
  packet.grow(out.copy_to(packet.tail_room()));
  looped_.push_back(std::move(packet));
}

/// Whether one more packet that belongs to no connection may wait to be sent; counts the refusal.
bool Host::may_reply() {
  const bool may = replies_.size() < config_.most_replies;
  if (!may) ++counters_.replies_dropped;
  return may;
}

void Host::reply_reset(const Flow& flow, const tcp::Reset& reset) {
  if (!reset.wanted || !may_reply()) return;
  tcp::Outgoing segment;
  segment.header.flags =
      reset.with_ack ? wire::Flag::rst | wire::Flag::ack : wire::Flags(wire::Flag::rst);
  segment.header.seq = reset.seq;
  segment.header.ack = reset.ack;
  reply(flow, segment);
  ++counters_.resets_out;
}

/// A segment that belongs to no connection.
void Host::reply(const Flow& flow, tcp::Outgoing segment) {
  PacketOut out;
  build(flow, segment, nullptr, out);
  if (std::exchange(out.checksum_partial, false)) {  // it waits in one piece, with no word of that
    wire::set_tcp_checksum(out.header_room().subspan(out.tcp_at), 0);
    finish_checksum(flow, false, true, out);
  }
  Slice packet = Slice::allocate(out.size(), &pool_);
  packet.grow(out.copy_to(packet.tail_room()));
  reply(std::move(packet));
}

void Host::reply(Slice packet) {
  if (may_reply()) replies_.push(std::move(packet));
}

void Host::transmit_reply(PacketOut& out, TimePoint now) {
  if (trace_.on() && !replies_.cutting()) trace_reply(replies_.front(), now);
  transmit_whole(replies_, out, now);
}

/// The first packet; or the next piece of it, where the way to its receiver takes less at once.
void Host::transmit_whole(Outbox& box, PacketOut& out, TimePoint now) {
  if (!box.cutting()) cut_first(box, now);
  if (box.cutting()) ++counters_.ip[Counters::of_packet(box.front().bytes())].fragments_created;
  box.next(out);
  out.to_us = is_local(out.destination());
}

void Host::cut_first(Outbox& box, TimePoint now) {
  const Slice& packet = box.front();
  if (packet.size() <= ip::kSmallestCut && packet.size() <= config_.mtu) return;
  const auto ip = wire::parse_ip(packet.bytes());
  if (!ip || is_local(ip->header.destination)) return;
  const wire::IpAddress& to = ip->header.destination;
  const std::uint16_t mtu = mtu_for(to.family());
  const std::uint16_t path = std::max(path_mtu_.of(to, now).value_or(mtu), ip::kSmallestCut);
  const std::size_t most = std::min(mtu, path);
  if (packet.size() <= most) return;
  const std::uint32_t identification = identifications_.next(ip->header.source, to);
  box.cut(ip::Fragmenter(ip->header, identification, ip->payload.size(), most));
  ++counters_.ip[Counters::of(to)].fragmented;
}

std::size_t PacketOut::copy_to(std::span<std::byte> into) const {
  if (into.size() < size()) return 0;
  std::memcpy(into.data(), header.data() + front, header_size);
  std::size_t at = header_size;
  for (const Slice& part : payload) {
    copy_octets(part.bytes(), into.subspan(at));
    at += part.size();
  }
  return at;
}

std::span<std::byte> PacketOut::extend_front(std::size_t octets) {
  assert(octets <= front);
  front -= octets;
  header_size += octets;
  tcp_at = static_cast<std::uint16_t>(tcp_at + octets);
  return std::span(header).subspan(front, octets);
}

void PacketOut::become(Slice octets) {
  clear();
  payload_size = octets.size();
  payload.push_back(std::move(octets));
}

void PacketOut::empty() {
  payload.clear();
  front = kFrameRoom;
  header_size = payload_size = 0;
  segment_size = 0;
  checksum_partial = to_us = false;
  attempt = 0;
  why = tcp::Why::acknowledgment;
}

}  // namespace lastack::host
