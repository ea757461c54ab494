// Pieces of IP packets between octets and values (RFC 791 §3.2, RFC 8200 §4.5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>

#include "wire/address.hpp"
#include "wire/bytes.hpp"
#include "wire/extensions.hpp"
#include "wire/header_problem.hpp"
#include "wire/ip.hpp"

namespace lastack::wire {

/// What offsets and all pieces but the last are multiples of, in octets.
inline constexpr std::size_t kFragmentUnit = 8;

/// One piece. Places are counted from the beginning of the packet that brought it.
struct Fragment {
  IpAddress source;
  IpAddress destination;
  FragmentField field;
  std::uint8_t protocol = 0;       ///< of the whole packet's payload
  std::uint8_t traffic_class = 0;  ///< DSCP and ECN
  std::uint16_t header = 0;        ///< octets in front that the whole packet begins with, too
  std::uint16_t named_at = 0;      ///< the octet of them that names `protocol`
  std::uint32_t at = 0;            ///< where the piece begins
  std::uint16_t size = 0;          ///< its octets

  [[nodiscard]] std::uint32_t end() const { return std::uint32_t{field.offset} + size; }
};

/// Reads a packet that parse_ip() calls a fragment. Refused by itself is a piece that is empty,
/// that cuts in the middle of eight octets, that reaches beyond the largest packet, or that cuts
/// through the header of its payload.
[[nodiscard]] std::expected<Fragment, HeaderProblem> parse_fragment(Bytes packet);

/// The most octets that emit_fragment_header() writes.
inline constexpr std::size_t kMostFragmentHeader = kIpv6Header + 8;
[[nodiscard]] constexpr std::size_t fragment_header_size(Family family) {
  return family == Family::v4 ? kIpv4Header : kMostFragmentHeader;
}

/// Writes the header of a piece of `payload` octets. Octets written; 0 where `into` is too small.
std::size_t emit_fragment_header(const IpHeader& header, const FragmentField& field,
                                 std::size_t payload, MutableBytes into);

/// Makes `header`, a copy of the first Fragment::header octets of a first fragment, the header of a
/// whole packet with `payload` octets behind it. `ecn` is what its pieces come to (RFC 3168 §5.3).
void make_whole(MutableBytes header, const Fragment& first, std::size_t payload, std::uint8_t ecn);

}  // namespace lastack::wire
