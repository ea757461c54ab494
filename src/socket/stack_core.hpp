// What stands behind the public Stack and its sockets.
#pragma once

#include "host/host.hpp"
#include "lastack/stack.hpp"
#include "socket/sockets.hpp"

namespace lastack::socket {

/// Shared by a stack and its sockets, so that neither has to outlive the other.
struct StackCore {
  StackCore(host::Config config, Random random) : host(std::move(config), random), sockets(host) {}

  host::Host host;
  Sockets sockets;
  TimePoint now{};
  host::PacketOut out;
};

}  // namespace lastack::socket
