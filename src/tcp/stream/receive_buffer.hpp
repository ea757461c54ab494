// The octets of the peer's stream: what can be read, and what waits for a gap to be filled.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/box.hpp"
#include "base/buffer.hpp"
#include "base/sequence.hpp"
#include "tcp/stream/slice_queue.hpp"

namespace lastack::tcp {

/// Slices of the frames that arrived, put in order. Which octets count is the connection's decision
/// (Effects::accepted); here they are only kept: where two segments bring the same octets, the ones
/// that came first stay. How many pieces may wait is bounded by the connection's RangeSet.
class ReceiveBuffer {
 public:
  /// Keeps `slice`, whose first octet stands at `at`. What is here already, or was read, is left
  /// out. A slice much smaller than its block is copied, so that little octets can't hold large
  /// blocks.
  void insert(Offset at, Slice slice, BufferPool* pool = nullptr);
  /// Copies up to `into.size()` octets out, the one copy on the way in. Octets read.
  std::size_t read(std::span<std::byte> into);
  /// The same, and leaves them here.
  std::size_t peek(std::span<std::byte> into) const;
  /// Takes away the first piece that can be read, without a copy; empty where there is none.
  Slice take();
  /// Throws away up to `octets` of what can be read. Octets thrown away.
  std::size_t discard(std::size_t octets);
  /// Everything before `edge` is done with, whether it was here or not (SHUT_RD).
  void skip_to(Offset edge);

  /// What can be read: [read so far, first gap).
  [[nodiscard]] Range readable() const { return {read_, end_}; }
  /// Octets held, those behind a gap too.
  [[nodiscard]] std::size_t held() const;
  /// Octets of memory that holding them takes.
  [[nodiscard]] std::size_t pinned() const;
  friend bool operator==(const ReceiveBuffer& a, const ReceiveBuffer& b);

 private:
  using Waiting = std::vector<Piece>;

  void push_in_order(Slice slice, BufferPool* pool);
  static std::size_t put_waiting(Waiting& waiting, std::size_t i, Piece piece);
  void take_waiting(BufferPool* pool);
  [[nodiscard]] std::vector<std::byte> content() const;

  SliceQueue queue_;
  Offset read_ = 0;
  Offset end_ = 0;
  Box<Waiting> waiting_;  ///< behind a gap, in order, never overlapping
};

static_assert(sizeof(ReceiveBuffer) <= 56, "part of an idle connection");

}  // namespace lastack::tcp
