#include "link/destination.hpp"

#include "wire/ip.hpp"

namespace lastack::link {
namespace {

/// The address at one place in an IPv4 header, or at another in an IPv6 one.
std::optional<wire::IpAddress> address_at(Bytes packet, std::size_t v4_at, std::size_t v6_at) {
  const unsigned version = packet.empty() ? 0 : std::to_integer<unsigned>(packet[0]) >> 4U;
  if (version == 4 && packet.size() >= wire::kIpv4Header) {
    return wire::IpAddress::from(packet.subspan(v4_at, 4));
  }
  if (version != 6 || packet.size() < wire::kIpv6Header) return std::nullopt;
  return wire::IpAddress::from(packet.subspan(v6_at, 16));
}

}  // namespace

std::optional<wire::IpAddress> destination_of(Bytes packet) { return address_at(packet, 16, 24); }

std::optional<wire::IpAddress> source_of(Bytes packet) { return address_at(packet, 12, 8); }

}  // namespace lastack::link
