// What an ICMP error means to the one whose packet it is about.
#pragma once

#include <cstdint>

#include "wire/address.hpp"
#include "wire/icmp.hpp"
#include "wire/quote.hpp"

namespace lastack::ip {

struct Meaning {
  enum class Kind : std::uint8_t {
    none,     ///< nothing to a connection: source quench (RFC 6633), redirects, what we don't know
    soft,     ///< it may pass: told if nothing else answers (RFC 1122 §4.2.3.9, RFC 5461)
    hard,     ///< there is no use in trying on
    too_big,  ///< smaller packets would pass
    unbelievable,  ///< "too big", with a size that can't be
  };
  Kind kind = Kind::none;
  /// What cannot be reached, where it is soft or hard.
  enum class What : std::uint8_t {
    host,
    network,
    port,      ///< the host is there, and nobody at it wants this
    protocol,  ///< ... and it does not speak this
    policy,    ///< IPv6: it is not allowed
  };
  What what = What::host;
  std::uint16_t mtu = 0;  ///< too_big: what the path takes
};

/// RFC 9293 §3.9.2.2 says which are hard and which are soft.
[[nodiscard]] Meaning meaning_of(const wire::IcmpMessage& message, const wire::Quote& about);

}  // namespace lastack::ip
