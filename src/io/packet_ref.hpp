// A host's packet as a link takes it; neither knows the other.
#pragma once

#include "host/packet.hpp"
#include "link/link.hpp"

namespace lastack::io {

/// `packet` where it lies: good until it is pulled anew.
[[nodiscard]] inline link::PacketRef ref_to(const host::PacketOut& packet) {
  return {.header = packet.header_bytes(),
          .payload = packet.payload,
          .segment_size = packet.segment_size,
          .checksum_partial = packet.checksum_partial,
          .tcp_at = packet.tcp_at};
}

}  // namespace lastack::io
