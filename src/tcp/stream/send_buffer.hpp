// What the user has handed over and the peer has not acknowledged yet.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <utility>

#include "base/buffer.hpp"
#include "base/sequence.hpp"
#include "tcp/stream/stretch.hpp"

namespace lastack::tcp {

/// The octets [snd.una, snd.end) of the send stream; offset 0 is the first octet of data (the
/// buffer knows neither SYN nor FIN). The user's octets are copied once, or not at all where a
/// Slice is handed over; sending and sending again share them. A value; empty it holds no memory.
class SendBuffer {
 public:
  [[nodiscard]] Offset begin() const { return held_.begin(); }
  [[nodiscard]] Offset end() const { return held_.end(); }
  [[nodiscard]] std::size_t size() const { return held_.size(); }
  [[nodiscard]] bool empty() const { return held_.empty(); }

  /// Copies `bytes` behind the end. Small writes share a block. There is no limit: the caller
  /// knows how much may be queued.
  void append(std::span<const std::byte> bytes, BufferPool* pool = nullptr);
  /// Takes `slice` without copying it, unless it is a small part of a large block.
  void append(Slice slice, BufferPool* pool = nullptr) { held_.append(std::move(slice), pool); }

  /// Everything before `una` was acknowledged. An offset before begin() changes nothing; one behind
  /// end() is a mistake.
  void release(Offset una);
  /// release() is called soon: what it will ask for may come into the caches meanwhile.
  void expect_release() const { held_.prefetch(); }

  /// Copies what it holds into blocks of `pool`, and lets go of those it lay in.
  void move_to(BufferPool& pool) { held_.move_to(pool); }

  /// Calls `visit(Slice)` for the slices that make up `wanted`, in order; nothing is copied, and
  /// they stay good whatever happens to the buffer. What is not held is left out.
  template <std::invocable<Slice> Visit>
  void gather(Range wanted, Visit&& visit) const {
    held_.each(wanted, [&](const Slice& whole, std::size_t from, std::size_t octets) {
      visit(whole.sub(from, octets));
      return true;
    });
  }
  /// What the other gather() put into its array.
  struct Gathered {
    std::size_t slices = 0;
    std::size_t octets = 0;  ///< less than asked for where the array is full or the range not held
  };
  Gathered gather(Range wanted, std::span<Slice> out) const;
  /// Octets from `at` to the end of what was handed over as one slice behind room for a header
  /// (Slice::allocate_behind); 0 where `at` is not its beginning.
  [[nodiscard]] std::size_t block_at(Offset at) const;
  /// `wanted` as one slice: shared where it lies in one block, copied otherwise. Shorter where not
  /// all of it is held.
  [[nodiscard]] Slice slice(Range wanted, BufferPool* pool = nullptr) const;
  /// Copies what is held of `wanted`, as far as there is room. Returns how many octets.
  std::size_t copy_out(Range wanted, std::span<std::byte> to) const {
    return held_.copy_out(wanted, to);
  }
  /// The same octets at the same place.
  friend bool operator==(const SendBuffer&, const SendBuffer&) = default;

 private:
  Stretch held_;
};

static_assert(sizeof(SendBuffer) <= 24);

}  // namespace lastack::tcp
