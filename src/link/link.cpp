#include "link/link.hpp"

namespace lastack::link {

std::size_t PacketRef::size() const {
  std::size_t sum = header.size();
  for (const Slice& part : payload) sum += part.size();
  return sum;
}

Packet copy_of(const PacketRef& packet, TimePoint now) {
  Packet copy{
      .octets = Slice::allocate(packet.size()), .at = now, .segment_size = packet.segment_size};
  copy.octets.extend(packet.header);
  for (const Slice& part : packet.payload) copy.octets.extend(part.bytes());
  return copy;
}

}  // namespace lastack::link
