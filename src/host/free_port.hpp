// A port that connect() or bind() has chosen.
#pragma once

#include <cstdint>
#include <optional>

#include "host/host.hpp"

namespace lastack::host {

struct Host::FreePort {
  std::uint16_t port = 0;
  std::uint32_t hash = 0;              ///< of the flow that it makes
  std::optional<std::uint32_t> waits;  ///< the record in TIME_WAIT that has it, and gives way
};

}  // namespace lastack::host
