// The last eight transitions of a connection: how it got where it is.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.hpp"
#include "tcp/effects.hpp"

namespace lastack::host {

/// Eight times 6 octets and a count. Times are kept in hundredths of a second since the host's
/// origin (497 days).
class History {
 public:
  static constexpr std::size_t kMost = 8;

  struct Entry {
    TimePoint at{};
    tcp::Transition transition;
  };

  void add(const tcp::Transition& t, TimePoint at) {
    const std::size_t i = count_ % kMost;
    times_[i] = static_cast<std::uint32_t>(at.time_since_epoch() / 10ms);
    steps_[i] = {t.event, static_cast<std::uint8_t>(static_cast<unsigned>(t.from) << 4U |
                                                    static_cast<unsigned>(t.to))};
    ++count_;
  }
  /// Transitions in all, those no longer kept too (modulo 2^16).
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t kept() const { return std::min<std::size_t>(count_, kMost); }
  /// The i-th last transition, 0 for the latest; i < kept().
  [[nodiscard]] Entry last(std::size_t i) const {
    const std::size_t at = (count_ - 1U - i) % kMost;
    const auto from = static_cast<tcp::State>(steps_[at].states >> 4U);
    const auto to = static_cast<tcp::State>(steps_[at].states & 15U);
    return {TimePoint(times_[at] * 10ms), {from, steps_[at].event, to}};
  }

 private:
  struct Step {
    tcp::Event event{};
    std::uint8_t states = 0;
  };
  std::array<std::uint32_t, kMost> times_{};
  std::array<Step, kMost> steps_{};
  std::uint16_t count_ = 0;
};

static_assert(sizeof(History) <= 64);

}  // namespace lastack::host
