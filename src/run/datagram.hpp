// A datagram as a packet of its own, with all headers.
#pragma once

#include <span>

#include "base/buffer.hpp"
#include "wire/udp.hpp"

namespace lastack::run {

[[nodiscard]] inline Slice packet_of(const Endpoint& from, const Endpoint& to,
                                     std::span<const std::byte> octets) {
  Slice packet = Slice::allocate(wire::udp_packet_size(from.address.family(), octets.size()));
  packet.grow(wire::emit_udp_packet({.source = from.address, .destination = to.address},
                                    {from.port, to.port}, octets, packet.tail_room()));
  return packet;
}

}  // namespace lastack::run
