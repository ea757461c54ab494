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
    // of Bounds::also, as calls
    cork,
    uncork,
    no_delay,
    quick_acks,
    in_line,        ///< SO_OOBINLINE
    low_mark,       ///< SO_RCVLOWAT: two octets make readable
    unsent_mark,    ///< TCP_NOTSENT_LOWAT
    keepalive,      ///< SO_KEEPALIVE
    user_timeout,   ///< TCP_USER_TIMEOUT
    no_fin_wait,    ///< TCP_LINGER2 below 0
    receive_room,   ///< SO_RCVBUF: as little as may be, which Bounds::window may be below
    send_room,      ///< SO_SNDBUF: as little as may be
    small_parts,    ///< TCP_MAXSEG: as little as may be
    another_syn,    ///< TCP_SYNCNT: one more
    defer_accept,   ///< TCP_DEFER_ACCEPT, of the listener
    defer_no_more,  ///< and off again
    restart,        ///< once nobody holds the listener: another one, at the same place
    // of octets
    send,
    send_more,    ///< MSG_MORE; these three are of Bounds::also
    send_urgent,  ///< MSG_OOB
    send_two,     ///< from two buffers
    receive,
    receive_one,  ///< leaves the others; these two are of Bounds::also
    receive_cut,  ///< MSG_TRUNC: one is thrown away unread
    receive_urgent,
    // of the listener
    listen,
    dup_listener,
    close_listener,
    accept_other,  ///< of the second listener
    close_other,
    shut_listener_rd,
    shut_listener_wr,
    // of datagrams
    bind,
    connect_other,  ///< to the peer's second socket
    open,           ///< once nobody holds it: another socket
    take_error,     ///< SO_ERROR
    send_to,        ///< to the peer, named
    send_other,     ///< from the second socket
    close_second,
    count,
  };
  Kind kind = Kind::deliver;
  std::uint8_t which = 0;  ///< a packet's place on the wire, or a side
};
[[nodiscard]] std::string to_string(SocketAction::Kind kind);
/// One of Bounds::calls.
[[nodiscard]] constexpr bool is_counted(SocketAction::Kind kind) {
  using Kind = SocketAction::Kind;
  return (kind >= Kind::shut_rd && kind <= Kind::restart) || kind == Kind::listen ||
         (kind >= Kind::shut_listener_rd && kind <= Kind::take_error);
}
/// Nobody calls and nothing goes wrong on the wire.
[[nodiscard]] constexpr bool by_itself(SocketAction::Kind kind) {
  return kind == SocketAction::Kind::deliver || kind == SocketAction::Kind::timer;
}

}  // namespace lastack::explore
