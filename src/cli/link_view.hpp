// An Ethernet link of a host, for people and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "host/host.hpp"

namespace lastack::cli {

/// What `ask` shows by that name: addresses, neighbours, routes or link_counters; nothing for any
/// other name, or where the host has no Ethernet link.
[[nodiscard]] std::optional<nlohmann::json> link_view(const host::Host& host,
                                                      const std::string& name, TimePoint now);
/// One line about what became of an address of ours.
[[nodiscard]] std::string sentence(const ip::LinkNews& news);

}  // namespace lastack::cli
