#include "ip/neighbours.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace lastack::ip {
namespace {

using Event = NeighbourEvent;

// What a router may set: RFC 4861 §6.2.1 knows no more than an hour, and no host asks more than ten
// times a second because somebody told it to.
constexpr Duration kMostReachable = 1h;
constexpr Duration kLeastRetransmit = 100ms;
constexpr Duration kMostRetransmit = 10s;

/// How much one would be missed, the least first.
int worth(const Neighbour& n) {
  switch (n.state) {
    case NeighbourState::stale: return n.used ? 1 : 0;
    case NeighbourState::incomplete: return 2;
    default: return 3;
  }
}

}  // namespace

Neighbours::Neighbours(const NeighbourSettings& settings, Random random)
    : settings_(settings), random_(random) {
  draw_reachable();
}

void Neighbours::draw_reachable() {
  const auto half = settings_.reachable / 2ms;  // milliseconds of half of it
  reachable_ = settings_.reachable / 2 +
               std::chrono::milliseconds(random_.below(static_cast<std::uint32_t>(2 * half) + 1));
}

// --- doors

std::optional<MacAddress> Neighbours::wanted(const IpAddress& address, TimePoint now) {
  Neighbour* n = get(address);
  if (n == nullptr) n = make(address, true, now);
  n->used = true;
  n->touched = now;
  take(*n, Event::wanted, now);
  return has_link_address(n->state) ? std::optional(n->mac) : std::nullopt;
}

void Neighbours::told(const IpAddress& address, const MacAddress& mac, bool create, TimePoint now) {
  Neighbour* n = get(address);
  if (n == nullptr && create) n = make(address, false, now);
  if (n == nullptr || (has_link_address(n->state) && n->mac == mac)) return;
  n->mac = mac;
  take(*n, Event::told, now);
}

/// RFC 4861 §7.2.5, and its appendix C.
void Neighbours::answered(const IpAddress& address, const NeighbourAnswer& answer, TimePoint now) {
  Neighbour* n = get(address);
  if (n == nullptr) return;
  const bool known = has_link_address(n->state);
  if (!known && !answer.mac) return;
  const bool differs = known && answer.mac && *answer.mac != n->mac;
  if (differs && !answer.overrides) {
    take(*n, Event::contradicted, now);
    return;
  }
  n->router = answer.router;
  if (answer.mac) n->mac = *answer.mac;
  if (answer.solicited) {
    take(*n, Event::answered, now);
  } else if (differs || !known) {
    take(*n, Event::told, now);
  }
}

void Neighbours::progress(const IpAddress& address, TimePoint now) {
  Neighbour* n = get(address);
  if (n != nullptr) take(*n, Event::progress, now);
}

void Neighbours::doubted(const IpAddress& address, TimePoint now) {
  Neighbour* n = get(address);
  if (n != nullptr) take(*n, Event::doubted, now);
}

void Neighbours::set_router(const IpAddress& address, bool router) {
  Neighbour* n = get(address);
  if (n != nullptr) n->router = router;
}

void Neighbours::set_times(Duration reachable, Duration retransmit) {
  if (reachable > Duration(0) && reachable <= kMostReachable) {
    const bool other = settings_.reachable != reachable;
    settings_.reachable = reachable;
    if (other) draw_reachable();
  }
  if (retransmit > Duration(0)) {
    settings_.retransmit = std::clamp(retransmit, kLeastRetransmit, kMostRetransmit);
  }
}

std::optional<NeighbourNews> Neighbours::next_news() {
  if (news_.empty()) return std::nullopt;
  return news_.pop_front();
}

// --- states

/// The only place where a state is written.
bool Neighbours::take(Neighbour& n, Event event, TimePoint now) {
  const auto to = next(n.state, event);
  if (!to) return false;
  const NeighbourState from = std::exchange(n.state, *to);
  entered(n, from, now);
  return true;
}

void Neighbours::entered(Neighbour& n, NeighbourState from, TimePoint now) {
  if (from == NeighbourState::incomplete && has_link_address(n.state)) {
    draw_reachable();  // §6.3.4: another one now and then
    news_.push_back({NeighbourNews::Kind::resolved, n.address, n.mac});
  }
  switch (n.state) {
    case NeighbourState::none: set_deadline(n, kNever); break;
    case NeighbourState::incomplete:
    case NeighbourState::probe:
      n.asked = 0;
      ask(n, now);
      break;
    case NeighbourState::reachable: set_deadline(n, now + reachable_); break;
    case NeighbourState::stale: set_deadline(n, kNever); break;
    case NeighbourState::delay: set_deadline(n, now + settings_.delay); break;
  }
}

