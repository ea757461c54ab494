#include "tcp/stream/receive_buffer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace lastack::tcp {
namespace {

constexpr std::size_t kWaste = 4;  // a slice may keep this many times its own size in memory
constexpr std::size_t kJoined = 1536;

/// Whether `slice` is too small a part of its block to keep that.
bool wasteful(const Slice& slice) { return slice.size() * kWaste < slice.pinned(); }

/// Copies as much of `octets` behind `slice` as its block has room for; octets copied.
std::size_t copy_behind(Slice& slice, std::span<const std::byte> octets) {
  const auto room = slice.tail_room();
  const std::size_t n = std::min(room.size(), octets.size());
  if (n == 0) return 0;
  std::memcpy(room.data(), octets.data(), n);
  slice.grow(n);
  return n;
}

/// Both one behind the other, in a block that has just their size.
Slice joined(const Slice& first, const Slice& second) {
  Slice both = Slice::allocate(first.size() + second.size());
  copy_behind(both, first.bytes());
  copy_behind(both, second.bytes());
  return both;
}

}  // namespace

void ReceiveBuffer::insert(Offset at, Slice slice, BufferPool* pool) {
  const Offset stop = at + static_cast<Offset>(slice.size());
  Offset from = std::max(at, end_);
  if (from >= stop) return;
  if (!waiting_ && from == end_) {  // the common case: nothing waits, and this comes next
    slice.drop_front(static_cast<std::size_t>(from - at));
    push_in_order(std::move(slice), pool);
    return;
  }
  Waiting& waiting = waiting_.ensure();
  auto i = static_cast<std::size_t>(
      std::ranges::upper_bound(waiting, from, std::less<>{}, &Piece::end) - waiting.begin());
  while (from < stop) {  // each gap between what is here already gets its part
    if (i < waiting.size() && waiting[i].at <= from) {
      from = waiting[i++].end();
      continue;
    }
    const Offset end = i < waiting.size() ? std::min(stop, waiting[i].at) : stop;
    Slice part =
        slice.sub(static_cast<std::size_t>(from - at), static_cast<std::size_t>(end - from));
    if (from == end_) {
      push_in_order(std::move(part), pool);
    } else {
      i = put_waiting(waiting, i, {from, std::move(part)});
    }
    from = end;
  }
  take_waiting(pool);
}

/// Puts `piece` in front of waiting[i]; small pieces are joined with a neighbour they touch. The
/// index of the piece to go on with: the one behind, or the one it was joined to.
std::size_t ReceiveBuffer::put_waiting(Waiting& waiting, std::size_t i, Piece piece) {
  if (wasteful(piece.slice)) {
    Piece* const before = i > 0 && waiting[i - 1].end() == piece.at ? &waiting[i - 1] : nullptr;
    if (before != nullptr) {
      const std::size_t n = copy_behind(before->slice, piece.slice.bytes());
      piece.slice.drop_front(n);
      piece.at += static_cast<Offset>(n);
      if (piece.slice.empty()) return i;
    }
    Piece* const behind =
        i < waiting.size() && waiting[i].at == piece.end() ? &waiting[i] : nullptr;
    if (behind != nullptr && behind->slice.size() + piece.slice.size() <= kJoined) {
      *behind = {piece.at, joined(piece.slice, behind->slice)};
      return i;
    }
    piece.slice = Slice::copy_of(piece.slice.bytes());
  }
  waiting.insert(waiting.begin() + static_cast<std::ptrdiff_t>(i), std::move(piece));
  return i + 1;
}

/// What waited and is next in order now moves over.
void ReceiveBuffer::take_waiting(BufferPool* pool) {
  auto next = waiting_->begin();
  for (; next != waiting_->end() && next->at == end_; ++next) {
    push_in_order(std::move(next->slice), pool);
  }
  waiting_->erase(waiting_->begin(), next);
  if (waiting_->empty()) waiting_.reset();
}

void ReceiveBuffer::push_in_order(Slice slice, BufferPool* pool) {
  const auto size = static_cast<Offset>(slice.size());
  if (!wasteful(slice)) {
    queue_.push({end_, std::move(slice)});
    end_ += size;
    return;
  }
  auto octets = slice.bytes();
  while (!octets.empty()) {
    std::size_t n = queue_.empty() ? 0 : copy_behind(queue_.back().slice, octets);
    if (n == 0) {
      queue_.push({end_, Slice::allocate(kJoined, pool)});
      n = copy_behind(queue_.back().slice, octets);
    }
    end_ += static_cast<Offset>(n);
    octets = octets.subspan(n);
  }
}

std::size_t ReceiveBuffer::read(std::span<std::byte> into) {
  const std::size_t n = peek(into);
  discard(n);
  return n;
}

std::size_t ReceiveBuffer::peek(std::span<std::byte> into) const {
  const auto n =
      static_cast<std::size_t>(std::min<Offset>(end_ - read_, static_cast<Offset>(into.size())));
  std::size_t at = 0;
  queue_.each({read_, read_ + static_cast<Offset>(n)}, [&](const Slice& part) {
    std::memcpy(into.data() + at, part.bytes().data(), part.size());
    at += part.size();
  });
  return n;
}

Slice ReceiveBuffer::take() {
  if (queue_.empty()) return {};
  Slice slice = std::move(queue_.front().slice);
  read_ += static_cast<Offset>(slice.size());
  queue_.pop_front();
  return slice;
}

std::size_t ReceiveBuffer::discard(std::size_t octets) {
  const Offset edge = std::min(read_ + static_cast<Offset>(octets), end_);
  const auto n = static_cast<std::size_t>(edge - read_);
  read_ = edge;
  queue_.drop_before(edge);
  return n;
}

void ReceiveBuffer::skip_to(Offset edge) {
  if (edge <= read_) return;
  read_ = edge;
  queue_.drop_before(edge);
  if (edge <= end_) return;
  end_ = edge;
  if (!waiting_) return;
  std::erase_if(*waiting_, [edge](const Piece& piece) { return piece.end() <= edge; });
  if (!waiting_->empty() && waiting_->front().at < edge) {
    Piece& first = waiting_->front();
    first.slice.drop_front(static_cast<std::size_t>(edge - first.at));
    first.at = edge;
  }
  if (waiting_->empty()) {
    waiting_.reset();
  } else {
    take_waiting(nullptr);
  }
}

std::size_t ReceiveBuffer::held() const {
  std::size_t sum = static_cast<std::size_t>(end_ - read_);
  if (waiting_) {
    for (const Piece& piece : *waiting_) sum += piece.slice.size();
  }
  return sum;
}

std::size_t ReceiveBuffer::pinned() const {
  std::size_t sum = 0;
  for (const Piece& piece : queue_.pieces()) sum += piece.slice.pinned();
  if (waiting_) {
    for (const Piece& piece : *waiting_) sum += piece.slice.pinned();
  }
  return sum;
}

std::vector<std::byte> ReceiveBuffer::content() const {
  std::vector<std::byte> all;
  const auto add = [&all](const Piece& piece) {
    const auto octets = piece.slice.bytes();
    all.insert(all.end(), octets.begin(), octets.end());
  };
  for (const Piece& piece : queue_.pieces()) add(piece);
  if (waiting_) std::ranges::for_each(*waiting_, add);
  return all;
}

bool operator==(const ReceiveBuffer& a, const ReceiveBuffer& b) {
  if (a.read_ != b.read_ || a.end_ != b.end_ || bool(a.waiting_) != bool(b.waiting_)) return false;
  return a.held() == b.held() && a.content() == b.content();
}

}  // namespace lastack::tcp
