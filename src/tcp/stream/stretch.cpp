#include "tcp/stream/stretch.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <memory>
#include <utility>

#include "base/copy.hpp"

namespace lastack::tcp {

namespace {

/// Neighbours that together hold no more than this share a block, if one of them is short.
constexpr std::size_t kJoin = BufferPool::kSmall / 2;

/// Holds less than a quarter of what it pins.
bool is_short(std::size_t size, std::size_t pinned) { return size * 4 < pinned; }

/// A copy of `bytes` in a new block that has room for `room` octets.
Slice copy_in(std::span<const std::byte> bytes, std::size_t room, BufferPool* pool) {
  Slice copy = Slice::allocate(room, pool);
  copy.extend(bytes);
  return copy;
}

}  // namespace

// --- one piece, or many

Stretch::Stretch(const Stretch& other)
    : begin_(other.begin_), size_(other.size_), at_(other.at_), one_(nullptr) {
  if (is_many()) {
    std::construct_at(&many_, other.many_);
  } else if (other.one_ != nullptr) {
    one_ = other.one_;
    ++one_->references;
  }
}

Stretch::Stretch(Stretch&& other) noexcept
    : begin_(other.begin_), size_(other.size_), at_(other.at_), one_(nullptr) {
  if (is_many()) {
    std::construct_at(&many_, std::move(other.many_));
  } else {
    one_ = std::exchange(other.one_, nullptr);
  }
  other.let_go();
}

Stretch& Stretch::operator=(Stretch other) noexcept {
  std::destroy_at(this);
  return *std::construct_at(this, std::move(other));
}

/// Holds nothing from now on; it begins where it did.
void Stretch::let_go() {
  if (is_many()) {
    std::destroy_at(&many_);
  } else if (one_ != nullptr && --one_->references == 0) {
    recycle(one_);
  }
  one_ = nullptr;
  size_ = at_ = 0;
}

void Stretch::be_one(Slice slice) {
  const Slice::Parts parts = std::move(slice).take_apart();
  one_ = parts.block;
  at_ = parts.begin;
  size_ = parts.length;
}

void Stretch::be_many(BufferPool* pool) {
  if (is_many()) return;
  Slice only = Slice::put_together({one_, at_, size_});
  std::construct_at(&many_);
  many_.push_back({begin_, std::move(only)}, pool);
  at_ = kMany;
}

Stretch::End Stretch::last() const {
  if (!is_many()) return {size_, one_->capacity};
  const Slice& slice = many_.back().slice;
  return {slice.size(), slice.pinned()};
}

bool Stretch::ends_short() const {
  if (empty()) return true;
  const End end = last();
  return is_short(end.size, end.pinned);
}

Stretch::End Stretch::first() const {
  if (!is_many()) return {size_, one_->capacity};
  const Slice& slice = many_.begin()->slice;
  return {slice.size(), slice.pinned()};
}

/// Lets `use` lengthen the last slice, or put another with the same octets in its place; it returns
/// by how much the slice has grown.
template <typename Use>
std::size_t Stretch::grow_last(Use&& use) {
  if (is_many()) {
    const std::size_t octets = use(many_.back().slice);
    size_ += static_cast<std::uint32_t>(octets);
    return octets;
  }
  Slice only = Slice::put_together({one_, at_, size_});
  const std::size_t octets = use(only);
  be_one(std::move(only));
  return octets;
}

// --- octets come

void Stretch::share(Slice slice, BufferPool* pool) {
  assert(slice.size() <= UINT32_MAX - size_);
  if (empty()) return be_one(std::move(slice));
  be_many(pool);
  const auto octets = static_cast<std::uint32_t>(slice.size());
  many_.push_back({end(), std::move(slice)}, pool);
  size_ += octets;
}

/// A short slice that comes alone stays where it is, if its block is as small as one for a copy of
/// it would be.
void Stretch::append(Slice slice, BufferPool* pool) {
  if (slice.empty()) return;
  const bool short_one = is_short(slice.size(), slice.pinned());
  bool copied = short_one && slice.pinned() > BufferPool::kTiny;
  if (!empty()) {
    const End before = last();
    copied = (short_one || is_short(before.size, before.pinned)) &&
             (short_one || before.size + slice.size() <= kJoin);
  }
  if (copied) return absorb(slice.bytes(), pool);
  share(std::move(slice), pool);
}

/// Those that fill their blocks, between others that do, need but a place in the queue.
[[gnu::noinline]] void Stretch::append_all(std::span<const Slice> slices, std::size_t from,
                                           BufferPool* pool) {
  bool may_join = ends_short();
  for (const Slice& whole : slices) {
    const std::size_t octets = whole.size() - from;
    const bool short_one = is_short(octets, whole.pinned());
    if (is_many() && !short_one && !may_join) {
      many_.push_back({end(), whole.sub(from, octets)}, pool);
      size_ += static_cast<std::uint32_t>(octets);
    } else {
      append(whole.sub(from, octets), pool);
      may_join = ends_short();
    }
  }
}

void Stretch::append_copy(std::span<const std::byte> bytes, std::size_t room, BufferPool* pool) {
  if (!empty() && !bytes.empty()) {
    bytes = bytes.subspan(grow_last([bytes](Slice& last) { return last.extend(bytes); }));
  }
  while (!bytes.empty()) {
    const std::size_t octets = std::min(bytes.size(), room);
    share(copy_in(bytes.first(octets), room, pool), pool);
    bytes = bytes.subspan(octets);
  }
}

void Stretch::move_to(BufferPool& pool) {
  Stretch moved(begin_);
  each(range(), [&](const Slice& whole, std::size_t from, std::size_t octets) {
    const std::size_t room = octets > BufferPool::kTiny ? BufferPool::kSmall : BufferPool::kTiny;
    moved.append_copy(whole.bytes().subspan(from, octets), room, &pool);
    return true;
  });
  *this = std::move(moved);
}

/// Copies a short slice behind the end. Where it finds no room there, and both blocks would hold
/// little, both go into a new one: else so little in each would add up.
void Stretch::absorb(std::span<const std::byte> bytes, BufferPool* pool) {
  if (empty()) {
    const bool tiny = bytes.size() <= BufferPool::kTiny;
    return append_copy(bytes, tiny ? BufferPool::kTiny : BufferPool::kSmall, pool);
  }
  grow_last([&](Slice& last) {
    if (last.tail_room().size() < bytes.size() && last.size() + bytes.size() <= kJoin) {
      last = copy_in(last.bytes(), BufferPool::kSmall, pool);
    }
    return std::size_t{0};
  });
  append_copy(bytes, BufferPool::kSmall, pool);
}

void Stretch::join(Stretch&& next, BufferPool* pool) {
  assert(next.begin_ == end());
  if (next.empty()) return;
  if (empty()) {
    *this = std::exchange(next, Stretch(next.end()));
    return;
  }
  const End before = last();
  const End after = next.first();
  const bool short_one = is_short(before.size, before.pinned) || is_short(after.size, after.pinned);
  if (short_one && before.size + after.size <= kJoin) absorb(next.take_front().bytes(), pool);
  if (!next.is_many()) {
    if (!next.empty()) share(next.take_front(), pool);
    return;
  }
  be_many(pool);
  many_.append(std::move(next.many_));
  size_ += next.size_;
  next = Stretch(next.end());
}

// --- octets go

void Stretch::drop_before(Offset at) {
  if (at <= begin_) return;
  const Offset end = this->end();
  begin_ = at;
  if (at >= end) return let_go();
  if (is_many()) {
    while (many_.front().end() <= at) many_.drop_front();
  } else {
    at_ += size_ - static_cast<std::uint32_t>(end - at);
  }
  size_ = static_cast<std::uint32_t>(end - at);
}

Slice Stretch::take_front() {
  const Offset end = this->end();
  if (!is_many()) {
    Slice only = Slice::put_together({std::exchange(one_, nullptr), at_, size_});
    begin_ = end;
    size_ = at_ = 0;
    return only;
  }
  Piece piece = many_.pop_front();
  const auto gone = static_cast<std::size_t>(begin_ - piece.begin);
  begin_ = piece.end();
  size_ = static_cast<std::uint32_t>(end - begin_);
  if (empty()) let_go();
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
