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
  /// False where somebody has it, or a part of it, unless all of them are `shared`.
  bool take(const Endpoint& at, bool shared) {
    std::vector<Bound>& here = ports_[at.port];
    const bool free = std::ranges::none_of(here, [&](const Bound& other) {
      return overlap(other.address, at.address) && !(shared && other.shared);
    });
    if (free) here.push_back({at.address, shared});
    return free;
  }
  /// What take() took.
  void give_back(const Endpoint& at) {
    const auto here = ports_.find(at.port);
    here->second.erase(std::ranges::find(here->second, at.address, &Bound::address));
    if (here->second.empty()) ports_.erase(here);
  }
  [[nodiscard]] bool any_at(std::uint16_t port) const { return ports_.contains(port); }

 private:
  struct Bound {
    wire::IpAddress address;
    bool shared;
  };
  std::unordered_map<std::uint16_t, std::vector<Bound>> ports_;
};

}  // namespace lastack::host
