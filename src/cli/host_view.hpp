// A host as JSON: what `ss` and the counters show of it.
#pragma once

#include <nlohmann/json.hpp>

#include "host/host.hpp"

namespace lastack::cli {

/// [{state, local, remote, recv_q, send_q, since_ms, ...}], state names the classic ones.
[[nodiscard]] nlohmann::json view_of(const host::Host& host, TimePoint now);
[[nodiscard]] nlohmann::json counters_of(const host::Host& host);
/// "10.0.0.1:80" or "[fd00::1]:80"; an unspecified address and port 0 are "*".
[[nodiscard]] std::string endpoint_text(const host::Endpoint& endpoint);

}  // namespace lastack::cli
