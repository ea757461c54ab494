// A stage on which connections are shown: two hosts, their calls, and a ladder that writes itself.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "insight/ladder.hpp"
#include "insight/text.hpp"
#include "sim/two_hosts.hpp"

namespace lastack::insight {

/// Plays calls on real hosts and records what is seen: states, segments, sentences. Host 0 is A, on
/// the left, host 1 is B. Each has one socket that the scenario speaks of, and B may listen.
class Stage {
 public:
  static constexpr std::size_t kA = 0;
  static constexpr std::size_t kB = 1;

  Stage(Language language, sim::TwoHostsConfig config);

  // --- what a scenario does; each call is shown with its result where that is worth knowing
  void say(const Text& text);
  /// One sentence by default, another where the hosts do as Linux does.
  void say(const Text& by_default, const Text& as_linux) { say(as_linux_ ? as_linux : by_default); }
  [[nodiscard]] bool as_linux() const { return as_linux_; }
  /// SO_REUSEADDR, for B's listener and those it accepts; before it listens.
  void reuse_address() { reuse_address_ = true; }
  void listen();
  /// As a program does that was started again: a fresh socket for B's port.
  void listen_anew(bool reuse_address);
  void shutdown_listener(int how);
  void close_listener();
  void connect(std::size_t side = kA);
  void accept();
  /// open, connect, accept and the handshake, unseen: the ladder starts at ESTABLISHED. Packets to
  /// be lost count from there on. B goes on listening only where that is wanted.
  void establish(bool keep_listening = false);
  void send(std::size_t side, std::size_t octets);
  /// Reads all there is; says how much.
  void read(std::size_t side);
  void shutdown(std::size_t side, int how);
  void close(std::size_t side);
  /// The same, and time passes for as long as SO_LINGER makes the caller wait.
  void close_and_wait(std::size_t side);
  /// By the copy that dup() has made last.
  void shutdown_copy(std::size_t side, int how);
  void close_copy(std::size_t side);
  void dup(std::size_t side);
  void set_linger(std::size_t side, std::chrono::seconds time);
  void set_keepalive(std::size_t side);
  /// Both open to each other at the same moment, from ports that both know.
  void connect_to_each_other();
  /// A connects to its own port.
  void connect_to_itself();

  void run(Duration span);
  /// Until nothing moves, and no timer is due within five seconds.
  void settle();
  /// From here on the wire loses the `n`-th packet from now, 1 for the next.
  void lose(std::uint64_t n);

  // --- what a scenario's test asks
  [[nodiscard]] std::string_view state(std::size_t side) const { return states_[side]; }
  /// Every state `side` was seen in, in order.
  [[nodiscard]] const std::vector<std::string>& path(std::size_t side) const {
    return paths_[side];
  }
  [[nodiscard]] sim::TwoHosts& world() { return world_; }
  /// What the last call answered, as errno's name; empty for success.
  [[nodiscard]] std::string_view last_error() const { return last_error_; }

  Ladder finish(std::string title);

 private:
  void look();
  void look_at(std::size_t side);
  void look_at_drops(std::size_t side);
  void record(LadderEvent::Kind kind, std::size_t side, std::string text,
              std::uint64_t segment = 0);
  void call(std::size_t side, std::string text);
  template <typename Result>
  void answered(std::size_t side, const std::string& text, const Result& result);
  void sent(const sim::Flight& flight);
  [[nodiscard]] std::string label(const sim::Flight& flight);
  [[nodiscard]] std::string state_of_flow(std::size_t side);
  [[nodiscard]] socket::Fd fd(std::size_t side) const { return fds_[side]; }

  Language language_;
  bool as_linux_;
  bool reuse_address_ = false;
  sim::TwoHosts world_;
  Ladder ladder_;
  std::set<std::uint64_t> drop_;  ///< packets to lose, counted from the first that is shown
  bool hidden_ = false;
  std::array<socket::Fd, 2> fds_{-1, -1};
  std::array<std::vector<socket::Fd>, 2> copies_;
  socket::Fd listener_ = -1;
  std::array<std::optional<host::Flow>, 2> flows_;
  std::array<std::string, 2> states_;
  std::array<std::vector<std::string>, 2> paths_;
  std::array<std::optional<std::uint32_t>, 2> first_;  ///< initial sequence numbers
  std::array<std::array<std::uint64_t, tcp::kDropCount>, 2> drops_{};
  std::string last_error_;
};

}  // namespace lastack::insight
