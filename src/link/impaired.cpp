#include "link/impaired.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "link/ecn.hpp"

namespace lastack::link {
namespace {

constexpr std::uint32_t kMostBits = 15;

Duration evenly(Random& random, Duration most) {
  if (most <= Duration(0)) return Duration(0);
  return Duration(random.below(static_cast<std::uint32_t>(most.count()) + 1));
}

/// The octets in a block that nobody else sees.
std::span<std::byte> own_octets(Packet& packet) {
  const auto whole = packet.octets.bytes();
  Slice copy = Slice::allocate(whole.size());
  const auto room = copy.tail_room().first(whole.size());
  std::ranges::copy(whole, room.begin());
  copy.grow(whole.size());
  packet.octets = std::move(copy);
  return room;
}

}  // namespace

ImpairedLink::ImpairedLink(Link& inner, const Impairment& impairment, Random random)
    : Wrapper(inner), impairment_(impairment), random_(random) {}

void ImpairedLink::pass_on(Packet packet, TimePoint now) {
  ++tally_.sent;
  if (loses()) {
    ++tally_.lost;
    return;
  }
  const bool congested = impairment_.ecn > 0 && waiting(now) > impairment_.ecn;
  const TimePoint leaves = leaves_queue(packet.octets.size(), now);
  if (leaves == kNever) {
    ++tally_.queue_full;
    return;
  }
  if (congested) mark(packet);
  const bool twice = random_.chance(impairment_.duplicate);
  if (twice) {
    ++tally_.duplicated;
    hold(packet, leaves);
  }
  hold(std::move(packet), leaves);
}

/// Moves the Gilbert-Elliott chain on by one packet, then draws.
bool ImpairedLink::loses() {
  if (random_.chance(bad_ ? impairment_.turns_good : impairment_.turns_bad)) bad_ = !bad_;
  return random_.chance(bad_ ? std::max(impairment_.burst_loss, impairment_.loss)
                             : impairment_.loss);
}

/// Octets that wait for the rate.
std::uint64_t ImpairedLink::waiting(TimePoint now) const {
  const Duration busy = std::max(free_at_ - now, Duration(0));
  return static_cast<std::uint64_t>(busy.count()) * impairment_.rate / 1'000'000U;
}

/// When the last bit of a packet of `octets` has left at the link's rate; kNever where it finds the
/// queue full.
TimePoint ImpairedLink::leaves_queue(std::size_t octets, TimePoint now) {
  if (impairment_.rate == 0) return now;
  const TimePoint begins = std::max(free_at_, now);
  const bool full = impairment_.queue > 0 && waiting(now) + octets > impairment_.queue;
  if (full && begins > now) return kNever;  // an idle link takes any packet
  free_at_ = begins + Duration(octets * 1'000'000U / impairment_.rate);
  return free_at_;
}

void ImpairedLink::hold(Packet packet, TimePoint from) {
  if (random_.chance(impairment_.corrupt)) damage(packet);
  TimePoint due = from + impairment_.delay + evenly(random_, impairment_.jitter);
  if (random_.chance(impairment_.reorder)) {
    ++tally_.reordered;
    due += impairment_.reorder_by;
  } else {
    due = last_due_ = std::max(due, last_due_);
  }
  held_.push_back({due, number_++, std::move(packet)});
  std::ranges::push_heap(held_, later);
}

void ImpairedLink::damage(Packet& packet) {
  if (packet.octets.empty()) return;
  ++tally_.corrupted;
  const auto room = own_octets(packet);
  const auto bits = static_cast<std::uint32_t>(room.size() * 8);
  const std::uint32_t first = random_.below(bits);
  std::uint32_t pattern = random_.below(1U << kMostBits) | 1U;
  for (std::uint32_t bit = first; pattern != 0 && bit < bits; ++bit, pattern >>= 1U) {
    if ((pattern & 1U) != 0) room[bit / 8] ^= std::byte{0x80} >> (bit % 8);
  }
}

/// The sender may have kept the octets: they stay as they were.
void ImpairedLink::mark(Packet& packet) {
  if (packet.octets.size() <= impairment_.ip_at) return;
  if (mark_congestion(own_octets(packet).subspan(impairment_.ip_at))) ++tally_.marked;
}

bool ImpairedLink::later(const Held& a, const Held& b) {
  return a.due != b.due ? a.due > b.due : a.number > b.number;
}

TimePoint ImpairedLink::next_deadline() const {
  const TimePoint inside = inner().next_deadline();
  return held_.empty() ? inside : std::min(inside, held_.front().due);
}

void ImpairedLink::advance(TimePoint now) {
  while (!held_.empty() && held_.front().due <= now) {
    std::ranges::pop_heap(held_, later);
    Packet packet = std::move(held_.back().packet);
    held_.pop_back();
    ++tally_.handed_on;
    inner().pass_on(std::move(packet), now);
  }
  inner().advance(now);
}

}  // namespace lastack::link
