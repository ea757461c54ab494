// Frames in: ARP and neighbour discovery are dealt with here, the rest is for the layers above.
#include <algorithm>
#include <variant>

#include "ip/link_layer.hpp"

namespace lastack::ip {
namespace {

using wire::ArpPacket;

constexpr Duration kRedirectLifetime = 10min;

/// An ICMPv6 message of neighbour discovery right behind the IPv6 header. Behind extension headers
/// nobody sends one, and fragments of one must not be taken (RFC 6980).
bool holds_ndp(wire::Bytes packet) {
  constexpr std::size_t kNextHeader = 6;
  return packet.size() > wire::kIpv6Header && std::to_integer<unsigned>(packet[0]) >> 4U == 6 &&
         std::to_integer<std::uint8_t>(packet[kNextHeader]) == wire::kProtocolIcmpv6 &&
         wire::is_ndp(std::to_integer<std::uint8_t>(packet[wire::kIpv6Header]));
}

}  // namespace

bool LinkLayer::is_for_us(const MacAddress& destination) const {
  return destination == settings_.mac || destination.is_group();
}

wire::Bytes LinkLayer::frame_arrives(wire::Bytes frame, TimePoint now) {
  ++counters_.frames_in;
  const auto parsed = wire::parse_ethernet(frame);
  if (!parsed) {
    ++counters_.bad_frame[static_cast<std::size_t>(parsed.error())];
    return {};
  }
  const wire::EthernetHeader& header = parsed->header;
  if (!is_for_us(header.destination)) {
    counters_.drop(LinkDrop::other_station);
    return {};
  }
  if (header.type == wire::kEtherTypeArp) {
    arp_arrives(parsed->payload, now);
    return {};
  }
  if (header.type != wire::kEtherTypeIpv4 && header.type != wire::kEtherTypeIpv6) {
    counters_.drop(LinkDrop::other_type);
    return {};
  }
  if (header.type == wire::kEtherTypeIpv6 && holds_ndp(parsed->payload)) {
    const auto ip = wire::parse_ip(parsed->payload);
    if (ip) {
      ndp_arrives(ip->header, ip->payload, header.source, now);
      return {};
    }
  }
  if (header.source == settings_.mac) {
    counters_.drop(LinkDrop::own_frame);
    return {};
  }
  if (header.destination.is_group()) {
    if (header.type == wire::kEtherTypeIpv6 && mld_taken(parsed->payload, now)) return {};
    counters_.drop(LinkDrop::group_frame);
    return {};
  }
  return parsed->payload;
}

// --- ARP (RFC 826, RFC 5227)

void LinkLayer::arp_arrives(wire::Bytes packet, TimePoint now) {
  ++counters_.arp_in;
  const auto arp = wire::parse_arp(packet);
  if (!arp) {
    ++counters_.bad_arp[static_cast<std::size_t>(arp.error())];
    return;
  }
  if (arp->sender == settings_.mac) {
    counters_.drop(LinkDrop::own_frame);
    return;
  }
  const OwnAddress* target = addresses_.find(arp->target_address);
  const bool asks = arp->operation == ArpPacket::Operation::request;
  const bool asks_us = asks && target != nullptr && target->usable();
  const bool probe = arp->sender_address.is_unspecified();
  if (addresses_.claims(arp->sender_address)) {
    addresses_.conflict(arp->sender_address, arp->sender, now);
  } else if (probe && target != nullptr && target->state == AddressState::tentative) {
    addresses_.conflict(arp->target_address, arp->sender, now);  // both want it (RFC 5227 §2.1.1)
  } else {
    if (!probe) learn_from_arp(*arp, asks_us, now);
    if (asks_us) answer_arp(*arp);
    if (asks && !asks_us) counters_.drop(LinkDrop::not_asked_of_us);
  }
  act(now);
}

/// Whoever asks for us will be talked to soon, so that one is remembered. Of others, the address is
/// only brought up to date (RFC 826), and an answer counts as one only while we are asking.
void LinkLayer::learn_from_arp(const ArpPacket& arp, bool asks_us, TimePoint now) {
  const IpAddress& sender = arp.sender_address;
  if (!routes_.on_link(sender)) {
    counters_.drop(LinkDrop::foreign_sender);
    return;
  }
  const Neighbour* known = neighbours_.find(sender);
  const bool asked = known != nullptr && (known->state == NeighbourState::incomplete ||
                                          known->state == NeighbourState::probe);
  const bool answers = arp.operation == ArpPacket::Operation::reply && arp.target == settings_.mac;
  if (asked && answers) {
    neighbours_.answered(sender, {.mac = arp.sender, .solicited = true, .overrides = true}, now);
  } else {
    neighbours_.told(sender, arp.sender, asks_us, now);
  }
}

void LinkLayer::answer_arp(const ArpPacket& arp) {
  send_arp({.operation = ArpPacket::Operation::reply,
            .sender = settings_.mac,
            .sender_address = arp.target_address,
            .target = arp.sender,
            .target_address = arp.sender_address},
           arp.sender);
}

// --- neighbour discovery (RFC 4861)

/// Our own addresses, also those that are not ours yet, and the groups that go with them.
bool LinkLayer::listens_to(const IpAddress& destination) const {
  if (destination == wire::all_nodes()) return true;
  return std::ranges::any_of(addresses_.all(), [&](const OwnAddress& a) {
    const IpAddress& ours = a.prefix.address;
    return !ours.is_v4() && (ours == destination || wire::solicited_node(ours) == destination);
  });
}

void LinkLayer::ndp_arrives(const wire::IpHeader& ip, wire::Bytes icmp, const MacAddress& from,
                            TimePoint now) {
  ++counters_.ndp_in;
  if (!listens_to(ip.destination)) {
    counters_.drop(LinkDrop::not_asked_of_us);
    return;
  }
  const auto message = wire::parse_ndp(ip, icmp);
  if (!message) {
    ++counters_.bad_ndp[static_cast<std::size_t>(message.error())];
    return;
  }
  std::visit([&](const auto& m) { arrives(m, ip, from, now); }, *message);
  act(now);
}

/// For routers. That its sender is there will be learned when it matters.
void LinkLayer::arrives(const wire::RouterSolicitation&, const wire::IpHeader&, const MacAddress&,
                        TimePoint) {
  counters_.drop(LinkDrop::not_asked_of_us);
}

void LinkLayer::arrives(const wire::NeighbourSolicitation& message, const wire::IpHeader& ip,
                        const MacAddress& from, TimePoint now) {
  const OwnAddress* target = addresses_.find(message.target);
  if (!addresses_.claims(message.target)) {
    counters_.drop(LinkDrop::not_asked_of_us);
    return;
  }
  if (addresses_.claims(ip.source)) {
    counters_.drop(LinkDrop::own_frame);  // in our name
    return;
  }
  const bool probe = ip.source.is_unspecified();
  // Without a nonce one's own probe and that of another with the same MAC address look alike.
  const bool looped = message.nonce ? *message.nonce == target->nonce : from == settings_.mac;
  if (looped) {
    counters_.drop(LinkDrop::own_frame);
  } else if (target->usable()) {
    const MacAddress to = message.source_link.value_or(from);
    if (message.source_link && routes_.on_link(ip.source)) {
      neighbours_.told(ip.source, *message.source_link, true, now);
    }
    answer(message, ip, to);
  } else if (probe) {
    addresses_.conflict(message.target, from, now);  // both want it (RFC 4862 §5.4.3)
  }
}

void LinkLayer::answer(const wire::NeighbourSolicitation& message, const wire::IpHeader& ip,
                       const MacAddress& to) {
  const bool probe = ip.source.is_unspecified();
  const IpAddress destination = probe ? wire::all_nodes() : ip.source;
  send_ndp(message.target, destination, probe ? MacAddress::of_group(destination) : to,
           wire::NeighbourAdvertisement{.target = message.target,
                                        .solicited = !probe,
                                        .overrides = true,
                                        .target_link = settings_.mac});
}

void LinkLayer::arrives(const wire::NeighbourAdvertisement& message, const wire::IpHeader&,
                        const MacAddress& from, TimePoint now) {
  if (from == settings_.mac) {
    counters_.drop(LinkDrop::own_frame);
    return;
  }
  if (addresses_.claims(message.target)) {
    addresses_.conflict(message.target, from, now);
    return;
  }
  const Neighbour* known = neighbours_.find(message.target);
  const bool was_router = known != nullptr && known->router;
  neighbours_.answered(message.target,
                       {.mac = message.target_link,
                        .solicited = message.solicited,
                        .overrides = message.overrides,
                        .router = message.router},
                       now);
  known = neighbours_.find(message.target);
  if (known == nullptr) return;
  if (was_router && !known->router) routes_.remove_router(message.target);  // §7.2.5
  if (known->state == NeighbourState::reachable) routes_.answered(message.target);
}

void LinkLayer::arrives(const wire::RouterAdvertisement& message, const wire::IpHeader& ip,
                        const MacAddress&, TimePoint now) {
  if (addresses_.claims(ip.source)) {
    counters_.drop(LinkDrop::own_frame);
    return;
  }
  if (!settings_.autoconfigure) {
    counters_.drop(LinkDrop::not_autoconfigured);
    return;
  }
  addresses_changed_ = true;
  const std::size_t refused = discovery_.take(message, ip.source, now, routes_);
  for (std::size_t i = 0; i < refused; ++i) counters_.drop(LinkDrop::no_room);
  neighbours_.set_times(message.reachable, message.retransmit);
  if (message.source_link) neighbours_.told(ip.source, *message.source_link, true, now);
  neighbours_.set_router(ip.source, true);
  for (const wire::PrefixInformation& p : message.prefixes()) {
    if (!p.autonomous) continue;
    if (!addresses_.advertised(p.prefix, p.valid, p.preferred, now)) {
      counters_.drop(LinkDrop::no_room);
    }
  }
}

/// Only the router by which we go there now may say that another way is better (§8.1).
void LinkLayer::arrives(const wire::Redirect& message, const wire::IpHeader& ip, const MacAddress&,
                        TimePoint now) {
  const Route* current = routes_.find(message.destination);
  if (current == nullptr || current->via != ip.source) {
    counters_.drop(LinkDrop::refused_redirect);
    return;
  }
  const bool on_link = message.target == message.destination;
  routes_.set({.to = {message.destination, 128},
               .via = on_link ? IpAddress{} : message.target,
               .origin = RouteOrigin::redirected,
               .until = now + kRedirectLifetime});
  if (message.target_link) neighbours_.told(message.target, *message.target_link, true, now);
  if (!on_link) neighbours_.set_router(message.target, true);
}

// --- groups (RFC 3810)

bool LinkLayer::mld_taken(wire::Bytes packet, TimePoint now) {
  const auto ip = wire::parse_ip(packet);
  const bool query = ip && ip->header.protocol == wire::kProtocolIcmpv6 && !ip->payload.empty() &&
                     std::to_integer<std::uint8_t>(ip->payload[0]) == wire::kMldQuery;
  if (query) mld_arrives(ip->header, ip->payload, now);
  return query;
}

void LinkLayer::mld_arrives(const wire::IpHeader& ip, wire::Bytes icmp, TimePoint now) {
  ++counters_.mld_in;
  const auto query = wire::parse_mld_query(ip, icmp);
  if (query) {
    groups_.asked(*query, now);
  } else {
    ++counters_.bad_ndp[static_cast<std::size_t>(query.error())];
  }
}

}  // namespace lastack::ip
