#include "ip/icmp_errors.hpp"

#include <algorithm>
#include <array>

namespace lastack::ip {
namespace {

bool is_about_error(const wire::Quote& about) {
  const wire::Family family = about.source.family();
  const bool v4 = family == wire::Family::v4;
  if (about.protocol != (v4 ? wire::kProtocolIcmp : wire::kProtocolIcmpv6)) return false;
  if (about.payload.empty()) return true;
  return wire::is_icmp_error(family, std::to_integer<std::uint8_t>(about.payload[0]));
}

}  // namespace

std::string_view to_string(Silence silence) {
  static constexpr std::array<std::string_view, kSilenceCount> kNames{
      "none", "about_error", "later_piece", "to_many", "from_nobody"};
  return kNames[static_cast<std::size_t>(silence)];
}

Silence silence_about(const wire::Quote& about, bool even_multicast) {
  const wire::IpAddress& from = about.source;
  const wire::IpAddress& to = about.destination;
  if (about.later_piece) return Silence::later_piece;
  if (is_about_error(about)) return Silence::about_error;
  // A loopback address is one host's that talks to itself; from a link it never comes this far.
  if (from.is_unspecified() || from.is_multicast() || from.is_broadcast()) {
    return Silence::from_nobody;
  }
  if (to.is_broadcast() || (to.is_multicast() && !even_multicast)) return Silence::to_many;
  return Silence::none;
}

Slice error_about(const wire::IcmpMessage& message, wire::IpHeader header, wire::Bytes packet,
                  BufferPool* pool) {
  const wire::Family family = header.source.family();
  const bool v4 = family == wire::Family::v4;
  const std::size_t front = wire::ip_header_size(family);
  const std::size_t most = (v4 ? kMostErrorV4 : kMostErrorV6) - front - wire::kIcmpHeader;
  const wire::Bytes quoted = packet.first(std::min(packet.size(), most));
  const std::size_t size = wire::kIcmpHeader + quoted.size();
  Slice error = Slice::allocate(front + size, pool);
  const auto room = error.tail_room().first(front + size);
  const auto icmp = room.subspan(front);
  header.protocol = v4 ? wire::kProtocolIcmp : wire::kProtocolIcmpv6;
  wire::emit_ip(header, size, room);
  if (wire::emit_icmp(family, message, icmp) == 0) return {};
  std::ranges::copy(quoted, icmp.begin() + wire::kIcmpHeader);
  const wire::Sum sum = wire::icmp_sum(header.source, header.destination, icmp);
  wire::set_icmp_checksum(icmp, sum.checksum());
  error.grow(front + size);
  return error;
}

}  // namespace lastack::ip
