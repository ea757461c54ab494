#include "link/link.hpp"

#include "wire/checksum.hpp"
#include "wire/tcp.hpp"

namespace lastack::link {

std::size_t PacketRef::size() const {
  std::size_t sum = header.size();
  for (const Slice& part : payload) sum += part.size();
  return sum;
}

Packet copy_of(const PacketRef& packet, TimePoint now) {
  Packet copy{
      .octets = Slice::allocate(packet.size()), .at = now, .segment_size = packet.segment_size};
  const auto room = copy.octets.tail_room().first(packet.size());
  copy.octets.extend(packet.header);
  for (const Slice& part : packet.payload) copy.octets.extend(part.bytes());
  if (packet.checksum_partial && packet.tcp_at < room.size()) {
    wire::Sum sum;  // with the pseudo-header's, which stands where the checksum will
    sum.add(room.subspan(packet.tcp_at));
    wire::set_tcp_checksum(room.subspan(packet.tcp_at), sum.checksum());
  }
  return copy;
}

}  // namespace lastack::link
