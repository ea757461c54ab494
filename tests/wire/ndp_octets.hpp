// Neighbour discovery messages written octet by octet, sharing no code with src/wire/ndp.cpp: also
// those that only routers send, and wrong ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "wire/address.hpp"
#include "wire/mac_address.hpp"
#include "wire/octets.hpp"

namespace lastack_test {

using lastack::wire::MacAddress;

inline void append(Octets& to, std::span<const std::byte> more) {
  to.insert(to.end(), more.begin(), more.end());
}

inline void append_u32(Octets& to, std::uint32_t v) {
  append(to, octets({v >> 24U, v >> 16U & 0xffU, v >> 8U & 0xffU, v & 0xffU}));
}

/// The checksum of an ICMPv6 message, summed word by word.
inline std::uint16_t icmpv6_checksum(const IpAddress& source, const IpAddress& destination,
                                     const Octets& message) {
  Octets all;
  append(all, source.bytes());
  append(all, destination.bytes());
  append_u32(all, static_cast<std::uint32_t>(message.size()));
  append(all, octets({0, 0, 0, 58}));
  append(all, message);
  if (all.size() % 2 != 0) all.push_back(std::byte{0});
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < all.size(); i += 2) {
    sum +=
        std::to_integer<std::uint32_t>(all[i]) << 8U | std::to_integer<std::uint32_t>(all[i + 1]);
  }
  while (sum >> 16U != 0) sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum);
}

/// An ICMPv6 message: type, code, a checksum that is right, and `body` behind it.
inline Octets icmpv6(const IpAddress& source, const IpAddress& destination, unsigned type,
                     const Octets& body, unsigned code = 0) {
  Octets message = octets({type, code, 0, 0});
  append(message, body);
  const std::uint16_t sum = icmpv6_checksum(source, destination, message);
  message[2] = static_cast<std::byte>(sum >> 8U);
  message[3] = static_cast<std::byte>(sum & 0xffU);
  return message;
}

/// The IPv6 packet around it.
inline Octets ipv6(const IpAddress& source, const IpAddress& destination, const Octets& payload,
                   unsigned hop_limit = 255, unsigned next_header = 58) {
  const auto size = static_cast<unsigned>(payload.size());
  Octets packet = octets({0x60, 0, 0, 0, size >> 8U, size & 0xffU, next_header, hop_limit});
  append(packet, source.bytes());
  append(packet, destination.bytes());
  append(packet, payload);
  return packet;
}

/// An option that carries a link-layer address: 1 of the source, 2 of the target.
inline Octets link_option(unsigned kind, const MacAddress& mac) {
  Octets option = octets({kind, 1});
  append(option, mac.bytes());
  return option;
}

struct PrefixOption {
  std::string_view prefix = "2001:db8:1::";
  unsigned length = 64;
  unsigned flags = 0xc0;  ///< on-link, autonomous
  std::uint32_t valid = 86400;
  std::uint32_t preferred = 14400;
};

inline Octets prefix_option(const PrefixOption& p) {
  Octets option = octets({3, 4, p.length, p.flags});
  append_u32(option, p.valid);
  append_u32(option, p.preferred);
  append_u32(option, 0);
  append(option, address(p.prefix).bytes());
  return option;
}

inline Octets mtu_option(std::uint32_t mtu) {
  Octets option = octets({5, 1, 0, 0});
  append_u32(option, mtu);
  return option;
}

struct Advertisement {
  unsigned hop_limit = 64;
  unsigned flags = 0;
  unsigned lifetime = 1800;  ///< seconds
  std::uint32_t reachable = 0;
  std::uint32_t retransmit = 0;
  std::vector<Octets> options{};
};

/// What stands behind the checksum of a router advertisement.
inline Octets advertisement_body(const Advertisement& a) {
  Octets body = octets({a.hop_limit, a.flags, a.lifetime >> 8U, a.lifetime & 0xffU});
  append_u32(body, a.reachable);
  append_u32(body, a.retransmit);
  for (const Octets& option : a.options) append(body, option);
  return body;
}

/// What stands behind the checksum of the other kinds: flags or nothing, addresses, options.
inline Octets ndp_body(std::uint32_t first, std::initializer_list<std::string_view> addresses,
                       std::initializer_list<Octets> options = {}) {
  Octets body;
  append_u32(body, first);
  for (const std::string_view text : addresses) append(body, address(text).bytes());
  for (const Octets& option : options) append(body, option);
  return body;
}

}  // namespace lastack_test
