// A host on a real link: carries packets between the two and tells the host the time.
#pragma once

#include <functional>
#include <vector>

#include "host/host.hpp"
#include "io/event_loop.hpp"
#include "link/link.hpp"

namespace lastack::io {

/// Work comes in batches: read what the link has, let the users act, then send.
class HostDriver {
 public:
  HostDriver(host::Host& host, link::Link& link) : host_(&host), link_(&link) {}

  /// Called with each event of the host; may call the host's user side.
  std::function<void(const host::HostEvent&)> on_event;

  /// A batch from the link.
  void receive();
  /// Timers that are due, events to users, and all packets there are to send.
  void turn();
  [[nodiscard]] TimePoint next_deadline() const;
  /// While paused nothing is read from the link and nothing is sent: packets wait at both ends.
  void pause(bool on) { paused_ = on; }
  [[nodiscard]] bool paused() const { return paused_; }

 private:
  static constexpr std::size_t kMostRounds = 64;

  void tell();
  void send(TimePoint now);
  void send_cut(TimePoint now);

  host::Host* host_;
  link::Link* link_;
  std::vector<link::Packet> batch_;
  std::vector<Slice> octets_;   ///< of the batch
  std::vector<std::byte> cut_;  ///< where the parts of a super-segment are written
  host::PacketOut out_;
  bool paused_ = false;
};

}  // namespace lastack::io
