// What is kept for whoever asks later: segments, transitions, calls.
#include <algorithm>

#include "host/host.hpp"
#include "wire/tcp.hpp"

namespace lastack::host {
namespace {

void keep_header(TraceEvent& event, std::span<const std::byte> segment, std::size_t payload) {
  const std::size_t size = std::min(segment.size() - payload, event.header.size());
  std::ranges::copy(segment.first(size), event.header.begin());
  event.header_size = static_cast<std::uint8_t>(size);
  event.octets = static_cast<std::uint32_t>(payload);
}

}  // namespace

void Host::trace_arrival(const Flow& flow, wire::Bytes segment, std::size_t payload,
                         TimePoint now) {
  TraceEvent& event = trace_.next();
  event = {.at = now, .flow = flow, .kind = TraceEvent::Kind::arrived};
  keep_header(event, segment, payload);
}

void Host::trace_departure(const Flow& flow, const PacketOut& packet, const tcp::Expiry& expiry,
                           TimePoint now) {
  TraceEvent& event = trace_.next();
  event = {.at = now,
           .flow = flow,
           .kind = TraceEvent::Kind::sent,
           .why = packet.why,
           .attempt = packet.attempt};
  if (packet.why == tcp::Why::timeout && packet.attempt > 0) {
    event.attempts = expiry.most;
    event.rto = expiry.rto;
  }
  keep_header(event, packet.header_bytes().subspan(packet.tcp_at), 0);
  event.octets = static_cast<std::uint32_t>(packet.payload_size);
}

/// A packet that belongs to no connection, in one piece: a RST, or a SYN,ACK that nothing
/// remembers.
void Host::trace_reply(const Slice& packet, TimePoint now) {
  const auto ip = wire::parse_ip(packet.bytes());
  if (!ip || ip->header.protocol != wire::kProtocolTcp) return;
  const auto tcp = wire::parse_tcp(ip->payload);
  if (!tcp) return;
  TraceEvent& event = trace_.next();
  event = {.at = now,
           .flow = {{ip->header.source, tcp->header.source_port},
                    {ip->header.destination, tcp->header.destination_port}},
           .kind = TraceEvent::Kind::sent,
           .why = tcp::Why::acknowledgment};
  keep_header(event, ip->payload, tcp->payload.size());
}

/// The reason of a drop goes to the segment that has just come; each transition is an event.
void Host::trace_effects(const Flow& flow, const tcp::Effects& fx, TimePoint now) {
  if (fx.drop != tcp::Drop::none && trace_.end() > trace_.begin()) {
    TraceEvent& last = trace_.last();
    if (last.kind == TraceEvent::Kind::arrived && last.flow == flow) last.drop = fx.drop;
  }
  for (const tcp::Transition& t : fx.transitions()) {
    trace_.next() = {
        .at = now, .flow = flow, .kind = TraceEvent::Kind::transition, .transition = t};
  }
}

void Host::trace_user_call(const Flow& flow, TraceEvent::Call call, std::size_t octets,
                           TimePoint now) {
  trace_.next() = {.at = now,
                   .flow = flow,
                   .kind = TraceEvent::Kind::called,
                   .call = call,
                   .octets = static_cast<std::uint32_t>(octets)};
}

}  // namespace lastack::host
