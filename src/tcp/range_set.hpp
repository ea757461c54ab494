// Separate pieces of a stream, merged where they touch, and bounded in number.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "base/sequence.hpp"

namespace lastack::tcp {

/// Up to kMost disjoint ranges in order. Used twice: what we hold out of order (and report as SACK
/// blocks), and what the peer says it holds (the scoreboard). The bound is what keeps a peer from
/// making either grow.
class RangeSet {
 public:
  static constexpr std::size_t kMost = 64;

  /// Adds `range`, merging what it touches. False, and nothing changed, where that would make one
  /// range too many.
  bool add(Range range);
  /// Forgets everything before `edge`.
  void drop_before(Offset edge);
  /// Where the run that starts at or before `at` and covers it ends; `at` where nothing does.
  [[nodiscard]] Offset covered_until(Offset at) const;
  /// Where the first range after `at` begins; `otherwise` where there is none.
  [[nodiscard]] Offset next_begin(Offset at, Offset otherwise) const;

  [[nodiscard]] std::span<const Range> ranges() const { return {ranges_.data(), count_}; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] Offset octets() const;
  /// Fills `into` with ranges: first those added to last, the latest in front, then others in
  /// order. So SACK wants its blocks (RFC 2018 §4). How many there are.
  std::size_t latest(std::span<Range> into) const;

  friend bool operator==(const RangeSet& a, const RangeSet& b);

 private:
  void note_latest(Range range, Offset at);

  std::array<Range, kMost> ranges_{};
  std::size_t count_ = 0;
  /// Places in the ranges added to last, the latest in front; not two in one range.
  std::array<Offset, 4> latest_{};
  std::size_t latest_count_ = 0;
};

}  // namespace lastack::tcp
