// From what a host has kept of its last events to ladders, one for each connection, or to lines.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/trace.hpp"
#include "insight/ladder.hpp"
#include "insight/text.hpp"
#include "insight/traced_connections.hpp"

namespace lastack::insight {

/// "10.9.0.2:80" or "[fd00::2]:80".
[[nodiscard]] std::string endpoint_text(const host::Endpoint& endpoint);

/// The ladder of one of connections_of(events): the traced host on the left, its peer on the right,
/// times since its first event. Sequence numbers are relative to each side's SYN where that is
/// there, else to the first number seen. The first time that a segment is dropped for some reason,
/// a sentence says what that means.
[[nodiscard]] Ladder ladder_of(const TracedConnection& connection,
                               std::span<const host::TraceEvent> events,
                               Language language = Language::english);

/// One ladder for each connection that occurs in `events`, in the order in which they first do.
[[nodiscard]] std::vector<Ladder> ladders_of(std::span<const host::TraceEvent> events,
                                             Language language = Language::english);

/// Tells events one by one as they come, for a trace that is followed.
class EventTeller {
 public:
  /// "-> FIN,ACK seq 1 ack 1", "ESTABLISHED --close--> FIN_WAIT_1", "recv = 100": what it is, which
  /// way it went (-> out, <- in), and what became of it, without time and addresses.
  [[nodiscard]] std::string text(const host::TraceEvent& event);
  /// Of a segment, what it carries: "FIN,ACK seq 1 ack 1".
  [[nodiscard]] std::string label(const host::TraceEvent& segment);
  /// Where the latest transition told of led to.
  [[nodiscard]] std::optional<tcp::State> state_of(const host::Flow& flow) const;
  /// Connections of which something is known.
  [[nodiscard]] std::size_t remembered() const { return known_.size(); }

 private:
  /// What is remembered of a connection.
  struct Known {
    std::array<std::optional<std::uint32_t>, 2> first;  ///< numbers to tell relative to: ours, its
    std::optional<tcp::State> state;
  };
  Known& known(const host::Flow& flow);

  std::map<host::Flow, Known, FlowLess> known_;
  std::size_t sweep_at_ = 4096;  ///< so many are known: forget those that are over
};

}  // namespace lastack::insight
