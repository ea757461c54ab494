// Slices in stream order, in as little as one pointer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/buffer.hpp"
#include "base/sequence.hpp"

namespace lastack::tcp {

/// A slice and where in the stream it lies.
struct Piece {
  Offset begin = 0;
  Slice slice;

  [[nodiscard]] Offset end() const { return begin + static_cast<Offset>(slice.size()); }
};

/// A queue of touching pieces. It is a ring of chunks that come from the same pool as
/// the payload: empty it holds no memory, in a steady flow it allocates nothing, and two queues are
/// joined without moving their pieces. Copying copies the pieces, not the octets.
class SliceQueue {
  struct Chunk;

 public:
  /// Points at a piece, or nowhere (false). Good until the queue changes.
  class Cursor {
   public:
    Cursor() = default;
    [[nodiscard]] explicit operator bool() const { return chunk_ != nullptr; }
    const Piece& operator*() const;
    const Piece* operator->() const { return &**this; }
    /// On to the next piece; nowhere after the last.
    Cursor& operator++();

   private:
    friend class SliceQueue;
    Cursor(const SliceQueue* queue, Chunk* chunk, std::uint32_t index)
        : queue_(queue), chunk_(chunk), index_(index) {}
    const SliceQueue* queue_ = nullptr;
    Chunk* chunk_ = nullptr;
    std::uint32_t index_ = 0;
  };

  SliceQueue() = default;
  SliceQueue(const SliceQueue& other);
  SliceQueue(SliceQueue&& other) noexcept : head_(std::exchange(other.head_, nullptr)) {}
  SliceQueue& operator=(SliceQueue other) noexcept {
    std::swap(head_, other.head_);
    return *this;
  }
  ~SliceQueue() { clear(); }

  [[nodiscard]] bool empty() const { return head_ == nullptr; }
  [[nodiscard]] Piece& front();
  [[nodiscard]] Piece& back();
  [[nodiscard]] const Piece& back() const { return const_cast<SliceQueue*>(this)->back(); }

  void push_back(Piece piece, BufferPool* pool);
  Piece pop_front();
  void drop_front();
  /// Puts all of `other` behind the last piece: constant time.
  void append(SliceQueue&& other);
  void clear();

  [[nodiscard]] Cursor begin() const;
  /// The piece that holds the octet at `at`, which must lie in the queue. Searched from the nearer
  /// end, so both ends are found at once however long the queue is.
  [[nodiscard]] Cursor find(Offset at) const;

 private:
  [[nodiscard]] Chunk* tail() const;
  Chunk* add_chunk(PoolCore* pool);
  void remove(Chunk* chunk);

  Chunk* head_ = nullptr;
};

}  // namespace lastack::tcp
