#include "explore/socket_action.hpp"

#include <array>

namespace lastack::explore {

std::string to_string(SocketAction::Kind kind) {
  constexpr std::array kNames{
      "deliver",
      "lose",
      "deliver and keep",
      "a timer expires",
      "connect()",
      "accept()",
      "dup()",
      "close()",
      "shutdown(SHUT_RD)",
      "shutdown(SHUT_WR)",
      "shutdown(SHUT_RDWR)",
      "SO_LINGER 0",
      "SO_LINGER 5",
      "connect() with AF_UNSPEC",
      "TCP_CORK, UDP_CORK",
      "TCP_CORK, UDP_CORK off",
      "TCP_NODELAY",
      "TCP_QUICKACK",
      "SO_OOBINLINE",
      "SO_RCVLOWAT 2",
      "TCP_NOTSENT_LOWAT 1",
      "SO_KEEPALIVE",
      "TCP_USER_TIMEOUT",
      "TCP_LINGER2 -1",
      "SO_RCVBUF 1",
      "SO_SNDBUF 1",
      "TCP_MAXSEG 88",
      "TCP_SYNCNT 2",
      "TCP_DEFER_ACCEPT",
      "TCP_DEFER_ACCEPT off",
      "listen() of another socket",
      "send()",
      "send() with MSG_MORE",
      "send() with MSG_OOB",
      "sendmsg() of two buffers",
      "recvmsg() into two buffers",
      "recv() of one octet",
      "recv() with MSG_TRUNC",
      "recv() with MSG_OOB",
      "listen()",
      "dup() of the listener",
      "close() of the listener",
      "accept() of the other listener",
      "close() of the other listener",
      "shutdown(SHUT_RD) of the listener",
      "shutdown(SHUT_WR) of the listener",
      "bind()",
      "connect() to the other socket",
      "socket()",
      "SO_ERROR",
      "sendto()",
      "sendto() from the other socket",
      "close() of the other socket",
  };
  static_assert(kNames.size() == static_cast<std::size_t>(SocketAction::Kind::count));
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace lastack::explore
