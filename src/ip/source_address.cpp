#include "ip/source_address.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace lastack::ip {
namespace {

using wire::IpAddress;
using wire::Prefix;

constexpr unsigned kLinkScope = 2;
constexpr unsigned kSiteScope = 5;
constexpr unsigned kGlobalScope = 14;

/// The default policy table's prefixes and labels (RFC 6724 §2.1), the longest first. The leading
/// 32 bits tell all of them apart but ::1 and ::/96, which never leave a host.
struct Policy {
  std::uint32_t bits;
  std::uint8_t length;
  std::uint8_t label;
};
constexpr std::array kPolicies{
    Policy{0x20010000, 32, 5},   // Teredo
    Policy{0x20020000, 16, 2},   // 6to4
    Policy{0x3ffe0000, 16, 12},  // 6bone
    Policy{0xfec00000, 10, 11},  // site-local
    Policy{0xfc000000, 7, 13},   // unique local
};
constexpr std::uint8_t kOtherLabel = 1;

std::uint32_t leading_bits(const IpAddress& address) {
  std::uint32_t bits = 0;
  for (const std::byte b : address.bytes().first(4)) {
    bits = bits << 8U | std::to_integer<std::uint32_t>(b);
  }
  return bits;
}

std::uint8_t label_of(const IpAddress& address) {
  const std::uint32_t bits = leading_bits(address);
  for (const Policy& p : kPolicies) {
    if ((bits ^ p.bits) >> (32U - p.length) == 0) return p.label;
  }
  return kOtherLabel;
}

/// Leading bits that both have in common, of the source's prefix at most.
int common_bits(const Prefix& source, const IpAddress& other) {
  const auto a = source.address.bytes();
  const auto b = other.bytes();
  int common = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto differing = std::to_integer<std::uint8_t>(a[i] ^ b[i]);
    common += std::countl_zero(differing);
    if (differing != 0) break;
  }
  return std::min<int>(common, source.length);
}

/// RFC 6724 §5: whether `a` is better than `b`, by the rules that can tell our addresses apart.
bool better_v6(const UsableAddress& a, const UsableAddress& b, const IpAddress& destination) {
  const unsigned a_scope = scope_of(a.prefix.address);
  const unsigned b_scope = scope_of(b.prefix.address);
  if (a_scope != b_scope) {  // rule 2: the least scope that still reaches
    const unsigned wanted = scope_of(destination);
    return a_scope < b_scope ? a_scope >= wanted : b_scope < wanted;
  }
  if (a.deprecated != b.deprecated) return b.deprecated;  // rule 3
  const std::uint8_t wanted = label_of(destination);      // rule 6
  const bool a_label = label_of(a.prefix.address) == wanted;
  const bool b_label = label_of(b.prefix.address) == wanted;
  if (a_label != b_label) return a_label;
  return common_bits(a.prefix, destination) > common_bits(b.prefix, destination);  // rule 8
}

/// The address on the network of the next hop, which is the only one that answers come back to.
bool better_v4(const UsableAddress& a, const UsableAddress& b, const IpAddress& next_hop) {
  const bool a_near = a.prefix.contains(next_hop);
  const bool b_near = b.prefix.contains(next_hop);
  if (a_near != b_near) return a_near;
  return a_near && a.prefix.length > b.prefix.length;
}

}  // namespace

unsigned scope_of(const IpAddress& address) {
  if (address.is_v4()) return address.is_link_local() ? kLinkScope : kGlobalScope;
  const auto octets = address.bytes();
  if (address.is_multicast()) return std::to_integer<unsigned>(octets[1]) & 15U;
  if (address.is_link_local() || address.is_loopback()) return kLinkScope;
  const bool site = (leading_bits(address) ^ 0xfec00000U) >> 22U == 0;
  return site ? kSiteScope : kGlobalScope;
}

std::optional<IpAddress> choose_source(std::span<const UsableAddress> addresses,
                                       const IpAddress& destination, const IpAddress& next_hop) {
  const UsableAddress* best = nullptr;
  for (const UsableAddress& candidate : addresses) {
    const IpAddress& address = candidate.prefix.address;
    if (address.family() != destination.family()) continue;
    if (address == destination) return address;  // rule 1
    const bool better =
        best == nullptr || (address.is_v4() ? better_v4(candidate, *best, next_hop)
                                            : better_v6(candidate, *best, destination));
    if (better) best = &candidate;
  }
  return best != nullptr ? std::optional(best->prefix.address) : std::nullopt;
}

}  // namespace lastack::ip
