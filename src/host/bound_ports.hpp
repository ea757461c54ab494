// Which local endpoints sockets have taken for themselves, before they listen or connect there.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "host/flow.hpp"

namespace lastack::host {

/// What bind() keeps.
class BoundPorts {
 public:
  /// False where somebody has it, or a part of it, unless all of them are `shared`. `both` as in
  /// overlap().
  bool take(const Endpoint& at, bool shared, bool both) {
    std::vector<Bound>& here = ports_[at.port];
    const bool any_v4 = at.address.is_v4() && at.address.is_unspecified();
    const bool free = std::ranges::none_of(here, [&](const Bound& other) {
      const bool other_both = other.both && (other.address.is_unspecified() || any_v4);
      return overlap(other.address, other_both, at.address, both) && !(shared && other.shared);
    });
    if (free) here.push_back({at.address, shared, both});
    return free;
  }
  /// What take() took.
  void give_back(const Endpoint& at, bool shared, bool both) {
    const auto here = ports_.find(at.port);
    here->second.erase(std::ranges::find(here->second, Bound{at.address, shared, both}));
    if (here->second.empty()) ports_.erase(here);
  }
  /// What take() took is at another address from now on, whoever is there, too. What was `both`
  /// and is at one of IPv6 keeps IPv4's unspecified one still, as in Linux.
  void move(const Endpoint& from, bool from_both, const Endpoint& to, bool to_both, bool shared) {
    give_back(from, shared, from_both);
    ports_[to.port].push_back({to.address, shared, to_both});
  }
  /// Whoever took it says something else about sharing it.
  void set_shared(const Endpoint& at, bool both, bool before, bool shared) {
    std::vector<Bound>& here = ports_[at.port];
    std::ranges::find(here, Bound{at.address, before, both})->shared = shared;
  }
  [[nodiscard]] bool any_at(std::uint16_t port) const { return ports_.contains(port); }

 private:
  struct Bound {
    wire::IpAddress address;
    bool shared;
    bool both;
    friend bool operator==(const Bound&, const Bound&) = default;
  };
  std::unordered_map<std::uint16_t, std::vector<Bound>> ports_;
};

}  // namespace lastack::host
