// Ethernet II frames between octets and values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

#include "wire/bytes.hpp"
#include "wire/mac_address.hpp"

namespace lastack::wire {

inline constexpr std::size_t kEthernetHeader = 14;

inline constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherTypeArp = 0x0806;
inline constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;

[[nodiscard]] constexpr std::uint16_t ether_type_of(Family family) {
  return family == Family::v4 ? kEtherTypeIpv4 : kEtherTypeIpv6;
}

struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  std::uint16_t type = 0;
  friend constexpr bool operator==(const EthernetHeader&, const EthernetHeader&) = default;
};

struct ParsedFrame {
  EthernetHeader header;
  Bytes payload;  ///< with the padding that short frames have
};

/// Why octets are no frame we can use. Each has a counter.
enum class FrameError : std::uint8_t {
  truncated,   ///< shorter than its headers
  ieee_802_3,  ///< a length stands where the type should: LLC, which IP does not use here
  vlan,        ///< tagged for a VLAN; a tag that only gives a priority is passed over
  bad_source,  ///< a group, or nobody, as the sender
};
inline constexpr std::size_t kFrameErrorCount = 4;
[[nodiscard]] std::string_view to_string(FrameError error);

[[nodiscard]] std::expected<ParsedFrame, FrameError> parse_ethernet(Bytes frame);

/// Octets written to the front of `into`; 0 where it is too small.
std::size_t emit_ethernet(const EthernetHeader& header, MutableBytes into);

}  // namespace lastack::wire
