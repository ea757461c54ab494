// The window we offer, without silly steps (§3.8.6.2.2) and never taken back (§3.8.6).
#include <algorithm>

#include "tcp/connection.hpp"
#include "tcp/mutant.hpp"

namespace lastack::tcp {

/// How far the buffer would let the window reach now.
Offset Connection::window_edge() const {
  const Offset most = tcb_.rcv.nxt + (Offset{0xffff} << tcb_.rcv.scale);
  return std::min(tcb_.rcv.read + Offset{settings().receive_buffer}, most);
}

/// The window field of the next segment. The edge moves only by steps worth having: half the
/// buffer or a full segment (MUST-39).
/// What is offered stays so: what lies before rcv.edge is taken (RFC 7323 §2.4). Only the field may
/// have to say less than a unit of the scale too little, see below.
std::uint16_t Connection::advertise() {
  auto& rcv = tcb_.rcv;
  const Offset step = std::min<Offset>(settings().receive_buffer / 2, rcv.mss);
  const Offset reach = window_edge();
  if (reach - rcv.edge >= step) rcv.edge = reach;
  const Offset window = std::max<Offset>(rcv.edge - rcv.nxt, 0);
  const Offset unit = Offset{1} << rcv.scale;
  // Rounded up to what the scale can say: rounding down would take back what was offered. But not
  // ever further beyond the buffer, where nobody reads and segments are smaller than a unit: each
  // would move the edge on by as much as it brings.
  Offset field = std::min<Offset>((window + unit - 1) >> rcv.scale, 0xffff);
  const bool beyond = rcv.nxt + (field << rcv.scale) >= reach + unit;
  if (beyond && !mutated(Mutant::edge_runs_away)) field = window >> rcv.scale;
  rcv.edge = std::max(rcv.edge, rcv.nxt + (field << rcv.scale));
  return static_cast<std::uint16_t>(field);
}

/// After a read: tells the peer of the room where that is news to it. A window that has at least
/// doubled is; a smaller step would only add segments.
void Connection::offer_window(TimePoint) {
  if (!traits(tcb_.state).may_receive_data) return;
  const auto& rcv = tcb_.rcv;
  const Offset step = std::min<Offset>(settings().receive_buffer / 2, rcv.mss);
  const Offset gain = window_edge() - rcv.edge;
  const Offset left = rcv.edge - rcv.nxt;
  if (gain >= step && window_edge() - rcv.nxt >= 2 * left) tcb_.ack_now = tcb_.window_update = true;
}

}  // namespace lastack::tcp
