// An Ethernet link of a host, for people and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "host/host.hpp"
#include "link/impaired_both_ways.hpp"

namespace lastack::cli {

/// What `ask` shows by that name: addresses, neighbours, routes or link_counters; an error
/// where the host has no Ethernet link; nothing for any other name.
[[nodiscard]] std::optional<nlohmann::json> link_view(const host::Host& host,
                                                      const std::string& name, TimePoint now);
/// What a bad wire has done, each way, in packets.
[[nodiscard]] nlohmann::json counters_of(const link::ImpairedLink& out,
                                         const link::ImpairedLink& in);
/// One line about what became of an address of ours.
[[nodiscard]] std::string sentence(const ip::LinkNews& news);

}  // namespace lastack::cli
