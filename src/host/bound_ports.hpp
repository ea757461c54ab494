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
    const bool free = std::ranges::none_of(here, [&](const Bound& other) {
      return overlap(other.address, other.both, at.address, both) && !(shared && other.shared);
    });
    if (free) here.push_back({at.address, shared, both});
    return free;
  }
  /// What take() took.
  void give_back(const Endpoint& at, bool both) {
    const auto here = ports_.find(at.port);
    here->second.erase(std::ranges::find_if(here->second, [&](const Bound& one) {
      return one.address == at.address && one.both == both;
    }));
    if (here->second.empty()) ports_.erase(here);
  }
  [[nodiscard]] bool any_at(std::uint16_t port) const { return ports_.contains(port); }

 private:
  struct Bound {
    wire::IpAddress address;
    bool shared;
    bool both;
  };
  std::unordered_map<std::uint16_t, std::vector<Bound>> ports_;
};

}  // namespace lastack::host
