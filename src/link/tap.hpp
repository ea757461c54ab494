// A TAP device: Ethernet frames to and from this machine's kernel.
#pragma once

#include <expected>
#include <memory>

#include "link/tun_device.hpp"

namespace lastack::link {

class Tap final : public TunDevice {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<Tap>, TunError> open(
      const TunOptions& options);

 private:
  Tap(int descriptor, const TunOptions& options) : TunDevice(descriptor, options, Mode::tap) {}
};

}  // namespace lastack::link
