#include "ip/own_addresses.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "ip/interface_id.hpp"

namespace lastack::ip {
namespace {

constexpr std::uint8_t kMostAttempts = 3;  // RFC 7217 §6, IDGEN_RETRIES
constexpr Duration kTwoHours = 2h;         // RFC 4862 §5.5.3
constexpr Duration kDefendInterval = 10s;  // RFC 5227 §1.1
constexpr std::uint64_t kNonceBits = (std::uint64_t{1} << 48U) - 1;

/// How an address is asked for.
struct Probing {
  Duration wait;  ///< up to this before the first probe
  std::uint8_t probes;
  Duration least;  ///< between probes
  Duration most;
  Duration silence;  ///< after the last probe: then it is ours
  std::uint8_t announcements;
  Duration between;  ///< announcements
};
constexpr Probing kArp{1s, 3, 1s, 2s, 2s, 2, 2s};  // RFC 5227 §1.1
constexpr Probing kNdp{1s, 1, 1s, 1s, 1s, 1, 1s};  // RFC 4862 §5.1, §5.4.2; RFC 9131 §3

const Probing& probing(const OwnAddress& a) { return a.prefix.address.is_v4() ? kArp : kNdp; }

Duration between(Duration least, Duration most, Random& random) {
  return least + Duration(random.below(static_cast<std::uint32_t>((most - least).count()) + 1));
}

}  // namespace

std::string_view to_string(AddressState state) {
  static constexpr std::array<std::string_view, kAddressStateCount> kStates{
      "tentative", "preferred", "deprecated", "duplicate"};
  return kStates[static_cast<std::size_t>(state)];
}
std::string_view to_string(AddressOrigin origin) {
  static constexpr std::array<std::string_view, 3> kOrigins{"configured", "link_local",
                                                            "advertised"};
  return kOrigins[static_cast<std::size_t>(origin)];
}

OwnAddresses::OwnAddresses(const Identity& identity, Random random)
    : identity_(identity), random_(random) {}

void OwnAddresses::tell(AddressNews::Kind kind, const OwnAddress& a) {
  news_.push_back({kind, a.prefix.address, a.rival, a.nonce});
}

std::optional<AddressNews> OwnAddresses::next_news() {
  if (news_.empty()) return std::nullopt;
  return news_.pop_front();
}

// --- coming to have one

void OwnAddresses::add(const Prefix& prefix, AddressOrigin origin, bool ask, TimePoint now) {
  begin(OwnAddress{.prefix = prefix, .origin = origin, .rival = {}}, ask, now);
}

void OwnAddresses::add_link_local(bool ask, TimePoint now) {
  const Prefix prefix = link_local_prefix();
  add({made_for(prefix, 0), prefix.length}, AddressOrigin::link_local, ask, now);
}

void OwnAddresses::begin(OwnAddress address, bool ask, TimePoint now) {
  if (find(address.prefix.address) != nullptr) return;
  const Probing& how = probing(address);
  address.next_step = now + between(Duration(0), how.wait, random_);
  addresses_.push_back(address);
  if (!ask) is_ours(addresses_.back(), now);
}

IpAddress OwnAddresses::made_for(const Prefix& prefix, std::uint8_t attempt) const {
  return with_interface(prefix, identity_.key
                                    ? opaque_id(prefix, identity_.mac, attempt, *identity_.key)
                                    : eui64(identity_.mac));
}

/// The next probe or announcement, or the end of them.
void OwnAddresses::step(OwnAddress& a, TimePoint now) {
  const Probing& how = probing(a);
  if (a.state != AddressState::tentative) {
    tell(AddressNews::Kind::announce, a);
    ++a.announced;
    a.next_step = a.announced < how.announcements ? now + how.between : kNever;
  } else if (a.probes < how.probes) {
    a.nonce = random_.next() & kNonceBits;
    tell(AddressNews::Kind::probe, a);
    ++a.probes;
    a.next_step =
        now + (a.probes < how.probes ? between(how.least, how.most, random_) : how.silence);
  } else {
    is_ours(a, now);
  }
}

void OwnAddresses::is_ours(OwnAddress& a, TimePoint now) {
  a.state = a.preferred_until <= now ? AddressState::deprecated : AddressState::preferred;
  tell(AddressNews::Kind::usable, a);
  step(a, now);
}

// --- somebody else

void OwnAddresses::conflict(const IpAddress& address, const MacAddress& rival, TimePoint now) {
  if (!claims(address)) return;
  OwnAddress* a = get(address);
  a->rival = rival;
  if (a->state == AddressState::tentative) {
    duplicate(*a, now);
  } else {
    defend(*a, now);
  }
}

/// Not ours. One that was made here is made again, differently, where there is a way to.
void OwnAddresses::duplicate(OwnAddress& a, TimePoint now) {
  a.state = AddressState::duplicate;
  a.next_step = kNever;
  tell(AddressNews::Kind::duplicate, a);
  const bool again = a.origin != AddressOrigin::configured && identity_.key.has_value() &&
                     a.attempt < kMostAttempts;
  if (!again) return;
  OwnAddress other = a;
  ++other.attempt;
  other.prefix.address = made_for(a.prefix, other.attempt);
  other.state = AddressState::tentative;
  other.probes = 0;
  other.rival = {};
  addresses_.erase(addresses_.begin() + (&a - addresses_.data()));
  begin(other, true, now);
}

/// RFC 5227 §2.4 (c): ours were given by hand, so none is given up; but never more than one packet
/// an interval, so that two of a kind do not shout at each other.
void OwnAddresses::defend(OwnAddress& a, TimePoint now) {
  if (a.defended != TimePoint{} && now - a.defended < kDefendInterval) return;
  a.defended = now;
  tell(AddressNews::Kind::conflict, a);
  tell(AddressNews::Kind::defend, a);
}

// --- addresses that routers let us make

bool OwnAddresses::advertised(const Prefix& prefix, Duration valid, Duration preferred,
                              TimePoint now) {
  const bool of_one_host = !prefix.address.is_link_local() && !prefix.address.is_multicast();
  if (prefix.length != 64 || !of_one_host || preferred > valid) return true;
  const auto made = std::ranges::find_if(addresses_, [&](const OwnAddress& a) {
    return a.origin == AddressOrigin::advertised && prefix.contains(a.prefix.address);
  });
  if (made != addresses_.end()) {
    update(*made, valid, preferred, now);
    return true;
  }
  if (valid == Duration(0)) return true;
  const auto count = std::ranges::count(addresses_, AddressOrigin::advertised, &OwnAddress::origin);
  if (static_cast<std::size_t>(count) >= kMostAdvertised) return false;
  begin(OwnAddress{.prefix = {made_for(prefix, 0), prefix.length},
                   .origin = AddressOrigin::advertised,
                   .preferred_until = wire::expiry(now, preferred),
                   .valid_until = wire::expiry(now, valid),
                   .rival = {}},
        true, now);
  return true;
}

/// RFC 4862 §5.5.3 (e): a lifetime can be cut to two hours at most by somebody who only says so,
/// and one that is shorter not at all.
void OwnAddresses::update(OwnAddress& a, Duration valid, Duration preferred, TimePoint now) {
  const TimePoint said = wire::expiry(now, valid);
  const TimePoint least = now + kTwoHours;
  if (said > least || said > a.valid_until) {
    a.valid_until = said;
  } else if (a.valid_until > least) {
    a.valid_until = least;
  }
  a.preferred_until = wire::expiry(now, preferred);
  age(a, now);
}

void OwnAddresses::age(OwnAddress& a, TimePoint now) {
  if (!a.usable()) return;
  const AddressState to =
      a.preferred_until <= now ? AddressState::deprecated : AddressState::preferred;
  if (std::exchange(a.state, to) != to) tell(AddressNews::Kind::usable, a);
}

// --- time

void OwnAddresses::advance(TimePoint now) {
  for (OwnAddress& a : addresses_) {
    if (a.next_step <= now) step(a, now);
    age(a, now);
    if (a.valid_until <= now) tell(AddressNews::Kind::gone, a);
  }
  std::erase_if(addresses_, [now](const OwnAddress& a) { return a.valid_until <= now; });
}

TimePoint OwnAddresses::next_deadline() const {
  TimePoint first = kNever;
  for (const OwnAddress& a : addresses_) {
    first = std::min({first, a.next_step, a.valid_until});
    if (a.state == AddressState::preferred) first = std::min(first, a.preferred_until);
  }
  return first;
}

// --- looking in

const OwnAddress* OwnAddresses::find(const IpAddress& address) const {
  const auto at = std::ranges::find_if(
      addresses_, [&](const OwnAddress& a) { return a.prefix.address == address; });
  return at != addresses_.end() ? &*at : nullptr;
}

bool OwnAddresses::claims(const IpAddress& address) const {
  const OwnAddress* a = find(address);
  return a != nullptr && a->state != AddressState::duplicate;
}

OwnAddress* OwnAddresses::get(const IpAddress& address) {
  return const_cast<OwnAddress*>(std::as_const(*this).find(address));
}

std::vector<UsableAddress> OwnAddresses::usable() const {
  std::vector<UsableAddress> all;
  for (const OwnAddress& a : addresses_) {
    if (a.usable()) all.push_back({a.prefix, a.state == AddressState::deprecated});
  }
  return all;
}

const OwnAddress* OwnAddresses::link_local() const {
  const auto at = std::ranges::find_if(addresses_, [](const OwnAddress& a) {
    return a.origin == AddressOrigin::link_local && a.usable();
  });
  return at != addresses_.end() ? &*at : nullptr;
}

}  // namespace lastack::ip
