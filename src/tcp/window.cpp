// The window we offer, without silly steps (§3.8.6.2.2) and never taken back (§3.8.6).
#include <algorithm>

#include "tcp/connection.hpp"

namespace lastack::tcp {

/// How far the buffer would let the window reach now.
Offset Connection::window_edge() const {
  const Offset most = tcb_.rcv.nxt + (Offset{0xffff} << tcb_.rcv.scale);
  return std::min(tcb_.rcv.read + Offset{settings().receive_buffer}, most);
}

/// The window field of the next segment. The edge moves only by steps worth having: half the
/// buffer or a full segment (MUST-39).
std::uint16_t Connection::advertise() {
  auto& rcv = tcb_.rcv;
  const Offset step = std::min<Offset>(settings().receive_buffer / 2, rcv.mss);
  const Offset reach = window_edge();
  if (reach - rcv.edge >= step) rcv.edge = reach;
  const Offset window = std::max<Offset>(rcv.edge - rcv.nxt, 0);
  // Rounded up to what the scale can say: rounding down would take back what was offered.
  const Offset field = std::min<Offset>((window + (1 << rcv.scale) - 1) >> rcv.scale, 0xffff);
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
