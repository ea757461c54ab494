// TIME_WAIT without a connection: what has to be remembered for 2 MSL, and no more.
#pragma once

#include <cstdint>
#include <optional>

#include "base/sequence.hpp"
#include "base/time.hpp"
#include "tcp/challenge.hpp"
#include "tcp/connection.hpp"
#include "tcp/effects.hpp"
#include "tcp/outgoing.hpp"
#include "tcp/settings.hpp"
#include "tcp/timestamps.hpp"
#include "wire/tcp_header.hpp"

namespace lastack::tcp {

/// Its doors answer as those of a Connection in TIME_WAIT would.
class TimeWait {
 public:
  /// From a connection in TIME_WAIT that nobody holds, or whose holders have read everything.
  explicit TimeWait(const Connection& connection);

  /// `listened`: as Connection's.
  Effects segment_arrives(const wire::TcpHeader& header, std::uint32_t payload,
                          const Settings& settings, TimePoint now, bool listened = true);
  Effects timer_expired(TimePoint now);
  std::optional<Outgoing> transmit(TimePoint now);
  /// OPEN of a new connection with the same ends ends it: it begins beyond what this one has sent
  /// (RFC 6191 §2, RFC 1122 §4.2.2.13). Only with timestamps, which go on.
  Effects give_way(Open& how);
  [[nodiscard]] bool has_timestamps() const { return timestamps_; }
  /// Whether more than a second has passed since the last timestamp was sent: a SYN's is newer.
  [[nodiscard]] bool rested(TimePoint now) const { return older(sent_ + 1000, ts_.value(now)); }
  [[nodiscard]] TimePoint next_deadline() const { return deadline_; }
  [[nodiscard]] State state() const { return state_; }
  /// Our next sequence number: a connection that takes over starts beyond it (RFC 6191 §2).
  [[nodiscard]] Seq snd_nxt() const { return snd_nxt_; }
  [[nodiscard]] Seq rcv_nxt() const { return rcv_nxt_; }
  /// Octets last offered; nothing is taken any more, but what lies in it is acknowledged.
  [[nodiscard]] std::uint32_t window() const { return window_; }
  [[nodiscard]] std::uint32_t ts_recent() const { return ts_.recent; }
  [[nodiscard]] const ChallengeBudget& challenges() const { return challenges_; }
  friend bool operator==(const TimeWait&, const TimeWait&) = default;

 private:
  void check_flags(const wire::TcpHeader& header, std::uint32_t payload, Offset seq,
                   const Settings& settings, Effects& fx, TimePoint now);
  void refuse_sequence(const wire::TcpHeader& header, std::uint32_t payload,
                       const Settings& settings, Effects& fx, TimePoint now);

  TimePoint deadline_ = kNever;
  Timestamps ts_;
  Seq snd_nxt_;
  Seq rcv_nxt_;
  std::uint32_t window_ = 0;  ///< octets we last offered
  std::uint32_t max_wnd_ = 0;
  std::uint32_t sent_ = 0;  ///< the last TSval
  ChallengeBudget challenges_;
  std::uint8_t scale_ = 0;
  State state_ = State::time_wait;
  bool timestamps_ : 1 = false;
  bool ack_now_ : 1 = false;
};

static_assert(sizeof(TimeWait) <= 64);

}  // namespace lastack::tcp
