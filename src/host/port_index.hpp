// What is at a port: found at once, however many ports are in use.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace lastack::host {

/// Indices by port; few of them share one.
class PortIndex {
 public:
  void add(std::uint16_t port, std::uint32_t index) { ports_[port].push_back(index); }
  /// It must be there.
  void remove(std::uint16_t port, std::uint32_t index) {
    const auto found = ports_.find(port);
    std::erase(found->second, index);
    if (found->second.empty()) ports_.erase(found);
  }
  [[nodiscard]] std::span<const std::uint32_t> at(std::uint16_t port) const {
    const auto found = ports_.find(port);
    return found != ports_.end() ? std::span(found->second) : std::span<const std::uint32_t>{};
  }

 private:
  std::unordered_map<std::uint16_t, std::vector<std::uint32_t>> ports_;
};

}  // namespace lastack::host
