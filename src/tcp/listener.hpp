// LISTEN: what an arriving segment makes of it (§3.10.7.2). The listener stays; a SYN makes a
// child.
#pragma once

#include <cstdint>
#include <optional>

#include "tcp/connection.hpp"
#include "tcp/syn_rcvd.hpp"

namespace lastack::tcp {

/// Passive OPEN as a value.
class Listener {
 public:
  struct Step {
    Effects fx;
    std::optional<SynRcvd> child;
  };

  /// CLOSED → LISTEN (§3.10.1); in LISTEN nothing.
  Effects open();
  /// CLOSE (§3.10.4): LISTEN → CLOSED. Its children are the host's to reset.
  Effects close();
  /// ABORT (§3.10.5), which tells nobody anything here: nobody is connected.
  Effects abort();
  /// `how` is what a child is made with, should the segment ask for one.
  Step segment_arrives(const wire::TcpHeader& header, std::uint32_t payload, const Open& how,
                       TimePoint now) const;
  [[nodiscard]] State state() const { return state_; }
  friend bool operator==(const Listener&, const Listener&) = default;

 private:
  State state_ = State::closed;
};

}  // namespace lastack::tcp
