// A host on a device of this machine, or on a wire back to itself, and the loop that keeps it
// going: what serve, connect, relay and run have. It shows in `lastack ss` for as long as it lives.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/device.hpp"
#include "cli/nstat_history.hpp"
#include "control/control.hpp"
#include "host/host.hpp"
#include "io/host_driver.hpp"
#include "link/junction.hpp"
#include "link/loopback.hpp"
#include "socket/sockets.hpp"

namespace lastack::cli {

/// Where a host stands that is one of several on threads of their own.
struct Place {
  std::unique_ptr<link::TunDevice> device{};  ///< a queue of it; null: as the options say
  host::Share share{};
  io::Handover* others = nullptr;  ///< outlives the host
  /// In the place of a device, and what its bad wire is, if it has one; both outlive the host.
  link::Link* link = nullptr;
  const link::Junction::Wires* wires = nullptr;
  /// What is put around the device or the link, and outlives the host; may be empty.
  std::function<link::Link&(link::Link& inner)> around{};
  bool loops_over_link = false;  ///< as host::Config has it: such a link is around the device
};

class RealHost {
 public:
  /// Throws Failure where there can be no such host. The first of several has the signals and
  /// answers for all.
  explicit RealHost(const DeviceOptions& options) : RealHost(options, Place{}) {}
  RealHost(const DeviceOptions& options, Place place);

  [[nodiscard]] host::Host& host() { return host_; }
  [[nodiscard]] socket::Sockets& sockets() { return sockets_; }
  [[nodiscard]] io::EventLoop& loop() { return loop_; }
  /// Whether it has, or may get, addresses of that family.
  [[nodiscard]] bool speaks(wire::Family family) const;

  /// Called with each event of the host.
  std::function<void(const host::HostEvent&, TimePoint now)> on_event;

  /// Until it is known which addresses can be used, or a signal comes. Failure where none is left.
  void wait_for_addresses();
  /// Says on stderr why ss will not see the host, where that is so.
  void tell_if_unseen() const;
  /// Does what there is to do, then waits for more until `until`. Failure where the device goes.
  void turn(TimePoint until = kNever);
  /// The latter only: for who has done what there was to do, by settle().
  void wait(TimePoint until);
  /// When turn() has something to do that no descriptor announces.
  [[nodiscard]] TimePoint next_deadline() const { return driver_.next_deadline(); }
  /// Until packets that it has sent to itself have arrived, and timers that are due have expired.
  void settle();
  /// What waits at the device arrives, before the loop says that there is something.
  void receive() { driver_.receive(); }
  /// Sends what there is to send, and waits for nothing but a bad wire of our own.
  void flush();
  /// What was written before the end still goes out, unless the peers take longer than `most` or
  /// another signal comes: with this process their TCP goes, too.
  void deliver(Duration most);
  /// Whether peers have to acknowledge something yet that was written before the end.
  [[nodiscard]] bool waits_for_ack() const;
  /// SIGINT or SIGTERM, the last that has come; 0 for none.
  [[nodiscard]] int signal() const { return signal_; }
  /// As if that signal had come.
  void end(int signal) { signal_ = signal; }
  /// What a host of several answers by itself; the first one asks the others with this.
  nlohmann::json answer(const nlohmann::json& request);
  std::function<nlohmann::json(std::size_t host, const nlohmann::json& request)> ask_other;
  /// Called for each view of the rows of ss: adds to a row what this host does not know.
  std::function<std::function<void(nlohmann::json& row)>()> describe_rows;

 private:
  [[nodiscard]] bool addresses_decided() const;
  [[nodiscard]] bool addresses_left() const;
  void answer_challenges();
  void tell_news();
  [[nodiscard]] link::Link& bare_link();
  [[nodiscard]] link::Link& link_for(const Place& place);
  void watch_device(bool on);
  control::Said answer_for_all(const nlohmann::json& request);
  void each_row_here(const control::TakeRow& take) const;
  void each_row_of_all(const nlohmann::json& request, const control::TakeRow& take);
  nlohmann::json all_counters() const;
  std::optional<nlohmann::json> answer_about_link(const std::string& what, const std::string& way);
  void pause(io::Way way, bool on);
  [[nodiscard]] Counted counted() const;

  io::Handover* others_;
  host::Share share_;
  int signals_;  ///< before there is a device or a socket file to clear away; of the first host
  std::string device_name_;
  host::Config config_;
  std::unique_ptr<link::TunDevice> device_;  ///< null where the host talks to itself only
  link::Loopback itself_;
  link::Link* given_;                             ///< may be null
  const link::Junction::Wires* wires_;            ///< of the given one; may be null
  std::unique_ptr<link::ImpairedBothWays> wire_;  ///< around the device; may be null
  host::Host host_;
  socket::Sockets sockets_;
  io::EventLoop loop_;
  io::HostDriver driver_;
  std::optional<control::Server> control_;  ///< of the first host
  int signal_ = 0;
  std::uint64_t resets_before_ = 0;  ///< those sent until the last turn
  TimePoint started_ = io::monotonic_now();
};

}  // namespace lastack::cli
