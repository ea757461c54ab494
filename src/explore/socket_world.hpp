// What is explored where endpoints are open sockets: two sides and the wire between them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "explore/socket_action.hpp"
#include "explore/socket_sides.hpp"
#include "explore/world.hpp"

namespace lastack::explore {

/// A small value: what its sides are stands in SocketSides, which outlives it.
class SocketWorld {
 public:
  SocketWorld(const Bounds& bounds, const SocketSides& sides);

  [[nodiscard]] std::vector<SocketAction> actions(const SocketSides& sides) const;
  /// Does it; what is wrong with it, or with what it led to, where anything is.
  std::string act(const SocketAction& action, const Bounds& bounds, SocketSides& sides);
  /// Equal worlds are equal octets.
  void canonical(std::vector<std::uint8_t>& into, const SocketSides& sides) const;
  /// What is wrong where nothing happens by itself any more.
  [[nodiscard]] std::string wrong_when_quiet(const SocketSides& sides) const;
  /// A user could act: read what lies there.
  [[nodiscard]] bool waits_for_user(const SocketSides& sides) const;
  /// What `action` is, in words, before it is done.
  [[nodiscard]] std::string in_words(const SocketAction& action, const SocketSides& sides) const;
  /// Where both sides stand.
  [[nodiscard]] std::string states(SocketSides& sides) const;

 private:
  using Kind = SocketAction::Kind;
  static constexpr std::size_t kMost = 8;  ///< packets on a wire
  struct Flying {
    std::uint32_t packet = 0;
    std::uint8_t to = 0;
  };

  void put(std::uint8_t to, const std::vector<std::uint32_t>& packets, const Bounds& bounds);
  void take_off(std::uint8_t at);
  [[nodiscard]] std::string wrong_pair(std::size_t i, const Bounds& bounds,
                                       const SocketSides& sides) const;

  std::array<std::uint32_t, 2> sides_;
  std::array<Flying, kMost> wire_{};
  std::uint8_t flying_ = 0;
  std::uint8_t losses_left_;
  std::uint8_t duplicates_left_;
};

}  // namespace lastack::explore
