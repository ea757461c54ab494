// One host on the stage of a fuzzer, with its sockets, its user, and those who check.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/time.hpp"
#include "fuzz/checks.hpp"
#include "fuzz/steps.hpp"
#include "fuzz/user.hpp"
#include "host/host.hpp"
#include "socket/sockets.hpp"

namespace lastack::fuzz {

/// What the first step of an input says of its hosts, with buffers of `least` octets or more; the
/// addresses are missing.
[[nodiscard]] host::Config config_of(const Step& step, std::uint32_t least = 0);

/// Called with each packet that a host sends, and the octets of one segment where a link has to
/// cut.
using Sent = std::function<void(std::span<const std::byte> packet, std::uint16_t segment_size)>;

struct Side {
  Side(host::Config config, std::uint64_t seed, User::Places places, Ledger* ledger);

  /// A packet comes, in a block of the host's as a link reads it.
  void arrives(std::span<const std::byte> packet);
  /// Pulls all that the host has to send, looks at each packet, and hands it on.
  void pull(const Sent& sent);
  /// Time passes as a step says: with each deadline on the way, or all at once, late.
  void wait(const Step& step, const std::function<void()>& rest);
  /// Until nothing is due any more.
  void let_time_run(const std::function<void()>& rest);
  /// The time is `then`, and the host hears of it.
  void time_is(TimePoint then);

  TimePoint now{1000s};
  host::Host host;
  socket::Sockets sockets;
  User user;
  Checks checks;

 private:
  void look_at(std::span<const std::byte> packet, const host::PacketOut& out) const;

  host::PacketOut out_;
  std::vector<std::byte> flat_;
};

/// What step.what() of kWait and more stands for, from `now` on.
[[nodiscard]] TimePoint time_of(const Step& step, TimePoint now, TimePoint next_deadline);

}  // namespace lastack::fuzz
