// Whether it is worth while to ask again and again before one sleeps.
#pragma once

#include <algorithm>

#include "base/time.hpp"

namespace lastack::io {

/// Whoever has just read a good piece of a stream mostly finds the next one before a processor
/// could have gone to sleep and woken up again. Where that does not come true it is tried more and
/// more rarely: a sender that has to share this processor, or a slow one, loses next to nothing.
class Patience {
 public:
  /// As long as a wake-up takes where it takes long: in a virtual machine, from one core to
  /// another.
  static constexpr Duration kMost = 50us;
  static constexpr unsigned kMostPasses = 63;  ///< between two tries

  /// How long to ask before the sleep that comes next; none where it is not tried.
  [[nodiscard]] Duration before_sleep() {
    if (passes_left_ == 0) return kMost;
    --passes_left_;
    return Duration(0);
  }
  /// What such a try has brought.
  void tried(bool found) {
    passes_ = found ? 0 : std::min(2 * passes_ + 1, kMostPasses);
    passes_left_ = passes_;
  }

 private:
  unsigned passes_ = 0;
  unsigned passes_left_ = 0;
};

}  // namespace lastack::io
