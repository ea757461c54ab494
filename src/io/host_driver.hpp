// A host on a real link: carries packets between the two and tells the host the time.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "host/host.hpp"
#include "io/event_loop.hpp"
#include "io/handover.hpp"
#include "link/link.hpp"

namespace lastack::io {

/// A way of the link, as the host sees it.
enum class Way : std::uint8_t { in, out };
/// What becomes of one packet of a way that is paused.
enum class Fate : std::uint8_t { passes, is_lost };

/// Work comes in batches: read what the link has, let the users act, then send.
class HostDriver {
 public:
  HostDriver(host::Host& host, link::Link& link) : host_(&host), link_(&link) {}

  /// Called with each event of the host; may call the host's user side.
  std::function<void(const host::HostEvent&, TimePoint now)> on_event;

  /// Receives whenever there is something to read from `descriptor`, the link's, which `loop` is
  /// asked to watch. What comes in streams is waited for with patience (EventLoop::expect_more()).
  void watch(EventLoop& loop, int descriptor);
  struct Came {
    std::size_t packets = 0;
    std::size_t octets = 0;
  };
  /// What waits at the link, in batches. Between two the users act: so they read what is still in
  /// the caches, and the next packets come into the memory that it lay in.
  Came receive();
  /// The host is one of several that share its addresses (host::Share). What comes to it and is
  /// another's goes there; `others` outlives this.
  void share_with(Handover& others) { others_ = &others; }
  /// What other hosts have handed over.
  void receive_handed_over();
  /// Packets of others that were dropped, since they did not keep up.
  [[nodiscard]] std::uint64_t not_handed_over() const { return not_handed_over_; }
  /// Timers that are due, events to users, and all packets there are to send. Whether there is more
  /// to do by now. `now`: no earlier than what the link was given.
  bool turn(TimePoint now = monotonic_now());
  [[nodiscard]] TimePoint next_deadline() const;
  /// While a way is paused nothing is read from the link, or nothing is sent: packets wait. While
  /// both are, the host's time stands still. The link's goes on: what is under way arrives.
  void pause(Way way, bool on) { paused_[index(way)] = on; }
  [[nodiscard]] bool paused(Way way) const { return paused_[index(way)]; }
  /// The next packet of a way that is paused, alone. False where none waits.
  bool step(Way way, Fate fate);

 private:
  static constexpr std::size_t kMostRounds = 64;
  static constexpr std::size_t kMostBatches = 256;  ///< before timers: more than a queue holds

  /// Where a batch had so many octets, more is likely to wait.
  static constexpr std::size_t kWorthMore = 48'000;
  /// Then all there is to send goes out: an ACK for so much of a stream. With twice as many a
  /// sender that has just as much under way as the way holds (BBR) sleeps in between; with half as
  /// many one that has more (CUBIC) takes more ACKs than it has to.
  static constexpr std::size_t kMostOctetsAtOnce = std::size_t{256} << 10U;
  static constexpr std::size_t kMostAtOnce = 64;  ///< the same in packets
  static constexpr Duration kLookAgain = 1ms;

  Came receive_batch();
  [[nodiscard]] static std::size_t index(Way way) { return static_cast<std::size_t>(way); }
  [[nodiscard]] bool stands_still() const { return paused_[0] && paused_[1]; }
  void tell(TimePoint now);
  [[nodiscard]] bool is_idle(TimePoint now);
  void take_what_came();
  void move_link(TimePoint now);
  [[nodiscard]] TimePoint next_move() const;
  void send(TimePoint now);
  bool send_one(TimePoint now, Fate fate);
  void send_cut(TimePoint now);
  void arrive(std::span<const Slice> packets, TimePoint now);
  void hand_over();

  host::Host* host_;
  link::Link* link_;
  Handover* others_ = nullptr;
  std::uint64_t not_handed_over_ = 0;
  std::vector<link::Packet> batch_;
  std::vector<Slice> octets_;   ///< of the batch
  std::vector<std::byte> cut_;  ///< where the parts of a super-segment are written
  host::PacketOut out_;
  std::deque<Slice> waiting_;  ///< read from the link by step(), and not yet passed
  std::array<bool, 2> paused_{};
  TimePoint moved_{};  ///< when the link was last told the time
};

}  // namespace lastack::io
