// How a socket has its place, address and port: who else may have it.
#pragma once

namespace lastack::host {

struct Claim {
  bool address : 1 = false;  ///< SO_REUSEADDR: who says so, too, may be there, but not to listen
  bool port : 1 = false;     ///< SO_REUSEPORT: who says so, too, may be there, and listen
  bool both : 1 = false;     ///< its "::" stands for IPv4, too
  bool mapped : 1 = false;   ///< IPv4's address of an IPv6 socket

  /// Whether both say that the other may be there, in the same way.
  [[nodiscard]] constexpr bool shares_with(const Claim& other) const {
    return (address && other.address) || (port && other.port);
  }
  friend constexpr bool operator==(const Claim&, const Claim&) = default;
};

}  // namespace lastack::host
