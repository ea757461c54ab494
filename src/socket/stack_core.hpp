// What stands behind the public Stack and its sockets.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "host/host.hpp"
#include "lastack/stack.hpp"
#include "socket/sockets.hpp"
#include "socket/waiters.hpp"

namespace lastack::socket {

/// Shared by a stack and its sockets, so that neither has to outlive the other.
struct StackCore {
  StackCore(host::Config config, Random random) : host(std::move(config), random), sockets(host) {}

  /// The time of a user's call.
  [[nodiscard]] TimePoint time() {
    if (clock != nullptr) now = std::max(now, clock());
    return now;
  }

  host::Host host;
  Sockets sockets;
  Waiters waiters{sockets};
  TimePoint now{};
  TimePoint (*clock)() = nullptr;  ///< asked at each call, where a loop drives the stack
  host::PacketOut out;
};

/// For those who drive a stack, or give it another face.
struct StackAccess {
  [[nodiscard]] static const std::shared_ptr<StackCore>& core(Stack& stack) { return stack.core_; }
};

/// The latest transitions of a connection, the earliest first.
[[nodiscard]] std::vector<Transition> history_of(const StackCore& core, const OpenSocket& socket);

}  // namespace lastack::socket
