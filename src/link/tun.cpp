#include "link/tun.hpp"

namespace lastack::link {

std::expected<std::unique_ptr<Tun>, TunError> Tun::open(const TunOptions& options) {
  const auto descriptor = open_device(options, Mode::tun);
  if (!descriptor) return std::unexpected(descriptor.error());
  return std::unique_ptr<Tun>(new Tun(*descriptor, options));
}

}  // namespace lastack::link
