// Two connections that are one: lastack's with a program of the run, and the machine's with the
// world.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/time.hpp"
#include "link/gate.hpp"
#include "run/descriptor.hpp"
#include "socket/sockets.hpp"

namespace lastack::run {

/// Carries octets, ends and resets between the two. A side that takes no more closes the window of
/// the other.
class Leg {
 public:
  enum class Fate : std::uint8_t { goes_on, complete, reset };

  explicit Leg(OwnedFd machines) : outside_(std::move(machines)) {}

  /// Both are connected; `inside` is the leg's from now on.
  void open(socket::Fd inside) { inside_ = inside; }
  [[nodiscard]] std::optional<socket::Fd> inside() const { return inside_; }
  [[nodiscard]] int outside() const { return outside_.get(); }

  /// All that can be carried now. `scratch` is for a while.
  [[nodiscard]] Fate carry(socket::Sockets& sockets, std::span<std::byte> scratch, TimePoint now);
  /// Ends both sides: where it is not complete with a RST.
  void close(socket::Sockets& sockets, Fate fate, TimePoint now);

 private:
  [[nodiscard]] bool outward(socket::Sockets& sockets, std::span<std::byte> scratch, TimePoint now);
  [[nodiscard]] bool inward(socket::Sockets& sockets, std::span<std::byte> scratch, TimePoint now);
  [[nodiscard]] bool give_left(socket::Sockets& sockets, TimePoint now);

  OwnedFd outside_;
  std::optional<socket::Fd> inside_;
  std::vector<std::byte> left_;  ///< read outside; there is no room inside yet
  std::size_t left_from_ = 0;
  bool out_ended_ = false;
  bool in_ended_ = false;
};

}  // namespace lastack::run
