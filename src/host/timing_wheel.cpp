#include "host/timing_wheel.hpp"

#include <algorithm>
#include <bit>

namespace lastack::host {
namespace {

constexpr std::uint64_t kNeverTick = (std::uint64_t{1} << 48U) - 1;

/// The tick at which a timer for `at` fires: rounded up, so never early.
std::uint64_t tick_of(TimePoint at) {
  if (at == kNever) return kNeverTick;
  const std::int64_t tick = Duration(TimingWheel::kTick).count();
  const std::int64_t us = std::max<std::int64_t>(at.time_since_epoch().count(), 0);
  return std::min(static_cast<std::uint64_t>((us - 1) / tick + 1), kNeverTick);
}

}  // namespace

TimerId TimingWheel::create(std::uint32_t cookie) {
  TimerId id = free_;
  if (id == kNoTimer) {
    id = static_cast<TimerId>(nodes_.push_back({}));
  } else {
    free_ = nodes_[id].next;
    --free_count_;
  }
  nodes_[id] = {};
  nodes_[id].cookie = cookie;
  return id;
}

void TimingWheel::destroy(TimerId id) {
  stop(id);
  nodes_[id].next = free_;
  free_ = id;
  ++free_count_;
}

void TimingWheel::set(TimerId id, TimePoint deadline) { move(id, nodes_[id], tick_of(deadline)); }

void TimingWheel::set_earlier(TimerId id, TimePoint deadline) {
  Node& node = nodes_[id];
  const std::uint64_t tick = tick_of(deadline);
  if (node.slot == kNoSlot || tick < node.tick()) move(id, node, tick);
}

void TimingWheel::stop(TimerId id) {
  Node& node = nodes_[id];
  if (node.slot != kNoSlot) unlink(node);
}

void TimingWheel::move(TimerId id, Node& node, std::uint64_t tick) {
  if (node.slot != kNoSlot) unlink(node);
  node.set_tick(tick);
  if (tick != kNeverTick) link(id, node);
}

TimePoint TimingWheel::deadline(TimerId id) const {
  if (nodes_[id].slot == kNoSlot) return kNever;
  return TimePoint(static_cast<std::int64_t>(nodes_[id].tick()) * kTick);
}

/// The level is that of the highest bit in which the timer's tick and the present differ: the timer
/// comes down a level each time the present has caught up with that bit.
void TimingWheel::link(TimerId id, Node& node) {
  const std::uint64_t tick = std::max(node.tick(), now_ + 1);
  const std::uint64_t differing = tick ^ now_;
  const std::size_t level = std::min<std::size_t>(
      (static_cast<unsigned>(std::bit_width(differing)) - 1U) / kBits, kLevels - 1);
  const unsigned shift = kBits * static_cast<unsigned>(level);
  const std::uint64_t turns =
      std::min<std::uint64_t>((tick >> shift) - (now_ >> shift), kSlots - 1);
  const std::size_t slot = ((now_ >> shift) + turns) % kSlots;
  TimerId& head = heads_[level][slot];
  node.slot = static_cast<std::uint16_t>(level * kSlots + slot);
  node.previous = kNoTimer;
  node.next = head;
  if (head != kNoTimer) nodes_[head].previous = id;
  head = id;
  occupied_[level] |= std::uint64_t{1} << slot;
  const std::uint64_t looked_at = ((now_ >> shift) + turns) << shift;
  if (looked_at >= soonest_) return;
  soonest_ = looked_at;
  soonest_slot_ = node.slot;
}

void TimingWheel::unlink(Node& node) {
  const std::size_t level = node.slot / kSlots;
  const std::size_t slot = node.slot % kSlots;
  if (node.next != kNoTimer) nodes_[node.next].previous = node.previous;
  if (node.previous != kNoTimer) {
    nodes_[node.previous].next = node.next;
  } else {
    heads_[level][slot] = node.next;
    if (node.next == kNoTimer) {
      occupied_[level] &= ~(std::uint64_t{1} << slot);
      if (node.slot == soonest_slot_) soonest_known_ = false;
    }
  }
  node.next = node.previous = kNoTimer;
  node.slot = kNoSlot;
}

/// Of the lowest level where there is any: what stands there comes before the level above is looked
/// at again.
void TimingWheel::look_for_soonest() const {
  soonest_known_ = true;
  soonest_ = kNeverTick;
  std::size_t level = 0;
  while (level < kLevels && occupied_[level] == 0) ++level;
  if (level == kLevels) return;
  const unsigned shift = kBits * static_cast<unsigned>(level);
  const std::uint64_t turns = now_ >> shift;
  // Slots after the present one come first, then those of the next turn.
  const auto ahead = static_cast<unsigned>(
      std::countr_zero(std::rotr(occupied_[level], static_cast<int>((turns + 1) % kSlots))));
  soonest_ = (turns + 1 + ahead) << shift;
  soonest_slot_ = level * kSlots + (turns + 1 + ahead) % kSlots;
}

TimePoint TimingWheel::next_deadline() const {
  const std::uint64_t tick = next_tick();
  if (tick == kNeverTick) return kNever;
  return TimePoint(static_cast<std::int64_t>(tick) * kTick);
}

void TimingWheel::advance(TimePoint now, std::vector<std::uint32_t>& due) {
  const auto target =
      static_cast<std::uint64_t>(std::max<std::int64_t>(now.time_since_epoch() / kTick, 0));
  while (now_ < target) {
    const std::uint64_t tick = next_tick();
    if (tick > target) break;
    now_ = tick;
    const auto zeros = static_cast<unsigned>(std::countr_zero(tick));
    for (std::size_t level = std::min<std::size_t>(zeros / kBits, kLevels - 1) + 1; level-- > 0;) {
      empty_slot(level, (tick >> (kBits * level)) % kSlots, due);
    }
  }
  now_ = std::max(now_, target);
}

/// Everything in the slot that `now_` has reached is due, or goes to where it now belongs. Many
/// that were made one after another were started so, too.
void TimingWheel::empty_slot(std::size_t level, std::size_t slot, std::vector<std::uint32_t>& due) {
  constexpr TimerId kAhead = 64;
  TimerId id = heads_[level][slot];
  heads_[level][slot] = kNoTimer;
  occupied_[level] &= ~(std::uint64_t{1} << slot);
  soonest_known_ = false;
  while (id != kNoTimer) {
    Node& node = nodes_[id];
    const TimerId next = node.next;
    const TimerId later = next + kAhead * (next - id);
    if (later < nodes_.size()) __builtin_prefetch(&nodes_[later]);
    node.slot = kNoSlot;
    node.next = node.previous = kNoTimer;
    if (node.tick() <= now_) {
      due.push_back(node.cookie);
    } else {
      link(id, node);
    }
    id = next;
  }
}

}  // namespace lastack::host
