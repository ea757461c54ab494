// How a host makes a connection. Part of host.hpp.
#pragma once

#include <cstdint>

#include "host/host.hpp"

namespace lastack::host {

/// `connection()` makes it, where it stays; the caller enters it into the table.
template <typename Made>
std::uint32_t Host::make_connection(const Flow& flow, const Claim& claim, Made connection) {
  const std::uint32_t index = connections_.make_by([&] {
    return ConnectionEntry{.connection = connection(),
                           .out = {},
                           .in = {},
                           .history = {},
                           .flow = flow,
                           .to_us = is_local(flow.remote.address),
                           .in_table = true,
                           .claim = claim,
                           .timer_stands = {}};
  });
  used_.add(flow.local.port, claim);
  return index;
}

}  // namespace lastack::host
