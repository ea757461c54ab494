// Slow start and congestion avoidance (RFC 5681), NewReno's window in fast recovery (RFC 6582).
#pragma once

#include <cstdint>

namespace lastack::tcp {

/// All figures are octets. `mss` is the sender's maximum segment size, without options.
class NewReno {
 public:
  /// The initial window (RFC 6928 §2); one segment where our SYN was lost (RFC 5681 §3.1).
  void start(std::uint32_t mss, bool syn_lost);
  /// `acked` octets of new data were acknowledged outside of recovery.
  void on_ack(std::uint32_t acked, std::uint32_t mss);
  /// The third duplicate ACK (RFC 5681 §3.2 steps 2 and 3).
  void on_fast_retransmit(std::uint32_t in_flight, std::uint32_t mss);
  /// Each further duplicate ACK while recovering (§3.2 step 4).
  void on_duplicate_ack(std::uint32_t mss);
  /// Some but not all of what was outstanding at the loss is acknowledged (RFC 6582 §3.2 step 3).
  void on_partial_ack(std::uint32_t acked, std::uint32_t mss);
  /// All of it is (step 3, first option).
  void on_recovered(std::uint32_t in_flight, std::uint32_t mss);
  /// The retransmission timer ran out (RFC 5681 §3.1, equation 4). A second timeout for the same
  /// data leaves ssthresh as it is.
  void on_timeout(std::uint32_t in_flight, std::uint32_t mss, bool first);
  /// Nothing was sent for longer than a retransmission timeout (RFC 5681 §4.1).
  void on_idle(std::uint32_t mss);

  [[nodiscard]] std::uint32_t cwnd() const { return cwnd_; }
  [[nodiscard]] std::uint32_t ssthresh() const { return ssthresh_; }
  friend bool operator==(const NewReno&, const NewReno&) = default;

 private:
  std::uint32_t cwnd_ = 0;
  std::uint32_t ssthresh_ = 0xffffffff;
  std::uint32_t counted_ = 0;  ///< octets acknowledged towards the next increase (RFC 3465)
};

}  // namespace lastack::tcp
