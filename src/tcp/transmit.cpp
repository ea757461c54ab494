// What to send next: pulled, one segment at a time (§3.10.2, §3.8.6.2.1, §3.7.4).
#include <algorithm>
#include <array>
#include <cassert>
#include <span>

#include "base/flat.hpp"
#include "tcp/connection.hpp"
#include "tcp/handshake.hpp"
#include "tcp/mutant.hpp"

namespace lastack::tcp {

using wire::Flag;
using wire::TcpOptions;

namespace {

constexpr std::uint32_t kTimestampOctets = 12;  // with the two NOPs that align it

/// Blocks that fit: three beside timestamps, else four (RFC 2018 §3).
std::size_t sack_room(const Tcb& t) { return t.timestamps ? 3 : 4; }

}  // namespace

LASTACK_FLAT bool Connection::transmit(TimePoint now, std::uint32_t most, Outgoing& out) {
  if (!sends_as_predicted(now, most)) return !nothing_due() && next_segment(now, most, out);
  assert(prediction_holds(now, most));
  send_predicted(now, out);
  return true;
}

bool Connection::next_segment(TimePoint now, std::uint32_t most, Outgoing& out) {
  if (tcb_.state == State::closed || tcb_.state == State::listen) return false;
  if (tcb_.snd.nxt < 0) {
    transmit_syn(now, out);
    return true;
  }
  if (transmit_first_again(now, out)) return true;
  if (transmit_text(now, most, out)) return true;
  if (transmit_probe(now, out)) return true;
  mind_persist(now);
  return transmit_ack(now, out);
}

/// What transmit() says most often, at one look: all was sent, nothing is owed.
bool Connection::nothing_due() const {
  const bool asked = tcb_.ack_now || tcb_.retransmit_first || tcb_.probe || tcb_.keepalive;
  const Offset end = tcb_.snd.end + (tcb_.fin_queued ? 1 : 0);
  return !asked && tcb_.snd.nxt == end && end >= 0;
}

void Connection::transmit_syn(TimePoint now, Outgoing& out) {
  const bool first = tcb_.snd.max < 0;
  out.why = tcb_.timers.unanswered > 0 ? Why::timeout : Why::handshake;
  out.attempt = tcb_.timers.unanswered;
  auto& header = out.header;
  header.seq = tcb_.iss;
  header.flags = Flag::syn;
  if (tcb_.state != State::syn_sent) {
    header.flags |= Flag::ack;
    header.ack = ack_field();
    tcb_.rcv.last_ack_sent = header.ack;
    tcb_.ack_now = false;
  }
  header.window =
      static_cast<std::uint16_t>(std::min<Offset>(tcb_.rcv.edge - tcb_.rcv.nxt, 0xffff));
  header.options = syn_options(offered(), tcb_.rcv.mss, tcb_.ts.value(now), tcb_.ts.recent);
  tcb_.snd.nxt = 0;
  tcb_.snd.max = std::max<Offset>(tcb_.snd.max, 0);
  tcb_.sent = now;
  if (first) {
    tcb_.timed = {.end = 0, .sent = now};
  } else {
    ++tcb_.sent_again;
  }
  if (tcb_.timers.mode == Retransmission::off) arm_retransmission(Retransmission::timeout, now);
}

/// Fast retransmit: the first unacknowledged segment, and only as far as the peer's first SACK.
bool Connection::transmit_first_again(TimePoint now, Outgoing& out) {
  auto& snd = tcb_.snd;
  if (!tcb_.retransmit_first || snd.una >= snd.nxt || snd.una < 0) return false;
  tcb_.retransmit_first = false;
  Offset end = std::min({snd.una + payload_limit(), snd.nxt, snd.end});
  if (const auto& held = tcb_.recovery.scoreboard())
    end = std::min(end, held->next_begin(snd.una, end));
  const bool fin = tcb_.fin_queued && end == snd.end && snd.nxt > snd.end;
  arm_retransmission(Retransmission::timeout, now);  // RFC 6582 §3.2: for a partial ACK
  ++tcb_.sent_again;
  segment({snd.una, end}, fin, Why::fast_retransmit, now, out);
  return true;
}

/// New octets, or after a timeout those from snd.una on; a FIN rides on the last of them.
bool Connection::transmit_text(TimePoint now, std::uint32_t most, Outgoing& out) {
  auto& snd = tcb_.snd;
  if (!traits(tcb_.state).synchronized || snd.nxt > snd.end) return false;
  const bool again = snd.nxt < snd.max;
  if (snd.una == snd.max && snd.nxt < snd.end && now - tcb_.sent > rto()) {
    std::visit([&](auto& c) { c.on_idle(smss()); }, tcb_.congestion);
  }
  const std::uint32_t octets = worth_sending(segment_limit(most));
  const Offset from = snd.nxt;
  const bool fin = may_send_fin(from + octets);
  if (octets == 0 && !fin) return false;

  Why why = octets > 0 ? Why::data : Why::fin;
  const bool lost = tcb_.recovery.phase() == Recovery::Phase::loss;
  const bool probed = snd.max == from + 1 && !lost;
  // An octet that only probed was not taken before.
  if (again && !probed) {
    why = lost ? Why::timeout : Why::too_big;
    ++tcb_.sent_again;
  }
  segment({from, from + octets}, fin, why, now, out);
  sent(from, from + octets + (fin ? 1 : 0), now);
  tcb_.probe = false;
  return true;
}

/// How many octets from snd.nxt on are worth a segment now; 0 for none (§3.8.6.2.1, Nagle §3.7.4).
std::uint32_t Connection::worth_sending(std::uint32_t most) const {
  const auto& snd = tcb_.snd;
  const bool again = snd.nxt < snd.max;
  const Offset edge = std::min(peer_edge(), congestion_edge());
  const Offset pending = snd.end - snd.nxt;
  const Offset octets = std::min({pending, edge - snd.nxt, Offset{most}});
  if (octets <= 0) return 0;
  const Offset mss = std::min(payload_limit(), most);  // the link may take less than the peer
  const Offset whole = octets - octets % mss;
  const bool all = octets == pending || (again && snd.nxt + octets >= snd.max);
  const bool idle = snd.nxt == snd.una && whole == 0;
  const bool urgent = urgent_beyond(snd.una);  // until all of it was acknowledged
  const bool at_once = again || tcb_.fin_queued || urgent || tcb_.flush;
  const bool no_delay = at_once || !settings().nagle;
  const bool corked = (settings().cork || tcb_.more_follows) && !at_once;
  const bool quiet = whole == 0 && !short_is_out(static_cast<std::uint32_t>(mss));
  if (tcb_.probe || (all && (no_delay || quiet) && !corked))
    return static_cast<std::uint32_t>(octets);
  if (whole > 0) return static_cast<std::uint32_t>(whole);
  // Less than a segment fits: wait for room, unless it is half of all the room there ever was.
  const bool half = Offset{snd.max_wnd} <= 2 * octets && !corked;
  return half && (no_delay || idle) ? static_cast<std::uint32_t>(octets) : 0;
}

/// DEVIATES: §3.7.4 holds a short segment back while anything is out. Here only another short one
/// keeps it (Minshall's variant of Nagle's algorithm, which Linux has): the end of what a program
/// has written goes with the full segments before it, and there is still one short segment at most.
/// Of full segments alone what is out is a multiple.
bool Connection::short_is_out(std::uint32_t mss) const {
  return static_cast<std::uint32_t>(tcb_.snd.max - std::max<Offset>(tcb_.snd.una, 0)) % mss != 0;
}

/// How far the congestion window lets snd.nxt go, with limited transmit (RFC 3042).
Offset Connection::congestion_edge() const {
  const std::uint32_t cwnd = std::visit([](const auto& c) { return c.cwnd(); }, tcb_.congestion);
  return tcb_.snd.una + cwnd + tcb_.recovery.limited_transmit() * smss();
}

/// Where the peer's window ends. What its scale could not say is less than a unit of that: so far
/// beyond the edge what was sent before is still in the window (RFC 7323 §2.4).
Offset Connection::peer_edge() const {
  const auto& snd = tcb_.snd;
  const Offset edge = std::max<Offset>(snd.una, 0) + snd.wnd;
  return snd.wnd == 0 ? edge : std::clamp(snd.max, edge, edge + (Offset{1} << snd.scale) - 1);
}

/// A FIN behind offset `at`: when all is sent, and the window has room for one more.
bool Connection::may_send_fin(Offset at) const {
  const auto& snd = tcb_.snd;
  return tcb_.fin_queued && at == snd.end && snd.nxt <= snd.end && peer_edge() > snd.end;
}

/// Into a closed window: one octet, or the FIN where that is all there is (§3.8.6.1).
bool Connection::transmit_probe(TimePoint now, Outgoing& out) {
  auto& snd = tcb_.snd;
  if (tcb_.probe && snd.nxt <= snd.end && traits(tcb_.state).synchronized) {
    tcb_.probe = false;
    const Offset end = std::min(snd.nxt + 1, snd.end);
    const bool fin = tcb_.fin_queued && snd.nxt == snd.end;
    if (end > snd.nxt || fin) {
      snd.max = std::max(snd.max, snd.nxt + 1);  // it may be acknowledged
      arm_retransmission(Retransmission::persist, now);
      segment({snd.nxt, end}, fin, Why::probe, now, out);
      return true;
    }
  }
  if (!tcb_.keepalive) return false;
  tcb_.keepalive = false;
  segment({snd.nxt, snd.nxt}, false, Why::keepalive, now, out);
  out.header.seq = seq_of(snd.nxt - 1);  // §3.8.4: one that the peer has had, so it must answer
  return true;
}

bool Connection::transmit_ack(TimePoint now, Outgoing& out) {
  if (!tcb_.ack_now || tcb_.state == State::syn_sent) return false;
  const Why why = tcb_.window_update ? Why::window_update : Why::acknowledgment;
  const Offset at = where_we_stand();
  segment({at, at}, false, why, now, out);
  return true;
}

/// Where a segment without octets stands: behind all we sent, but not beyond the peer's window. A
/// probe that it did not take, or a window that it took back (MUST-34), would make it refuse us.
Offset Connection::where_we_stand() const {
  const Offset max = tcb_.snd.max;
  return mutated(Mutant::stands_behind_window) ? max : std::min(max, peer_edge());
}

/// Builds a segment; each carries the latest ACK and window, so nothing is owed afterwards.
void Connection::segment(Range payload, bool fin, Why why, TimePoint now, Outgoing& out) {
  out.payload = payload;
  out.why = why;
  out.attempt = tcb_.timers.unanswered;
  auto& header = out.header;
  header.seq = seq_of(payload.begin);
  header.ack = ack_field();
  header.flags = Flag::ack;
  if (!payload.empty() && payload.end == tcb_.snd.end) header.flags |= Flag::psh;
  if (fin) header.flags |= Flag::fin;
  if (urgent_beyond(payload.begin)) {
    header.flags |= Flag::urg;
    header.urgent =
        static_cast<std::uint16_t>(std::min<Offset>(tcb_.urgent->send - payload.begin, 0xffff));
  }
  header.window = advertise();
  out.mss = static_cast<std::uint16_t>(payload_limit());
  fill_options(header.options, now);
  tcb_.rcv.last_ack_sent = header.ack;
  tcb_.ack_now = tcb_.window_update = false;
  tcb_.timers.delayed_ack = kNever;
}

void Connection::fill_options(TcpOptions& options, TimePoint now) const {
  if (tcb_.timestamps) {
    options.present = TcpOptions::kTimestamps;
    options.ts_val = tcb_.ts.value(now);
    options.ts_ecr = tcb_.ts.recent;
  }
  if (!tcb_.sack || !tcb_.out_of_order) return;
  const auto block = [this](Range r) {
    const Seq base = tcb_.irs + 1;
    return wire::SackBlock{base + static_cast<std::uint32_t>(r.begin),
                           base + static_cast<std::uint32_t>(r.end)};
  };
  // RFC 2018 §4: first the block that the latest segment fell into, then those reported before it:
  // each is said several times, since an ACK may be lost.
  std::array<Range, 4> blocks;
  const std::size_t count = tcb_.out_of_order->latest(std::span(blocks).first(sack_room(tcb_)));
  for (const Range& r : std::span(blocks).first(count))
    options.sack[options.sack_count++] = block(r);
}

/// Octets of payload a segment takes beside the options it carries (RFC 9293 §3.7.1, MUST-16).
std::uint32_t Connection::payload_limit() const {
  std::uint32_t options = 0;
  if (tcb_.sack && tcb_.out_of_order) {
    const auto blocks = std::min(tcb_.out_of_order->ranges().size(), sack_room(tcb_));
    options += 4 + 8 * static_cast<std::uint32_t>(blocks);
  }
  return smss() - options;
}

/// Octets of payload the next segment takes where the caller takes `most` at once. No more than a
/// MSS means one segment, and that counts options too. What is sent again goes singly; so does
/// urgent data, whose pointer counts from each segment's own number.
std::uint32_t Connection::segment_limit(std::uint32_t most) const {
  const auto& snd = tcb_.snd;
  const bool single = most <= snd.mss || snd.nxt < snd.max || urgent_beyond(snd.nxt);
  return single ? std::min(most, payload_limit()) : most;
}

std::uint32_t Connection::smss() const {
  return tcb_.snd.mss - (tcb_.timestamps ? kTimestampOctets : 0);
}

/// [from, to) went out: what is outstanding, timed and awaited follows.
void Connection::sent(Offset from, Offset to, TimePoint now) {
  auto& snd = tcb_.snd;
  if (from == snd.una && from == snd.max) tcb_.progress = now;
  if (from == snd.max && tcb_.timed.end < 0) tcb_.timed = {.end = to, .sent = now};
  snd.nxt = to;
  snd.max = std::max(snd.max, to);
  tcb_.sent = now;
  if (tcb_.timers.mode != Retransmission::timeout && !mutated(Mutant::retransmission_forgotten)) {
    arm_retransmission(Retransmission::timeout, now);
  }
}

/// Octets wait, nothing is out that an ACK could answer, and no timer runs: ask from time to time.
void Connection::mind_persist(TimePoint now) {
  const auto& snd = tcb_.snd;
  const bool waiting = snd.nxt < snd.end || (tcb_.fin_queued && snd.nxt == snd.end);
  const bool may =
      traits(tcb_.state).synchronized && snd.una >= 0 && !mutated(Mutant::persist_never);
  if (waiting && may && snd.una == snd.nxt && tcb_.timers.mode == Retransmission::off) {
    arm_retransmission(Retransmission::persist, now);
  }
}

}  // namespace lastack::tcp
