// Counted buffers of octets, and slices of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

namespace lastack {

class BufferPool;

/// A block of octets that slices share. Counted without atomics: a host and all it holds belong to
/// one thread (DESIGN: share-nothing), and so does every slice of it.
struct Block {
  std::uint32_t references = 1;
  std::uint32_t capacity = 0;
  std::uint32_t filled = 0;  ///< octets written so far; what lies behind belongs to nobody yet
  BufferPool* home = nullptr;

  [[nodiscard]] std::byte* data() { return static_cast<std::byte*>(static_cast<void*>(this + 1)); }
};

/// Octets [begin, begin + size) of a block; copying it copies no octet.
class Slice {
 public:
  Slice() = default;
  /// Takes over one reference to `block`.
  Slice(Block* block, std::uint32_t begin, std::uint32_t size)
      : block_(block), begin_(begin), size_(size) {}
  Slice(const Slice& other) : block_(other.block_), begin_(other.begin_), size_(other.size_) {
    if (block_ != nullptr) ++block_->references;
  }
  Slice(Slice&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        begin_(other.begin_),
        size_(std::exchange(other.size_, 0)) {}
  Slice& operator=(Slice other) noexcept {
    std::swap(block_, other.block_);
    begin_ = other.begin_;
    size_ = other.size_;
    return *this;
  }
  ~Slice();

  [[nodiscard]] std::span<const std::byte> bytes() const {
    if (block_ == nullptr) return {};
    return {block_->data() + begin_, size_};
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// Octets that this slice keeps in memory, its own and its neighbours'.
  [[nodiscard]] std::size_t pinned() const { return block_ != nullptr ? block_->capacity : 0; }

  /// Octets [from, from + size); both within the slice.
  [[nodiscard]] Slice sub(std::size_t from, std::size_t size) const {
    Slice part = *this;
    part.begin_ += static_cast<std::uint32_t>(from);
    part.size_ = static_cast<std::uint32_t>(size);
    return part;
  }
  /// Lets go of the first `octets`.
  void drop_front(std::size_t octets) {
    begin_ += static_cast<std::uint32_t>(octets);
    size_ -= static_cast<std::uint32_t>(octets);
  }
  void drop_back(std::size_t octets) { size_ -= static_cast<std::uint32_t>(octets); }

  /// Room to write behind this slice: there is some only where nobody has written there yet.
  [[nodiscard]] std::span<std::byte> tail_room() const {
    if (block_ == nullptr || block_->filled != begin_ + size_) return {};
    return {block_->data() + block_->filled, block_->capacity - block_->filled};
  }
  /// Takes `octets` of tail_room(), now written, into the slice. Copies of this slice stay as they
  /// are, and find no room behind them any more.
  void grow(std::size_t octets) {
    block_->filled += static_cast<std::uint32_t>(octets);
    size_ += static_cast<std::uint32_t>(octets);
  }

  /// A block of at least `capacity` octets, empty; from `pool` where one is given.
  [[nodiscard]] static Slice allocate(std::size_t capacity, BufferPool* pool = nullptr);
  /// A copy of `octets` in a block of its own.
  [[nodiscard]] static Slice copy_of(std::span<const std::byte> octets, BufferPool* pool = nullptr);

 private:
  Block* block_ = nullptr;
  std::uint32_t begin_ = 0;
  std::uint32_t size_ = 0;
};

static_assert(sizeof(Slice) == 16);

/// Blocks given back are kept for the next one who asks, so that a steady flow allocates nothing.
/// The pool must outlive every slice that came from it; a host owns one and dies after its buffers.
class BufferPool {
 public:
  BufferPool() = default;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  /// Blocks handed out and not given back: 0 when nothing is held.
  [[nodiscard]] std::size_t in_use() const { return in_use_; }
  /// Blocks that were allocated in all; stays as it is in a steady flow.
  [[nodiscard]] std::size_t allocated() const { return allocated_; }

 private:
  friend class Slice;
  static constexpr std::uint32_t kSizes[] = {2048 - sizeof(Block), 65536 + 256};
  static constexpr std::size_t kClasses = 2;
  static constexpr std::size_t kMostKept = 4096;

  Block* take(std::size_t capacity);
  void give_back(Block* block);

  struct FreeList {
    Block* first = nullptr;  ///< linked through the octets of the blocks
    std::size_t count = 0;
  };
  FreeList free_[kClasses];
  std::size_t in_use_ = 0;
  std::size_t allocated_ = 0;
};

}  // namespace lastack
