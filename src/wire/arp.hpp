// ARP for IPv4 over Ethernet (RFC 826, RFC 5227) between octets and values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

#include "wire/address.hpp"
#include "wire/bytes.hpp"
#include "wire/mac_address.hpp"

namespace lastack::wire {

inline constexpr std::size_t kArpPacket = 28;

struct ArpPacket {
  enum class Operation : std::uint8_t { request = 1, reply = 2 };

  Operation operation = Operation::request;
  MacAddress sender;
  IpAddress sender_address;  ///< 0.0.0.0 in a probe: not yet anybody's (RFC 5227 §1.1)
  MacAddress target;         ///< of no meaning in a request
  IpAddress target_address;

  friend constexpr bool operator==(const ArpPacket&, const ArpPacket&) = default;
};

/// Why octets are no ARP packet we can use. Each has a counter.
enum class ArpError : std::uint8_t {
  truncated,
  other_network,  ///< not IPv4 over Ethernet
  bad_operation,  ///< neither request nor reply
  bad_sender,     ///< a group or nobody as the sender, or a sender's address that can't be one
};
inline constexpr std::size_t kArpErrorCount = 4;
[[nodiscard]] std::string_view to_string(ArpError error);

[[nodiscard]] std::expected<ArpPacket, ArpError> parse_arp(Bytes packet);

/// Octets written to the front of `into`; 0 where it is too small.
std::size_t emit_arp(const ArpPacket& packet, MutableBytes into);

}  // namespace lastack::wire
