// The part of an IPv6 address that tells interfaces of one network apart.
#pragma once

#include <cstdint>

#include "base/random.hpp"
#include "wire/address.hpp"
#include "wire/mac_address.hpp"

namespace lastack::ip {

/// From the MAC address (RFC 4291, appendix A): the same everywhere, so it can be followed.
[[nodiscard]] std::uint64_t eui64(const wire::MacAddress& mac);

/// The same each time on one network, and another one on each other (RFC 7217 §5). `attempt` counts
/// the addresses that somebody else had already; the key is the host's secret.
[[nodiscard]] std::uint64_t opaque_id(const wire::Prefix& prefix, const wire::MacAddress& mac,
                                      std::uint32_t attempt, const HashKey& key);

/// `prefix`, which names 64 bits, and the interface behind it.
[[nodiscard]] wire::IpAddress with_interface(const wire::Prefix& prefix, std::uint64_t interface);

/// fe80::/64
[[nodiscard]] wire::Prefix link_local_prefix();

}  // namespace lastack::ip
