#include "tcp/stream/send_buffer.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace lastack::tcp {
namespace {

constexpr std::size_t kLargeBlock = 65536;
constexpr std::size_t kSmallBlock = 1536;  // fits the pool's smaller class

}  // namespace

void SendBuffer::append(std::span<const std::byte> octets, BufferPool* pool) {
  while (!octets.empty()) {
    std::span<std::byte> room =
        queue_.empty() ? std::span<std::byte>{} : queue_.back().slice.tail_room();
    if (room.empty()) {
      const std::size_t wanted = octets.size() > kSmallBlock ? kLargeBlock : kSmallBlock;
      queue_.push({end_, Slice::allocate(wanted, pool)});
      room = queue_.back().slice.tail_room();
    }
    const std::size_t n = std::min(room.size(), octets.size());
    std::memcpy(room.data(), octets.data(), n);
    queue_.back().slice.grow(n);
    end_ += static_cast<Offset>(n);
    octets = octets.subspan(n);
  }
}

void SendBuffer::append(Slice slice) {
  if (slice.empty()) return;
  const auto size = static_cast<Offset>(slice.size());
  queue_.push({end_, std::move(slice)});
  end_ += size;
}

void SendBuffer::release(Offset una) {
  begin_ = std::clamp(una, begin_, end_);
  queue_.drop_before(begin_);
}

bool operator==(const SendBuffer& a, const SendBuffer& b) {
  if (a.begin_ != b.begin_ || a.end_ != b.end_) return false;
  const auto flat = [](const SendBuffer& s) {
    std::vector<std::byte> all;
    s.gather({s.begin_, s.end_}, [&all](const Slice& part) {
      all.insert(all.end(), part.bytes().begin(), part.bytes().end());
    });
    return all;
  };
  return flat(a) == flat(b);
}

}  // namespace lastack::tcp
