// IP addresses of both families, and their text.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/bytes.hpp"

namespace lastack::wire {

enum class Family : std::uint8_t { v4 = 4, v6 = 6 };

/// An IPv4 or IPv6 address; 0.0.0.0 by default.
class IpAddress {
 public:
  constexpr IpAddress() = default;
  /// From its octets in wire order: 4 of them, or 16.
  [[nodiscard]] static IpAddress from(Bytes octets);
  [[nodiscard]] static constexpr IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c,
                                              std::uint8_t d) {
    IpAddress address;
    address.octets_ = {std::byte{a}, std::byte{b}, std::byte{c}, std::byte{d}};
    return address;
  }
  /// "10.0.0.1" or "fd00::1"; nothing where it is neither. No zone, no prefix, no octal.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] constexpr Family family() const { return family_; }
  [[nodiscard]] constexpr bool is_v4() const { return family_ == Family::v4; }
  [[nodiscard]] Bytes bytes() const { return {octets_.data(), is_v4() ? 4U : 16U}; }
  [[nodiscard]] bool is_unspecified() const;
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_multicast() const;
  /// 255.255.255.255
  [[nodiscard]] bool is_broadcast() const;
  /// As RFC 5952 writes it.
  [[nodiscard]] std::string to_string() const;

  friend constexpr bool operator==(const IpAddress&, const IpAddress&) = default;
  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  std::array<std::byte, 16> octets_{};  ///< the first four for IPv4, the others zero
  Family family_ = Family::v4;
};

/// An address and how many of its leading bits name the network.
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;

  /// "10.9.0.2/24"; without a slash the whole address.
  [[nodiscard]] static std::optional<Prefix> parse(std::string_view text);
  [[nodiscard]] bool contains(const IpAddress& other) const;
  /// The address of that network with all host bits one: IPv4's directed broadcast.
  [[nodiscard]] bool is_broadcast(const IpAddress& other) const;
  friend constexpr bool operator==(const Prefix&, const Prefix&) = default;
};

}  // namespace lastack::wire
