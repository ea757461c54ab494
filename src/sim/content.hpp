// The octets of a simulated stream: each follows from its place, so that any part can be checked.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/sha256.hpp"

namespace lastack::sim {

class Content {
 public:
  explicit constexpr Content(std::uint64_t key) : key_(key) {}

  /// Octets [at, at + into.size()) of the stream.
  void fill(std::uint64_t at, std::span<std::byte> into) const {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < into.size(); ++i, ++at) {
      if (i == 0 || at % 8 == 0) word = word_at(at / 8);
      into[i] = static_cast<std::byte>(word >> 8 * (at % 8));
    }
  }
  /// What the first `octets` of it hash to.
  [[nodiscard]] Sha256::Digest digest(std::uint64_t octets) const {
    Sha256 sha;
    std::array<std::byte, 4096> part;
    for (std::uint64_t at = 0; at < octets; at += part.size()) {
      const auto piece = std::span(part).first(
          static_cast<std::size_t>(std::min<std::uint64_t>(part.size(), octets - at)));
      fill(at, piece);
      sha.add(piece);
    }
    return sha.digest();
  }

 private:
  /// splitmix64's output function at place `i`.
  [[nodiscard]] std::uint64_t word_at(std::uint64_t i) const {
    std::uint64_t z = key_ + (i + 1) * 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

  std::uint64_t key_;
};

}  // namespace lastack::sim
