#include "link/link.hpp"

#include "wire/tcp.hpp"

namespace lastack::link {

std::size_t PacketRef::size() const {
  std::size_t sum = header.size();
  for (const Slice& part : payload) sum += part.size();
  return sum;
}

Packet copy_of(const PacketRef& packet, TimePoint now, BufferPool* pool) {
  Packet copy{.octets = Slice::allocate(packet.size(), pool),
              .at = now,
              .segment_size = packet.segment_size};
  const auto room = copy.octets.tail_room().first(packet.size());
  copy.octets.extend(packet.header);
  for (const Slice& part : packet.payload) copy.octets.extend(part.bytes());
  if (packet.checksum_partial && packet.tcp_at < room.size()) {
    wire::finish_tcp_checksum(room.subspan(packet.tcp_at));
  }
  return copy;
}

Packet without_copy(const PacketRef& packet, TimePoint now, BufferPool* pool) {
  constexpr std::uint32_t kSenders = 2;  // what it may have to send again, and this packet's
  if (packet.payload.size() == 1 && !packet.checksum_partial) {
    Slice whole = packet.payload.front().with_header(packet.header, kSenders);
    if (!whole.empty())
      return {.octets = std::move(whole), .at = now, .segment_size = packet.segment_size};
  }
  return copy_of(packet, now, pool);
}

}  // namespace lastack::link
