// Time as everything below the event loop sees it: a value handed in, never read from a clock.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

#include "lastack/time.hpp"

namespace lastack {

using namespace std::chrono_literals;

}  // namespace lastack
