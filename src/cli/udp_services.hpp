// The services of `lastack serve` that speak UDP.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/services.hpp"
#include "host/host.hpp"

namespace lastack::cli {

/// Whether the service is one of these, and not one of Services.
[[nodiscard]] bool speaks_udp(const ServiceSpec& spec);

/// One endpoint for each service and family. They last as long as the host.
class UdpServices {
 public:
  explicit UdpServices(host::Host& host) : host_(&host) {}
  /// Why it can't be had; nothing where it can.
  std::optional<std::string> add(const ServiceSpec& spec, bool v4, bool v6, TimePoint now);
  void on_event(const host::HostEvent& event, TimePoint now);

 private:
  struct Open {
    host::UdpId id;
    bool answers = false;
    /// What could not be sent yet; whatever else comes waits to be read meanwhile.
    std::optional<udp::Datagram> rest{};
  };
  void act(Open& open, TimePoint now);

  host::Host* host_;
  std::vector<Open> open_;
};

}  // namespace lastack::cli
