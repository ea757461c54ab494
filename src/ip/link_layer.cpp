// The link layer as a whole: what its parts want is done here.
#include "ip/link_layer.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "ip/interface_id.hpp"

namespace lastack::ip {
namespace {

constexpr std::array<std::string_view, kLinkDropCount> kDrops{
    "other_station",  "other_type",         "own_frame",        "group_frame", "not_asked_of_us",
    "foreign_sender", "not_autoconfigured", "refused_redirect", "no_room",     "queue_full",
    "parking_full",   "unreachable",        "no_route"};

IpAddress unspecified_v6() {
  constexpr std::array<std::byte, 16> kOctets{};
  return IpAddress::from(kOctets);
}

/// The groups that go with addresses, each once, in order.
std::vector<IpAddress> groups_of(std::span<const OwnAddress> addresses) {
  std::vector<IpAddress> groups;
  for (const OwnAddress& a : addresses) {
    if (a.prefix.address.is_v4() || a.state == AddressState::duplicate) continue;
    groups.push_back(wire::solicited_node(a.prefix.address));
  }
  std::ranges::sort(groups);
  const auto repeated = std::ranges::unique(groups);
  groups.erase(repeated.begin(), repeated.end());
  return groups;
}

bool is_default_by_router(const Route& r) {
  return r.origin == RouteOrigin::advertised && r.to.length == 0;
}

}  // namespace

std::string_view to_string(LinkDrop drop) { return kDrops[static_cast<std::size_t>(drop)]; }

LinkLayer::LinkLayer(LinkSettings settings, std::vector<Prefix> addresses, std::uint16_t mtu,
                     Random random)
    : settings_(std::move(settings)),
      configured_(std::move(addresses)),
      mtu_(mtu),
      neighbours_(settings_.neighbours, Random(random.next())),
      addresses_({settings_.mac, settings_.interface_key}, Random(random.next())),
      routes_(settings_.route_limits),
      discovery_(mtu, Random(random.next())),
      groups_(Random(random.next())) {
  for (const Prefix& p : configured_) {
    routes_.set({.to = p, .via = {}, .origin = RouteOrigin::connected});
  }
  for (const Route& r : settings_.routes) routes_.set(r);
}

/// Every IPv6 interface has a link-local address (RFC 4291 §2.8).
void LinkLayer::start(TimePoint now) {
  started_ = addresses_changed_ = true;
  const bool v6 = std::ranges::any_of(
      configured_, [](const Prefix& p) { return p.address.family() == Family::v6; });
  if (v6 || settings_.autoconfigure) {
    routes_.set({.to = link_local_prefix(), .via = {}, .origin = RouteOrigin::connected});
    addresses_.add_link_local(settings_.ask_first, now);
  }
  for (const Prefix& p : configured_) {
    addresses_.add(p, AddressOrigin::configured, settings_.ask_first, now);
  }
}

// --- time

void LinkLayer::advance(TimePoint now) {
  if (!started_) start(now);
  mind_groups(now);  // before anybody could answer what is asked next
  neighbours_.advance(now);
  addresses_.advance(now);
  routes_.advance(now);
  act(now);
  mind_groups(now);
  if (!settings_.autoconfigure || addresses_.link_local() == nullptr) return;
  discovery_.start(now);
  if (std::ranges::none_of(routes_.all(), is_default_by_router)) discovery_.lost(now);
  if (discovery_.solicits(now)) solicit_routers();
}

TimePoint LinkLayer::next_deadline() const {
  if (!started_) return TimePoint{};
  return std::min({neighbours_.next_deadline(), addresses_.next_deadline(), routes_.next_deadline(),
                   discovery_.next_deadline(), groups_.next_deadline()});
}

// --- ways

const std::optional<IpAddress>& LinkLayer::next_hop(const IpAddress& destination) {
  if (looked_.version != routes_.version() || looked_.destination != destination) {
    looked_ = {destination, routes_.next_hop(destination), routes_.version()};
  }
  return looked_.next_hop;
}

LinkLayer::Way LinkLayer::way_to(const IpAddress& destination, TimePoint now) {
  if (destination.is_multicast()) {
    return {Way::Kind::known, MacAddress::of_group(destination), destination};
  }
  // No neighbour has such an address, whatever prefix a router tells of (RFC 4291 §2.5.2, §2.5.3).
  if (destination.is_unspecified() || destination.is_loopback()) return {};
  const auto& hop = next_hop(destination);
  if (!hop) return {};
  if (const auto mac = neighbours_.wanted(*hop, now)) return {Way::Kind::known, *mac, *hop};
  act(now);
  return {Way::Kind::wait, {}, *hop};
}

std::optional<IpAddress> LinkLayer::source_for(const IpAddress& destination) const {
  const bool ours = std::ranges::any_of(
      usable_, [&](const UsableAddress& u) { return u.prefix.address == destination; });
  if (ours) return destination;
  const auto next_hop = routes_.next_hop(destination);
  return next_hop ? choose_source(usable_, destination, *next_hop) : std::nullopt;
}

void LinkLayer::progress(const IpAddress& destination, TimePoint now) {
  const auto& hop = next_hop(destination);
  if (!hop) return;
  neighbours_.progress(*hop, now);
  routes_.answered(*hop);
}

void LinkLayer::doubted(const IpAddress& destination, TimePoint now) {
  const auto& hop = next_hop(destination);
  if (hop) neighbours_.doubted(*hop, now);
}

std::optional<Slice> LinkLayer::next_frame() {
  if (frames_.empty()) return std::nullopt;
  return frames_.pop_front();
}

std::optional<LinkNews> LinkLayer::next_news() {
  if (news_.empty()) return std::nullopt;
  return news_.pop_front();
}

// --- what the parts want

void LinkLayer::act(TimePoint now) {
  while (const auto news = addresses_.next_news()) act_on(*news, now);
  while (const auto news = neighbours_.next_news()) act_on(*news, now);
}

void LinkLayer::act_on(const NeighbourNews& news, TimePoint now) {
  using Kind = NeighbourNews::Kind;
  switch (news.kind) {
    case Kind::ask: ask(news.address, news.mac); break;
    case Kind::resolved:
      routes_.answered(news.address);
      news_.push_back({LinkNews::Kind::resolved, news.address, news.mac});
      break;
    case Kind::unreachable:
      routes_.failed(news.address, now);
      news_.push_back({LinkNews::Kind::unreachable, news.address, {}});
      break;
    case Kind::forgotten: news_.push_back({LinkNews::Kind::forgotten, news.address, {}}); break;
  }
}

void LinkLayer::act_on(const AddressNews& news, TimePoint now) {
  using Kind = AddressNews::Kind;
  usable_ = addresses_.usable();
  addresses_changed_ = true;
  switch (news.kind) {
    case Kind::probe: probe(news.address, news.nonce); break;
    case Kind::announce: announce(news.address, false); break;
    case Kind::defend: announce(news.address, true); break;
    case Kind::usable:
      if (news.address.is_link_local()) groups_.say_again(now);
      news_.push_back({LinkNews::Kind::usable, news.address, {}});
      break;
    case Kind::duplicate:
      news_.push_back({LinkNews::Kind::duplicate, news.address, news.mac});
      break;
    case Kind::conflict: news_.push_back({LinkNews::Kind::conflict, news.address, news.mac}); break;
    case Kind::gone: news_.push_back({LinkNews::Kind::gone, news.address, {}}); break;
  }
}

/// Who has `address`? To all, or to the one who had it last.
void LinkLayer::ask(const IpAddress& address, const MacAddress& mac) {
  const auto source = choose_source(usable_, address, address);
  if (!source) return;
  const bool to_all = !mac.is_station();
  if (address.is_v4()) {
    send_arp({.operation = wire::ArpPacket::Operation::request,
              .sender = settings_.mac,
              .sender_address = *source,
              .target = mac,
              .target_address = address},
             to_all ? MacAddress::broadcast() : mac);
    return;
  }
  const IpAddress group = wire::solicited_node(address);
  send_ndp(
      *source, to_all ? group : address, to_all ? MacAddress::of_group(group) : mac,
      wire::NeighbourSolicitation{.target = address, .source_link = settings_.mac, .nonce = {}});
}

/// Does anybody have `address`, which we would like to have? (RFC 5227 §2.1.1, RFC 4862 §5.4.2)
void LinkLayer::probe(const IpAddress& address, wire::Nonce nonce) {
  if (address.is_v4()) {
    send_arp({.operation = wire::ArpPacket::Operation::request,
              .sender = settings_.mac,
              .sender_address = {},
              .target = {},
              .target_address = address},
             MacAddress::broadcast());
    return;
  }
  const IpAddress group = wire::solicited_node(address);
  send_ndp(unspecified_v6(), group, MacAddress::of_group(group),
           wire::NeighbourSolicitation{.target = address, .source_link = {}, .nonce = nonce});
}

/// `address` is ours (RFC 5227 §2.3). Over IPv6, routers are told so that the first answer from
/// outside need not wait (RFC 9131); against somebody who says otherwise, all are told.
void LinkLayer::announce(const IpAddress& address, bool overrides) {
  if (address.is_v4()) {
    send_arp({.operation = wire::ArpPacket::Operation::request,
              .sender = settings_.mac,
              .sender_address = address,
              .target = {},
              .target_address = address},
             MacAddress::broadcast());
    return;
  }
  const IpAddress group = overrides ? wire::all_nodes() : wire::all_routers();
  send_ndp(address, group, MacAddress::of_group(group),
           wire::NeighbourAdvertisement{
               .target = address, .overrides = overrides, .target_link = settings_.mac});
}

void LinkLayer::solicit_routers() {
  const IpAddress group = wire::all_routers();
  send_ndp(addresses_.link_local()->prefix.address, group, MacAddress::of_group(group),
           wire::RouterSolicitation{.source_link = settings_.mac});
}

/// Listens to the groups that go with our addresses, and sends the reports that are due.
void LinkLayer::mind_groups(TimePoint now) {
  if (std::exchange(addresses_changed_, false)) groups_.set(groups_of(addresses_.all()), now);
  for (auto records = groups_.next_report(now); !records.empty();
       records = groups_.next_report(now)) {
    report(records);
  }
}

/// From nobody as long as there is no address to speak of (RFC 3590 §4).
void LinkLayer::report(std::span<const wire::MldRecord> records) {
  const OwnAddress* ours = addresses_.link_local();
  const IpAddress source = ours != nullptr ? ours->prefix.address : unspecified_v6();
  std::array<std::byte, wire::kMostMldReport> octets{};
  const std::size_t size = wire::emit_mld_report(source, records, octets);
  send(MacAddress::of_group(wire::mld_routers()), wire::kEtherTypeIpv6,
       wire::Bytes(octets).first(size));
}

void LinkLayer::send_arp(const wire::ArpPacket& packet, const MacAddress& to) {
  std::array<std::byte, wire::kArpPacket> octets{};
  wire::emit_arp(packet, octets);
  send(to, wire::kEtherTypeArp, octets);
}

void LinkLayer::send_ndp(const IpAddress& source, const IpAddress& destination,
                         const MacAddress& to, const wire::NdpFromHost& message) {
  std::array<std::byte, wire::kMostNdpPacket> octets{};
  const std::size_t size = wire::emit_ndp(source, destination, message, octets);
  send(to, wire::kEtherTypeIpv6, wire::Bytes(octets).first(size));
}

void LinkLayer::send(const MacAddress& to, std::uint16_t type, wire::Bytes packet) {
  if (frames_.size() >= kMostFrames) {
    counters_.drop(LinkDrop::queue_full);
    return;
  }
  Slice frame = Slice::allocate(wire::kEthernetHeader + packet.size());
  frame.grow(wire::emit_ethernet({to, settings_.mac, type}, frame.tail_room()));
  frame.extend(packet);
  frames_.push_back(std::move(frame));
  ++counters_.control_out;
}

}  // namespace lastack::ip
