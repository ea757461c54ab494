// A hierarchical timing wheel: starting, moving and stopping a timer in constant time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/block_vector.hpp"
#include "base/time.hpp"

namespace lastack::host {

using TimerId = std::uint32_t;
inline constexpr TimerId kNoTimer = UINT32_MAX;

/// Timers fire at the first tick that is not before their deadline: never early, and less than one
/// tick late. A deadline beyond the wheel's reach (some 12 days) waits in the last slot and is put
/// in again when that comes round.
class TimingWheel {
 public:
  static constexpr Duration kTick = 1ms;

  /// A timer that carries `cookie` and is not running.
  TimerId create(std::uint32_t cookie);
  void destroy(TimerId id);
  /// The timer carries another cookie from now on, and is not running.
  void hand_on(TimerId id, std::uint32_t cookie) {
    stop(id);
    nodes_[id].cookie = cookie;
  }
  /// Starts the timer, or moves it.
  void set(TimerId id, TimePoint deadline);
  /// The same, but only where that moves it to an earlier tick.
  void set_earlier(TimerId id, TimePoint deadline);
  void stop(TimerId id);
  /// When a running timer is due; kNever for one that is not running.
  [[nodiscard]] TimePoint deadline(TimerId id) const;
  /// Not after the first deadline; kNever where no timer runs.
  [[nodiscard]] TimePoint next_deadline() const;
  /// Moves on to `now` and appends the cookies of all timers that are due to `due`; they are
  /// stopped.
  void advance(TimePoint now, std::vector<std::uint32_t>& due);
  /// Timers that exist, running or not.
  [[nodiscard]] std::size_t size() const { return nodes_.size() - free_count_; }

  struct Node {
    TimerId next = kNoTimer;
    TimerId previous = kNoTimer;
    std::uint32_t cookie = 0;
    std::uint32_t tick_low = 0;
    std::uint16_t tick_high = 0;
    std::uint16_t slot = kNoSlot;

    /// When it is due, in 48 bits: 8,900 years.
    [[nodiscard]] std::uint64_t tick() const { return std::uint64_t{tick_high} << 32U | tick_low; }
    void set_tick(std::uint64_t tick) {
      tick_low = static_cast<std::uint32_t>(tick);
      tick_high = static_cast<std::uint16_t>(tick >> 32U);
    }
  };
  static constexpr std::uint16_t kNoSlot = UINT16_MAX;

 private:
  static constexpr unsigned kBits = 6;
  static constexpr std::size_t kSlots = 1U << kBits;
  static constexpr std::size_t kLevels = 5;

  void move(TimerId id, Node& node, std::uint64_t tick);
  void link(TimerId id, Node& node);
  void unlink(Node& node);
  void empty_slot(std::size_t level, std::size_t slot, std::vector<std::uint32_t>& due);
  /// The first tick after `now_` at which something must be looked at.
  [[nodiscard]] std::uint64_t next_tick() const {
    if (!soonest_known_) look_for_soonest();
    return soonest_;
  }
  void look_for_soonest() const;

  std::uint64_t now_ = 0;  ///< ticks that are over
  BlockVector<Node> nodes_;
  TimerId free_ = kNoTimer;  ///< linked through Node::next
  std::size_t free_count_ = 0;
  std::array<std::array<TimerId, kSlots>, kLevels> heads_ = filled();
  std::array<std::uint64_t, kLevels> occupied_{};  ///< a bit a slot
  mutable std::uint64_t soonest_ = 0;              ///< next_tick(), while that is known
  mutable std::size_t soonest_slot_ = 0;           ///< the one that stands for it
  mutable bool soonest_known_ = false;

  static constexpr std::array<std::array<TimerId, kSlots>, kLevels> filled() {
    std::array<std::array<TimerId, kSlots>, kLevels> heads{};
    for (auto& level : heads) level.fill(kNoTimer);
    return heads;
  }
};

}  // namespace lastack::host
