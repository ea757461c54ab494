// A state's canonical form as a number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lastack::explore {

/// 128 bits of a canonical form: with some million states no two will share them.
struct Digest {
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  friend bool operator==(const Digest&, const Digest&) = default;
};

struct DigestHash {
  std::size_t operator()(const Digest& d) const { return d.a; }
};

inline std::uint64_t mixed(std::uint64_t x) {
  x ^= x >> 32U;
  x *= 0xd6e8feb86659fd93U;
  x ^= x >> 32U;
  x *= 0xd6e8feb86659fd93U;
  return x ^ x >> 32U;
}

inline Digest digest_of(const std::vector<std::uint8_t>& octets) {
  Digest d{0x9e3779b97f4a7c15U, 0xc2b2ae3d27d4eb4fU};
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    word = word << 8U | octets[i];
    if (i % 8 != 7 && i + 1 != octets.size()) continue;
    d.a = mixed(d.a ^ word) + 0x165667b19e3779f9U;
    d.b = mixed(d.b + word * 0x9e3779b97f4a7c15U) ^ d.a;
    word = 0;
  }
  d.b = mixed(d.b + octets.size());
  return d;
}

}  // namespace lastack::explore
