// An open socket: what every descriptor that refers to it shares (POSIX's open file description).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/box.hpp"
#include "base/time.hpp"
#include "host/host.hpp"
#include "socket/errno.hpp"
#include "socket/numbers.hpp"

namespace lastack::socket {

struct OpenSocket {
  enum class Kind : std::uint8_t {
    fresh,  ///< neither connected nor listening: TCP's CLOSED
    listening,
    connecting,     ///< connect() was called, and nobody has asked yet what became of it
    connected,      ///< the handshake is over; the connection may have ended since
    disconnecting,  ///< shutdown() came before anybody asked: it connects nowhere any more
    datagram,       ///< UDP
  };
  /// Which addresses it may have.
  enum class Domain : std::uint8_t { any, inet, inet6 };
  /// What whoever sleeps on it is woken for; several at once. `all` is a change of state.
  enum Wake : std::uint8_t { wake_in = 1, wake_out = 2, wake_urgent = 4, wake_all = 8 };

  /// A datagram that goes on in the next call.
  struct BegunDatagram {
    host::Endpoint to;   ///< as the first call had it, whatever becomes of the socket's peer
    std::uint16_t port;  ///< from which it leaves over IPv6: the one that the first call had
    std::vector<std::byte> octets;
    friend bool operator==(const BegunDatagram&, const BegunDatagram&) = default;
  };

  /// What few sockets ever choose.
  struct Choices {
    host::Endpoint local;         ///< its name: what bind() took, or what a connection has left
    host::SettingsPtr settings;   ///< of connections to come
    Duration receive_timeout{0};  ///< SO_RCVTIMEO; 0: as long as it takes
    Duration send_timeout{0};     ///< SO_SNDTIMEO, and connect()'s
    Duration linger{0};           ///< SO_LINGER's time
    bool cork_datagrams = false;  ///< UDP_CORK: each call goes on with one datagram
    std::optional<BegunDatagram> begun;
    friend bool operator==(const Choices&, const Choices&) = default;
  };

  std::uint32_t references = 0;  ///< descriptors; 0: this place is free
  Kind kind : 3 = Kind::fresh;
  Domain domain : 2 = Domain::any;
  bool shut_read : 1 = false;   ///< SHUT_RD was said
  bool shut_write : 1 = false;  ///< SHUT_WR was said
  bool error_told : 1 = false;  ///< the connection's error was returned once
  bool bound : 1 = false;       ///< `choices->local` was taken by bind(), and is kept
  bool linger : 1 = false;      ///< SO_LINGER is on: the last close waits, or resets at once
  bool reuse_address : 1 = false;
  bool reuse_port : 1 = false;
  bool broadcast : 1 = false;  ///< SO_BROADCAST, which changes nothing: there is no broadcasting
  bool only_v6 : 1 = false;
  bool address_chosen : 1 = false;   ///< it, or the listener that it came from, was bound to one
  bool port_chosen : 1 = false;      ///< bind() was told which: it outlives connections
  bool renamed : 1 = false;          ///< its name is not its connection's any more
  mutable bool no_room : 1 = false;  ///< somebody could not send, or was told so: tell of room
  bool queued : 1 = false;           ///< stands among those to look at; stays when it is closed
  std::uint8_t woken : 4 = 0;        ///< bits of Wake that nobody has pulled yet
  Errno error = Errno::none;         ///< due, and of no connection any more
  std::uint32_t index = 0;           ///< of the connection, listener or endpoint at the host
  std::uint32_t generation = 0;
  Box<Choices> choices;

  [[nodiscard]] bool has_flow() const {
    return kind == Kind::connecting || kind == Kind::connected || kind == Kind::disconnecting;
  }
  [[nodiscard]] bool resets_at_close() const {
    return linger && (!choices || choices->linger == Duration(0));
  }
  [[nodiscard]] host::FlowId flow() const { return {index, generation}; }
  [[nodiscard]] host::ListenerId listener() const { return {index, generation}; }
  [[nodiscard]] host::UdpId udp() const { return {index, generation}; }
};

static_assert(sizeof(OpenSocket) <= 24, "part of what an idle connection costs");

}  // namespace lastack::socket
