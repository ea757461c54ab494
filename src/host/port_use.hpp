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

  /// The most that there may be at one port.
  static constexpr std::uint64_t kMost = (1U << 21U) - 1;

  /// Three counts in one word: there is one for nearly every port.
  class Use {
   public:
    [[nodiscard]] std::uint32_t all() const { return static_cast<std::uint32_t>(counts_ & kMost); }
    /// Whether one of them may keep another from binding the port.
    [[nodiscard]] bool keeps(const Claim& from) const {
      const std::uint64_t address = counts_ >> kAddress & kMost;  // those with Claim::address
      const std::uint64_t port = counts_ >> kPort;                // those with Claim::port
      return all() > std::max(from.address ? address : 0, from.port ? port : 0);
    }
    void add(const Claim& claim) { counts_ += one(claim); }
    void remove(const Claim& claim) { counts_ -= one(claim); }

   private:
    static constexpr unsigned kAddress = 21;
    static constexpr unsigned kPort = 42;
    static constexpr std::uint64_t one(const Claim& claim) {
      return 1U | std::uint64_t{claim.address} << kAddress | std::uint64_t{claim.port} << kPort;
    }
    std::uint64_t counts_ = 0;
  };

  void add(std::uint16_t port, const Claim& claim) {
    auto& page = pages_[port / kPage];
    if (!page) page = std::make_unique<Page>();
    (*page)[port % kPage].add(claim);
  }
  /// What add() counted.
  void remove(std::uint16_t port, const Claim& claim) {
    (*pages_[port / kPage])[port % kPage].remove(claim);
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
