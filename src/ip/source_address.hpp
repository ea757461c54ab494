// Which of our addresses a packet leaves from (RFC 6724 §5 for IPv6).
#pragma once

#include <optional>
#include <span>

#include "wire/address.hpp"

namespace lastack::ip {

/// An address that may be used, with the network it is on.
struct UsableAddress {
  wire::Prefix prefix;
  bool deprecated = false;  ///< good for what goes on, not for what begins (RFC 4862 §2)
  friend bool operator==(const UsableAddress&, const UsableAddress&) = default;
};

/// The address to talk to `destination` from, when packets to it go to `next_hop` first; nothing
/// where we have none of its family.
[[nodiscard]] std::optional<wire::IpAddress> choose_source(std::span<const UsableAddress> addresses,
                                                           const wire::IpAddress& destination,
                                                           const wire::IpAddress& next_hop);

/// How far an IPv6 address reaches, as multicast scopes count it (RFC 6724 §3.1): 2 the link, 14
/// everywhere.
[[nodiscard]] unsigned scope_of(const wire::IpAddress& address);

}  // namespace lastack::ip
