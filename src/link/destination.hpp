// Where a packet goes, for links that lead to several places.
#pragma once

#include <optional>

#include "link/link.hpp"
#include "wire/address.hpp"

namespace lastack::link {

/// Of pieces of a packet, too; nothing where it is none. `packet` may end behind the IP header.
[[nodiscard]] std::optional<wire::IpAddress> destination_of(Bytes packet);
[[nodiscard]] std::optional<wire::IpAddress> source_of(Bytes packet);

}  // namespace lastack::link
