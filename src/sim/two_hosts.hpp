// Two hosts and a wire between them in virtual time: the stage of demonstrations and tests.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "base/time.hpp"
#include "host/host.hpp"
#include "socket/sockets.hpp"

namespace lastack::sim {

struct TwoHostsConfig {
  bool v6 = false;
  bool both = false;      ///< an address of the other family, too
  Duration delay = 10ms;  ///< each way
  tcp::Settings settings{};
  std::uint16_t mtu = 1500;
  std::uint32_t super_segment = 0;
  std::size_t trace = 0;  ///< events that each host keeps
  std::uint64_t seed = 1;
  std::uint16_t ports = 0;  ///< ephemeral ones of each; 0: as many as usual
  /// Packets that the wire loses, counted from 1 over both directions.
  std::set<std::uint64_t> drop{};
};

/// A packet that left a host.
struct Flight {
  std::uint64_t number = 0;  ///< from 1, over both directions
  std::size_t from = 0;      ///< 0 or 1
  TimePoint sent{};
  TimePoint arrives{};
  bool lost = false;
  tcp::Why why = tcp::Why::data;
  std::uint8_t attempt = 0;
  Slice packet;
};

/// Everything happens in the order of its time, and in the order in which it was caused within
/// that: the same calls give the same run.
class TwoHosts {
 public:
  explicit TwoHosts(TwoHostsConfig config = {});

  [[nodiscard]] TimePoint now() const { return now_; }
  [[nodiscard]] socket::Sockets& sockets(std::size_t i) { return *sides_[i].sockets; }
  [[nodiscard]] host::Host& host(std::size_t i) { return *sides_[i].host; }
  [[nodiscard]] wire::IpAddress address(std::size_t i) const { return sides_[i].address; }

  /// Sends what there is to send now.
  void flush();
  /// Does the next thing that is due, at `until` at the latest: a packet arrives, or a timer fires.
  /// False when there is nothing before that; the time is then `until`.
  bool step(TimePoint until);
  /// Lets `span` pass.
  void run(Duration span);
  /// Lets time pass until nothing moves any more but timers a minute away or more.
  void settle();
  /// Packets arrive no more until the wire is resumed; they wait.
  void pause(bool on) { paused_ = on; }
  /// The first packet on the wire arrives now, paused or not. False where there is none.
  bool pass();
  void drop(std::uint64_t number) { config_.drop.insert(number); }
  void drop_none() { config_.drop.clear(); }

  /// Called for each packet that leaves or arrives, and for each event of a host: for views.
  std::function<void(const Flight&)> on_sent;
  std::function<void(const Flight&)> on_arrived;
  std::function<void(std::size_t side, const host::HostEvent&)> on_event;
  [[nodiscard]] std::uint64_t packets() const { return sent_; }

 private:
  struct Side {
    wire::IpAddress address;
    std::unique_ptr<host::Host> host;
    std::unique_ptr<socket::Sockets> sockets;
  };

  void first_arrives();
  void tell_events(std::size_t side);
  [[nodiscard]] TimePoint next_due() const;

  TwoHostsConfig config_;
  TimePoint now_{1000s};
  std::array<Side, 2> sides_;
  std::vector<Flight> wire_;  ///< in the order of arrival
  std::uint64_t sent_ = 0;
  bool paused_ = false;
  host::PacketOut out_;
};

}  // namespace lastack::sim
