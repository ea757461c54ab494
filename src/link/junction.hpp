// A wire that three meet at: a host, its own loopback, and whoever stands for all other addresses.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "link/impaired.hpp"
#include "link/link.hpp"
#include "link/loopback.hpp"
#include "wire/address.hpp"

namespace lastack::link {

/// What the near end sends comes back to it where it goes to an address of its own, else it comes
/// out at the far end; what the far end sends comes to the near one. At once, in order, unharmed,
/// super-segments whole, unless impair() was asked for.
class Junction {
 public:
  /// `own`: the addresses of the near end's host; loopback ones are its own in any case. Of those
  /// some ports can be others'.
  Junction(std::uint16_t mtu, std::vector<wire::IpAddress> own, std::vector<Endpoint> others = {});
  Junction(const Junction&) = delete;
  Junction& operator=(const Junction&) = delete;

  /// From now on it treats packets as a bad wire does, each of them once. Its two ways have a
  /// generator each, both from `seed`: what goes to the far end, and what comes from there. What
  /// comes back to the near end takes, of a conversation, one way for the one and one for the
  /// other, as if its two ends were apart.
  void impair(const Impairment& impairment, std::uint64_t seed);
  /// Whether packets that are several in one are cut before they come here; impaired, they are in
  /// any case.
  void take_one_by_one(bool on) { one_by_one_ = on; }
  /// Checksums that were left to the wire (PacketRef::checksum_partial) stay as they are from now
  /// on: at both ends nobody verifies them. Impaired, they are finished in any case.
  void leave_sums() { leaves_sums_ = true; }
  struct Wires;
  /// Null where nothing is impaired.
  [[nodiscard]] const Wires* wires() const { return wires_.get(); }

  [[nodiscard]] Link& near() { return ends_[0]; }
  [[nodiscard]] Link& far() { return ends_[1]; }
  [[nodiscard]] bool is_own(const Endpoint& end) const;

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
    [[nodiscard]] TimePoint next_deadline() const override;
    void advance(TimePoint now) override;
    [[nodiscard]] std::uint16_t mtu() const override { return inbox_.mtu(); }
    [[nodiscard]] bool takes_super_segments() const override {
      return !junction_->wires_ && !junction_->one_by_one_;
    }

   private:
    friend class Junction;
    Junction* junction_;
    Loopback inbox_;
    bool near_;
  };
  /// What the near end has sent, once it is through the wire.
  class Sorted final : public Link {
   public:
    explicit Sorted(Junction& junction) : junction_(&junction) {}
    void pass_on(Packet packet, TimePoint now) override;
    std::size_t receive(std::vector<Packet>&, TimePoint) override { return 0; }
    [[nodiscard]] std::uint16_t mtu() const override { return junction_->ends_[0].mtu(); }

   private:
    Junction* junction_;
  };

  [[nodiscard]] bool minds_port(Bytes packet) const;
  [[nodiscard]] bool goes_out(Bytes packet) const;

  std::vector<wire::IpAddress> own_;
  std::vector<Endpoint> others_;
  std::array<End, 2> ends_;
  Sorted sorted_;
  std::unique_ptr<Wires> wires_;
  bool one_by_one_ = false;
  bool leaves_sums_ = false;
};

/// As the near end has it.
struct Junction::Wires {
  Wires(Link& to_either, Link& to_near, const Impairment& impairment, std::uint64_t seed)
      : out(to_either, impairment, Random(seed)), in(to_near, impairment, Random(~seed)) {}
  ImpairedLink out, in;
};

}  // namespace lastack::link
