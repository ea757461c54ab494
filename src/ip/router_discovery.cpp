#include "ip/router_discovery.hpp"

#include <algorithm>

namespace lastack::ip {
namespace {

// RFC 7559 §2: a lost answer is no reason to stop asking.
constexpr Duration kFirstInterval = 4s;
constexpr Duration kMostInterval = 1h;
constexpr Duration kMostDelay = 1s;        // before the first one (RFC 4861 §6.3.7)
constexpr std::uint16_t kLeastMtu = 1280;  // RFC 8200 §5

/// Behind what was configured, a preferred router before others (RFC 4191 §3.1).
std::uint16_t metric_of(wire::RouterPreference preference) {
  return static_cast<std::uint16_t>(200 - 100 * static_cast<int>(preference));
}

Prefix default_prefix() {
  constexpr std::array<std::byte, 16> kOctets{};
  return {IpAddress::from(kOctets), 0};
}

IpAddress on_link() { return default_prefix().address; }

/// Puts one statement of an advertisement into the routes; a lifetime of zero takes it back.
bool keep(Routes& routes, const Prefix& to, const IpAddress& via, Duration lifetime,
          wire::RouterPreference preference, TimePoint now) {
  if (lifetime == Duration(0)) {
    routes.remove(to, via, RouteOrigin::advertised);
    return true;
  }
  return routes.set({.to = to,
                     .via = via,
                     .metric = metric_of(preference),
                     .origin = RouteOrigin::advertised,
                     .until = wire::expiry(now, lifetime)});
}

}  // namespace

/// An interval give or take a tenth, so that hosts which started together do not ask together.
Duration RouterDiscovery::jittered(Duration interval) {
  const Duration tenth = interval / 10;
  return interval - tenth + Duration(random_.below(static_cast<std::uint32_t>(2 * tenth.count())));
}

void RouterDiscovery::start(TimePoint now) {
  if (started_) return;
  started_ = true;
  lost(now);
}

void RouterDiscovery::lost(TimePoint now) {
  if (!started_ || next_ != kNever) return;
  interval_ = Duration(0);
  next_ = now + Duration(random_.below(static_cast<std::uint32_t>(kMostDelay.count())));
}

bool RouterDiscovery::solicits(TimePoint now) {
  if (now < next_) return false;
  interval_ = interval_ == Duration(0) ? kFirstInterval : std::min(2 * interval_, kMostInterval);
  next_ = now + jittered(interval_);
  return true;
}

// DEVIATES: the hop limit that routers advertise is not taken (RFC 4861 §6.3.4 says SHOULD). All of
// them advertise the 64 that we use, and a forged one of 1 would cut us off.
std::size_t RouterDiscovery::take(const wire::RouterAdvertisement& said, const IpAddress& router,
                                  TimePoint now, Routes& routes) {
  std::size_t refused = 0;
  const auto count = [&refused](bool kept) { refused += kept ? 0U : 1U; };
  count(keep(routes, default_prefix(), router, said.lifetime, said.preference, now));
  for (const wire::RouteInformation& r : said.routes()) {
    count(keep(routes, r.prefix, router, r.lifetime, r.preference, now));
  }
  for (const wire::PrefixInformation& p : said.prefixes()) {
    if (!p.on_link || p.prefix.address.is_link_local() || p.prefix.address.is_multicast()) continue;
    count(keep(routes, p.prefix, on_link(), p.valid, wire::RouterPreference::medium, now));
  }
  if (said.mtu && *said.mtu >= kLeastMtu && *said.mtu <= most_mtu_) {
    mtu_ = static_cast<std::uint16_t>(*said.mtu);
  }
  if (said.lifetime > Duration(0)) next_ = kNever;  // RFC 7559 §2.1: one that routes is enough
  return refused;
}

}  // namespace lastack::ip
