#include "tcp/range_set.hpp"

#include <algorithm>

namespace lastack::tcp {

bool RangeSet::add(Range range) {
  if (range.empty()) return true;
  auto* const begin = ranges_.data();
  auto* const end = begin + count_;
  auto* first = std::lower_bound(begin, end, range.begin,
                                 [](const Range& r, Offset at) { return r.end < at; });
  auto* last = first;
  Range merged = range;
  for (; last != end && last->begin <= merged.end; ++last) {
    merged = {std::min(merged.begin, last->begin), std::max(merged.end, last->end)};
  }
  if (first == last) {
    if (count_ == kMost) return false;
    std::copy_backward(first, end, end + 1);
    ++count_;
  } else {
    std::copy(last, end, first + 1);
    count_ -= static_cast<std::size_t>(last - first) - 1;
  }
  *first = merged;
  note_latest(merged, range.begin);
  return true;
}

void RangeSet::note_latest(Range range, Offset at) {
  std::array<Offset, 4> latest{at};
  std::size_t count = 1;
  for (const Offset o : std::span(latest_).first(latest_count_)) {
    const bool same_range = range.begin <= o && o < range.end;
    if (!same_range && count < latest.size()) latest[count++] = o;
  }
  latest_ = latest;
  latest_count_ = count;
}

std::size_t RangeSet::latest(std::span<Range> into) const {
  std::size_t count = 0;
  const auto add = [&](Range range) {
    const auto listed = into.first(count);
    if (count < into.size() && std::ranges::find(listed, range) == listed.end())
      into[count++] = range;
  };
  for (const Offset at : std::span(latest_).first(latest_count_)) {
    const auto holds = [at](Range r) { return r.begin <= at && at < r.end; };
    const auto range = std::ranges::find_if(ranges(), holds);
    if (range != ranges().end()) add(*range);
  }
  for (const Range& range : ranges()) add(range);
  return count;
}

void RangeSet::drop_before(Offset edge) {
  std::size_t gone = 0;
  while (gone < count_ && ranges_[gone].end <= edge) ++gone;
  std::copy(ranges_.begin() + static_cast<std::ptrdiff_t>(gone),
            ranges_.begin() + static_cast<std::ptrdiff_t>(count_), ranges_.begin());
  count_ -= gone;
  if (count_ > 0) ranges_[0].begin = std::max(ranges_[0].begin, edge);
}

Offset RangeSet::covered_until(Offset at) const {
  for (const Range& range : ranges()) {
    if (range.begin <= at && at < range.end) return range.end;
  }
  return at;
}

Offset RangeSet::next_begin(Offset at, Offset otherwise) const {
  for (const Range& range : ranges()) {
    if (range.begin > at) return range.begin;
  }
  return otherwise;
}

Offset RangeSet::octets() const {
  Offset sum = 0;
  for (const Range& range : ranges()) sum += range.size();
  return sum;
}

bool operator==(const RangeSet& a, const RangeSet& b) {
  const auto latest = [](const RangeSet& s) { return std::span(s.latest_).first(s.latest_count_); };
  return std::ranges::equal(a.ranges(), b.ranges()) &&
         (a.empty() || std::ranges::equal(latest(a), latest(b)));
}

}  // namespace lastack::tcp
