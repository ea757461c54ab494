// A TUN device: IP packets to and from this machine's kernel.
#pragma once

#include <expected>
#include <memory>

#include "link/tun_device.hpp"

namespace lastack::link {

class Tun final : public TunDevice {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<Tun>, TunError> open(
      const TunOptions& options);

 private:
  Tun(int descriptor, const TunOptions& options) : TunDevice(descriptor, options, Mode::tun) {}
};

}  // namespace lastack::link
