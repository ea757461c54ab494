// A link with one end: what is sent comes back.
#pragma once

#include <cstdint>
#include <vector>

#include "link/link.hpp"

namespace lastack::link {

/// At once, in order, unharmed; super-segments whole. For a host that talks to itself and is to
/// have a wire for it (host::Config::loops_over_link).
class Loopback final : public Link {
 public:
  explicit Loopback(std::uint16_t mtu) : mtu_(mtu) {}

  void send(const PacketRef& packet, TimePoint now) override {
    pass_on(without_copy(packet, now, &pool_), now);
  }
  void pass_on(Packet packet, TimePoint now) override;
  std::size_t receive(std::vector<Packet>& into, TimePoint now) override;
  [[nodiscard]] TimePoint next_deadline() const override;
  [[nodiscard]] std::uint16_t mtu() const override { return mtu_; }

 private:
  std::uint16_t mtu_;
  BufferPool pool_;
  std::vector<Packet> inbox_;
};

}  // namespace lastack::link
