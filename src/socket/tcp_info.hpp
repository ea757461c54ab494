// What TCP_INFO says of a connection, laid out as Linux's struct tcp_info.
#pragma once

#include <cstdint>

#include "base/time.hpp"
#include "tcp/connection.hpp"

namespace lastack::socket {

/// Times are microseconds, ages milliseconds. What lastack does not count is 0.
struct TcpInfo {
  static constexpr std::uint32_t kNoThreshold = 0x7fffffff;  ///< Linux's "infinite" one

  std::uint8_t state = 0;  ///< Linux's number
  std::uint8_t ca_state = 0;
  std::uint8_t retransmits = 0;
  std::uint8_t probes = 0;
  std::uint8_t backoff = 0;
  std::uint8_t options = 0;        ///< 1 timestamps, 2 SACK, 4 window scaling
  std::uint8_t window_scales = 0;  ///< the peer's in the lower half, ours in the upper
  std::uint8_t bits = 0;
  std::uint32_t rto = 0;
  std::uint32_t ato = 0;
  std::uint32_t snd_mss = 0;
  std::uint32_t rcv_mss = 0;
  std::uint32_t unacked = 0;  ///< segments; of a listener the connections that wait
  std::uint32_t sacked = 0;   ///< segments; of a listener its backlog
  std::uint32_t lost = 0;
  std::uint32_t retrans = 0;  ///< of those that are out
  std::uint32_t fackets = 0;
  std::uint32_t last_data_sent = 0;
  std::uint32_t last_ack_sent = 0;
  std::uint32_t last_data_recv = 0;  ///< as last_ack_recv: one time is kept for both
  std::uint32_t last_ack_recv = 0;
  std::uint32_t pmtu = 0;          ///< octets of an IP packet
  std::uint32_t rcv_ssthresh = 0;  ///< the largest window that is offered
  std::uint32_t rtt = 0;
  std::uint32_t rttvar = 0;
  std::uint32_t snd_ssthresh = 0;
  std::uint32_t snd_cwnd = 0;  ///< segments
  std::uint32_t advmss = 0;
  std::uint32_t reordering = 3;
  std::uint32_t rcv_rtt = 0;
  std::uint32_t rcv_space = 0;
  std::uint32_t total_retrans = 0;
  std::uint64_t pacing_rate = 0;
  std::uint64_t max_pacing_rate = ~std::uint64_t{0};
  std::uint64_t bytes_acked = 0;
  std::uint64_t bytes_received = 0;
  std::uint32_t segs_out = 0;
  std::uint32_t segs_in = 0;
  std::uint32_t notsent_bytes = 0;
  std::uint32_t min_rtt = 0;
};
static_assert(sizeof(TcpInfo) == 152, "as far as tcpi_min_rtt");

/// Linux's number of a state: 1 for ESTABLISHED to 11 for CLOSING.
[[nodiscard]] std::uint8_t linux_number(tcp::State state);

/// `connection` is null where there is none. To its holders TIME_WAIT is CLOSE, as in Linux. What
/// the host knows beside it, the path, how many segments passed and who waits for accept(), is the
/// caller's to add.
[[nodiscard]] TcpInfo tcp_info(const tcp::Connection* connection, tcp::State state, TimePoint now);

}  // namespace lastack::socket
