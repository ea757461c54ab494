#include "explore/side.hpp"

#include "explore/datagram_side.hpp"
#include "explore/socket_side.hpp"

namespace lastack::explore {

std::unique_ptr<Side> make_side(std::uint8_t i, const Bounds& bounds) {
  if (bounds.datagrams) return std::make_unique<DatagramSide>(i, bounds);
  return std::make_unique<SocketSide>(i, bounds);
}

Side::Side(std::uint8_t index, const Bounds& bounds, const host::Config& config)
    : index_(index),
      bounds_(&bounds),
      host_(std::make_unique<host::Host>(config, Random(index + 1U))),
      sockets_(*host_),
      opens_left_(bounds.opens[index]),
      calls_left_(bounds.calls[index]),
      octets_left_(bounds.octets[index]) {
  host_->advance(now_);
}

Side::Side(const Side& other)
    : index_(other.index_),
      bounds_(other.bounds_),
      now_(other.now_),
      host_(other.host_->copy()),
      sockets_(other.sockets_, *host_),
      copies_(other.copies_),
      opens_left_(other.opens_left_),
      calls_left_(other.calls_left_),
      octets_left_(other.octets_left_) {}

void Side::hear() {
  for (host::HostEvent event; host_->next_event(event);) sockets_.heard(event);
  while (sockets_.next_wake()) {
  }
}

}  // namespace lastack::explore
