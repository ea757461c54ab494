// The Internet checksum (RFC 1071) as sums that can be put together.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "wire/address.hpp"
#include "wire/bytes.hpp"

namespace lastack::wire {

/// The one's-complement sum of octets, not yet folded, kept in the machine's own order (RFC 1071
/// §2B). Pieces may be added in any order as long as each starts at an even place of the whole; see
/// swapped() for those that don't.
class Sum {
 public:
  constexpr Sum() = default;

  /// Adds octets that start at an even place; an odd last octet counts as if a zero followed. Up to
  /// 2^31 octets in all.
  void add(Bytes octets) { value_ += sum_of(octets); }
  /// The same for octets whose number is known when this is compiled: no loop.
  template <std::size_t N>
    requires(N % 4 == 0 && N != std::dynamic_extent)
  void add(std::span<const std::byte, N> octets) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((value_ += native_word(octets.data() + 4 * I)), ...);
    }(std::make_index_sequence<N / 4>());
  }
  /// Adds an address. The ffff that stands before an IPv4 one is zero in one's complement.
  void add(const IpAddress& address) {
    const auto words = std::bit_cast<std::array<std::uint32_t, 4>>(address.mapped());
    value_ += std::uint64_t{words[0]} + words[1] + words[2] + words[3];
  }
  /// Adds one 16-bit word, in host order.
  constexpr void add_word(std::uint16_t word) { value_ += in_wire_order(word); }
  /// The same for two of them, the upper one first.
  constexpr void add_words(std::uint32_t words) { value_ += in_wire_order(words); }
  constexpr void add(Sum other) { value_ += other.value_; }
  /// The sum of the same octets standing at an odd place.
  [[nodiscard]] constexpr Sum swapped() const {
    Sum sum;
    const std::uint32_t f = folded_native();
    sum.value_ = (f >> 8U | f << 8U) & 0xffffU;
    return sum;
  }
  /// 16 bits in host order, carries taken in.
  [[nodiscard]] constexpr std::uint16_t folded() const { return in_wire_order(folded_native()); }
  /// What goes into a checksum field, or 0 when a sum over such a field is right.
  [[nodiscard]] constexpr std::uint16_t checksum() const {
    return static_cast<std::uint16_t>(~folded());
  }

 private:
  friend Sum copy_and_sum(Bytes from, MutableBytes to);
  [[nodiscard]] static std::uint64_t sum_of(Bytes octets);
  [[nodiscard]] static std::uint32_t native_word(const std::byte* from) {
    std::uint32_t word = 0;
    std::memcpy(&word, from, sizeof word);
    return word;
  }
  /// Each half added to the other, so that the upper one gets the carry of the lower.
  [[nodiscard]] constexpr std::uint16_t folded_native() const {
    const auto v = static_cast<std::uint32_t>((value_ + std::rotl(value_, 32)) >> 32U);
    return static_cast<std::uint16_t>((v + std::rotl(v, 16)) >> 16U);
  }

  std::uint64_t value_ = 0;
};

/// Copies `from` into `to` (at least as large) and sums it on the way: one pass over the octets.
[[nodiscard]] Sum copy_and_sum(Bytes from, MutableBytes to);

/// What the pseudo-headers of two hosts have in common, whichever of them is the source.
[[nodiscard]] inline Sum sum_of_ends(const IpAddress& one, const IpAddress& other) {
  Sum sum;
  sum.add(one);
  sum.add(other);
  return sum;
}

/// The pseudo-header of RFC 9293 §3.1 (IPv4) and RFC 8200 §8.1 (IPv6).
[[nodiscard]] inline Sum pseudo_header(const IpAddress& source, const IpAddress& destination,
                                       std::uint8_t protocol, std::uint32_t length) {
  Sum sum = sum_of_ends(source, destination);
  sum.add_words(length + protocol);  // neither fills its 32 bits
  return sum;
}

}  // namespace lastack::wire
