// From what a host has kept of its last events to ladders, one for each connection.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/trace.hpp"
#include "insight/ladder.hpp"

namespace lastack::insight {

/// "10.9.0.2:80" or "[fd00::2]:80".
[[nodiscard]] std::string endpoint_text(const host::Endpoint& endpoint);

/// One ladder for each connection that occurs in `events`, in the order in which they first do: the
/// traced host on the left, its peer on the right. Sequence numbers are relative to each side's SYN
/// where that is there, else to the first number seen.
[[nodiscard]] std::vector<Ladder> ladders_of(std::span<const host::TraceEvent> events);

/// Tells events one by one as they come, for a trace that is followed.
class EventTeller {
 public:
  /// "FIN_WAIT_1  -> FIN,ACK seq 1 ack 1", without time and addresses: what it is, which way it
  /// went
  /// (-> out, <- in), and what became of it.
  [[nodiscard]] std::string text(const host::TraceEvent& event);

 private:
  friend std::vector<Ladder> ladders_of(std::span<const host::TraceEvent> events);

  /// Numbers that a connection's segments are told relative to.
  struct Numbers {
    host::Flow flow;
    std::array<std::optional<std::uint32_t>, 2> first;  ///< ours, the peer's
  };
  std::string label(const host::TraceEvent& event);
  Numbers& numbers_of(const host::Flow& flow);

  std::vector<Numbers> known_;
};

}  // namespace lastack::insight
