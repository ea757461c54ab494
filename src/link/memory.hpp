// A wire in memory: what one end sends, the other receives at once, in order, unharmed.
#pragma once

#include <array>
#include <cstdint>
#include <deque>

#include "link/link.hpp"

namespace lastack::link {

/// Two ends. Delay, loss and all else are put around an end by ImpairedLink. Both ends belong to
/// one thread. Super-segments go through whole.
class MemoryWire {
 public:
  explicit MemoryWire(std::uint16_t mtu = 1500);
  MemoryWire(const MemoryWire&) = delete;
  MemoryWire& operator=(const MemoryWire&) = delete;

  /// `i` is 0 or 1.
  [[nodiscard]] Link& end(std::size_t i) { return ends_[i]; }
  [[nodiscard]] const Link& end(std::size_t i) const { return ends_[i]; }

 private:
  class End final : public Link {
   public:
    void pass_on(Packet packet, TimePoint now) override;
    std::size_t receive(std::vector<Packet>& into, TimePoint now) override;
    [[nodiscard]] TimePoint next_deadline() const override;
    [[nodiscard]] std::uint16_t mtu() const override { return mtu_; }

   private:
    friend class MemoryWire;
    End* other_ = nullptr;
    std::uint16_t mtu_ = 0;
    std::deque<Packet> inbox_;
  };

  std::array<End, 2> ends_;
};

}  // namespace lastack::link
