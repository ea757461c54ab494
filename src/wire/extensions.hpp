// The extension headers of an IPv6 packet (RFC 8200 §4): walked within limits, options judged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>

#include "wire/bytes.hpp"
#include "wire/header_problem.hpp"

namespace lastack::wire {

inline constexpr std::uint8_t kHopByHop = 0;
inline constexpr std::uint8_t kRouting = 43;
inline constexpr std::uint8_t kFragmentHeader = 44;
inline constexpr std::uint8_t kAuthentication = 51;
inline constexpr std::uint8_t kNoNextHeader = 59;  ///< nothing follows (RFC 8200 §4.7)
inline constexpr std::uint8_t kDestinationOptions = 60;

/// Headers between IPv6's own and the payload; options in one of them, padding not counted
/// (RFC 8504 §5.3 allows such limits, and names eight options).
inline constexpr std::size_t kMostExtensions = 8;
inline constexpr std::size_t kMostOptions = 8;

[[nodiscard]] constexpr bool is_extension(std::uint8_t protocol) {
  return protocol == kHopByHop || protocol == kRouting || protocol == kFragmentHeader ||
         protocol == kAuthentication || protocol == kDestinationOptions;
}

/// Where a piece of a packet belongs.
struct FragmentField {
  std::uint32_t identification = 0;
  std::uint16_t offset = 0;  ///< octets
  bool more = false;         ///< it is not the last
  friend constexpr bool operator==(const FragmentField&, const FragmentField&) = default;
};

/// What a walk came to. Places are counted from the IPv6 header.
struct Extensions {
  std::uint8_t protocol = 0;  ///< of what stands at `end`
  std::size_t end = 0;        ///< behind the last header passed
  std::size_t named_at = 0;   ///< the Next Header field that names `protocol`
  /// The packet is a fragment, and the walk ended behind the header that says so. An atomic one,
  /// whole in itself, is passed over like any other header (RFC 6946).
  std::optional<FragmentField> fragment{};
  std::size_t fragment_at = 0;        ///< where that header stands
  std::size_t fragment_named_at = 0;  ///< the Next Header field that names it
};

/// Walks a whole IPv6 packet. What stands before the payload must be complete, in a first fragment
/// too (RFC 7112 §5).
[[nodiscard]] std::expected<Extensions, HeaderProblem> walk_extensions(Bytes packet);

/// Passes over the headers of a packet of which there may be only the beginning, and judges
/// nothing: as far as they can be read. Nothing where IPv6's own is cut off.
[[nodiscard]] std::optional<Extensions> skip_extensions(Bytes packet);

}  // namespace lastack::wire
