// IPv4 (RFC 791) and IPv6 (RFC 8200) headers between octets and values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>

#include "wire/address.hpp"
#include "wire/bytes.hpp"
#include "wire/tcp.hpp"

namespace lastack::wire {

inline constexpr std::size_t kIpv4Header = 20;  ///< without options, which we never write
inline constexpr std::size_t kIpv6Header = 40;
inline constexpr std::size_t kMostPacket = 65535;  ///< octets an IPv4 packet, or an IPv6 payload
inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolIcmpv6 = 58;

/// What TCP and ICMP need of either header.
struct IpHeader {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 0;  ///< of the payload, behind all extension headers
  std::uint8_t hop_limit = 64;
  std::uint8_t traffic_class = 0;    ///< DSCP and ECN
  std::uint16_t identification = 0;  ///< IPv4 only
  bool dont_fragment = true;         ///< IPv4 only; IPv6 is never cut on its way
};

struct ParsedIp {
  IpHeader header;
  Bytes payload;  ///< without padding behind the length the header states
};

/// Reads one whole packet of either family. IPv4 options and IPv6 extension headers are walked and
/// passed over; fragments are for parse_fragment(). The IPv4 header checksum is verified.
[[nodiscard]] std::expected<ParsedIp, ParseError> parse_ip(Bytes packet);

/// Octets of the header that emit_ip() writes.
[[nodiscard]] constexpr std::size_t ip_header_size(Family family) {
  return family == Family::v4 ? kIpv4Header : kIpv6Header;
}

/// Writes a header for `payload` octets, IPv4 with its checksum. Octets written; 0 where `into` is
/// too small or the payload too long.
std::size_t emit_ip(const IpHeader& header, std::size_t payload, MutableBytes into);

}  // namespace lastack::wire
