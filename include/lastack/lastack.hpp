// All public headers.
#pragma once

#include "lastack/address.hpp"
#include "lastack/async.hpp"
#include "lastack/blocking.hpp"
#include "lastack/loop.hpp"
#include "lastack/stack.hpp"
#include "lastack/state.hpp"
#include "lastack/system.hpp"
#include "lastack/task.hpp"
#include "lastack/time.hpp"
#include "lastack/version.hpp"
