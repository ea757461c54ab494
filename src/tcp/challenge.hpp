// How often a peer may make us answer what asks for no answer (RFC 5961 §7).
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace lastack::tcp {

/// Counts the challenge ACKs of the current second.
class ChallengeBudget {
 public:
  /// Whether one more may be sent now, at most `limit` in a second; it counts as sent.
  [[nodiscard]] bool spend(std::uint8_t limit, TimePoint now) {
    const auto second = static_cast<std::uint32_t>(now.time_since_epoch() / 1s);
    if (second != second_) *this = ChallengeBudget(second);
    if (count_ >= limit) return false;
    ++count_;
    return true;
  }

  /// How many of this second's are spent.
  [[nodiscard]] std::uint8_t spent(TimePoint now) const {
    return static_cast<std::uint32_t>(now.time_since_epoch() / 1s) == second_ ? count_ : 0;
  }

  ChallengeBudget() = default;
  friend bool operator==(const ChallengeBudget&, const ChallengeBudget&) = default;

 private:
  explicit ChallengeBudget(std::uint32_t second) : second_(second) {}

  std::uint32_t second_ = 0;
  std::uint8_t count_ = 0;
};

}  // namespace lastack::tcp
