// What may happen where endpoints are open sockets.
#pragma once

#include <cstdint>
#include <string>

namespace lastack::explore {

struct SocketAction {
  enum class Kind : std::uint8_t {
    deliver,
    lose,
    duplicate,
    timer,
    connect,  ///< or again: what has become of it
    accept,
    dup,
    close,  ///< one descriptor
    shut_rd,
    shut_wr,
    shut_rdwr,
    linger_zero,
    linger_timed,
    disconnect,  ///< connect() with AF_UNSPEC: aborts
    cork,
    uncork,
    no_delay,
    send,
    send_more,    ///< MSG_MORE
    send_urgent,  ///< MSG_OOB
    receive,
    receive_urgent,
    // of the listener
    listen,
    dup_listener,
    close_listener,
    shut_listener_rd,
    shut_listener_wr,
  };
  Kind kind = Kind::deliver;
  std::uint8_t which = 0;  ///< a packet's place on the wire, or a side
};
[[nodiscard]] std::string to_string(SocketAction::Kind kind);
/// Nobody calls and nothing goes wrong on the wire.
[[nodiscard]] constexpr bool by_itself(SocketAction::Kind kind) {
  return kind == SocketAction::Kind::deliver || kind == SocketAction::Kind::timer;
}

}  // namespace lastack::explore
