// Neighbour discovery messages (RFC 4861, RFC 4191, RFC 7527) between octets and values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "base/time.hpp"
#include "wire/address.hpp"
#include "wire/bytes.hpp"
#include "wire/ip.hpp"
#include "wire/mac_address.hpp"

namespace lastack::wire {

/// What a lifetime of all ones says.
inline constexpr Duration kForever = Duration::max();
/// When something that begins now and lasts for `lifetime` is over.
[[nodiscard]] constexpr TimePoint expiry(TimePoint now, Duration lifetime) {
  return lifetime == kForever ? kNever : now + lifetime;
}

/// The 48 random bits by which a sender knows its own solicitation again (RFC 7527 §4.1).
using Nonce = std::uint64_t;

/// How a router compares with others (RFC 4191 §2.1); the reserved value reads as medium.
enum class RouterPreference : std::int8_t { low = -1, medium = 0, high = 1 };

/// Who may be a router here? (§4.1)
struct RouterSolicitation {
  std::optional<MacAddress> source_link;
  friend bool operator==(const RouterSolicitation&, const RouterSolicitation&) = default;
};

/// A prefix information option (§4.6.2).
struct PrefixInformation {
  Prefix prefix;
  bool on_link = false;
  bool autonomous = false;
  Duration valid{};
  Duration preferred{};
  friend bool operator==(const PrefixInformation&, const PrefixInformation&) = default;
};

/// A route information option (RFC 4191 §2.3).
struct RouteInformation {
  Prefix prefix;
  RouterPreference preference = RouterPreference::medium;
  Duration lifetime{};
  friend bool operator==(const RouteInformation&, const RouteInformation&) = default;
};

/// What a router says of itself and of the link (§4.2). Zero means "not stated" in `hop_limit`,
/// `reachable` and `retransmit`.
struct RouterAdvertisement {
  static constexpr std::size_t kMostPrefixes = 8;
  static constexpr std::size_t kMostRoutes = 8;

  std::uint8_t hop_limit = 0;
  RouterPreference preference = RouterPreference::medium;
  Duration lifetime{};  ///< as a default router; zero: it is none
  Duration reachable{};
  Duration retransmit{};
  std::optional<MacAddress> source_link;
  std::optional<std::uint32_t> mtu;
  std::array<PrefixInformation, kMostPrefixes> prefix{};
  std::array<RouteInformation, kMostRoutes> route{};
  std::uint8_t prefix_count = 0;
  std::uint8_t route_count = 0;

  [[nodiscard]] std::span<const PrefixInformation> prefixes() const {
    return {prefix.data(), prefix_count};
  }
  [[nodiscard]] std::span<const RouteInformation> routes() const {
    return {route.data(), route_count};
  }
  friend bool operator==(const RouterAdvertisement&, const RouterAdvertisement&) = default;
};

/// Who has `target`? (§4.3) From the unspecified address: does anybody have it? (RFC 4862 §5.4)
struct NeighbourSolicitation {
  IpAddress target;
  std::optional<MacAddress> source_link;
  std::optional<Nonce> nonce;
  friend bool operator==(const NeighbourSolicitation&, const NeighbourSolicitation&) = default;
};

/// I have `target`. (§4.4)
struct NeighbourAdvertisement {
  IpAddress target;
  bool router = false;
  bool solicited = false;
  bool overrides = false;
  std::optional<MacAddress> target_link;
  friend bool operator==(const NeighbourAdvertisement&, const NeighbourAdvertisement&) = default;
};

/// There is a better way to `destination`: by `target`, which is the destination itself where that
/// is on this link. (§4.5)
struct Redirect {
  IpAddress target;
  IpAddress destination;
  std::optional<MacAddress> target_link;
  friend bool operator==(const Redirect&, const Redirect&) = default;
};

using NdpMessage = std::variant<RouterSolicitation, RouterAdvertisement, NeighbourSolicitation,
                                NeighbourAdvertisement, Redirect>;

/// Why a message is to be ignored (§6.1, §7.1, §8.1). Each has a counter.
enum class NdpError : std::uint8_t {
  truncated,
  bad_checksum,
  bad_hop_limit,  ///< not 255: it came through a router
  bad_code,
  bad_option,   ///< a length of zero or past the end, or one that its kind can't have; too many
  bad_address,  ///< addresses that contradict each other or the kind of message
  unknown,      ///< none of the five kinds
};
inline constexpr std::size_t kNdpErrorCount = 7;
[[nodiscard]] std::string_view to_string(NdpError error);

/// ICMPv6 types 133 to 137.
[[nodiscard]] constexpr bool is_ndp(std::uint8_t icmp_type) {
  return icmp_type >= 133 && icmp_type <= 137;
}

/// Reads the ICMPv6 message `icmp` that came under `ip`, and checks all that a receiver must check
/// without knowing who it is. Options that are not known are passed over; prefixes and routes
/// beyond the most that a value holds as well.
[[nodiscard]] std::expected<NdpMessage, NdpError> parse_ndp(const IpHeader& ip, Bytes icmp);

/// Octets of the largest packet that emit_ndp() writes.
inline constexpr std::size_t kMostNdpPacket = kIpv6Header + 24 + 8 + 8;

/// What a host, which is no router, sends.
using NdpFromHost = std::variant<RouterSolicitation, NeighbourSolicitation, NeighbourAdvertisement>;

/// Writes the IPv6 packet, checksum and hop limit included, to the front of `into`. Octets written;
/// 0 where they do not fit.
std::size_t emit_ndp(const IpAddress& source, const IpAddress& destination,
                     const NdpFromHost& message, MutableBytes into);

/// ff02::1
[[nodiscard]] IpAddress all_nodes();
/// ff02::2
[[nodiscard]] IpAddress all_routers();
/// The group that whoever has `address` listens to (RFC 4291 §2.7.1).
[[nodiscard]] IpAddress solicited_node(const IpAddress& address);

}  // namespace lastack::wire
