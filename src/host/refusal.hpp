// What a caller of the user's side did wrong, or asked for in vain.
#pragma once

#include <cstdint>

namespace lastack::host {

enum class Refusal : std::uint8_t {
  address_in_use,         ///< another listener or endpoint, or the very same flow (TIME_WAIT too)
  address_not_available,  ///< not ours, or no ephemeral port is free
  unreachable,            ///< no address of ours has the remote one's family
  bad_address,            ///< a broadcast or multicast address (MUST-57, MUST-46)
  too_many,
};

}  // namespace lastack::host
