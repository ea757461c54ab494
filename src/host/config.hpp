// What a host is told once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "tcp/settings.hpp"
#include "wire/address.hpp"

namespace lastack::host {

struct Config {
  std::vector<wire::Prefix> addresses;  ///< ours, and the networks they are on
  std::uint16_t mtu = 1500;             ///< octets of an IP packet that the link takes
  /// The link cuts segments itself: the most octets of payload it takes at once; 0 for none.
  std::uint32_t super_segment = 0;
  bool transmit_checksum = true;  ///< we sum; false where the link does
  bool verify_checksum = true;    ///< we verify; false where the link has
  tcp::SettingsPtr settings;      ///< for connections that name none; may be null
  std::size_t most_connections = 1U << 20U;
  std::size_t syn_queue = 1024;      ///< handshakes under way, of one listener
  std::uint16_t first_port = 32768;  ///< ephemeral ports (RFC 6056)
  std::uint16_t last_port = 60999;
};

}  // namespace lastack::host
