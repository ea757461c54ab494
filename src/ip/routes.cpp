#include "ip/routes.hpp"

#include <algorithm>
#include <array>

namespace lastack::ip {
namespace {

bool goes_first(const Route& a, const Route& b) {
  if (a.to.length != b.to.length) return a.to.length > b.to.length;
  if (a.failed != b.failed) return a.failed < b.failed;
  return a.metric < b.metric;
}

}  // namespace

std::string_view to_string(RouteOrigin origin) {
  static constexpr std::array<std::string_view, 4> kOrigins{"connected", "configured", "advertised",
                                                            "redirected"};
  return kOrigins[static_cast<std::size_t>(origin)];
}

std::size_t Routes::count(RouteOrigin origin) const {
  return static_cast<std::size_t>(std::ranges::count(routes_, origin, &Route::origin));
}

bool Routes::make_room(RouteOrigin origin) {
  if (origin == RouteOrigin::advertised) return count(origin) < limits_.advertised;
  if (origin == RouteOrigin::redirected && count(origin) >= limits_.redirected) {
    // New ones stand behind old ones of the same length, and all of these have the same.
    const auto oldest = std::ranges::find(routes_, origin, &Route::origin);
    if (oldest == routes_.end()) return false;
    routes_.erase(oldest);
  }
  return true;
}

bool Routes::set(const Route& route) {
  if (route.origin == RouteOrigin::redirected) {  // only the last word on a destination counts
    std::erase_if(routes_, [&](const Route& r) {
      return r.origin == RouteOrigin::redirected && r.to == route.to && r.via != route.via;
    });
  }
  const auto same = std::ranges::find_if(routes_, [&](const Route& r) {
    return r.to == route.to && r.via == route.via && r.origin == route.origin;
  });
  if (same != routes_.end()) {
    same->metric = route.metric;
    same->until = route.until;
  } else if (!make_room(route.origin)) {
    return false;
  } else {
    routes_.push_back(route);
  }
  settle();
  return true;
}

/// After a change: the order, when something ends, and whether somebody failed.
void Routes::settle() {
  ++version_;
  // By insertion: few are out of place. (std::stable_sort calls what C++17 deprecates, with
  // warnings where clang compiles it.)
  for (auto it = routes_.begin(); it != routes_.end(); ++it) {
    std::rotate(std::upper_bound(routes_.begin(), it, *it, goes_first), it, it + 1);
  }
  due_ = kNever;
  failures_ = false;
  for (const Route& r : routes_) {
    due_ = std::min(due_, r.until);
    failures_ = failures_ || r.failed != TimePoint{};
  }
}

void Routes::remove(const Prefix& to, const IpAddress& via, RouteOrigin origin) {
  std::erase_if(routes_,
                [&](const Route& r) { return r.to == to && r.via == via && r.origin == origin; });
  settle();
}

void Routes::remove_router(const IpAddress& via) {
  std::erase_if(routes_, [&](const Route& r) {
    return r.via == via &&
           (r.origin == RouteOrigin::advertised || r.origin == RouteOrigin::redirected);
  });
  settle();
}

const Route* Routes::find(const IpAddress& destination) const {
  const auto found =
      std::ranges::find_if(routes_, [&](const Route& r) { return r.to.contains(destination); });
  return found != routes_.end() ? &*found : nullptr;
}

std::optional<IpAddress> Routes::next_hop(const IpAddress& destination) const {
  const Route* route = find(destination);
  if (route == nullptr) return std::nullopt;
  return route->on_link() ? destination : route->via;
}

bool Routes::on_link(const IpAddress& address) const {
  const Route* route = find(address);
  return route != nullptr && route->on_link();
}

void Routes::failed(const IpAddress& via, TimePoint now) {
  std::erase_if(routes_, [&](const Route& r) {
    return r.origin == RouteOrigin::redirected && (r.via == via || r.to.address == via);
  });
  for (Route& r : routes_) {
    if (r.via == via) r.failed = now;
  }
  settle();
}

void Routes::answered(const IpAddress& via) {
  if (!failures_) return;
  for (Route& r : routes_) {
    if (r.via == via) r.failed = TimePoint{};
  }
  settle();
}

void Routes::advance(TimePoint now) {
  if (now < due_) return;
  std::erase_if(routes_, [now](const Route& r) { return r.until <= now; });
  settle();
}

}  // namespace lastack::ip
