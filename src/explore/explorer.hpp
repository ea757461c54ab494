// Visits every state that two endpoints can get into within given bounds.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "explore/world.hpp"

namespace lastack::explore {

struct Violation {
  std::string what;
  std::string bounds;
  std::vector<std::string> trace;  ///< the actions that led there
};

struct Report {
  std::uint64_t states = 0;
  std::uint64_t steps = 0;
  bool exhausted = false;                       ///< nothing within the bounds was left out
  std::array<bool, tcp::kTable.size()> rows{};  ///< of the table that were taken
  std::vector<Violation> violations;

  void add(const Report& other);
};

struct Progress {
  std::uint64_t states = 0;
  std::uint64_t open = 0;  ///< states found and not yet gone on from
  std::size_t depth = 0;
};

/// Called now and then; false stops the search, which is then not exhausted.
using OnProgress = std::function<bool(const Progress&)>;

/// Explores all of `bounds`. Stops at the first violation.
[[nodiscard]] Report explore(const Bounds& bounds, const OnProgress& progress = {});
/// The same where endpoints are open sockets (Bounds::holders): nothing is left of anything, once
/// nobody holds it any more.
[[nodiscard]] Report explore_sockets(const Bounds& bounds, const OnProgress& progress = {});

/// The bounds that `lastack explore` goes through: together they take every row of the table.
[[nodiscard]] std::vector<Bounds> standard_bounds();
/// Bounds whose endpoints are open sockets: the calls are those of whoever holds a descriptor.
[[nodiscard]] std::vector<Bounds> socket_bounds();

}  // namespace lastack::explore
