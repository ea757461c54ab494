// Which lastack this is.
#pragma once

/// The version of these headers; CMake reads it from here.
#define LASTACK_VERSION "0.1.0"

namespace lastack {

/// The version of the library linked to, as "MAJOR.MINOR.PATCH" (semantic versioning).
[[nodiscard]] const char* version() noexcept;

}  // namespace lastack
