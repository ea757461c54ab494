// What `lastack nstat` has shown of a host, kept until the next time; and what it prints.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace lastack::cli {

/// The counters of one host at one moment.
struct Counted {
  TimePoint started{};  ///< when the host began: tells it from another of the same number
  TimePoint at{};
  std::vector<std::pair<std::string, std::uint64_t>> counters;  ///< in the order they are shown in

  /// {"started_us": ..., "at_us": ..., "counters": [[NAME, VALUE], ...]}; nothing where it is not
  /// that.
  [[nodiscard]] static std::optional<Counted> from(const nlohmann::json& json);
  [[nodiscard]] nlohmann::json json() const;
};

/// Where the history of the host of `pid` lies: $XDG_RUNTIME_DIR/lastack, else $XDG_CACHE_HOME or
/// ~/.cache, and lastack in it; empty where there is no such folder to be named.
[[nodiscard]] std::string history_file(int pid);
/// Nothing where there is none, or it is of an earlier host.
[[nodiscard]] std::optional<Counted> read_history(const std::string& file, const Counted& now);
/// Why it could not be written; nothing where it was. Only the user may read it. Other hosts'
/// files beside it go where their processes are gone.
[[nodiscard]] std::optional<std::string> write_history(const std::string& file, const Counted& now);

/// One line of what is shown.
struct CounterLine {
  std::string name;
  std::uint64_t value = 0;
  double rate = 0;  ///< a second, since the last time, or since the host began
};

struct CounterWishes {
  bool absolute = false;              ///< since the host began, not since the last time
  bool zeros = false;                 ///< those that are zero, too
  std::vector<std::string> patterns;  ///< shell globs, upper and lower case the same; none: all
};

[[nodiscard]] bool is_wanted(std::string_view name, const CounterWishes& wishes);
[[nodiscard]] std::vector<CounterLine> counter_lines(const Counted& now,
                                                     const std::optional<Counted>& before,
                                                     const CounterWishes& wishes);
/// As nstat writes it: a heading, then name, value and rate in columns.
[[nodiscard]] std::string counter_table(const std::string& heading,
                                        const std::vector<CounterLine>& lines);

}  // namespace lastack::cli
