// Octets of payload that many may hold and nobody copies: counted blocks, and slices of them.
//
// A block is filled once, at its end, and never changed where it is filled. So slices of it can be
// shared freely, and a copied buffer sees what it saw. Counts are not atomic: a host is one
// thread's, shares nothing, and octets that go to another thread are copied.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

namespace lastack {

struct PoolCore;

/// The head of a block; its payload area follows, or lies elsewhere where storage was adopted.
/// Made and given back by the functions below; everyone else holds a Slice.
struct Block {
  std::uint32_t references = 1;
  std::uint32_t capacity = 0;  ///< octets of the payload area
  /// Octets [0, filled) are spoken for. Who holds a slice that ends here may write behind it; by
  /// moving the mark it takes the room from all others who end here.
  std::uint32_t filled = 0;
  bool adopted = false;
  std::uint8_t size_class = 0;  ///< which of a pool's sizes, where it has a home
  std::uint16_t head = 0;       ///< octets in front that no slice holds: room for a header
  std::byte* data = nullptr;
  PoolCore* home = nullptr;  ///< where it goes back to; null for the heap
};

/// A block of at least `octets`, with one reference. Out of memory ends the program: as everywhere
/// here, there are no exceptions to say it with.
[[nodiscard]] Block* allocate_block(std::size_t octets, PoolCore* home);
/// Gives back a block whose last reference is gone.
void recycle(Block* block) noexcept;

/// Blocks in three sizes that are kept for the next one who needs them, so that a steady flow
/// allocates nothing. One belongs to each host and is passed to whoever needs blocks. Blocks may
/// outlive it: those still held when it goes are freed one by one as they are let go of.
class BufferPool {
 public:
  // Payload octets of the sizes; with its head the block is 256, 2048 or 66048 octets long. The
  // largest holds a 64 KiB IP packet and what a link puts before it.
  static constexpr std::size_t kTiny = 256 - sizeof(Block);
  static constexpr std::size_t kSmall = 2048 - sizeof(Block);
  static constexpr std::size_t kLarge = 65536 + 512 - sizeof(Block);

  /// Keeps at most `keep` octets of unused blocks; what is more goes back to the heap.
  explicit BufferPool(std::size_t keep = std::size_t{64} << 20U);
  /// An empty one that keeps as much.
  BufferPool(const BufferPool& other);
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  /// Blocks handed out and not given back: 0 when nothing is held.
  [[nodiscard]] std::size_t in_use() const;
  /// The octets of those blocks, their heads included: all the memory that is held.
  [[nodiscard]] std::size_t octets_in_use() const;
  /// Blocks that came from the heap, ever; stays as it is in a steady flow.
  [[nodiscard]] std::uint64_t allocated() const;
  [[nodiscard]] PoolCore* core() const { return core_; }

