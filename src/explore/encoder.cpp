#include "explore/encoder.hpp"

namespace lastack::explore {

void encode(Encoder& out, const tcp::Tcb& t, TimePoint now, TimePoint peers_now) {
  out.byte(static_cast<std::uint64_t>(t.state));
  out.byte(static_cast<std::uint64_t>(t.origin));
  out.byte(std::uint64_t{t.fin_queued} | std::uint64_t{t.close_waits} << 1U |
           std::uint64_t{t.orphan} << 2U | std::uint64_t{t.discarding} << 3U |
           std::uint64_t{t.ack_now} << 4U | std::uint64_t{t.window_update} << 5U |
           std::uint64_t{t.retransmit_first} << 6U | std::uint64_t{t.probe} << 7U);
  out.byte(std::uint64_t{t.keepalive} | std::uint64_t{t.syn_lost} << 1U |
           std::uint64_t{t.more_follows} << 2U | std::uint64_t{t.flush} << 3U |
           std::uint64_t{static_cast<bool>(t.urgent)} << 4U);
  if (t.urgent) {
    out.small(t.urgent->send);
    out.small(t.urgent->receive);
    out.byte(static_cast<std::uint64_t>(t.urgent->octet));
  }
  const Offset wl1 = distance(t.irs + 1, t.snd.wl1);
  const Offset wl2 = distance(t.iss + 1, t.snd.wl2);
  const Offset acked = distance(t.irs + 1, t.rcv.last_ack_sent);
  for (const Offset o : {t.snd.una, t.snd.nxt, t.snd.max, t.snd.end, wl1, wl2, t.rcv.nxt,
                         t.rcv.read, acked, t.rcv.edge}) {
    out.small(o);
  }
  out.byte(t.rcv.fin == tcp::ReceiveVariables::kNoFin ? 0
                                                      : static_cast<std::uint64_t>(t.rcv.fin + 1));
  out.byte(t.rcv.largest);
  out.window(t.snd.wnd);
  out.window(t.snd.max_wnd);
  if (t.timestamps) out.stamp(t.ts.recent, peers_now);
  out.deadline(t.timers.retransmission, now);
  out.deadline(t.timers.delayed_ack, now);
  out.deadline(t.timers.state, now);
  out.byte(static_cast<std::uint64_t>(t.timers.mode));
  // The timeout never doubles here, so how often it would have is no difference.
  out.byte(t.timers.unanswered);
  out.byte(t.timers.keepalives);
  // From the fourth on, one duplicate more makes no difference (RFC 5681 §3.2 counts to three).
  out.byte(std::min<std::uint8_t>(t.recovery.duplicates(), 4));
  out.byte(static_cast<std::uint64_t>(t.recovery.phase()));
  out.byte(t.challenges.spent(now));
  out.ranges(t.out_of_order ? t.out_of_order->ranges() : std::span<const Range>{});
  const auto& sacked = t.recovery.scoreboard();
  out.ranges(sacked ? sacked->ranges() : std::span<const Range>{});
}

}  // namespace lastack::explore
