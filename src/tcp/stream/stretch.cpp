#include "tcp/stream/stretch.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "base/copy.hpp"

namespace lastack::tcp {

namespace {

/// Neighbours that together hold no more than this share a block, if one of them is short.
constexpr std::size_t kJoin = BufferPool::kSmall / 2;

/// Holds less than a quarter of what it pins.
bool is_short(const Slice& slice) { return slice.size() * 4 < slice.pinned(); }

/// A copy of `bytes` in a new block that has room for `room` octets.
Slice copy_in(std::span<const std::byte> bytes, std::size_t room, BufferPool* pool) {
  Slice copy = Slice::allocate(room, pool);
  copy.extend(bytes);
  return copy;
}

bool belong_together(const Slice& a, const Slice& b) {
  return (is_short(a) || is_short(b)) && a.size() + b.size() <= kJoin;
}

}  // namespace

void Stretch::share(Slice slice, BufferPool* pool) {
  const auto octets = static_cast<Offset>(slice.size());
  pieces_.push_back({end_, std::move(slice)}, pool);
  end_ += octets;
}

void Stretch::append(Slice slice, BufferPool* pool) {
  if (slice.empty()) return;
  if (is_short(slice) || (!pieces_.empty() && belong_together(pieces_.back().slice, slice))) {
    return absorb(slice.bytes(), pool);
  }
  share(std::move(slice), pool);
}

void Stretch::append_copy(std::span<const std::byte> bytes, std::size_t room, BufferPool* pool) {
  if (!pieces_.empty() && !bytes.empty()) {
    const std::size_t octets = pieces_.back().slice.extend(bytes);
    bytes = bytes.subspan(octets);
    end_ += static_cast<Offset>(octets);
  }
  while (!bytes.empty()) {
    const std::size_t octets = std::min(bytes.size(), room);
    share(copy_in(bytes.first(octets), room, pool), pool);
    bytes = bytes.subspan(octets);
  }
}

/// Copies a short slice behind the end. Where it finds no room there, and both blocks would hold
/// little, both go into a new one: else so little in each would add up.
void Stretch::absorb(std::span<const std::byte> bytes, BufferPool* pool) {
  if (pieces_.empty()) {
    const bool tiny = bytes.size() <= BufferPool::kTiny;
    return append_copy(bytes, tiny ? BufferPool::kTiny : BufferPool::kSmall, pool);
  }
  Slice& last = pieces_.back().slice;
  if (last.tail_room().size() < bytes.size() && last.size() + bytes.size() <= kJoin) {
    last = copy_in(last.bytes(), BufferPool::kSmall, pool);
  }
  append_copy(bytes, BufferPool::kSmall, pool);
}

void Stretch::join(Stretch&& next, BufferPool* pool) {
  assert(next.begin_ == end_);
  if (next.empty()) return;
  if (empty()) {
    *this = std::exchange(next, Stretch(next.end_));
    return;
  }
  if (belong_together(pieces_.back().slice, next.pieces_.front().slice)) {
    absorb(next.take_front().bytes(), pool);
  }
  pieces_.append(std::move(next.pieces_));
  end_ = next.end_;
  next.begin_ = next.end_;
}

void Stretch::drop_before(Offset at) {
  if (at <= begin_) return;
  begin_ = at;
  if (at >= end_) {
    end_ = at;
    pieces_.clear();
    return;
  }
  while (pieces_.front().end() <= at) pieces_.pop_front();
}

Slice Stretch::take_front() {
  if (empty()) return {};
  Piece piece = pieces_.pop_front();
  const auto gone = static_cast<std::size_t>(begin_ - piece.begin);
  begin_ = piece.end();
  piece.slice.drop_front(gone);
  return std::move(piece.slice);
}

std::size_t Stretch::copy_out(Range wanted, std::span<std::byte> to) const {
  const std::size_t room = to.size();
  each(wanted, [&](const Slice& whole, std::size_t from, std::size_t octets) {
    octets = std::min(octets, to.size());
    if (octets == 0) return false;
    copy_octets(whole.bytes().subspan(from, octets), to);
    to = to.subspan(octets);
    return true;
  });
  return room - to.size();
}

bool operator==(const Stretch& a, const Stretch& b) {
  if (a.range() != b.range()) return false;
  Offset at = a.begin_;
  bool same = true;
  a.each(a.range(), [&](const Slice& mine, std::size_t from, std::size_t octets) {
    const std::byte* bytes = mine.data() + from;
    b.each({at, at + static_cast<Offset>(octets)},
           [&](const Slice& theirs, std::size_t their_from, std::size_t part) {
             const std::byte* const others = theirs.data() + their_from;
             same = bytes == others || std::memcmp(bytes, others, part) == 0;
             bytes += part;
             return same;
           });
    at += static_cast<Offset>(octets);
    return same;
  });
  return same;
}

}  // namespace lastack::tcp
