// The bounds of open sockets, file by file.
#pragma once

#include <vector>

#include "explore/world.hpp"

namespace lastack::explore {

/// Whose holders call more.
[[nodiscard]] std::vector<Bounds> socket_bounds_of_calls();

}  // namespace lastack::explore
