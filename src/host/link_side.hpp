// What a host keeps for an Ethernet link.
#pragma once

#include <cstddef>
#include <vector>

#include "base/buffer.hpp"
#include "base/random.hpp"
#include "base/ring.hpp"
#include "host/config.hpp"
#include "host/packet.hpp"
#include "ip/link_layer.hpp"
#include "ip/parking.hpp"

namespace lastack::host {

struct LinkSide {
  static constexpr std::size_t kMostEvents = 64;  ///< kept for whoever asks

  LinkSide(const Config& config, Random random)
      : layer(config.link, config.addresses, config.mtu, random) {}

  ip::LinkLayer layer;
  ip::Parking<PacketOut> parked;  ///< packets whose neighbour is being asked for
  Ring<PacketOut> ready;          ///< those whose neighbour has answered, in their frames
  Ring<ip::LinkNews> events;
  std::vector<Slice> unpacked;  ///< packets of the frames at hand; empty in between
};

}  // namespace lastack::host
