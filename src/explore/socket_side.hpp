// One host of an explored pair, its sockets, and who holds them. Part of socket_world.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "explore/world.hpp"
#include "host/host.hpp"
#include "socket/sockets.hpp"

namespace lastack::explore {

struct SocketSide {
  SocketSide(std::uint8_t i, const Bounds& bounds);
  SocketSide(const SocketSide& other);

  [[nodiscard]] static host::Endpoint place_of(std::size_t i);
  [[nodiscard]] host::Endpoint place() const { return place_of(index); }
  [[nodiscard]] host::Flow flow() const { return {place(), place_of(1U - index)}; }
  /// The open sockets, where somebody still has a descriptor of them.
  [[nodiscard]] const socket::OpenSocket* held() const {
    return copies.empty() ? nullptr : sockets.find(copies.front());
  }
  [[nodiscard]] const socket::OpenSocket* held_listener() const {
    return listeners.empty() ? nullptr : sockets.find(listeners.front());
  }
  /// Of the open socket, ended or not.
  [[nodiscard]] const host::ConnectionEntry* entry() const {
    const socket::OpenSocket* s = held();
    return s != nullptr && s->has_flow() ? host->find(s->flow()) : nullptr;
  }
  /// Of its connections and records; the wheel may want to look earlier.
  [[nodiscard]] TimePoint next_deadline() const;

  std::uint8_t index;
  TimePoint now{std::chrono::seconds(1000)};
  std::unique_ptr<host::Host> host;
  socket::Sockets sockets;
  std::vector<socket::Fd> listeners;  ///< descriptors of the listener
  std::vector<socket::Fd> copies;     ///< descriptors of the connection's open socket
  std::uint8_t opens_left;
  std::uint8_t calls_left;
  std::uint8_t octets_left;
  std::uint8_t sent = 0;    ///< octets into its connection
  std::uint8_t read = 0;    ///< octets out of it
  bool reads_all = true;    ///< nothing was discarded
  Seq iss;                  ///< of the last SYN that it sent
  host::PacketOut out;
};

}  // namespace lastack::explore
