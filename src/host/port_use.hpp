// How many connections stand at each port: what bind() asks before it looks at them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "host/claim.hpp"

namespace lastack::host {

/// Counts by port. A page of them exists once one of its ports was in use.
class PortUse {
 public:
  PortUse() = default;
  PortUse(const PortUse& other) {
    for (std::size_t i = 0; i < pages_.size(); ++i) {
      if (other.pages_[i]) pages_[i] = std::make_unique<Page>(*other.pages_[i]);
    }
  }
  PortUse& operator=(const PortUse&) = delete;

  struct Use {
    std::uint32_t all = 0;
    std::uint32_t address = 0;  ///< of them those with Claim::address
    std::uint32_t port = 0;     ///< of them those with Claim::port
    /// Whether one of them may keep another from binding the port.
    [[nodiscard]] bool keeps(const Claim& from) const {
      return all > std::max(from.address ? address : 0, from.port ? port : 0);
    }
  };

  void add(std::uint16_t port, const Claim& claim) {
    auto& page = pages_[port / kPage];
    if (!page) page = std::make_unique<Page>();
    Use& use = (*page)[port % kPage];
    ++use.all;
    use.address += claim.address ? 1 : 0;
    use.port += claim.port ? 1 : 0;
  }
  /// What add() counted.
  void remove(std::uint16_t port, const Claim& claim) {
    Use& use = (*pages_[port / kPage])[port % kPage];
    --use.all;
    use.address -= claim.address ? 1 : 0;
    use.port -= claim.port ? 1 : 0;
  }
  [[nodiscard]] Use at(std::uint16_t port) const {
    const auto& page = pages_[port / kPage];
    return page ? (*page)[port % kPage] : Use{};
  }

 private:
  static constexpr std::size_t kPage = 256;
  using Page = std::array<Use, kPage>;
  std::array<std::unique_ptr<Page>, 65536 / kPage> pages_;
};

}  // namespace lastack::host
