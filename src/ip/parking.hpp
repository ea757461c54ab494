// Packets that wait until it is known where they go.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "wire/address.hpp"

namespace lastack::ip {

struct ParkingLimits {
  std::size_t most_each = 4;  ///< packets for one neighbour
  std::size_t most = 256;     ///< packets in all
  std::size_t most_octets = std::size_t{256} * 1024;
};

/// Few for each neighbour, in the order they came, and bounded in all: the oldest make room for the
/// latest, since that is what a sender asks for again.
template <typename Packet>
class Parking {
 public:
  explicit Parking(const ParkingLimits& limits = {}) : limits_(limits) {}

  /// `octets` is what keeping `packet` costs. Returns how many others had to go; the packet itself
  /// counts among them where it is larger than all there may be.
  std::size_t park(const wire::IpAddress& next_hop, Packet packet, std::size_t octets) {
    std::size_t dropped = 0;
    if (octets > limits_.most_octets || limits_.most_each == 0) return 1;
    if (count(next_hop) >= limits_.most_each) dropped += drop_first(next_hop);
    while (!held_.empty() &&
           (held_.size() >= limits_.most || octets_ + octets > limits_.most_octets)) {
      dropped += drop_first(held_.front().next_hop);
    }
    octets_ += octets;
    held_.push_back({next_hop, octets, std::move(packet)});
    return dropped;
  }

  /// Takes out all that wait for `next_hop`, the oldest first.
  template <typename Visit>
  void take(const wire::IpAddress& next_hop, Visit visit) {
    std::vector<Held> kept;
    std::vector<Held> taken;
    for (Held& held : held_) {
      (held.next_hop == next_hop ? taken : kept).push_back(std::move(held));
    }
    held_ = std::move(kept);
    for (Held& held : taken) {
      octets_ -= held.octets;
      visit(std::move(held.packet));
    }
  }

  [[nodiscard]] std::size_t size() const { return held_.size(); }
  [[nodiscard]] std::size_t octets() const { return octets_; }

 private:
  struct Held {
    wire::IpAddress next_hop;
    std::size_t octets;
    Packet packet;
  };

  [[nodiscard]] std::size_t count(const wire::IpAddress& next_hop) const {
    return static_cast<std::size_t>(std::ranges::count(held_, next_hop, &Held::next_hop));
  }
  std::size_t drop_first(const wire::IpAddress& next_hop) {
    const auto first = std::ranges::find(held_, next_hop, &Held::next_hop);
    octets_ -= first->octets;
    held_.erase(first);
    return 1;
  }

  ParkingLimits limits_;
  std::vector<Held> held_;  ///< in the order they came
  std::size_t octets_ = 0;
};

}  // namespace lastack::ip
