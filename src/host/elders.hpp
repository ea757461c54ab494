// Entries of a slab by age, for whoever has to give the oldest up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/ring.hpp"
#include "host/slab.hpp"

namespace lastack::host {

/// Indices in the order in which they were added. An entry that goes, or whose ids are forgotten,
/// costs nothing then: it is passed over later, and swept out once such ones are most of the queue.
template <typename T>
class Elders {
 public:
  void add(const Slab<T>& slab, std::uint32_t index) {
    if (queue_.size() >= 2 * slab.size() + kSlack) sweep(slab);
    queue_.push_back({index, slab.generation(index)});
  }
  /// The oldest entry that `wanted(entry)` takes, among the `most` oldest; where it takes none of
  /// those, the oldest of all. Nothing where there is none.
  template <typename Wanted>
  [[nodiscard]] std::optional<std::uint32_t> oldest(const Slab<T>& slab, std::size_t most,
                                                    Wanted wanted) {
    while (!queue_.empty() && !is_there(slab, queue_.front())) queue_.pop_front();
    for (std::size_t i = 0; i < queue_.size() && most > 0; ++i) {
      if (!is_there(slab, queue_[i])) continue;
      if (wanted(slab[queue_[i].index])) return queue_[i].index;
      --most;
    }
    return queue_.empty() ? std::nullopt : std::optional(queue_.front().index);
  }
  /// Places it takes, those of entries that have gone too.
  [[nodiscard]] std::size_t size() const { return queue_.size(); }

 private:
  static constexpr std::size_t kSlack = 64;

  struct Elder {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;
  };

  static bool is_there(const Slab<T>& slab, const Elder& e) {
    return slab.has(e.index) && slab.generation(e.index) == e.generation;
  }
  void sweep(const Slab<T>& slab) {
    for (std::size_t left = queue_.size(); left > 0; --left) {
      const Elder elder = queue_.pop_front();
      if (is_there(slab, elder)) queue_.push_back(elder);
    }
  }

  Ring<Elder> queue_;
};

}  // namespace lastack::host
