// A wire that three meet at: a host, its own loopback, and whoever stands for all other addresses.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "link/link.hpp"
#include "link/loopback.hpp"
#include "wire/address.hpp"

namespace lastack::link {

/// What the near end sends comes back to it where it goes to an address of its own, else it comes
/// out at the far end; what the far end sends comes to the near one. At once, in order, unharmed;
/// super-segments whole.
class Junction {
 public:
  /// `own`: the addresses of the near end's host; loopback ones are its own in any case but where
  /// `others` has them.
  Junction(std::uint16_t mtu, std::vector<wire::IpAddress> own,
           std::vector<wire::IpAddress> others = {});

  [[nodiscard]] Link& near() { return ends_[0]; }
  [[nodiscard]] Link& far() { return ends_[1]; }
  [[nodiscard]] bool is_own(const wire::IpAddress& address) const;

 private:
  class End final : public Link {
   public:
    End(Junction& junction, std::uint16_t mtu, bool near)
        : junction_(&junction), inbox_(mtu), near_(near) {}

    void send(const PacketRef& packet, TimePoint now) override;
    void pass_on(Packet packet, TimePoint now) override;
    std::size_t receive(std::vector<Packet>& into, TimePoint now) override {
      return inbox_.receive(into, now);
    }
    [[nodiscard]] TimePoint next_deadline() const override { return inbox_.next_deadline(); }
    [[nodiscard]] std::uint16_t mtu() const override { return inbox_.mtu(); }

   private:
    [[nodiscard]] Loopback& inbox_for(Bytes packet);

    Junction* junction_;
    Loopback inbox_;
    bool near_;
  };

  std::vector<wire::IpAddress> own_;
  std::vector<wire::IpAddress> others_;
  std::array<End, 2> ends_;
};

}  // namespace lastack::link
