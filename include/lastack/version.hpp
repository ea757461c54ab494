// Which lastack this is.
#pragma once

namespace lastack {

/// The version of the library linked to, as "MAJOR.MINOR.PATCH" (semantic versioning).
[[nodiscard]] const char* version() noexcept;

}  // namespace lastack
