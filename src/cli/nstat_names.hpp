// What a host has counted, under the names that nstat has for it (RFC 4293, 4022, 4113 and Linux's
// own); what the kernel has no name for is called Lastack…
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "host/counters.hpp"
#include "ip/link_counters.hpp"
#include "link/tun_device.hpp"

namespace lastack::cli {

/// Names and values, in nstat's order. Linux names count for both families what TCP counts, and one
/// by one what IP, ICMP and UDP do.
using NamedCounters = std::vector<std::pair<std::string, std::uint64_t>>;

[[nodiscard]] NamedCounters named_counters(const host::Counters& counters);
/// Of an Ethernet link, and of the device.
void add_named(const ip::LinkCounters& link, NamedCounters& to);
void add_named(const link::TunTally& device, NamedCounters& to);

}  // namespace lastack::cli
