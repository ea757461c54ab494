// What is said where a device can't be had, and what to do.
#pragma once

#include "cli/command.hpp"
#include "cli/device.hpp"

namespace lastack::cli {

[[nodiscard]] Failure device_failure(const link::TunError& error, const DeviceOptions& options);

}  // namespace lastack::cli
