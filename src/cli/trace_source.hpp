// A running host's trace as its reader sees it: page after page, and what was lost between them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/control.hpp"
#include "control/trace_events.hpp"

namespace lastack::cli {

/// One event with what places it.
struct TracedEvent {
  host::TraceEvent event;
  std::uint64_t number = 0;
  Duration wall{0};  ///< since the epoch; never less than of the one before
};

class TraceSource {
 public:
  explicit TraceSource(control::Client client, std::uint64_t queue = 0)
      : client_(std::move(client)), queue_(queue) {}

  [[nodiscard]] int pid() const { return client_.pid(); }
  /// As of the last answer: how many hosts its process has, and which of them this is.
  [[nodiscard]] std::uint64_t queues() const { return queues_; }
  [[nodiscard]] std::uint64_t queue() const { return queue_; }
  /// "4711", or of several hosts "4711:1" with its queue.
  [[nodiscard]] std::string name() const;
  /// As of the last answer; keeps() 0 stands for a host that keeps no trace.
  [[nodiscard]] std::uint64_t keeps() const { return keeps_; }
  [[nodiscard]] std::uint64_t begin() const { return begin_; }
  [[nodiscard]] std::uint64_t end() const { return end_; }
  /// The host has ended.
  [[nodiscard]] bool gone() const { return gone_; }
  /// All there were at the last answer have been read.
  [[nodiscard]] bool drained() const { return gone_ || next_ >= end_; }

  /// Asks where the trace stands, without its events. An error says what was wrong with the answer.
  [[nodiscard]] std::optional<std::string> look();
  /// Goes on with event `number`.
  void go_to(std::uint64_t number) { next_ = number; }
  /// Appends the next events to `into`; how many were lost before them, since the ring went round.
  std::uint64_t read(std::vector<TracedEvent>& into);

 private:
  [[nodiscard]] std::optional<control::TracePage> ask(std::size_t most);

  control::Client client_;
  std::uint64_t queue_;
  std::uint64_t queues_ = 1;
  std::uint64_t next_ = 0;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t keeps_ = 0;
  std::optional<Duration> epoch_;  ///< what the clock on the wall said at time 0 of the host's
  Duration last_{0};               ///< when the last event that was read happened
  bool gone_ = false;
  std::string wrong_;
};

/// Those that run here, or the one of `pid`; a Failure where none of them keeps a trace.
[[nodiscard]] std::vector<TraceSource> trace_sources(int pid);

/// "15:04:05.123456" or, with the date, "2026-11-25 15:04:05.123456", where the user is.
[[nodiscard]] std::string clock_text(Duration wall, bool date);

}  // namespace lastack::cli
