#include "ip/interface_id.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "wire/bytes.hpp"

namespace lastack::ip {
namespace {

/// RFC 5453: the subnet-router anycast address, IANA's own block, the other anycast addresses.
bool is_reserved(std::uint64_t interface) {
  return interface == 0 || interface >> 24U == 0x02'005e'fffeU ||
         interface >> 7U == 0xfdff'ffff'ffff'ff80U >> 7U;
}

}  // namespace

std::uint64_t eui64(const wire::MacAddress& mac) {
  std::uint64_t number = 0;
  for (const std::byte b : mac.bytes()) number = number << 8U | std::to_integer<std::uint64_t>(b);
  const std::uint64_t high = number >> 24U;
  const std::uint64_t low = number & 0xff'ffffU;
  constexpr std::uint64_t kUniversal = std::uint64_t{2} << 56U;  // turned round (RFC 4291 §2.5.1)
  return (high << 40U | 0xff'fe00'0000U | low) ^ kUniversal;
}

std::uint64_t opaque_id(const wire::Prefix& prefix, const wire::MacAddress& mac,
                        std::uint32_t attempt, const HashKey& key) {
  for (;; attempt += 0x10000) {
    std::array<std::byte, 8 + wire::MacAddress::kSize + 4> octets{};
    wire::Writer out(octets);
    out.bytes(prefix.address.bytes().first(8));
    out.bytes(mac.bytes());
    out.u32(attempt);
    const std::uint64_t interface = keyed_hash(key, octets);
    if (!is_reserved(interface)) return interface;
  }
}

wire::IpAddress with_interface(const wire::Prefix& prefix, std::uint64_t interface) {
  std::array<std::byte, 16> octets{};
  wire::Writer out(octets);
  out.bytes(prefix.address.bytes().first(8));
  out.u32(static_cast<std::uint32_t>(interface >> 32U));
  out.u32(static_cast<std::uint32_t>(interface));
  return wire::IpAddress::from(octets);
}

wire::Prefix link_local_prefix() {
  constexpr std::array<std::byte, 16> kOctets{std::byte{0xfe}, std::byte{0x80}};
  return {wire::IpAddress::from(kOctets), 64};
}

}  // namespace lastack::ip
