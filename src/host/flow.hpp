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

}  // namespace lastack::host
