#include "link/link.hpp"

#include <algorithm>

namespace lastack::link {

std::size_t PacketRef::size() const {
  std::size_t sum = header.size();
  for (const Slice& part : payload) sum += part.size();
  return sum;
}

Packet copy_of(const PacketRef& packet, TimePoint now) {
  Packet copy{
      .octets = Slice::allocate(packet.size()), .at = now, .segment_size = packet.segment_size};
  const auto append = [&copy](Bytes octets) {
    std::ranges::copy(octets, copy.octets.tail_room().begin());
    copy.octets.grow(octets.size());
  };
  append(packet.header);
  for (const Slice& part : packet.payload) append(part.bytes());
  return copy;
}

}  // namespace lastack::link
