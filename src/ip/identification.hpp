// Identifications of packets that are cut: never guessed, and not the same again soon (RFC 7739).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/random.hpp"
#include "wire/address.hpp"

namespace lastack::ip {

/// A keyed hash of the two addresses says where to start, a counter that few destinations share
/// where to go on (§5.3). IPv4 takes the lower 16 bits.
class Identifications {
 public:
  explicit Identifications(const HashKey& key) : key_(key) {}

  [[nodiscard]] std::uint32_t next(const wire::IpAddress& source,
                                   const wire::IpAddress& destination) {
    std::array<std::byte, 32> both{};
    std::ranges::copy(source.mapped(), both.begin());
    std::ranges::copy(destination.mapped(), both.begin() + 16);
    const std::uint64_t hash = keyed_hash(key_, both);
    return static_cast<std::uint32_t>(hash) + counters_[(hash >> 32U) % counters_.size()]++;
  }

 private:
  HashKey key_;
  std::array<std::uint32_t, 64> counters_{};
};

}  // namespace lastack::ip
