// A host on Ethernet: frames around packets, and packets that wait for a neighbour.
#include <optional>
#include <utility>

#include "host/host.hpp"
#include "host/link_side.hpp"
#include "wire/ethernet.hpp"

namespace lastack::host {
namespace {

/// Timeouts in a row after which TCP no longer trusts the way (RFC 1122 §4.2.3.5: R1).
constexpr std::uint8_t kDoubtful = 3;

void put_frame(PacketOut& packet, const wire::IpAddress& destination, const wire::MacAddress& to,
               const wire::MacAddress& from) {
  wire::emit_ethernet({to, from, wire::ether_type_of(destination.family())},
                      packet.extend_front(wire::kEthernetHeader));
}

struct Quoted {
  Flow flow;
  Seq seq;
};

/// Whose segment a packet of ours holds; nothing where it is none.
std::optional<Quoted> quoted(const PacketOut& packet) {
  wire::Reader in(packet.header_bytes());
  const bool v4 = packet.destination().is_v4();
  in.skip(v4 ? 12 : 8);
  Quoted quoted;
  quoted.flow.local.address = wire::IpAddress::from(in.bytes(v4 ? 4 : 16));
  quoted.flow.remote.address = wire::IpAddress::from(in.bytes(v4 ? 4 : 16));
  quoted.flow.local.port = in.u16();
  quoted.flow.remote.port = in.u16();
  quoted.seq = Seq(in.u32());
  return in.ok() ? std::optional(quoted) : std::nullopt;
}

std::size_t cost(const PacketOut& packet) { return sizeof packet + packet.payload_size; }

}  // namespace

const ip::LinkLayer* Host::link() const { return link_ ? &link_->layer : nullptr; }

std::uint16_t Host::mtu_for(Family family) const {
  return link_ ? link_->layer.mtu(family) : config_.mtu;
}

// --- in

void Host::frames_arrive(std::span<const Slice> frames, TimePoint now) {
  for (const Slice& frame : frames) {
    const wire::Bytes packet = link_->layer.frame_arrives(frame.bytes(), now);
    if (link_->layer.has_news()) {
      unpacked_arrive(now);  // those before it came to the host as it was then
      hear_link(now);
    }
    if (!packet.empty()) link_->unpacked.push_back(slice_of(frame, packet));
  }
  unpacked_arrive(now);
}

void Host::unpacked_arrive(TimePoint now) {
  arrive(link_->unpacked, Via::link, now);
  link_->unpacked.clear();
}

TimePoint Host::link_deadline() const { return link_->layer.next_deadline(); }

void Host::advance_link(TimePoint now) {
  link_->layer.advance(now);
  hear_link(now);
}

/// What the link has found out goes to the packets that waited for it, and to those who watch.
void Host::hear_link(TimePoint now) {
  using Kind = ip::LinkNews::Kind;
  while (const auto news = link_->layer.next_news()) {
    switch (news->kind) {
      case Kind::resolved:
        link_->parked.take(news->address, [&](PacketOut packet) {
          put_frame(packet, news->address, news->mac, link_->layer.mac());
          link_->ready.push_back(std::move(packet));
        });
        break;
      case Kind::unreachable:
        link_->parked.take(news->address, [&](const PacketOut& packet) {
          link_->layer.counters().drop(ip::LinkDrop::unreachable);
          no_way_for(packet, now);
        });
        break;
      case Kind::forgotten:
        link_->parked.take(news->address, [&](const PacketOut&) {
          link_->layer.counters().drop(ip::LinkDrop::parking_full);
        });
        break;
      default: {
        const auto usable = link_->layer.usable();
        addresses_.assign(usable.begin(), usable.end());
        connections_.each_index([this](std::uint32_t i, const ConnectionEntry& entry) {
          connections_[i].to_us = is_local(entry.flow.remote.address);
        });
        if (link_->events.size() >= LinkSide::kMostEvents) link_->events.pop_front();
        link_->events.push_back(*news);
      }
    }
  }
}

bool Host::next_link_event(ip::LinkNews& event) {
  if (!link_ || link_->events.empty()) return false;
  event = link_->events.pop_front();
  return true;
}

/// The connection learns that nobody is there; it goes on trying, and says so if it gives up
/// (RFC 1122 §4.2.3.9: a soft error).
void Host::no_way_for(const PacketOut& packet, TimePoint now) {
  if (packet.header_size == 0) return no_way_for_udp(packet.payload[0].bytes(), now);
  const auto of = quoted(packet);
  const auto handle = of ? lookup(of->flow, hash(of->flow)) : Handle();
  if (!handle || handle.kind() != Handle::Kind::connection) return;
  tcp::Connection& connection = connections_[handle.index()].connection;
  apply(handle.index(),
        connection.icmp_arrives(
            {.kind = tcp::IcmpError::Kind::soft, .error = tcp::Error::unreachable, .seq = of->seq},
            now),
        now);
}

/// RFC 4861 §7.3.1: data that was acknowledged, and data that comes because ours was.
void Host::way_works(const Flow& flow, TimePoint now) {
  link_->layer.progress(flow.remote.address, now);
}

void Host::doubt_way(const Flow& flow, const tcp::Outgoing& segment, TimePoint now) {
  if (segment.attempt >= kDoubtful) link_->layer.doubted(flow.remote.address, now);
}

// --- out

/// A frame that is complete: the link layer's own, or one whose neighbour has answered meanwhile.
bool Host::transmit_link(PacketOut& out) {
  if (auto frame = link_->layer.next_frame()) {
    out.become(std::move(*frame));
    return true;
  }
  if (link_->ready.empty()) return false;
  out = link_->ready.pop_front();
  ++counters_.packets_out;
  return true;
}

/// Puts the packet into its frame. False where it has to wait for its neighbour, or has nowhere to
/// go.
bool Host::find_way(PacketOut& out, TimePoint now) {
  using Kind = ip::LinkLayer::Way::Kind;
  ip::LinkLayer& layer = link_->layer;
  const wire::IpAddress destination = out.destination();
  const auto way = layer.way_to(destination, now);
  switch (way.kind) {
    case Kind::known: put_frame(out, destination, way.to, layer.mac()); return true;
    case Kind::wait: {
      hear_link(now);  // what was forgotten for this one makes room first
      const std::size_t dropped = link_->parked.park(way.next_hop, out, cost(out));
      for (std::size_t i = 0; i < dropped; ++i) layer.counters().drop(ip::LinkDrop::parking_full);
      return false;
    }
    case Kind::none: break;
  }
  layer.counters().drop(ip::LinkDrop::no_route);
  ++counters_.ip[Counters::of(destination)].out_no_routes;
  no_way_for(out, now);
  return false;
}

}  // namespace lastack::host
