// What routers say: the way out, what lies on this link, and when to ask them (RFC 4861 §6.3).
#pragma once

#include <cstdint>

#include "base/random.hpp"
#include "base/time.hpp"
#include "ip/routes.hpp"
#include "wire/ndp.hpp"

namespace lastack::ip {

/// A value. Routes are kept where all routes are; addresses and neighbours are others' business.
class RouterDiscovery {
 public:
  /// `mtu` is the most that the link takes: routers can only make it less.
  RouterDiscovery(std::uint16_t mtu, Random random) : random_(random), mtu_(mtu), most_mtu_(mtu) {}

  /// There is an address to ask from: begins to ask for routers.
  void start(TimePoint now);
  /// An advertisement of `router`, which stands for all that is checked about it. Returns how many
  /// routes found no room.
  std::size_t take(const wire::RouterAdvertisement& said, const IpAddress& router, TimePoint now,
                   Routes& routes);
  /// No router is left: asks again.
  void lost(TimePoint now);

  /// Whether a solicitation is to be sent now; then the next one is planned.
  bool solicits(TimePoint now);
  [[nodiscard]] TimePoint next_deadline() const { return next_; }
  /// Octets of the largest IPv6 packet (RFC 4861 §6.3.4).
  [[nodiscard]] std::uint16_t mtu() const { return mtu_; }

 private:
  [[nodiscard]] Duration jittered(Duration interval);

  Random random_;
  std::uint16_t mtu_;
  std::uint16_t most_mtu_;
  bool started_ = false;
  Duration interval_{};  ///< to the solicitation after the last one
  TimePoint next_{kNever};
};

}  // namespace lastack::ip
