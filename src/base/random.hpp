// Randomness as a value: seeded in simulation, from the system where packets are real.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lastack {

/// xoshiro256**: fast, and the same numbers for the same seed everywhere. Not for secrets by
/// itself; what a peer must not guess comes from keyed_hash() under a key drawn from a good seed.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) {
    for (auto& word : state_) {  // splitmix64 spreads the seed
      seed += 0x9e3779b97f4a7c15U;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
      z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
      word = z ^ (z >> 31U);
    }
  }
  /// From 256 bits of the system's randomness.
  explicit constexpr Random(const std::array<std::uint64_t, 4>& seed) : state_(seed) {
    if (seed == std::array<std::uint64_t, 4>{}) state_[0] = 1;
  }

  constexpr std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  /// Evenly in [0, bound), bound > 0 (Lemire's multiplication; the bias is below 2^-32).
  constexpr std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((next() >> 32U) * bound) >> 32U);
  }
  /// True with probability `p`.
  constexpr bool chance(double p) { return static_cast<double>(next() >> 11U) < p * 0x1p53; }

  friend constexpr bool operator==(const Random&, const Random&) = default;

 private:
  std::array<std::uint64_t, 4> state_{};
};

using HashKey = std::array<std::uint64_t, 2>;

/// SipHash-2-4 of `octets` under `key`: what a peer sends can't steer where it lands.
[[nodiscard]] std::uint64_t keyed_hash(const HashKey& key, std::span<const std::byte> octets);
/// The same of `words` (each eight octets, the first one lowest) and up to seven octets more: these
/// stand in `last`, whose highest octet is the number of all octets.
[[nodiscard]] std::uint64_t keyed_hash(const HashKey& key, std::span<const std::uint64_t> words,
                                       std::uint64_t last);

}  // namespace lastack
