// The form in which states of open sockets are compared: equal states are equal octets. Times are
// relative to the side's clock, sequence numbers to the initial ones; no random value, no counter.
#include <algorithm>

#include "explore/socket_side.hpp"
#include "explore/socket_world.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::explore {

using socket::OpenSocket;

namespace {

/// Relative to `base`; what lies beyond any window is old or new, however far.
void seq(Encoder& out, Seq s, Seq base) {
  constexpr std::int32_t kFar = 120;
  out.byte(static_cast<std::uint64_t>(std::clamp(distance(base, s), -kFar, kFar) + kFar));
}

}  // namespace

void SocketWorld::canonical(std::vector<std::uint8_t>& into) const {
  into.clear();
  Encoder out(into);
  out.byte(losses_left_);
  out.byte(duplicates_left_);
  for (const auto& side : sides_) {
    out.byte(side->opens_left);
    out.byte(side->calls_left);
    out.byte(side->octets_left);
    out.byte(side->copies.size() << 4U | side->listeners.size());
    encode_host(out, *side);
    encode_socket(out, *side);
  }
  encode_packets(out);
}

/// Connections and records, whoever holds them.
void SocketWorld::encode_host(Encoder& out, const SocketSide& side) const {
  const SocketSide& peer = peer_of(side);
  side.host->each([&](const host::View& v) {
    out.byte(static_cast<std::uint64_t>(v.state) | 128U);
    if (v.entry != nullptr) {
      encode(out, v.entry->connection.tcb(), side.now, peer.now);
      out.byte(std::uint64_t{v.entry->held} | std::uint64_t{v.entry->orphan} << 1U |
               std::uint64_t{v.entry->listener != host::kNobody} << 2U);
      out.byte(v.receive_queue);
      out.byte(v.send_queue);
    } else if (v.handshake != nullptr) {
      const tcp::SynRcvd& record = v.handshake->record;
      out.byte(record.retransmissions);
      out.byte(record.syn_ack_due);
      out.deadline(record.next_deadline(), side.now);
      out.byte(record.challenges.spent(side.now));
      seq(out, record.irs, peer.iss);
    } else if (v.time_wait != nullptr) {
      const tcp::TimeWait& record = v.time_wait->record;
      out.deadline(record.next_deadline(), side.now);
      seq(out, record.snd_nxt(), side.iss);
      seq(out, record.rcv_nxt(), peer.iss);
      out.window(record.window());
      out.byte(record.challenges().spent(side.now));
    } else {
      out.byte(v.receive_queue);
    }
  });
}

/// What its holders see of it that no connection tells.
void SocketWorld::encode_socket(Encoder& out, const SocketSide& side) const {
  const OpenSocket* listener = side.held_listener();
  if (listener != nullptr) out.byte(static_cast<std::uint64_t>(listener->kind));
  const OpenSocket* s = side.held();
  if (s == nullptr) return;
  out.byte(static_cast<std::uint64_t>(s->kind));
  out.byte(std::uint64_t{s->shut_read} | std::uint64_t{s->shut_write} << 1U |
           std::uint64_t{s->error_told} << 2U | std::uint64_t{s->bound} << 3U |
           std::uint64_t{s->linger} << 4U | std::uint64_t{s->resets_at_close()} << 5U);
  out.byte(static_cast<std::uint64_t>(s->error));
  const host::ConnectionEntry* entry = side.entry();
  out.byte(entry == nullptr ? 0 : 1 + static_cast<std::uint64_t>(entry->connection.state()));
  if (entry == nullptr || entry->connection.state() != tcp::State::closed) return;
  const tcp::Tcb& t = entry->connection.tcb();
  out.byte(static_cast<std::uint64_t>(t.error));
  out.byte(t.rcv.nxt > t.rcv.fin);
  out.byte(side.host->readable(s->flow()));
  out.byte(static_cast<std::uint64_t>(entry->history.last(0).transition.from));
}

void SocketWorld::encode_packets(Encoder& out) const {
  std::vector<std::vector<std::uint8_t>> packets;
  packets.reserve(wire_.size());
  for (const Packet& packet : wire_) {
    const SocketSide& to = *sides_[packet.to];
    const SocketSide& from = peer_of(to);
    const auto tcp = wire::parse_tcp(wire::parse_ip(packet.octets.bytes())->payload);
    Encoder one(packets.emplace_back());
    one.byte(packet.to);
    one.byte(tcp->header.flags.bits());
    seq(one, tcp->header.seq, from.iss);
    seq(one, tcp->header.ack, to.iss);
    one.window(tcp->header.window);
    one.byte(tcp->payload.size());
  }
  std::ranges::sort(packets);
  for (const auto& packet : packets) {
    for (const std::uint8_t octet : packet) out.byte(octet);
  }
}

}  // namespace lastack::explore
