// UDP headers between octets and values (RFC 768, RFC 8200 §8.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>

#include "wire/address.hpp"
#include "wire/bytes.hpp"
#include "wire/checksum.hpp"
#include "wire/ip.hpp"
#include "wire/parse_error.hpp"

namespace lastack::wire {

/// Ports in host order; a source port of 0 says that no answer is wanted.
struct UdpHeader {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  friend constexpr bool operator==(const UdpHeader&, const UdpHeader&) = default;
};

struct ParsedUdp {
  UdpHeader header;
  bool summed = false;  ///< the sender has summed it; without a sum only IPv4 lets it pass
  Bytes datagram;       ///< header and payload, as long as the header says
  Bytes payload;
};

inline constexpr std::size_t kUdpHeader = 8;

/// The most octets of payload in one datagram.
[[nodiscard]] constexpr std::size_t most_udp_payload(Family family) {
  return kMostPacket - kUdpHeader - (family == Family::v4 ? kIpv4Header : 0);
}

/// Reads the payload of an IP packet; its checksum is another question, see udp_sum_is_right().
/// Octets behind the length that the header states are padding: they are left out. A length below
/// eight or beyond the packet is bad_length; that includes 0, which stands for a jumbogram (RFC
/// 2675).
[[nodiscard]] std::expected<ParsedUdp, ParseError> parse_udp(Bytes octets);

/// Writes the eight octets in front of `payload` octets, with a checksum of zero. Octets written; 0
/// where `into` is too small or the payload too long.
std::size_t emit_udp(const UdpHeader& header, std::size_t payload, MutableBytes into);

/// The sum over pseudo-header and `datagram` as it stands.
[[nodiscard]] Sum udp_sum(const IpAddress& source, const IpAddress& destination, Bytes datagram);

/// Sums the datagram, whose field must be zero, and puts the result into it: a sum of zero as ffff,
/// since zero would say that there is none.
void set_udp_checksum(const IpAddress& source, const IpAddress& destination, MutableBytes datagram);

/// Octets of a packet that holds one datagram of `payload` octets.
[[nodiscard]] constexpr std::size_t udp_packet_size(Family family, std::size_t payload) {
  return ip_header_size(family) + kUdpHeader + payload;
}

/// Writes that packet, both headers and the sum. `ip` need not name the protocol. Octets written; 0
/// where `into` is too small or the payload too long.
std::size_t emit_udp_packet(IpHeader ip, const UdpHeader& udp, Bytes payload, MutableBytes into);

/// Whether the checksum is right, or left out where that is allowed: over IPv4 (RFC 768), and never
/// over IPv6 (RFC 8200 §8.1).
[[nodiscard]] bool udp_sum_is_right(const IpAddress& source, const IpAddress& destination,
                                    const ParsedUdp& udp);

}  // namespace lastack::wire
