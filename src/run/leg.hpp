// Two connections that are one: lastack's with a program of the run, and the machine's with the
// world.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/time.hpp"
#include "link/gate.hpp"
#include "run/descriptor.hpp"
#include "run/errands.hpp"
#include "run/octets.hpp"
#include "socket/sockets.hpp"

namespace lastack::run {

/// Carries octets, ends and resets between the two. A side that takes no more closes the window of
/// the other.
class Leg {
 public:
  /// `fails`: a side has failed, and the other is to have first what came before that.
  enum class Fate : std::uint8_t { goes_on, fails, complete, reset };

  explicit Leg(OwnedFd machines) : outside_(std::move(machines)) {}

  /// Both are connected; `inside` is the leg's from now on.
  void open(socket::Fd inside) { inside_ = inside; }
  [[nodiscard]] std::optional<socket::Fd> inside() const { return inside_; }
  [[nodiscard]] int outside() const { return outside_.get(); }
  /// What epoll says of the machine's end.
  void has_news(std::uint32_t events);
  /// Something has happened to the end inside.
  void has_news_inside() { inside_readable_ = true; }

  /// Whether the machine has everything that the program will ever have sent.
  [[nodiscard]] bool out_ended() const { return out_ended_; }
  /// Octets, both ways.
  [[nodiscard]] std::uint64_t carried() const { return carried_; }

  /// All that can be carried now. `scratch` is for a while.
  [[nodiscard]] Fate carry(socket::Sockets& sockets, std::span<std::byte> scratch, TimePoint now);
  /// Ends both sides: where it is not complete with a RST.
  void close(socket::Sockets& sockets, Errands& errands, Fate fate, TimePoint now);

 private:
  void outward(socket::Sockets& sockets, std::span<std::byte> scratch, TimePoint now);
  void inward(socket::Sockets& sockets, TimePoint now);
  [[nodiscard]] bool read_some(socket::Sockets& sockets);
  [[nodiscard]] bool on_its_way(const socket::Sockets& sockets) const;

  OwnedFd outside_;
  std::optional<socket::Fd> inside_;
  Backlog left_;  ///< read outside; there is no room inside yet
  std::uint64_t carried_ = 0;
  bool inside_readable_ = true;  ///< it may be
  bool writable_ = true;         ///< outside, it may be
  bool readable_ = false;        ///< the same
  bool has_stops_ = false;       ///< a read may end before all of that
  bool has_end_ = false;         ///< outside, no more comes
  bool read_all_ = false;        ///< of it
  bool has_error_ = false;       ///< outside, it may have
  bool out_ended_ = false;
  bool owes_end_ = false;  ///< which the machine was not told yet
  bool in_ended_ = false;
  bool inside_failed_ = false;
  bool outside_failed_ = false;
};

/// SO_ERROR of a socket of the machine.
[[nodiscard]] int error_of(int descriptor);

}  // namespace lastack::run
