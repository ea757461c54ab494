#include "link/junction.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "wire/ip.hpp"

namespace lastack::link {
namespace {

/// Of pieces of a packet, too.
std::optional<wire::IpAddress> destination_of(Bytes packet) {
  const unsigned version = packet.empty() ? 0 : std::to_integer<unsigned>(packet[0]) >> 4U;
  if (version == 4 && packet.size() >= wire::kIpv4Header) {
    const auto at = [packet](std::size_t i) { return std::to_integer<std::uint8_t>(packet[i]); };
    return wire::IpAddress::v4(at(16), at(17), at(18), at(19));
  }
  if (version != 6 || packet.size() < wire::kIpv6Header) return std::nullopt;
  std::array<std::byte, 16> octets;
  std::ranges::copy(packet.subspan(24, octets.size()), octets.begin());
  return wire::IpAddress::from(octets);
}

}  // namespace

Junction::Junction(std::uint16_t mtu, std::vector<wire::IpAddress> own,
                   std::vector<wire::IpAddress> others)
    : own_(std::move(own)),
      others_(std::move(others)),
      ends_{End(*this, mtu, true), End(*this, mtu, false)} {}

bool Junction::is_own(const wire::IpAddress& address) const {
  if (address.is_loopback()) return std::ranges::find(others_, address) == others_.end();
  return std::ranges::find(own_, address) != own_.end();
}

Loopback& Junction::End::inbox_for(Bytes packet) {
  const auto to = near_ ? destination_of(packet) : std::nullopt;
  const bool out = to && !junction_->is_own(*to);
  return junction_->ends_[out ? 1 : 0].inbox_;
}

void Junction::End::send(const PacketRef& packet, TimePoint now) {
  const Bytes first = packet.header.empty() && !packet.payload.empty()
                          ? packet.payload.front().bytes()
                          : packet.header;
  inbox_for(first).send(packet, now);
}

void Junction::End::pass_on(Packet packet, TimePoint now) {
  inbox_for(packet.octets.bytes()).pass_on(std::move(packet), now);
}

}  // namespace lastack::link
