#include "link/junction.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "link/destination.hpp"
#include "wire/ip.hpp"
#include "wire/quote.hpp"

namespace lastack::link {
namespace {

/// Both ends of what has ports, in one piece: of TCP the headers are enough.
std::optional<std::pair<Endpoint, Endpoint>> ends_of(Bytes packet) {
  const auto read = wire::parse_quote(packet);
  if (!read || !read->has_transport) return std::nullopt;
  if (read->protocol != wire::kProtocolTcp && !wire::parse_ip(packet)) return std::nullopt;
  return std::pair(Endpoint{read->source, read->source_port},
                   Endpoint{read->destination, read->destination_port});
}

}  // namespace

Junction::Junction(std::uint16_t mtu, std::vector<wire::IpAddress> own,
                   std::vector<Endpoint> others)
    : own_(std::move(own)),
      others_(std::move(others)),
      ends_{End(*this, mtu, true), End(*this, mtu, false)},
      sorted_(*this) {}

void Junction::impair(const Impairment& impairment, std::uint64_t seed) {
  wires_ = std::make_unique<Wires>(sorted_, ends_[0].inbox_, impairment, seed);
}

bool Junction::is_own(const Endpoint& end) const {
  if (end.address.is_loopback()) return std::ranges::find(others_, end) == others_.end();
  return std::ranges::find(own_, end.address) != own_.end();
}

/// Whether the port says where it goes, and not the address alone.
bool Junction::minds_port(Bytes packet) const {
  const auto to = destination_of(packet);
  return to && std::ranges::find(others_, *to, &Endpoint::address) != others_.end();
}

/// The port is looked at only where it matters.
bool Junction::goes_out(Bytes packet) const {
  if (minds_port(packet)) {
    const auto ends = ends_of(packet);
    return ends && !is_own(ends->second);
  }
  const auto to = destination_of(packet);
  return to && !is_own({*to, 0});
}

void Junction::Sorted::pass_on(Packet packet, TimePoint now) {
  const bool out = junction_->goes_out(packet.octets.bytes());
  junction_->ends_[out ? 1 : 0].inbox_.pass_on(std::move(packet), now);
}

/// What wires may do to a packet is done to a copy.
void Junction::End::send(const PacketRef& packet, TimePoint now) {
  const Bytes first = packet.header.empty() && !packet.payload.empty()
                          ? packet.payload.front().bytes()
                          : packet.header;
  if (junction_->wires_) return Link::send(packet, now);
  PacketRef sent = packet;
  sent.checksum_partial &= !junction_->leaves_sums_;
  junction_->ends_[near_ && junction_->goes_out(first) ? 1 : 0].inbox_.send(sent, now);
}

void Junction::End::pass_on(Packet packet, TimePoint now) {
  if (Wires* const wires = junction_->wires_.get()) {
    const Bytes octets = packet.octets.bytes();
    const auto ends = near_ && !junction_->goes_out(octets) ? ends_of(octets) : std::nullopt;
    const bool comes_in = !near_ || (ends && ends->first > ends->second);
    return (comes_in ? wires->in : wires->out).pass_on(std::move(packet), now);
  }
  if (near_) return junction_->sorted_.pass_on(std::move(packet), now);
  junction_->ends_[0].inbox_.pass_on(std::move(packet), now);
}

TimePoint Junction::End::next_deadline() const {
  const TimePoint next = inbox_.next_deadline();
  const Wires* const wires = junction_->wires_.get();
  if (wires == nullptr) return next;
  return std::min({next, wires->out.next_deadline(), wires->in.next_deadline()});
}

void Junction::End::advance(TimePoint now) {
  if (!junction_->wires_) return;
  junction_->wires_->out.advance(now);
  junction_->wires_->in.advance(now);
}

}  // namespace lastack::link
