// What comes on an Ethernet link beside IP packets: frames, ARP, neighbour discovery. What parses
// is written again and read back.
// Target: wire/arp.cpp wire/ethernet.cpp wire/mac_address.cpp wire/ndp.cpp
#include <algorithm>
#include <cstdint>
#include <string_view>
#include <variant>

#include "fuzz/kinds.hpp"
#include "fuzz/must.hpp"
#include "fuzz/room.hpp"
#include "wire/arp.hpp"
#include "wire/ethernet.hpp"
#include "wire/ip.hpp"
#include "wire/mac_address.hpp"
#include "wire/ndp.hpp"

namespace lastack::fuzz {
namespace {

using wire::Bytes;

void arp(Bytes octets) {
  const auto parsed = wire::parse_arp(octets);
  if (!parsed) return must(!to_string(parsed.error()).empty(), "a reason without a name");
  must(parsed->sender.is_station(), "an ARP packet from nobody");
  must(parsed->sender_address.is_v4() && parsed->target_address.is_v4(), "addresses of ARP");
  Room room(wire::kArpPacket);
  must(wire::emit_arp(*parsed, room.bytes()) == wire::kArpPacket, "emit_arp()");
  must(wire::parse_arp(room.bytes()) == parsed, "an ARP packet came back another");
  Room small(wire::kArpPacket - 1);
  must(wire::emit_arp(*parsed, small.bytes()) == 0, "emit_arp() without room");
}

/// The three kinds that a host sends itself.
void ndp_round_trip(const wire::IpHeader& ip, const wire::NdpFromHost& message) {
  Room room(wire::kMostNdpPacket);
  const std::size_t size = wire::emit_ndp(ip.source, ip.destination, message, room.bytes());
  must(size > 0, "emit_ndp()");
  const auto packet = wire::parse_ip(room.bytes().first(size));
  must(packet.has_value(), "what emit_ndp() wrote does not parse");
  const auto again = wire::parse_ndp(packet->header, packet->payload);
  must(again.has_value(), "what emit_ndp() wrote is no such message");
  must(std::visit(
           [&](const auto& m) {
             const auto* const same = std::get_if<std::decay_t<decltype(m)>>(&*again);
             return same != nullptr && *same == m;
           },
           message),
       "a message of neighbour discovery came back another");
  Room small(size - 1);
  must(wire::emit_ndp(ip.source, ip.destination, message, small.bytes()) == 0, "without room");
}

struct RoundTrip {
  const wire::IpHeader& ip;
  void operator()(const wire::RouterSolicitation& m) const { ndp_round_trip(ip, m); }
  void operator()(const wire::NeighbourSolicitation& m) const {
    const wire::IpAddress group = wire::solicited_node(m.target);
    must(group.is_multicast() && wire::MacAddress::of_group(group).is_group(), "whom it asks");
    if (m.nonce && *m.nonce >> 48U != 0) return;  // of another length: we would not send it
    ndp_round_trip(ip, m);
  }
  void operator()(const wire::NeighbourAdvertisement& m) const { ndp_round_trip(ip, m); }
  void operator()(const wire::RouterAdvertisement& m) const {
    must(m.prefix_count <= m.prefix.size() && m.route_count <= m.route.size(), "its options");
    for (const auto& p : m.prefixes()) must(p.prefix.length <= 128, "the length of a prefix");
    for (const auto& r : m.routes()) must(r.prefix.length <= 128, "the length of a route");
  }
  void operator()(const wire::Redirect&) const {}
};

void ndp(const wire::IpHeader& ip, Bytes octets) {
  const auto parsed = wire::parse_ndp(ip, octets);
  if (!parsed) return must(!to_string(parsed.error()).empty(), "a reason without a name");
  std::visit(RoundTrip{ip}, *parsed);
}

/// A message whose hop limit and checksum are right, which no chance finds.
void mended_ndp(Bytes octets) {
  if (octets.size() < 4 + 32) return;
  const wire::IpHeader ip{.source = wire::IpAddress::from(octets.first(16)),
                          .destination = wire::IpAddress::from(octets.subspan(16, 16)),
                          .protocol = wire::kProtocolIcmpv6,
                          .hop_limit = 255};
  if (ip.source.is_v4() || ip.destination.is_v4()) return;  // mapped: parse_ip() refuses both
  Room room(octets.size() - 32);
  const auto message = room.bytes();
  std::ranges::copy(octets.subspan(32), message.begin());
  wire::Writer(message.subspan(2, 2)).u16(0);
  wire::Sum sum = wire::pseudo_header(ip.source, ip.destination, wire::kProtocolIcmpv6,
                                      static_cast<std::uint32_t>(message.size()));
  sum.add(message);
  wire::Writer(message.subspan(2, 2)).u16(sum.checksum());
  ndp(ip, message);
}

void frame(Bytes octets) {
  const auto parsed = wire::parse_ethernet(octets);
  if (!parsed) return must(!to_string(parsed.error()).empty(), "a reason without a name");
  const wire::EthernetHeader& header = parsed->header;
  must(header.source.is_station(), "a frame from nobody");
  const auto at = static_cast<std::size_t>(parsed->payload.data() - octets.data());
  must(at + parsed->payload.size() == octets.size(), "where the payload of a frame lies");
  Room room(wire::kEthernetHeader);
  must(wire::emit_ethernet(header, room.bytes()) == wire::kEthernetHeader, "emit_ethernet()");
  const auto again = wire::parse_ethernet(room.bytes());
  constexpr std::uint16_t kTagged = 0x8100;  // a tag within a tag: nothing that we would send
  must(header.type == kTagged || (again && again->header == header), "a frame came back another");
  if (header.type == wire::kEtherTypeArp) return arp(parsed->payload);
  const auto ip = wire::parse_ip(parsed->payload);
  if (ip && ip->header.protocol == wire::kProtocolIcmpv6) ndp(ip->header, ip->payload);
}

void text(Bytes octets) {
  const std::string_view chars = text_of(octets);
  const auto mac = wire::MacAddress::parse(chars);
  if (mac) must(wire::MacAddress::parse(mac->to_string()) == mac, "a MAC address as text");
}

}  // namespace
}  // namespace lastack::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lastack::fuzz;
  take_by_kind<frame, arp, mended_ndp, text>(data, size);
  return 0;
}
