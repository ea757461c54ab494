// Which local endpoints sockets have taken for themselves, before they listen or connect there.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "host/claim.hpp"
#include "host/flow.hpp"

namespace lastack::host {

/// What bind() keeps.
class BoundPorts {
 public:
  /// False where somebody has it, or a part of it, unless all of them share it.
  bool take(const Endpoint& at, const Claim& claim) {
    std::vector<Bound>& here = ports_[at.port];
    const bool any_v4 = at.address.is_v4() && at.address.is_unspecified() && !claim.mapped;
    const bool free = std::ranges::none_of(here, [&](const Bound& other) {
      const bool other_both = other.claim.both && (other.address.is_unspecified() || any_v4);
      return overlap(other.address, other_both, at.address, claim.both) &&
             !claim.shares_with(other.claim);
    });
    if (free) here.push_back({at.address, claim});
    return free;
  }
  /// What take() took.
  void give_back(const Endpoint& at, const Claim& claim) {
    const auto here = ports_.find(at.port);
    here->second.erase(std::ranges::find(here->second, Bound{at.address, claim}));
    if (here->second.empty()) ports_.erase(here);
  }
  /// What take() took is at another address from now on, whoever is there, too. What was `both`
  /// and is at one of IPv6 keeps IPv4's unspecified one still, as in Linux.
  void move(const Endpoint& from, const Claim& before, const Endpoint& to, const Claim& claim) {
    give_back(from, before);
    ports_[to.port].push_back({to.address, claim});
  }
  [[nodiscard]] bool any_at(std::uint16_t port) const { return ports_.contains(port); }

 private:
  struct Bound {
    wire::IpAddress address;
    Claim claim;
    friend bool operator==(const Bound&, const Bound&) = default;
  };
  std::unordered_map<std::uint16_t, std::vector<Bound>> ports_;
};

}  // namespace lastack::host
