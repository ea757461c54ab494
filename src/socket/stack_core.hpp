// What stands behind the public Stack and its sockets.
#pragma once

#include <algorithm>
#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>
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
  /// Nothing after close().
  [[nodiscard]] static const std::shared_ptr<StackCore>& core(Descriptor& of) { return of.core_; }
  [[nodiscard]] static Fd number(const Descriptor& of) { return of.number_; }
  [[nodiscard]] static Socket socket(std::shared_ptr<StackCore> core, Fd number) {
    return {std::move(core), number};
  }
  /// The descriptor by itself, for somebody else to close; those who wait on it are told.
  [[nodiscard]] static Fd let_go(Descriptor& of) {
    of.core_->waiters.closes(of.number_);
    of.core_.reset();
    return std::exchange(of.number_, -1);
  }
};

/// The errno value by the name that the standard library has for it.
[[nodiscard]] std::errc errc_of(Errno error);

template <typename T>
lastack::Result<T> outward(const Result<T>& result) {
  if (!result) return std::unexpected(errc_of(result.error()));
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return *result;
  }
}

/// The latest transitions of a connection, the earliest first.
[[nodiscard]] std::vector<Transition> history_of(const StackCore& core, const OpenSocket& socket);

}  // namespace lastack::socket
