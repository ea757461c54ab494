// A link with its host's own loopback beside it.
#pragma once

#include <vector>

#include "link/link.hpp"
#include "link/loopback.hpp"
#include "wire/address.hpp"

namespace lastack::link {

/// What goes to an address of the host's own, or to a loopback one, comes back at once; all else
/// goes through the link inside, from which nothing of the loopback comes (RFC 1122 §3.2.1.3). For
/// a host that has its loopback on a link (host::Config::loops_over_link).
class BesideLoopback final : public Wrapper {
 public:
  BesideLoopback(Link& inner, std::vector<wire::IpAddress> own);

  void send(const PacketRef& packet, TimePoint now) override;
  void pass_on(Packet packet, TimePoint now) override;
  std::size_t receive(std::vector<Packet>& into, TimePoint now) override;
  [[nodiscard]] TimePoint next_deadline() const override;
  [[nodiscard]] bool is_own(const wire::IpAddress& address) const;

 private:
  [[nodiscard]] bool comes_back(Bytes packet) const;

  std::vector<wire::IpAddress> own_;
  Loopback loopback_;
};

}  // namespace lastack::link