void Neighbours::ask(Neighbour& n, TimePoint now) {
  ++n.asked;
  const bool to_all = n.state == NeighbourState::incomplete;
  news_.push_back({NeighbourNews::Kind::ask, n.address, to_all ? MacAddress() : n.mac});
  set_deadline(n, now + settings_.retransmit);
}

void Neighbours::expire(Neighbour& n, TimePoint now) {
  switch (n.state) {
    case NeighbourState::incomplete:
    case NeighbourState::probe:
      if (n.asked < settings_.tries) {
        ask(n, now);
        break;
      }
      take(n, Event::gave_up, now);
      news_.push_back({NeighbourNews::Kind::unreachable, n.address, {}});
      break;
    case NeighbourState::reachable: take(n, Event::reachable_over, now); break;
    case NeighbourState::delay: take(n, Event::delay_over, now); break;
    case NeighbourState::none:
    case NeighbourState::stale: break;
  }
}

void Neighbours::set_deadline(Neighbour& n, TimePoint deadline) {
  n.deadline = deadline;
  due_ = std::min(due_, deadline);
}

void Neighbours::advance(TimePoint now) {
  if (now < due_) return;
  for (Neighbour& n : entries_) {
    if (n.deadline <= now) expire(n, now);
  }
  std::erase_if(entries_, [](const Neighbour& n) { return n.state == NeighbourState::none; });
  due_ = kNever;
  for (const Neighbour& n : entries_) due_ = std::min(due_, n.deadline);
}

// --- places

const Neighbour* Neighbours::find(const IpAddress& address) const {
  const auto at = std::ranges::lower_bound(entries_, address, {}, &Neighbour::address);
  return at != entries_.end() && at->address == address ? &*at : nullptr;
}

Neighbour* Neighbours::get(const IpAddress& address) {
  return const_cast<Neighbour*>(std::as_const(*this).find(address));
}

/// A place for one that is not known, if need be another's. Null where it is not worth that; never
/// for a packet.
Neighbour* Neighbours::make(const IpAddress& address, bool for_packet, TimePoint now) {
  if (const auto i = victim(for_packet)) {
    Neighbour& gone = entries_[*i];
    if (gone.state == NeighbourState::incomplete)
      news_.push_back({NeighbourNews::Kind::forgotten, gone.address, {}});
    take(gone, Event::forgotten, now);
    entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(*i));
  } else if (entries_.size() >= settings_.most) {
    return nullptr;
  }
  const auto at = std::ranges::lower_bound(entries_, address, {}, &Neighbour::address);
  return &*entries_.insert(at, Neighbour{.address = address, .mac = {}, .touched = now});
}

/// Who has to go for a newcomer. Of those being asked for only so many are kept, the latest: a scan
/// of a whole network turns over these and leaves the others in peace.
std::optional<std::size_t> Neighbours::victim(bool for_packet) const {
  const auto earlier = [](const Neighbour& a, const Neighbour& b) { return a.touched < b.touched; };
  const auto asked = std::ranges::count(entries_, NeighbourState::incomplete, &Neighbour::state);
  if (for_packet && static_cast<std::size_t>(asked) >= settings_.most_incomplete) {
    const auto oldest = std::ranges::min_element(entries_, [&](const auto& a, const auto& b) {
      const bool a_asked = a.state == NeighbourState::incomplete;
      const bool b_asked = b.state == NeighbourState::incomplete;
      return a_asked != b_asked ? a_asked : earlier(a, b);
    });
    return static_cast<std::size_t>(oldest - entries_.begin());
  }
  if (entries_.size() < settings_.most) return std::nullopt;
  const auto least = std::ranges::min_element(entries_, [&](const auto& a, const auto& b) {
    return worth(a) != worth(b) ? worth(a) < worth(b) : earlier(a, b);
  });
  if (!for_packet && worth(*least) > 0) return std::nullopt;
  return static_cast<std::size_t>(least - entries_.begin());
}

}  // namespace lastack::ip
