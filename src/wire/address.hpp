// The public addresses, under the names that the code below uses.
#pragma once

#include "lastack/address.hpp"

namespace lastack::wire {

using lastack::Family;
using lastack::IpAddress;
using lastack::Prefix;

}  // namespace lastack::wire
