#include "tcp/congestion/newreno.hpp"

#include <algorithm>

namespace lastack::tcp {
namespace {

constexpr std::uint32_t kLargest = 1U << 30U;  // the largest window that can be offered (RFC 7323)

std::uint32_t initial_window(std::uint32_t mss) {
  return std::min(10 * mss, std::max(2 * mss, 14600U));
}

}  // namespace

void NewReno::start(std::uint32_t mss, bool syn_lost) {
  *this = {};
  cwnd_ = syn_lost ? mss : initial_window(mss);
}

void NewReno::on_ack(std::uint32_t acked, std::uint32_t mss) {
  if (cwnd_ < ssthresh_) {
    cwnd_ = std::min(cwnd_ + std::min(acked, 2 * mss), kLargest);
    return;
  }
  counted_ += std::min(acked, cwnd_);
  if (counted_ >= cwnd_) {
    counted_ -= cwnd_;
    cwnd_ = std::min(cwnd_ + mss, kLargest);
  }
}

void NewReno::on_fast_retransmit(std::uint32_t in_flight, std::uint32_t mss) {
  ssthresh_ = std::max(in_flight / 2, 2 * mss);
  cwnd_ = ssthresh_ + 3 * mss;
  counted_ = 0;
}

void NewReno::on_duplicate_ack(std::uint32_t mss) { cwnd_ = std::min(cwnd_ + mss, kLargest); }

void NewReno::on_partial_ack(std::uint32_t acked, std::uint32_t mss) {
  cwnd_ -= std::min(cwnd_ - std::min(cwnd_, mss), acked);
  if (acked >= mss) cwnd_ += mss;
  cwnd_ = std::max(cwnd_, mss);
}

void NewReno::on_recovered(std::uint32_t in_flight, std::uint32_t mss) {
  cwnd_ = std::min(ssthresh_, std::max(in_flight, mss) + mss);
}

void NewReno::on_timeout(std::uint32_t in_flight, std::uint32_t mss, bool first) {
  if (first) ssthresh_ = std::max(in_flight / 2, 2 * mss);
  cwnd_ = mss;
  counted_ = 0;
}

void NewReno::on_idle(std::uint32_t mss) { cwnd_ = std::min(cwnd_, initial_window(mss)); }

}  // namespace lastack::tcp
