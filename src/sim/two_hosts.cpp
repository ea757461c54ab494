#include "sim/two_hosts.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "io/packet_ref.hpp"
#include "link/link.hpp"

namespace lastack::sim {

TwoHosts::TwoHosts(TwoHostsConfig config) : config_(std::move(config)) {
  const auto settings = tcp::SettingsPtr(config_.settings);
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string last = std::to_string(i + 1);
    const wire::Prefix v4{*wire::IpAddress::parse("10.0.0." + last), 24};
    const wire::Prefix v6{*wire::IpAddress::parse("fd00::" + last), 64};
    Side& side = sides_[i];
    side.address = config_.v6 ? v6.address : v4.address;
    host::Config host;
    host.addresses = {config_.v6 ? v6 : v4};
    if (config_.ports > 0) {
      host.last_port = static_cast<std::uint16_t>(host.first_port + config_.ports - 1);
    }
    if (config_.both) host.addresses.push_back(config_.v6 ? v4 : v6);
    host.mtu = config_.mtu;
    host.super_segment = config_.super_segment;
    host.settings = settings;
    host.trace = config_.trace;
    side.host = std::make_unique<host::Host>(host, Random(config_.seed * 2 + i));
    side.sockets = std::make_unique<socket::Sockets>(*side.host);
    side.host->advance(now_);
  }
}

void TwoHosts::tell_events(std::size_t side) {
  host::HostEvent event;
  while (sides_[side].host->next_event(event)) {
    sides_[side].sockets->heard(event);
    if (on_event) on_event(side, event);
  }
}

void TwoHosts::flush() {
  for (std::size_t side = 0; side < 2; ++side) {
    tell_events(side);
    while (sides_[side].host->transmit(out_, now_)) {
      tell_events(side);
      Flight flight{.number = ++sent_,
                    .from = side,
                    .sent = now_,
                    .arrives = now_ + config_.delay,
                    .lost = config_.drop.contains(sent_),
                    .why = out_.why,
                    .attempt = out_.attempt,
                    // A block of its own: the receiver must not keep blocks of the sender's pool.
                    .packet = link::copy_of(io::ref_to(out_), now_).octets};
      if (on_sent) on_sent(flight);
      if (!flight.lost) wire_.push_back(std::move(flight));
    }
    tell_events(side);
  }
}

TimePoint TwoHosts::next_due() const {
  TimePoint due = std::min(sides_[0].host->next_deadline(), sides_[1].host->next_deadline());
  if (!paused_ && !wire_.empty()) due = std::min(due, wire_.front().arrives);
  return std::max(due, now_);
}

void TwoHosts::first_arrives() {
  const Flight flight = std::move(wire_.front());
  wire_.erase(wire_.begin());
  if (on_arrived) on_arrived(flight);
  const std::size_t to = 1 - flight.from;
  sides_[to].host->packet_arrives(flight.packet, now_);
}

bool TwoHosts::pass() {
  flush();
  if (wire_.empty()) return false;
  first_arrives();
  flush();
  return true;
}

bool TwoHosts::step(TimePoint until) {
  flush();
  const TimePoint due = next_due();
  if (due > until) {
    now_ = std::max(now_, until);
    return false;
  }
  now_ = due;
  if (!paused_ && !wire_.empty() && wire_.front().arrives <= now_) {
    first_arrives();
  } else {
    for (Side& side : sides_) side.host->advance(now_);
  }
  flush();
  return true;
}

void TwoHosts::run(Duration span) {
  const TimePoint until = now_ + span;
  while (step(until)) {
  }
}

void TwoHosts::settle() {
  constexpr Duration kFar = 30s;
  flush();
  while (next_due() < now_ + kFar) {
    if (!step(now_ + kFar)) break;
  }
}

}  // namespace lastack::sim
