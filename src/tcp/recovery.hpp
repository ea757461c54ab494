// When a segment counts as lost, and what is sent again first (RFC 5681 §3.2, RFC 6582, RFC 3042).
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/box.hpp"
#include "base/sequence.hpp"
#include "tcp/range_set.hpp"

namespace lastack::tcp {

/// What an acknowledgment meant for recovery; the connection tells its controller.
enum class RecoveryStep : std::uint8_t {
  none,
  duplicate,        ///< counted, nothing to do yet
  fast_retransmit,  ///< the third duplicate: send the first unacknowledged segment again
  inflate,          ///< a further duplicate while recovering
  partial,          ///< new data acknowledged, but not all that was out at the loss: send again
  recovered,        ///< all that was out at the loss is acknowledged
};

/// Loss recovery as a value: it takes what an ACK says and returns what to do.
class Recovery {
 public:
  enum class Phase : std::uint8_t { open, fast, loss };

  /// An ACK moved snd.una to `una`.
  RecoveryStep acknowledged(Offset una);
  /// A duplicate ACK as RFC 5681 §2 defines it; `max` is the highest offset sent.
  RecoveryStep duplicate(Offset una, Offset max);
  /// The retransmission timer ran out.
  void timed_out(Offset max);

  [[nodiscard]] Phase phase() const { return phase_; }
  /// Nothing was lost, and nothing says that it may have been.
  [[nodiscard]] bool at_rest() const {
    return phase_ == Phase::open && duplicates_ == 0 && !scoreboard_;
  }
  [[nodiscard]] std::uint8_t duplicates() const { return duplicates_; }
  /// Segments that may be sent beyond the congestion window for the first two duplicate ACKs
  /// (limited transmit, RFC 3042 §2).
  [[nodiscard]] std::uint32_t limited_transmit() const {
    return phase_ == Phase::open ? std::min<std::uint32_t>(duplicates_, 2) : 0;
  }

  /// What the peer has reported by SACK. Empty until the first block.
  [[nodiscard]] const Box<RangeSet>& scoreboard() const { return scoreboard_; }
  /// Takes one SACK block that lies within what was sent.
  void sacked(Range block) { scoreboard_.ensure().add(block); }
  /// Forgets what the peer reported: it may take back what it said (RFC 2018 §8).
  void forget_sacked() { scoreboard_.reset(); }

  friend bool operator==(const Recovery&, const Recovery&) = default;

 private:
  Offset recover_ = -1;  ///< RFC 6582: highest offset sent when the last loss was seen
  Box<RangeSet> scoreboard_;
  Phase phase_ = Phase::open;
  std::uint8_t duplicates_ = 0;
};

}  // namespace lastack::tcp
