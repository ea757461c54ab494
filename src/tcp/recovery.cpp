#include "tcp/recovery.hpp"

namespace lastack::tcp {
namespace {

constexpr std::uint8_t kDupThresh = 3;  // RFC 5681 §3.2

}  // namespace

RecoveryStep Recovery::acknowledged(Offset una) {
  duplicates_ = 0;
  if (scoreboard_) {
    scoreboard_->drop_before(una);
    if (scoreboard_->empty()) scoreboard_.reset();
  }
  if (phase_ == Phase::open) return RecoveryStep::none;
  if (una >= recover_) {
    const bool was_fast = phase_ == Phase::fast;
    phase_ = Phase::open;
    return was_fast ? RecoveryStep::recovered : RecoveryStep::none;
  }
  return phase_ == Phase::fast ? RecoveryStep::partial : RecoveryStep::none;
}

RecoveryStep Recovery::duplicate(Offset una, Offset max) {
  if (phase_ == Phase::fast) return RecoveryStep::inflate;
  if (duplicates_ < 255) ++duplicates_;
  if (duplicates_ != kDupThresh) return RecoveryStep::duplicate;
  // RFC 6582 §3.2 step 1: duplicates caused by what we sent again do not count as a new loss.
  if (phase_ == Phase::loss || una <= recover_) return RecoveryStep::duplicate;
  recover_ = max;
  phase_ = Phase::fast;
  return RecoveryStep::fast_retransmit;
}

void Recovery::timed_out(Offset max) {
  recover_ = max;
  phase_ = Phase::loss;
  duplicates_ = 0;
  scoreboard_.reset();
}

}  // namespace lastack::tcp
