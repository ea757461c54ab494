// The events of a trace between a running host and whoever asks: both ends of {"ask":"trace"}.
#pragma once

#include <cstdint>
#include <expected>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "host/trace.hpp"

namespace lastack::control {

/// The most events in one answer: it stays below 128 KiB, which a socket takes at once.
inline constexpr std::size_t kMostTraceEvents = 256;
/// No time or span in it is longer, so that some may be added up: 36,000 years.
inline constexpr Duration kMostTraceTime{std::int64_t{1} << 60U};

/// Everything in it: {"at_us", "local", "remote", "kind", ...}; of a segment "octets" and "header"
/// (TCP's, as hex), of a transition "from", "event" and "to", of a call "call"; the rest where it
/// differs from what an event has at first.
[[nodiscard]] nlohmann::json json_of(const host::TraceEvent& event);
/// The event that json_of() made this of; nothing where it can't have.
[[nodiscard]] std::optional<host::TraceEvent> event_of(const nlohmann::json& json);

/// Answers {"ask":"trace", "from":NUMBER, "most":COUNT}: {"begin", "end", "keeps", "from",
/// "now_us", "wall_us", "events"}, and "queues" where a process has several: the one that "queue"
/// of the request named has answered. Events begin with number `from`, or the oldest that is kept
/// where that is gone; the next to ask for is "from" and as many more as came. `wall`: since the
/// epoch, at `now`.
[[nodiscard]] nlohmann::json trace_answer(const host::Trace& trace, const nlohmann::json& request,
                                          TimePoint now, Duration wall);

/// Such an answer, read.
struct TracePage {
  std::uint64_t begin = 0;  ///< number of the oldest event that is kept
  std::uint64_t end = 0;    ///< number that the next event will have
  std::uint64_t keeps = 0;  ///< how many the host keeps; 0: it keeps no trace
  std::uint64_t from = 0;   ///< number of the first of `events`
  TimePoint now{};
  Duration wall{0};          ///< since the epoch, at `now`
  std::uint64_t queues = 1;  ///< of the process, each with a host and a trace of its own
  std::vector<host::TraceEvent> events;

  [[nodiscard]] std::uint64_t next() const { return from + events.size(); }
};

/// An error says what the host answered instead.
[[nodiscard]] std::expected<TracePage, std::string> page_of(const nlohmann::json& answer);

}  // namespace lastack::control
