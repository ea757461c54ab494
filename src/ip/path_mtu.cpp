#include "ip/path_mtu.hpp"

#include <algorithm>

namespace lastack::ip {
namespace {

constexpr std::array<std::uint16_t, 11> kPlateaus{65535, 32000, 17914, 8166, 4352, 2002,
                                                  1492,  1006,  508,   296,  68};

}  // namespace

std::optional<std::uint16_t> believable_mtu(wire::Family family, std::uint32_t mtu,
                                            std::uint32_t length) {
  const bool v4 = family == wire::Family::v4;
  if (v4 && mtu == 0) {
    const auto lower =
        std::ranges::find_if(kPlateaus, [length](std::uint16_t p) { return p < length; });
    if (lower == kPlateaus.end()) return std::nullopt;
    return *lower;
  }
  // RFC 8201 §4: less than IPv6's least is no reason to send less. What a packet fitted through did
  // not stop it (RFC 5927 §7.2).
  if (mtu < (v4 ? kLeastMtuV4 : kLeastMtuV6) || mtu >= length || mtu > 0xffff) return std::nullopt;
  return static_cast<std::uint16_t>(mtu);
}

std::size_t PathMtu::set_of(const wire::IpAddress& destination) const {
  return keyed_hash(key_, destination.mapped()) % sets_.size();
}

std::optional<std::uint16_t> PathMtu::find(const wire::IpAddress& destination,
                                           TimePoint now) const {
  for (const Entry& entry : sets_[set_of(destination)]) {
    if (entry.destination == destination && now < entry.until) return entry.mtu;
  }
  return std::nullopt;
}

/// In a full set the entry goes that would be forgotten first.
void PathMtu::learn(const wire::IpAddress& destination, std::uint16_t mtu, TimePoint now) {
  if (sets_.empty()) sets_.resize(kMost / kWays);
  Set& set = sets_[set_of(destination)];
  auto place = std::ranges::find(set, destination, &Entry::destination);
  if (place != set.end() && now < place->until && place->mtu <= mtu) return;
  if (place == set.end()) place = std::ranges::min_element(set, {}, &Entry::until);
  *place = {.destination = destination, .mtu = mtu, .until = now + kKept};
}

std::size_t PathMtu::size(TimePoint now) const {
  std::size_t n = 0;
  for (const Set& set : sets_) {
    n += static_cast<std::size_t>(
        std::ranges::count_if(set, [now](const Entry& e) { return e.mtu > 0 && now < e.until; }));
  }
  return n;
}

}  // namespace lastack::ip
