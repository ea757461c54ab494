#include "tcp/stream/slice_queue.hpp"

#include <algorithm>
#include <cassert>
#include <memory>
#include <new>

namespace lastack::tcp {

/// Lies in the payload area of a block; its pieces [first, last) follow. In a ring, head_ first.
struct SliceQueue::Chunk {
  Chunk* next = nullptr;
  Chunk* previous = nullptr;
  Block* block = nullptr;
  std::uint32_t first = 0;
  std::uint32_t last = 0;

  [[nodiscard]] Piece* pieces() { return static_cast<Piece*>(static_cast<void*>(this + 1)); }
  [[nodiscard]] std::uint32_t count() const { return last - first; }
  [[nodiscard]] std::uint32_t room() const {
    return static_cast<std::uint32_t>((block->capacity - sizeof(Chunk)) / sizeof(Piece)) - last;
  }
};

const Piece& SliceQueue::Cursor::operator*() const { return chunk_->pieces()[index_]; }

SliceQueue::Cursor& SliceQueue::Cursor::operator++() {
  if (++index_ < chunk_->last) return *this;
  chunk_ = chunk_->next == queue_->head_ ? nullptr : chunk_->next;
  index_ = chunk_ == nullptr ? 0 : chunk_->first;
  return *this;
}

SliceQueue::SliceQueue(const SliceQueue& other) {
  for (Cursor it = other.begin(); it; ++it) {
    if (empty() || tail()->room() == 0) add_chunk(it.chunk_->block->home);
    new (tail()->pieces() + tail()->last++) Piece(*it);
  }
}

Piece& SliceQueue::front() { return head_->pieces()[head_->first]; }
Piece& SliceQueue::back() { return tail()->pieces()[tail()->last - 1]; }
SliceQueue::Chunk* SliceQueue::tail() const { return head_->previous; }

void SliceQueue::push_back(Piece piece, BufferPool* pool) {
  Chunk* const chunk = empty() || tail()->room() == 0 ? add_chunk(core_of(pool)) : tail();
  new (chunk->pieces() + chunk->last++) Piece(std::move(piece));
}

Piece SliceQueue::pop_front() {
  Piece taken = std::move(front());
  drop_front();
  return taken;
}

void SliceQueue::drop_front() {
  std::destroy_at(&front());
  ++head_->first;
  if (head_->count() == 0) remove(head_);
}

void SliceQueue::append(SliceQueue&& other) {
  if (other.empty()) return;
  if (empty()) {
    std::swap(head_, other.head_);
    return;
  }
  Chunk* const moved = other.head_;
  // Chunks that are nearly empty must not become many: what fits into our last one goes there.
  if (moved->count() <= tail()->room()) {
    std::uninitialized_move_n(moved->pieces() + moved->first, moved->count(),
                              tail()->pieces() + tail()->last);
    tail()->last += moved->count();
    std::destroy_n(moved->pieces() + moved->first, moved->count());
    moved->last = moved->first;
    other.remove(moved);
    if (other.empty()) return;
  }
  Chunk* const other_tail = other.tail();
  tail()->next = other.head_;
  other.head_->previous = tail();
  other_tail->next = head_;
  head_->previous = other_tail;
  other.head_ = nullptr;
}

void SliceQueue::clear() {
  while (!empty()) {
    std::destroy_n(head_->pieces() + head_->first, head_->count());
    remove(head_);
  }
}

SliceQueue::Cursor SliceQueue::begin() const {
  return empty() ? Cursor{} : Cursor{this, head_, head_->first};
}

SliceQueue::Cursor SliceQueue::find(Offset at) const {
  assert(!empty());
  if (at < head_->pieces()[head_->first].end()) return {this, head_, head_->first};
  const Offset from_front = at - head_->pieces()[head_->first].begin;
  const Offset from_back = back().end() - at;
  Chunk* chunk = head_;
  if (from_front <= from_back) {
    while (chunk->next != head_ && chunk->next->pieces()[chunk->next->first].begin <= at) {
      chunk = chunk->next;
    }
  } else {
    chunk = tail();
    while (chunk->pieces()[chunk->first].begin > at) chunk = chunk->previous;
  }
  const Piece* const first = chunk->pieces() + chunk->first;
  const Piece* const after = std::upper_bound(first, first + chunk->count(), at,
                                              [](Offset o, const Piece& p) { return o < p.begin; });
  return {this, chunk, chunk->first + static_cast<std::uint32_t>(after - first) - 1};
}

/// The first chunk is small: most queues never hold more than a few pieces.
SliceQueue::Chunk* SliceQueue::add_chunk(PoolCore* pool) {
  Block* const block = allocate_block(empty() ? BufferPool::kTiny : BufferPool::kSmall, pool);
  auto* const chunk = new (block->data) Chunk;
  chunk->block = block;
  if (empty()) head_ = chunk->next = chunk->previous = chunk;
  chunk->previous = tail();
  chunk->next = head_;
  tail()->next = chunk;
  head_->previous = chunk;
  return chunk;
}

void SliceQueue::remove(Chunk* chunk) {
  chunk->previous->next = chunk->next;
  chunk->next->previous = chunk->previous;
  if (head_ == chunk) head_ = chunk->next == chunk ? nullptr : chunk->next;
  recycle(chunk->block);
}

}  // namespace lastack::tcp
