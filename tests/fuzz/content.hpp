// Octets that follow from their sequence number, whoever sends them: so each one that is delivered
// can be checked, and a connection's octets are not those of the next with the same ports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/sequence.hpp"

namespace lastack::fuzz {

[[nodiscard]] constexpr std::byte octet_at(Seq seq) {
  std::uint32_t z = seq.raw() * 0x9e3779b9U;
  z = (z ^ (z >> 15U)) * 0x85ebca6bU;
  return static_cast<std::byte>(z >> 24U);
}

/// The octets that stand from `seq` on.
inline void fill(Seq seq, std::span<std::byte> into) {
  for (std::byte& octet : into) {
    octet = octet_at(seq);
    seq = seq + 1;
  }
}

[[nodiscard]] inline bool stands_at(Seq seq, std::span<const std::byte> octets) {
  for (const std::byte octet : octets) {
    if (octet != octet_at(seq)) return false;
    seq = seq + 1;
  }
  return true;
}

}  // namespace lastack::fuzz
