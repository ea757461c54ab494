// Users who watch a connection as an edge-triggered epoll does: they hear of each change once.
#pragma once

#include <string>
#include <vector>

#include "worlds/script.hpp"

namespace lastack::worlds {

struct EdgeRun {
  std::vector<std::string> lines;  ///< what was done, and the edges that followed
  std::string wrong;               ///< an edge that was lost or came twice; empty where all is well
};

/// Random calls of both ends of a connection. The user at A reads and writes until EAGAIN whenever
/// an edge says so, or reads little and goes on only with the next edge, as the seed has it. Where
/// `full`, buffers are filled in ways whose edges depend on their sizes.
[[nodiscard]] EdgeRun edge_run(World& world, std::uint64_t seed, bool full, std::uint16_t ports);

}  // namespace lastack::worlds
