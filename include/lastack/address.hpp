// IP addresses of both families, networks, and ends of connections, and their text.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lastack {

enum class Family : std::uint8_t { v4 = 4, v6 = 6 };

/// An IPv4 or IPv6 address; 0.0.0.0 by default. An IPv4 one is kept as IPv4-mapped IPv6 (RFC 4291
/// §2.5.5.2), which never stands in a packet: so ::ffff:10.0.0.1 is 10.0.0.1.
class IpAddress {
 public:
  constexpr IpAddress() = default;
  /// From its octets in wire order: 4 of them, or 16.
  [[nodiscard]] static constexpr IpAddress from(std::span<const std::byte> octets) {
    IpAddress address;
    if (octets.size() == 4) {
      std::ranges::copy(octets.first<4>(), address.octets_.begin() + kMapped);
    } else if (octets.size() == 16) {
      std::ranges::copy(octets.first<16>(), address.octets_.begin());
    }
    return address;
  }
  [[nodiscard]] static constexpr IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c,
                                              std::uint8_t d) {
    IpAddress address;
    const std::array octets{std::byte{a}, std::byte{b}, std::byte{c}, std::byte{d}};
    for (std::size_t i = 0; i < 4; ++i) address.octets_[kMapped + i] = octets[i];
    return address;
  }
  /// "10.0.0.1" or "fd00::1"; nothing where it is neither. No zone, no prefix, no octal.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] constexpr Family family() const { return is_v4() ? Family::v4 : Family::v6; }
  [[nodiscard]] constexpr bool is_v4() const {
    constexpr std::uint32_t kThird =
        std::endian::native == std::endian::little ? 0xffff0000 : 0x0000ffff;
    return std::bit_cast<Halves>(octets_)[0] == 0 &&
           std::bit_cast<std::array<std::uint32_t, 4>>(octets_)[2] == kThird;
  }
  /// In wire order: 4 octets, or 16.
  [[nodiscard]] std::span<const std::byte> bytes() const {
    return std::span(octets_).subspan(is_v4() ? kMapped : 0);
  }
  /// All 16, the prefix of an IPv4 address included.
  [[nodiscard]] const std::array<std::byte, 16>& mapped() const { return octets_; }
  [[nodiscard]] bool is_unspecified() const;
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_multicast() const;
  /// 255.255.255.255
  [[nodiscard]] bool is_broadcast() const;
  /// 169.254.0.0/16 or fe80::/10: means something on one link only.
  [[nodiscard]] bool is_link_local() const;
  /// The last four octets as a number: of an IPv4 address, all of it.
  [[nodiscard]] constexpr std::uint32_t last_word() const {
    const auto word = std::bit_cast<std::array<std::uint32_t, 4>>(octets_)[3];
    return std::endian::native == std::endian::big ? word : std::byteswap(word);
  }
  /// As RFC 5952 writes it.
  [[nodiscard]] std::string to_string() const;

  friend constexpr bool operator==(const IpAddress& a, const IpAddress& b) {
    return std::bit_cast<Halves>(a.octets_) == std::bit_cast<Halves>(b.octets_);
  }
  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  using Halves = std::array<std::uint64_t, 2>;
  static constexpr std::size_t kMapped = 12;  ///< octets of ::ffff:0:0/96
  std::array<std::byte, 16> octets_ = [] {
    std::array<std::byte, 16> octets{};
    octets[10] = octets[11] = std::byte{0xff};
    return octets;
  }();
};

/// An address and how many of its leading bits name the network.
struct Prefix {
  IpAddress address{};
  std::uint8_t length = 0;

  /// "10.9.0.2/24"; without a slash the whole address.
  [[nodiscard]] static std::optional<Prefix> parse(std::string_view text);
  [[nodiscard]] bool contains(const IpAddress& other) const;
  /// The address of that network with all host bits one: IPv4's directed broadcast.
  [[nodiscard]] constexpr bool is_broadcast(const IpAddress& other) const {
    if (length > 30 || !address.is_v4() || !other.is_v4()) return false;
    const std::uint32_t hosts = 0xffffffffU >> length;
    const std::uint32_t word = other.last_word();
    return (word & hosts) == hosts && ((word ^ address.last_word()) & ~hosts) == 0;
  }
  friend constexpr bool operator==(const Prefix&, const Prefix&) = default;
};

/// One end of a connection. Port 0 stands for "any"; so does the unspecified address.
struct Endpoint {
  IpAddress address{};
  std::uint16_t port = 0;

  /// "10.0.0.1:80" or "[fd00::1]:80"; nothing where it is neither.
  [[nodiscard]] static std::optional<Endpoint> parse(std::string_view text);
  /// As parse() reads it.
  [[nodiscard]] std::string to_string() const;
  friend constexpr bool operator==(const Endpoint&, const Endpoint&) = default;
  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

}  // namespace lastack
