#include "tcp/stream/send_buffer.hpp"

#include <algorithm>
#include <cassert>

namespace lastack::tcp {

void SendBuffer::append(std::span<const std::byte> bytes, BufferPool* pool) {
  // Blocks grow with what is queued: little for a request, few slices for a bulk transfer.
  const std::size_t queued = size() + bytes.size();
  const std::size_t room = queued >= BufferPool::kLarge / 4 ? BufferPool::kLarge
                           : queued > BufferPool::kTiny     ? BufferPool::kSmall
                                                            : BufferPool::kTiny;
  held_.append_copy(bytes, room, pool);
}

void SendBuffer::release(Offset una) {
  assert(una <= end());
  held_.drop_before(std::min(una, end()));
}

SendBuffer::Gathered SendBuffer::gather(Range wanted, std::span<Slice> out) const {
  Gathered got;
  held_.each(wanted, [&](const Slice& whole, std::size_t from, std::size_t octets) {
    if (got.slices == out.size()) return false;
    out[got.slices++] = whole.sub(from, octets);
    got.octets += octets;
    return true;
  });
  return got;
}

std::size_t SendBuffer::block_at(Offset at) const {
  std::size_t block = 0;
  held_.each({at, end()}, [&](const Slice& whole, std::size_t from, std::size_t octets) {
    if (from == 0 && whole.has_head()) block = octets;
    return false;
  });
  return block;
}

Slice SendBuffer::slice(Range wanted, BufferPool* pool) const {
  const Range held{std::max(wanted.begin, begin()), std::min(wanted.end, end())};
  Slice whole;
  if (held.empty() || gather(held, {&whole, 1}).octets == static_cast<std::size_t>(held.size())) {
    return whole;
  }
  Slice copy = Slice::allocate(static_cast<std::size_t>(held.size()), pool);
  copy.grow(copy_out(held, copy.tail_room()));
  return copy;
}

}  // namespace lastack::tcp
