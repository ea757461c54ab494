#include "link/tap.hpp"

namespace lastack::link {

std::expected<std::unique_ptr<Tap>, TunError> Tap::open(const TunOptions& options) {
  const auto descriptor = open_device(options, Mode::tap);
  if (!descriptor) return std::unexpected(descriptor.error());
  return std::unique_ptr<Tap>(new Tap(*descriptor, options));
}

}  // namespace lastack::link
