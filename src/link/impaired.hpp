// A link that treats packets as real networks do: late, lost, doubled, overtaken, damaged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "link/link.hpp"

namespace lastack::link {

/// What happens to the packets of one direction. Probabilities are in [0, 1]; the default harms
/// nothing.
struct Impairment {
  Duration delay{0};
  Duration jitter{0};  ///< evenly 0..jitter on top of delay; packets stay in order

  double loss = 0;  ///< each packet by itself
  /// Loss in bursts (Gilbert-Elliott): before each packet the wire may turn bad, or good again;
  /// while bad it loses packets with `burst_loss`.
  double turns_bad = 0;
  double turns_good = 1;
  double burst_loss = 0;

  double duplicate = 0;  ///< a copy follows, with a delay of its own
  double reorder = 0;    ///< held back for `reorder_by`, and what comes later may overtake it
  Duration reorder_by{0};
  /// Some neighbouring bits turned, at most 15 from first to last: the Internet checksum finds all
  /// such damage, so none may ever reach a user.
  double corrupt = 0;

  std::uint64_t rate = 0;  ///< octets per second; 0: no limit
  std::size_t queue = 0;   ///< octets that may wait for the rate, others are dropped; 0: no limit
  /// A packet that finds more octets than this waiting is marked (RFC 3168: ECT becomes CE), where
  /// its sender understands that; 0: none is.
  std::size_t ecn = 0;
  std::size_t ip_at = 0;  ///< where the IP packet begins in what passes; 14 in Ethernet frames

  friend bool operator==(const Impairment&, const Impairment&) = default;
};

/// What happened so far, in packets.
struct ImpairmentTally {
  std::uint64_t sent = 0;  ///< taken from the sender
  std::uint64_t lost = 0;
  std::uint64_t queue_full = 0;
  std::uint64_t marked = 0;  ///< CE
  std::uint64_t duplicated = 0;
  std::uint64_t reordered = 0;
  std::uint64_t corrupted = 0;
  std::uint64_t handed_on = 0;  ///< to the link inside
  friend bool operator==(const ImpairmentTally&, const ImpairmentTally&) = default;
};

/// Impairs what is sent through it; wrap the other end too for the other direction. The same seed
/// and the same packets at the same times meet the same fate.
class ImpairedLink final : public Wrapper {
 public:
  ImpairedLink(Link& inner, const Impairment& impairment, Random random);

  void pass_on(Packet packet, TimePoint now) override;
  [[nodiscard]] TimePoint next_deadline() const override;
  void advance(TimePoint now) override;

  /// From the next packet on.
  void set(const Impairment& impairment) { impairment_ = impairment; }
  [[nodiscard]] const Impairment& impairment() const { return impairment_; }
  [[nodiscard]] const ImpairmentTally& tally() const { return tally_; }
  /// Packets that are under way.
  [[nodiscard]] std::size_t held() const { return held_.size(); }

 private:
  struct Held {
    TimePoint due;
    std::uint64_t number;  ///< what is due at once goes on in the order it came
    Packet packet;
  };

  [[nodiscard]] bool loses();
  [[nodiscard]] std::uint64_t waiting(TimePoint now) const;
  [[nodiscard]] TimePoint leaves_queue(std::size_t octets, TimePoint now);
  void mark(Packet& packet);
  void hold(Packet packet, TimePoint from);
  void damage(Packet& packet);
  [[nodiscard]] static bool later(const Held& a, const Held& b);

  Impairment impairment_;
  Random random_;
  ImpairmentTally tally_;
  std::vector<Held> held_;  ///< a heap, the earliest on top
  std::uint64_t number_ = 0;
  TimePoint free_at_{};  ///< when the rate lets the next packet begin
  TimePoint last_due_{};
  bool bad_ = false;
};

}  // namespace lastack::link
