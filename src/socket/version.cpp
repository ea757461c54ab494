#include "lastack/version.hpp"

namespace lastack {

const char* version() noexcept { return LASTACK_VERSION; }

}  // namespace lastack
