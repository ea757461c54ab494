#include "link/link.hpp"

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
    wire::finish_tcp_checksum(room.subspan(packet.tcp_at));
  }
  return copy;
}

}  // namespace lastack::link
