#include "tcp/stream/receive_buffer.hpp"

#include <algorithm>
#include <utility>

namespace lastack::tcp {

namespace {

/// The part of `data`, whose first octet lies at `at`, that lies in [begin, end).
Slice part(const Slice& data, Offset at, Offset begin, Offset end) {
  return begin >= end ? Slice{}
                      : data.sub(static_cast<std::size_t>(begin - at),
                                 static_cast<std::size_t>(end - begin));
}

}  // namespace

bool ReceiveBuffer::insert(Offset at, Slice data, BufferPool* pool) {
  const Offset known = ready_.end() - at;
  if (known > 0) {
    data.drop_front(static_cast<std::size_t>(known));
    at = ready_.end();
  }
  if (data.empty()) return true;
  if (ahead_ || at > ready_.end()) return insert_ahead(at, std::move(data), pool);
  ready_.append(std::move(data), pool);
  return true;
}

/// Puts `data` into the gaps between the stretches, and joins those that now touch.
bool ReceiveBuffer::insert_ahead(Offset at, Slice data, BufferPool* pool) {
  const Offset end = at + static_cast<Offset>(data.size());
  auto& ahead = ahead_.ensure();
  // The stretches that the new octets touch: [first, last).
  auto first = std::ranges::lower_bound(ahead, at, {}, &Stretch::end);
  auto last = std::upper_bound(first, ahead.end(), end,
                               [](Offset o, const Stretch& s) { return o < s.begin(); });
  const bool in_order = at == ready_.end();
  if (!in_order && first == last) {
    if (ahead.size() == kMostAhead) return false;
    Stretch& fresh = *ahead.emplace(first, at);
    fresh.append(std::move(data), pool);
    return true;
  }
  // One stretch grows to the right: over a gap, over the next stretch, over a gap...
  Stretch grown = in_order ? std::exchange(ready_, {}) : Stretch(at);
  for (auto next = first; next != last; ++next) {
    grown.append(part(data, at, grown.end(), next->begin()), pool);
    if (grown.empty()) grown = Stretch(next->begin());
    grown.join(std::move(*next), pool);
  }
  grown.append(part(data, at, grown.end(), end), pool);
  if (in_order) {
    ready_ = std::move(grown);
    ahead.erase(first, last);
    if (ahead.empty()) ahead_.reset();
  } else {
    *first = std::move(grown);
    ahead.erase(first + 1, last);
  }
  return true;
}

std::size_t ReceiveBuffer::held_ahead() const {
  std::size_t sum = 0;
  for (const Stretch& stretch : ahead()) sum += stretch.size();
  return sum;
}

std::size_t ReceiveBuffer::read(std::span<std::byte> to) {
  const std::size_t octets = peek(to);
  return discard(octets);
}

std::size_t ReceiveBuffer::peek(std::span<std::byte> to, std::size_t skip) const {
  const auto skipped = static_cast<Offset>(std::min(skip, ready_.size()));
  return ready_.copy_out({ready_.begin() + skipped, ready_.end()}, to);
}

std::size_t ReceiveBuffer::lend(std::span<std::span<const std::byte>> to) const {
  std::size_t pieces = 0;
  ready_.each(ready_.range(), [&](const Slice& whole, std::size_t from, std::size_t octets) {
    if (pieces == to.size()) return false;
    to[pieces++] = whole.bytes().subspan(from, octets);
    return true;
  });
  return pieces;
}

std::size_t ReceiveBuffer::discard(std::size_t octets) {
  octets = std::min(octets, ready_.size());
  ready_.drop_before(ready_.begin() + static_cast<Offset>(octets));
  return octets;
}

void ReceiveBuffer::skip_to(Offset at, BufferPool* pool) {
  ready_.drop_before(at);
  if (ahead_) catch_up(pool);
}

void ReceiveBuffer::move_to(BufferPool& pool) {
  ready_.move_to(pool);
  if (!ahead_) return;
  for (Stretch& stretch : *ahead_) stretch.move_to(pool);
}

/// After the in-order end has jumped: lets go of what it has passed, and reads on through what it
/// has reached.
void ReceiveBuffer::catch_up(BufferPool* pool) {
  auto& ahead = *ahead_;
  const auto passed = std::ranges::lower_bound(ahead, ready_.end(), {}, &Stretch::end);
  ahead.erase(ahead.begin(), passed);
  if (!ahead.empty() && ahead.front().begin() <= ready_.end()) {
    ahead.front().drop_before(ready_.end());
    ready_.join(std::move(ahead.front()), pool);
    ahead.erase(ahead.begin());
  }
  if (ahead.empty()) ahead_.reset();
}

}  // namespace lastack::tcp
