// Random scripts, and the smallest part of one that still shows a difference.
#pragma once

#include <cstdint>
#include <functional>

#include "worlds/script.hpp"

namespace lastack::worlds {

/// The same seed gives the same script.
[[nodiscard]] Script random_script(std::uint64_t seed);

/// As random_script(), with its sockets in the hands of several processes, and nothing held on the
/// wire.
[[nodiscard]] Script random_script_of_holders(std::uint64_t seed);

/// Leaves steps out for as long as `differs(script)`.
[[nodiscard]] Script shrunk(Script script, const std::function<bool(const Script&)>& differs);

}  // namespace lastack::worlds
