#include "cli/udp_services.hpp"

#include <algorithm>
#include <utility>

namespace lastack::cli {

bool speaks_udp(const ServiceSpec& spec) { return spec.kind.starts_with("udp-"); }

std::optional<std::string> UdpServices::add(const ServiceSpec& spec, bool v4, bool v6,
                                            TimePoint now) {
  for (const bool six : {false, true}) {
    if (six ? !v6 : !v4) continue;
    const auto any = *wire::IpAddress::parse(six ? "::" : "0.0.0.0");
    const auto id = host_->udp_open({any, spec.port}, {}, now);
    if (!id) return "can't have UDP port " + std::to_string(spec.port) + ": " + std::string(kTaken);
    open_.push_back({.id = *id, .answers = spec.kind == "udp-echo"});
  }
  return std::nullopt;
}

void UdpServices::on_event(const host::HostEvent& event, TimePoint now) {
  const auto open = std::ranges::find(open_, event.udp, &Open::id);
  if (open != open_.end()) act(*open, now);
}

/// Reads until there is nothing, or until no more can be sent for now. An answer goes out from the
/// address that the question went to (RFC 1122 §4.1.3.5); one that can't be sent is lost.
void UdpServices::act(Open& open, TimePoint now) {
  for (;;) {
    if (!open.rest) {
      auto datagram = host_->udp_receive(open.id);
      if (!datagram && datagram.error() == udp::Error::would_block) return;
      if (!datagram || !open.answers || datagram->from.port == 0) continue;
      open.rest = std::move(*datagram);
    }
    const udp::Datagram& d = *open.rest;
    const auto sent =
        host_->udp_send_to(open.id, d.from, d.payload.bytes(), now, host::Endpoint{d.to, 0});
    if (!sent && sent.error() == udp::Error::would_block) return;
    open.rest.reset();
  }
}

}  // namespace lastack::cli
