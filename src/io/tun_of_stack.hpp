// The TUN device that a public Stack is put on.
#pragma once

#include <expected>
#include <memory>

#include "host/config.hpp"
#include "lastack/system.hpp"
#include "link/tun.hpp"

namespace lastack::io {

/// Opens it, gives the kernel's end its addresses, and waits until the kernel uses them.
[[nodiscard]] std::expected<std::unique_ptr<link::Tun>, SystemError> open_tun(
    const host::Config& config, const TunOptions& options);

}  // namespace lastack::io
