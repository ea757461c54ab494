// Octets of a stream without a gap: what both stream buffers are made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/buffer.hpp"
#include "base/sequence.hpp"
#include "tcp/stream/slice_queue.hpp"

namespace lastack::tcp {

/// The octets [begin, end) of a stream, in slices. A value: a copy shares the octets, and neither
/// sees what the other adds. Two are equal when they hold the same octets at the same place.
///
/// Memory is bounded however the octets come: a slice much smaller than its block is copied to its
/// neighbours, so in a stretch from pool blocks no more than about four octets are pinned for each
/// one held, plus a block at each end. (Six, where foreign blocks of odd sizes are handed in.)
/// It holds less than 4 GiB. Most hold no more than one piece, and need no queue for it.
class Stretch {
 public:
  Stretch() : one_(nullptr) {}
  /// Empty, to begin at `begin`.
  explicit Stretch(Offset begin) : begin_(begin), one_(nullptr) {}
  Stretch(const Stretch& other);
  Stretch(Stretch&& other) noexcept;
  Stretch& operator=(Stretch other) noexcept;
  ~Stretch() { let_go(); }

  [[nodiscard]] Offset begin() const { return begin_; }
  [[nodiscard]] Offset end() const { return begin_ + size_; }
  [[nodiscard]] Range range() const { return {begin_, end()}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  /// Adds octets behind the end: shares them, or copies them where they are few for their block.
  void append(Slice slice, BufferPool* pool);
  /// Adds of each slice what lies behind its first `from` octets, as append() would.
  void append_all(std::span<const Slice> slices, std::size_t from, BufferPool* pool);
  /// Adds a copy of `bytes`, first into what room the last block has, then into new blocks of
  /// `room` octets (a size of BufferPool).
  void append_copy(std::span<const std::byte> bytes, std::size_t room, BufferPool* pool);
  /// Puts `next`, which begins where this ends, behind it.
  void join(Stretch&& next, BufferPool* pool);

  /// Copies what it holds into blocks of `pool`, and lets go of those it lay in.
  void move_to(BufferPool& pool);

  /// Lets go of what lies before `at`; where that is beyond the end, begins there, empty.
  void drop_before(Offset at);
  /// The first octets, as many as lie in one block, given away. Empty where this is.
  [[nodiscard]] Slice take_front();

  /// Calls `use(const Slice& whole, std::size_t from, std::size_t octets)` for each part of
  /// `wanted` that is held, in order, until it returns false.
  template <typename Use>
  void each(Range wanted, Use&& use) const;
  /// Copies the octets of `wanted` that are held, as far as there is room. Returns how many.
  std::size_t copy_out(Range wanted, std::span<std::byte> to) const;

  /// What drop_before() will look at may come into the caches meanwhile.
  void prefetch() const {
    if (!is_many()) __builtin_prefetch(one_);
  }

  friend bool operator==(const Stretch& a, const Stretch& b);

 private:
  static constexpr std::uint32_t kMany = UINT32_MAX;
  /// An end of the stretch: what its piece holds, and what that pins.
  struct End {
    std::size_t size;
    std::size_t pinned;
  };

  [[nodiscard]] bool is_many() const { return at_ == kMany; }
  [[nodiscard]] End first() const;
  [[nodiscard]] End last() const;
  [[nodiscard]] bool ends_short() const;
  void let_go();
  void be_one(Slice slice);
  void be_many(BufferPool* pool);
  template <typename Use>
  std::size_t grow_last(Use&& use);
  void share(Slice slice, BufferPool* pool);
  void absorb(std::span<const std::byte> bytes, BufferPool* pool);

  Offset begin_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t at_ = 0;  ///< where in its block the one piece begins; kMany for a queue
  union {
    Block* one_;  ///< of the one piece, which is exactly what is held; null where that is nothing
    SliceQueue many_;
  };
};

static_assert(sizeof(Stretch) <= 24);

template <typename Use>
void Stretch::each(Range wanted, Use&& use) const {
  Offset at = wanted.begin < begin_ ? begin_ : wanted.begin;
  const Offset stop = wanted.end < end() ? wanted.end : end();
  if (at >= stop) return;
  if (!is_many()) {
    Slice lent = Slice::put_together({one_, at_, size_});
    use(std::as_const(lent), static_cast<std::size_t>(at - begin_),
        static_cast<std::size_t>(stop - at));
    (void)std::move(lent).take_apart();
    return;
  }
  for (auto it = many_.find(at); at < stop; ++it) {
    const Offset until = it->end() < stop ? it->end() : stop;
    const auto from = static_cast<std::size_t>(at - it->begin);
    if (!use(it->slice, from, static_cast<std::size_t>(until - at))) return;
    at = until;
  }
}

}  // namespace lastack::tcp
