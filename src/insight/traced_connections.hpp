// Which events of a trace belong to which connection.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include "host/trace.hpp"

namespace lastack::insight {

struct FlowLess {
  bool operator()(const host::Flow& a, const host::Flow& b) const {
    return std::tie(a.local, a.remote) < std::tie(b.local, b.remote);
  }
};

/// One connection, or one try at one, as far as it occurs in some events.
struct TracedConnection {
  host::Flow flow;
  std::optional<tcp::State>
      state;                ///< where its latest transition led; nothing where none is there
  bool from_start = false;  ///< what opened it is there
  std::vector<std::size_t> events;  ///< which of them are its own
};

/// All that occur in `events`, in the order in which they first do. The same two ends may have
/// several: what opens one begins it.
[[nodiscard]] std::vector<TracedConnection> connections_of(
    std::span<const host::TraceEvent> events);

}  // namespace lastack::insight
