// An address of each family, and those of the loopback.
#pragma once

#include "wire/address.hpp"

namespace lastack::run {

struct Pair {
  wire::IpAddress v4;
  wire::IpAddress v6;
  [[nodiscard]] const wire::IpAddress& like(const wire::IpAddress& other) const {
    return other.is_v4() ? v4 : v6;
  }
};

/// 127.0.0.1 and ::1.
[[nodiscard]] inline const Pair& loopbacks() {
  static const Pair all{*wire::IpAddress::parse("127.0.0.1"), *wire::IpAddress::parse("::1")};
  return all;
}

}  // namespace lastack::run
