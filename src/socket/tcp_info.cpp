#include "socket/tcp_info.hpp"

#include <algorithm>
#include <array>
#include <variant>

namespace lastack::socket {
namespace {

std::uint32_t micros(Duration span) { return static_cast<std::uint32_t>(span.count()); }

std::uint32_t ago(TimePoint then, TimePoint now) {
  return static_cast<std::uint32_t>(std::max<std::int64_t>((now - then) / 1ms, 0));
}

std::uint32_t segments(Offset octets, std::uint32_t mss) {
  return (static_cast<std::uint32_t>(std::max<Offset>(octets, 0)) + mss - 1) / mss;
}

/// Of what is out: what the peer holds already, what counts as lost, what of that was sent again.
/// Fast recovery takes one segment for lost at a time, a timeout everything. Where new octets have
/// followed those that were sent again after it, they count among them until the last of those is
/// acknowledged: nothing tells them apart.
void tell_losses(const tcp::Tcb& t, std::uint32_t mss, TcpInfo& info) {
  using Phase = tcp::Recovery::Phase;
  constexpr std::uint8_t kRecovery = 3;
  constexpr std::uint8_t kLoss = 4;
  if (const auto& held = t.recovery.scoreboard()) {
    info.sacked = std::min(segments(held->octets(), mss), info.unacked);
  }
  if (t.recovery.phase() == Phase::fast) {
    info.ca_state = kRecovery;
    info.lost = std::min(info.unacked - info.sacked, 1U);
    info.retrans = t.retransmit_first ? 0 : info.lost;
  }
  if (t.recovery.phase() == Phase::loss) {
    info.ca_state = kLoss;
    info.lost = info.unacked - info.sacked;
    info.retrans = std::min(segments(t.snd.nxt - t.snd.una, mss), info.lost);
  }
}

}  // namespace

std::uint8_t linux_number(tcp::State state) {
  // Ours are in the RFC's order: CLOSED, LISTEN, SYN_SENT, SYN_RCVD, ESTABLISHED, FIN_WAIT_1,
  // FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT.
  constexpr std::array<std::uint8_t, tcp::kStateCount> kNumbers{7, 10, 2, 3, 1, 4, 5, 8, 11, 9, 6};
  return kNumbers[static_cast<std::size_t>(state)];
}

TcpInfo tcp_info(const tcp::Connection* connection, tcp::State state, TimePoint now) {
  TcpInfo info;
  if (state == tcp::State::time_wait) state = tcp::State::closed;
  info.state = linux_number(state);
  if (connection == nullptr) return info;
  const tcp::Tcb& t = connection->tcb();
  const std::uint32_t mss = std::max<std::uint32_t>(connection->smss(), 1);
  const bool probing = t.timers.mode == tcp::Retransmission::persist;
  (probing ? info.probes : info.retransmits) = t.timers.unanswered;
  info.backoff = t.timers.backoff;
  info.options = static_cast<std::uint8_t>((t.timestamps ? 1 : 0) | (t.sack ? 2 : 0) |
                                           (t.window_scaling ? 4 : 0));
  info.window_scales = static_cast<std::uint8_t>((t.snd.scale & 15U) | (t.rcv.scale & 15U) << 4U);
  info.rto = micros(connection->rto());
  info.ato = micros(connection->settings().delayed_ack);
  info.snd_mss = mss;
  info.rcv_mss = t.rcv.largest;
  info.unacked = segments(t.snd.max - t.snd.una, mss);
  tell_losses(t, mss, info);
  info.last_data_sent = ago(t.sent, now);
  info.last_data_recv = info.last_ack_recv = ago(t.heard, now);
  info.rtt = micros(t.rtt.srtt());
  info.rttvar = micros(t.rtt.rttvar());
  std::visit(
      [&](const auto& c) {
        const bool none = c.ssthresh() == UINT32_MAX;  // there was no loss yet
        info.snd_ssthresh = none ? TcpInfo::kNoThreshold : c.ssthresh() / mss;
        info.snd_cwnd = c.cwnd() / mss;
      },
      t.congestion);
  info.advmss = t.rcv.mss;
  info.rcv_ssthresh = connection->settings().receive_buffer;
  info.rcv_space = static_cast<std::uint32_t>(std::max<Offset>(t.rcv.edge - t.rcv.nxt, 0));
  info.bytes_acked = static_cast<std::uint64_t>(std::clamp<Offset>(t.snd.una, 0, t.snd.end));
  const Offset received = t.rcv.nxt - (t.rcv.nxt > t.rcv.fin ? 1 : 0);
  info.bytes_received = static_cast<std::uint64_t>(std::max<Offset>(received, 0));
  info.total_retrans = t.sent_again.value();
  info.min_rtt = t.least_rtt.value();
  info.notsent_bytes =
      static_cast<std::uint32_t>(std::max<Offset>(t.snd.end - std::max<Offset>(t.snd.max, 0), 0));
  return info;
}

}  // namespace lastack::socket
