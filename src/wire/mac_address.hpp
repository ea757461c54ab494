// Addresses of Ethernet interfaces (EUI-48), their text, and the groups that IP addresses make.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "wire/address.hpp"

namespace lastack::wire {

/// Six octets in wire order; all zero by default, which is nobody's.
class MacAddress {
 public:
  static constexpr std::size_t kSize = 6;

  constexpr MacAddress() = default;
  /// From 6 octets; nobody's where there are more or fewer.
  [[nodiscard]] static constexpr MacAddress from(std::span<const std::byte> octets) {
    MacAddress address;
    if (octets.size() == kSize) std::ranges::copy(octets, address.octets_.begin());
    return address;
  }
  /// From a number of 48 bits: 0x0200'0000'0001 is 02:00:00:00:00:01.
  [[nodiscard]] static constexpr MacAddress of(std::uint64_t number) {
    MacAddress address;
    for (std::size_t i = kSize; i-- > 0; number >>= 8U) {
      address.octets_[i] = static_cast<std::byte>(number & 0xffU);
    }
    return address;
  }
  [[nodiscard]] static constexpr MacAddress broadcast() { return of(0xffff'ffff'ffff); }
  /// Who listens to a multicast address of either family (RFC 1112 §6.4, RFC 2464 §7).
  [[nodiscard]] static MacAddress of_group(const IpAddress& group);
  /// "02:00:00:00:00:01", also with dashes; nothing where it is none.
  [[nodiscard]] static std::optional<MacAddress> parse(std::string_view text);

  [[nodiscard]] std::span<const std::byte, kSize> bytes() const { return octets_; }
  /// A multicast or the broadcast address.
  [[nodiscard]] constexpr bool is_group() const {
    return (octets_[0] & std::byte{1}) != std::byte{0};
  }
  [[nodiscard]] constexpr bool is_broadcast() const { return *this == broadcast(); }
  /// What a single interface can have: no group, and not all zero.
  [[nodiscard]] constexpr bool is_station() const { return !is_group() && *this != MacAddress(); }
  [[nodiscard]] std::string to_string() const;

  friend constexpr bool operator==(const MacAddress&, const MacAddress&) = default;
  friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) = default;

 private:
  std::array<std::byte, kSize> octets_{};
};

}  // namespace lastack::wire
