// Who talks to whom: addresses and ports, and handles for what the host keeps about it.
#pragma once

#include <compare>
#include <cstdint>

#include "wire/address.hpp"

namespace lastack::host {

using lastack::Endpoint;

/// Both ends, seen from here.
struct Flow {
  Endpoint local;
  Endpoint remote;
  friend constexpr bool operator==(const Flow&, const Flow&) = default;
};

/// Whether what is bound to one address keeps another from the other: the unspecified address
/// stands for all of its family.
[[nodiscard]] inline bool overlap(const wire::IpAddress& a, const wire::IpAddress& b) {
  if (a == b) return true;
  return a.family() == b.family() && (a.is_unspecified() || b.is_unspecified());
}

/// The same where "::" of a place stands for IPv4, too (`both`: a dual-stack socket has it).
[[nodiscard]] inline bool overlap(const wire::IpAddress& a, bool both_of_a,
                                  const wire::IpAddress& b, bool both_of_b) {
  return overlap(a, b) || (both_of_a && b.is_v4()) || (both_of_b && a.is_v4());
}

/// Names a connection of a host for as long as somebody holds it; a stale one finds nothing.
struct FlowId {
  std::uint32_t index = UINT32_MAX;
  std::uint32_t generation = 0;
  friend constexpr bool operator==(const FlowId&, const FlowId&) = default;
};

struct ListenerId {
  std::uint32_t index = UINT32_MAX;
  std::uint32_t generation = 0;
  friend constexpr bool operator==(const ListenerId&, const ListenerId&) = default;
};

/// Names a UDP endpoint of a host until it is closed.
struct UdpId {
  std::uint32_t index = UINT32_MAX;
  std::uint32_t generation = 0;
  friend constexpr bool operator==(const UdpId&, const UdpId&) = default;
};

}  // namespace lastack::host
