// The closed set of congestion controllers. A new one is a file here and an entry in the variant.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "tcp/congestion/newreno.hpp"

namespace lastack::tcp {

/// What a controller is told; it answers with its window and keeps nothing else of the connection.
using Controller = std::variant<NewReno>;

static_assert(sizeof(NewReno) <= 64, "a controller's inline part; what is larger goes in a Box");

}  // namespace lastack::tcp
