// Octets typed by hand.
#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "wire/address.hpp"

namespace lastack_test {

using lastack::IpAddress;
using Octets = std::vector<std::byte>;

/// One octet, whatever kind of number it was written as.
struct Octet {
  template <std::integral T>
  constexpr Octet(T v) : value(static_cast<std::byte>(v)) {}
  std::byte value;
};

inline Octets octets(std::initializer_list<Octet> values) {
  Octets all;
  for (const Octet v : values) all.push_back(v.value);
  return all;
}

/// An address that is known to be one.
inline IpAddress address(std::string_view text) { return *IpAddress::parse(text); }

}  // namespace lastack_test
