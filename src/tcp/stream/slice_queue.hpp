// Slices one behind another in a stream, found by offset.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "base/buffer.hpp"
#include "base/sequence.hpp"

namespace lastack::tcp {

/// A slice, and where in the stream its first octet stands.
struct Piece {
  Offset at = 0;
  Slice slice;
  [[nodiscard]] Offset end() const { return at + static_cast<Offset>(slice.size()); }
};

/// A queue of adjacent pieces: taken from at the front, put to at the back, both in constant time;
/// at() finds by binary search.
class SliceQueue {
 public:
  [[nodiscard]] bool empty() const { return head_ == pieces_.size(); }
  [[nodiscard]] Piece& front() { return pieces_[head_]; }
  [[nodiscard]] Piece& back() { return pieces_.back(); }
  [[nodiscard]] std::span<const Piece> pieces() const { return std::span(pieces_).subspan(head_); }
  void push(Piece piece) { pieces_.push_back(std::move(piece)); }
  void pop_front() {
    pieces_[head_].slice = {};
    if (++head_ == pieces_.size()) {
      pieces_.clear();
      head_ = 0;
    } else if (head_ >= 64 && 2 * head_ >= pieces_.size()) {
      // Moves at most as many pieces as were popped since the last time.
      pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
  }
  /// Lets go of everything before `edge`.
  void drop_before(Offset edge) {
    while (!empty() && front().end() <= edge) pop_front();
    if (empty() || front().at >= edge) return;
    front().slice.drop_front(static_cast<std::size_t>(edge - front().at));
    front().at = edge;
  }
  /// Calls `visit(Slice)` for the octets of `range`, which must all be here, in order.
  template <typename Visit>
  void each(Range range, Visit visit) const {
    const auto all = pieces();
    auto piece = std::upper_bound(all.begin(), all.end(), range.begin,
                                  [](Offset at, const Piece& p) { return at < p.end(); });
    for (; piece != all.end() && piece->at < range.end; ++piece) {
      const Offset from = std::max(range.begin, piece->at);
      const Offset to = std::min(range.end, piece->end());
      visit(piece->slice.sub(static_cast<std::size_t>(from - piece->at),
                             static_cast<std::size_t>(to - from)));
    }
  }

 private:
  std::vector<Piece> pieces_;
  std::size_t head_ = 0;
};

}  // namespace lastack::tcp
