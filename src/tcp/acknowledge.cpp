// What an acceptable acknowledgment does: the window, the round-trip time, recovery, our FIN.
#include <algorithm>

#include "tcp/arrival.hpp"
#include "tcp/connection.hpp"
#include "tcp/mutant.hpp"

namespace lastack::tcp {

using wire::Flag;

void Connection::take_ack(const Arrival& a, Effects& fx) {
  // RFC 7323 §4.3. Not before the ACK has proved good: a guess at the window could else name a
  // stamp so new that PAWS refuses all that the peer really sends.
  if (!after(a.header.seq, tcb_.rcv.last_ack_sent)) keep_timestamp(a);
  if (tcb_.timers.mode == Retransmission::persist) {  // it is alive: go on asking (§3.8.6.1)
    tcb_.timers.unanswered = 0;
    tcb_.progress = a.now;
  }
  tcb_.more_follows = false;  // as in Linux: the peer has said something
  take_sack(a);
  if (a.ack > tcb_.snd.una) {
    acknowledged(a, fx);
  } else if (is_duplicate(a)) {
    recover(tcb_.recovery.duplicate(tcb_.snd.una, tcb_.snd.max), 0);
  }
  update_window(a, fx);
  follow_ack(fx, a.now);
}

/// Where our SYN, or our FIN, is acknowledged now, the state follows.
void Connection::follow_ack(Effects& fx, TimePoint now) {
  if (tcb_.state == State::syn_rcvd) {
    enter(Event::acks_syn, fx, now);
    if (tcb_.close_waits && !mutated(Mutant::close_waits_for_nobody)) send_fin(fx, now);
  }
  const bool waits_for_fin_ack = tcb_.state == State::fin_wait_1 || tcb_.state == State::closing ||
                                 tcb_.state == State::last_ack;
  if (waits_for_fin_ack && fin_acked() && !mutated(Mutant::fin_ack_not_seen))
    enter(Event::acks_fin, fx, now);
}

/// New data is acknowledged: snd.una moves.
void Connection::acknowledged(const Arrival& a, Effects& fx) {
  auto& snd = tcb_.snd;
  const Offset before = snd.una;
  snd.una = a.ack;
  snd.nxt = std::max(snd.nxt, snd.una);
  fx.acked = {std::max<Offset>(before, 0), std::min(snd.una, snd.end)};
  if (!fx.acked.empty()) fx.ready |= kWritable;

  auto& timers = tcb_.timers;
  const bool measured = measure(a);
  // Karn: else the doubled timeout stays. Probes and the handshake are another matter.
  if (measured || before < 0 || timers.mode == Retransmission::persist) timers.backoff = 0;
  timers.unanswered = 0;
  tcb_.progress = a.now;
  tcb_.error = Error::none;  // what ICMP said is over (RFC 5927 §5)
  // RFC 6298 §5.3 and §5.2. After a timeout only what was sent again is awaited: where the window
  // does not take the rest, there is something to probe and not to wait for.
  const bool awaited = snd.una < snd.nxt;
  arm_retransmission(awaited ? Retransmission::timeout : Retransmission::off, a.now);
  if (before < 0) {
    std::visit([&](auto& c) { c.start(smss(), tcb_.syn_lost); }, tcb_.congestion);
  }
  tcb_.retransmit_first = false;  // it is there; a partial ACK asks for the next one
  const RecoveryStep step = tcb_.recovery.acknowledged(snd.una);
  recover(step, static_cast<std::uint32_t>(std::max<Offset>(fx.acked.size(), 0)));
}

/// RFC 6298 §3: a segment sent once is timed by us; where it was sent again only the peer's echo
/// can tell which copy arrived (RFC 7323 §4). Whether there was anything to learn.
bool Connection::measure(const Arrival& a) {
  if (tcb_.timed.end >= 0) {
    if (tcb_.snd.una < tcb_.timed.end) return false;
    take_round_trip(a.now - tcb_.timed.sent);
    tcb_.timed.end = -1;
    return true;
  }
  if (!tcb_.timestamps || a.header.options.ts_ecr == 0) return false;
  const std::uint32_t elapsed = tcb_.ts.value(a.now) - a.header.options.ts_ecr;
  if (elapsed >= 0x80000000U) return false;
  take_round_trip(std::chrono::milliseconds(elapsed));
  return true;
}

/// One of less than a microsecond, or than a millisecond of the peer's echo, is no least one.
void Connection::take_round_trip(Duration took) {
  tcb_.rtt.sample(took);
  const std::int64_t least = tcb_.least_rtt.value();
  const bool shorter = took.count() < least || least == 0;
  if (shorter && took.count() > 0)
    tcb_.least_rtt = Count24(static_cast<std::uint64_t>(took.count()));
}

/// §3.10.7.4, fifth: a window taken only from a segment at least as new as the last that set it.
/// DEVIATES: a higher ACK is newer whatever its sequence number. By WL1 alone a segment sent again
/// would move snd.una but not the window, and so the edge beyond what the peer has offered.
void Connection::update_window(const Arrival& a, Effects&) {
  auto& snd = tcb_.snd;
  if (a.ack < snd.una) return;  // its window counts from an edge that has moved on
  const Seq seq = a.header.seq;
  const Seq ack = a.header.ack;
  const bool newer =
      before(snd.wl2, ack) || before(snd.wl1, seq) || (snd.wl1 == seq && snd.wl2 == ack);
  if (!newer && !mutated(Mutant::window_from_old_segment)) return;
  const bool scaled = tcb_.window_scaling && !a.has(Flag::syn);
  const bool was_closed = snd.wnd == 0;
  snd.wnd = std::uint32_t{a.header.window} << (scaled ? snd.scale : 0);
  snd.max_wnd = std::max(snd.max_wnd, snd.wnd);
  snd.wl1 = seq;
  snd.wl2 = ack;
  // Only a closed window opens. One that is too small to use may say so with every segment of a
  // stream, and the timer that uses it all the same (§3.8.6.2.1) has to run out.
  const bool opens = was_closed || mutated(Mutant::persist_starts_anew);
  if (snd.wnd > 0 && opens && tcb_.timers.mode == Retransmission::persist) {
    tcb_.timers.backoff = 0;
    tcb_.probe = false;
    arm_retransmission(Retransmission::off, a.now);
  }
}

/// RFC 5681 §2: nothing new in it, and something of ours is out.
bool Connection::is_duplicate(const Arrival& a) const {
  const auto& snd = tcb_.snd;
  const std::uint32_t window = std::uint32_t{a.header.window} << snd.scale;
  return a.payload == 0 && !a.has(Flag::syn) && !a.has(Flag::fin) && a.ack == snd.una &&
         snd.una < snd.max && window == snd.wnd && window > 0 &&
         tcb_.timers.mode == Retransmission::timeout;
}

/// Tells the controller what recovery made of the ACK, and notes what is to be sent again.
void Connection::recover(RecoveryStep step, std::uint32_t acked) {
  const std::uint32_t mss = smss();
  const auto out = static_cast<std::uint32_t>(tcb_.snd.max - tcb_.snd.una);
  // After a timeout one ACK may cover much that was not lost: it is no sign of room (RFC 3465
  // §2.3).
  const bool after_timeout = tcb_.recovery.phase() == Recovery::Phase::loss;
  std::visit(
      [&](auto& controller) {
        switch (step) {
          case RecoveryStep::none:
            if (acked > 0) controller.on_ack(after_timeout ? std::min(acked, mss) : acked, mss);
            break;
          case RecoveryStep::duplicate: break;
          case RecoveryStep::fast_retransmit:
            // Less what limited transmit has sent beyond the window (RFC 5681 §3.2 step 2).
            controller.on_fast_retransmit(std::min(out, controller.cwnd()), mss);
            break;
          case RecoveryStep::inflate: controller.on_duplicate_ack(mss); break;
          case RecoveryStep::partial: controller.on_partial_ack(acked, mss); break;
          case RecoveryStep::recovered: controller.on_recovered(out, mss); break;
        }
      },
      tcb_.congestion);
  if (step == RecoveryStep::fast_retransmit || step == RecoveryStep::partial) {
    tcb_.retransmit_first = true;
    tcb_.timed.end = -1;  // Karn: what is sent again is not timed
  }
}

/// RFC 2018 §3: blocks that lie within what was sent and is not acknowledged; others say nothing.
void Connection::take_sack(const Arrival& a) {
  if (!tcb_.sack) return;
  const auto& options = a.header.options;
  for (std::size_t i = 0; i < options.sack_count; ++i) {
    const Offset left = tcb_.snd.una + distance(seq_of(tcb_.snd.una), options.sack[i].left);
    const Offset right = tcb_.snd.una + distance(seq_of(tcb_.snd.una), options.sack[i].right);
    if (left <= tcb_.snd.una || right <= left || right > tcb_.snd.max) continue;
    tcb_.recovery.sacked({left, right});
  }
}

}  // namespace lastack::tcp
