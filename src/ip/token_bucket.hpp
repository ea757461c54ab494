// So many a second and so many at once.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.hpp"

namespace lastack::ip {

/// Full at first; a token comes back every second / `per_second`.
class TokenBucket {
 public:
  TokenBucket(std::uint32_t per_second, std::uint32_t burst)
      : cost_(per_second > 0 ? std::max<Duration>(Duration(1s) / per_second, Duration(1))
                             : Duration(0)),
        most_(cost_ * burst),
        credit_(most_) {}

  /// Takes a token where there is one, and `more` besides as far as there are: by an amount that
  /// nobody outside knows, so that nobody can count by it what else was answered
  /// (CVE-2020-25705). A bucket without a rate has none.
  [[nodiscard]] bool take(TimePoint now, std::uint32_t more = 0) {
    credit_ = std::min(most_, credit_ + std::max(now - last_, Duration(0)));
    last_ = std::max(last_, now);
    if (cost_ == Duration(0) || credit_ < cost_) return false;
    credit_ = std::max(credit_ - cost_ * (1 + more), Duration(0));
    return true;
  }

 private:
  Duration cost_;
  Duration most_;
  Duration credit_;
  TimePoint last_{};
};

}  // namespace lastack::ip
