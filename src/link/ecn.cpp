#include "link/ecn.hpp"

#include <cstdint>

#include "wire/ip.hpp"

namespace lastack::link {
namespace {

constexpr std::byte kCe{3};  // RFC 3168 §5: both bits; neither of them: not ECN-capable

/// A 16-bit word that a checksum covers has changed: RFC 1624 §3, with
/// HC' = ~(~HC + ~m + m').
void follow(std::span<std::byte, 2> checksum, std::uint16_t before, std::uint16_t after) {
  const auto old = static_cast<std::uint16_t>(std::to_integer<unsigned>(checksum[0]) << 8U |
                                              std::to_integer<unsigned>(checksum[1]));
  std::uint32_t sum =
      static_cast<std::uint16_t>(~old) + static_cast<std::uint16_t>(~before) + std::uint32_t{after};
  sum = (sum & 0xffffU) + (sum >> 16U);
  sum = (sum & 0xffffU) + (sum >> 16U);
  checksum[0] = static_cast<std::byte>(~sum >> 8U);
  checksum[1] = static_cast<std::byte>(~sum);
}

bool mark_v4(std::span<std::byte> packet) {
  const std::byte before = packet[1];
  if ((before & kCe) == std::byte{0}) return false;
  packet[1] |= kCe;
  const auto word = [&](std::byte low) {
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(packet[0]) << 8U |
                                      std::to_integer<unsigned>(low));
  };
  follow(packet.subspan(10).first<2>(), word(before), word(packet[1]));
  return true;
}

/// The traffic class lies across the first two octets; the ECN field in the second's upper half.
bool mark_v6(std::span<std::byte> packet) {
  if ((packet[1] & (kCe << 4)) == std::byte{0}) return false;
  packet[1] |= kCe << 4;
  return true;
}

}  // namespace

bool mark_congestion(std::span<std::byte> packet) {
  if (packet.empty()) return false;
  const unsigned version = std::to_integer<unsigned>(packet[0]) >> 4U;
  if (version == 4 && packet.size() >= wire::kIpv4Header) return mark_v4(packet);
  if (version == 6 && packet.size() >= wire::kIpv6Header) return mark_v6(packet);
  return false;
}

}  // namespace lastack::link
