// Addresses as the socket calls of the system have them.
#pragma once

#include <sys/socket.h>

#include "host/flow.hpp"
#include "socket/sockets.hpp"

namespace lastack::io {

/// EAFNOSUPPORT for another family than IP's, EINVAL where it is too short for its family.
[[nodiscard]] socket::Result<host::Endpoint> endpoint_of(const sockaddr* address, socklen_t size);

struct SocketAddress {
  sockaddr_storage octets{};
  socklen_t size = 0;  ///< of them, those that count
};

/// In the layout of a socket's family: an IPv4 address is a mapped one for an AF_INET6 socket.
[[nodiscard]] SocketAddress socket_address(const host::Endpoint& end, bool inet6);

}  // namespace lastack::io
