// A link with a bad wire around it, whichever way packets pass.
#pragma once

#include <cstdint>
#include <vector>

#include "link/impaired.hpp"
#include "link/memory.hpp"

namespace lastack::link {

/// Impairs what is sent through `inner` and what is received from it, each way by itself: for a
/// link whose other end is not ours to wrap, as a device's.
class ImpairedBothWays final : public Wrapper {
 public:
  /// Each way draws from a generator of its own, both from `seed`.
  ImpairedBothWays(Link& inner, const Impairment& impairment, std::uint64_t seed);

  void pass_on(Packet packet, TimePoint now) override { out_.pass_on(std::move(packet), now); }
  std::size_t receive(std::vector<Packet>& into, TimePoint now) override;
  [[nodiscard]] TimePoint next_deadline() const override;
  void advance(TimePoint now) override;

  [[nodiscard]] const ImpairedLink& out() const { return out_; }
  [[nodiscard]] const ImpairedLink& in() const { return in_; }

 private:
  ImpairedLink out_;
  MemoryWire arrived_;  ///< what has come through the wire waits at its end 1
  ImpairedLink in_;
  std::vector<Packet> batch_;
};

}  // namespace lastack::link
