// The octets of our stream that the user has handed over and the peer has not acknowledged.
#pragma once

#include <cstddef>
#include <span>

#include "base/buffer.hpp"
#include "base/sequence.hpp"
#include "tcp/stream/slice_queue.hpp"

namespace lastack::tcp {

/// Offsets are those of the connection's send stream. A copy shares the octets and goes its own
/// way.
class SendBuffer {
 public:
  /// Copies `octets` to the end: the one copy on the way out. Small writes share blocks.
  void append(std::span<const std::byte> octets, BufferPool* pool = nullptr);
  /// Puts a slice to the end without copying it.
  void append(Slice slice);
  /// Lets go of what is acknowledged, everything before `una`.
  void release(Offset una);
  /// Calls `visit(Slice)` for each piece of `range`, which must lie in [begin(), end()).
  template <typename Visit>
  void gather(Range range, Visit visit) const {
    queue_.each(range, visit);
  }

  [[nodiscard]] Offset begin() const { return begin_; }
  [[nodiscard]] Offset end() const { return end_; }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }
  friend bool operator==(const SendBuffer& a, const SendBuffer& b);

 private:
  SliceQueue queue_;
  Offset begin_ = 0;
  Offset end_ = 0;
};

static_assert(sizeof(SendBuffer) <= 48, "part of an idle connection");

}  // namespace lastack::tcp
