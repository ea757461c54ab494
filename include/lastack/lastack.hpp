// All public headers.
#pragma once

#include "lastack/address.hpp"
#include "lastack/stack.hpp"
#include "lastack/state.hpp"
#include "lastack/system.hpp"
#include "lastack/time.hpp"
#include "lastack/version.hpp"
