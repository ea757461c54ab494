#include "io/socket_address.hpp"

#include <netinet/in.h>

#include <cstring>

namespace lastack::io {

using socket::Errno;

socket::Result<host::Endpoint> endpoint_of(const sockaddr* address, socklen_t size) {
  if (address == nullptr || size < sizeof address->sa_family) {
    return std::unexpected(Errno::einval);
  }
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    if (size < sizeof v4) return std::unexpected(Errno::einval);
    std::memcpy(&v4, address, sizeof v4);
    const auto octets = std::as_bytes(std::span(&v4.sin_addr, 1));
    return host::Endpoint{IpAddress::from(octets), ntohs(v4.sin_port)};
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    if (size < sizeof v6) return std::unexpected(Errno::einval);
    std::memcpy(&v6, address, sizeof v6);
    const auto octets = std::as_bytes(std::span(&v6.sin6_addr, 1));
    return host::Endpoint{IpAddress::from(octets), ntohs(v6.sin6_port)};
  }
  return std::unexpected(Errno::eafnosupport);
}

SocketAddress socket_address(const host::Endpoint& end, bool inet6) {
  SocketAddress made;
  if (end.address.is_v4() && !inet6) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(end.port);
    std::memcpy(&v4.sin_addr, end.address.bytes().data(), 4);
    std::memcpy(&made.octets, &v4, sizeof v4);
    made.size = sizeof v4;
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(end.port);
    std::memcpy(&v6.sin6_addr, end.address.mapped().data(), 16);
    std::memcpy(&made.octets, &v6, sizeof v6);
    made.size = sizeof v6;
  }
  return made;
}

}  // namespace lastack::io