 private:
  PoolCore* core_;
};

[[nodiscard]] inline PoolCore* core_of(const BufferPool* pool) {
  return pool == nullptr ? nullptr : pool->core();
}

/// Some octets of a block, kept alive by being held. Cheap to copy. At most 4 GiB - 1.
class Slice {
 public:
  Slice() = default;
  Slice(const Slice& other) : block_(other.block_), begin_(other.begin_), length_(other.length_) {
    if (block_ != nullptr) ++block_->references;
  }
  Slice(Slice&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        begin_(std::exchange(other.begin_, 0)),
        length_(std::exchange(other.length_, 0)) {}
  Slice& operator=(Slice other) noexcept {
    swap(other);
    return *this;
  }
  ~Slice() {
    if (block_ != nullptr && --block_->references == 0) recycle(block_);
  }
  void swap(Slice& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(begin_, other.begin_);
    std::swap(length_, other.length_);
  }

  /// An empty slice with tail_room() for at least `octets`: what a link reads a frame into.
  [[nodiscard]] static Slice allocate(std::size_t octets, BufferPool* pool = nullptr) {
    return {allocate_block(octets, core_of(pool)), 0, 0};
  }
  /// The same, and in front of it room for a header of `head` octets (with_header()).
  [[nodiscard]] static Slice allocate_behind(std::size_t head, std::size_t octets,
                                             BufferPool* pool = nullptr) {
    Slice slice = allocate(head + octets, pool);
    slice.grow(head);
    slice.drop_front(head);
    slice.block_->head = static_cast<std::uint16_t>(head);
    return slice;
  }
  /// A copy of `bytes` in a block of its own.
  [[nodiscard]] static Slice copy_of(std::span<const std::byte> bytes, BufferPool* pool = nullptr) {
    Slice copy = allocate(bytes.size(), pool);
    copy.extend(bytes);
    return copy;
  }
  /// Takes a container over (std::vector, std::string, ...) and keeps it as long as slices of it
  /// live: no octet is copied.
  template <typename Container>
    requires(!std::is_lvalue_reference_v<Container>)
  [[nodiscard]] static Slice adopt(Container&& container) {
    auto* const owner = new std::remove_cv_t<Container>(std::forward<Container>(container));
    return adopt(std::as_bytes(std::span(*owner)), owner,
                 [](void* it) { delete static_cast<std::remove_cv_t<Container>*>(it); });
  }
  /// Octets that live elsewhere until `release(owner)` is called, once, when the last slice goes.
  [[nodiscard]] static Slice adopt(std::span<const std::byte> bytes, void* owner,
                                   void (*release)(void*));

  [[nodiscard]] std::span<const std::byte> bytes() const {
    return block_ == nullptr ? std::span<const std::byte>{}
                             : std::span<const std::byte>{block_->data + begin_, length_};
  }
  [[nodiscard]] const std::byte* data() const { return bytes().data(); }
  [[nodiscard]] std::size_t size() const { return length_; }
  [[nodiscard]] bool empty() const { return length_ == 0; }

  /// The octets [at, at + length), or as many of them as there are.
  [[nodiscard]] Slice sub(std::size_t at, std::size_t length) const {
    Slice part = *this;
    part.drop_front(at);
    part.keep_front(length);
    return part;
  }
  [[nodiscard]] Slice first(std::size_t length) const { return sub(0, length); }
  [[nodiscard]] Slice drop(std::size_t length) const { return sub(length, length_); }
  /// Lets go of the first `octets`, of all where there are fewer.
  void drop_front(std::size_t octets) {
    const auto gone = octets < length_ ? static_cast<std::uint32_t>(octets) : length_;
    begin_ += gone;
    length_ -= gone;
  }
  /// Lets go of all but the first `octets`.
  void keep_front(std::size_t octets) {
    if (octets < length_) length_ = static_cast<std::uint32_t>(octets);
  }

  /// Room to write behind this slice: none unless it ends where its block is filled.
  [[nodiscard]] std::span<std::byte> tail_room() const {
    if (block_ == nullptr || begin_ + length_ != block_->filled) return {};
    return {block_->data + block_->filled, block_->capacity - block_->filled};
  }
  /// Takes `octets` of tail_room(), now written, into the slice. Other slices of the block stay as
  /// they are, and those that ended here find no room any more.
  void grow(std::size_t octets) {
    assert(octets <= tail_room().size());
    block_->filled += static_cast<std::uint32_t>(octets);
    length_ += static_cast<std::uint32_t>(octets);
  }
  /// Copies as many of `bytes` as there is room for behind this slice, and grows. Returns how many.
  std::size_t extend(std::span<const std::byte> bytes);
  /// Whether it begins right behind such room.
  [[nodiscard]] bool has_head() const {
    return block_ != nullptr && block_->head > 0 && begin_ == block_->head;
  }
  /// These octets with `header` in front, which is written there, without moving them. Empty where
  /// there is no room for it, or where more than `holders` slices have the block: one of them may
  /// have a header there.
  [[nodiscard]] Slice with_header(std::span<const std::byte> header, std::uint32_t holders) const;
  /// Octets of memory kept from other use as long as this slice lives.
  [[nodiscard]] std::size_t pinned() const { return block_ == nullptr ? 0 : block_->capacity; }

  /// A slice in its parts, for who keeps many of them and has some of that already. The reference
  /// goes along; who takes a slice apart puts it together again, once.
  struct Parts {
    Block* block = nullptr;
    std::uint32_t begin = 0;
    std::uint32_t length = 0;
  };
  [[nodiscard]] Parts take_apart() && {
    return {std::exchange(block_, nullptr), std::exchange(begin_, 0), std::exchange(length_, 0)};
  }
  [[nodiscard]] static Slice put_together(const Parts& parts) {
    return {parts.block, parts.begin, parts.length};
  }

  /// Same octets, wherever they lie.
  friend bool operator==(const Slice& a, const Slice& b);

 private:
  /// Takes over one reference to `block`.
  Slice(Block* block, std::size_t begin, std::size_t length)
      : block_(block),
        begin_(static_cast<std::uint32_t>(begin)),
        length_(static_cast<std::uint32_t>(length)) {}

  Block* block_ = nullptr;
  std::uint32_t begin_ = 0;
  std::uint32_t length_ = 0;
};

static_assert(sizeof(Slice) <= 16);

}  // namespace lastack
