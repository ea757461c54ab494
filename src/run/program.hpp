// The program of a run: started under the filter, and waited for with all that it starts.
#pragma once

#include <sys/types.h>

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "run/descriptor.hpp"

namespace lastack::run {

/// Why there is no program: in words, and whether it was not found or could not be run.
struct NotStarted {
  std::string what;
  int error = 0;  ///< errno
};

class Program {
 public:
  /// Forks what will be the program; it does nothing before begin(). What this process does to
  /// signals afterwards is not the program's.
  [[nodiscard]] static std::expected<Program, NotStarted> prepare(
      const std::vector<std::string>& words);
  Program(Program&&) noexcept = default;
  Program& operator=(Program&&) noexcept = default;
  ~Program() = default;

  /// Puts it under the filter and gives what its calls wait at (run/notifier.hpp).
  [[nodiscard]] std::expected<OwnedFd, NotStarted> listener();
  /// Has it become the program: from now on it makes calls. Nothing where all went well.
  [[nodiscard]] std::optional<NotStarted> begin();

  [[nodiscard]] pid_t process() const { return process_; }

 private:
  Program(pid_t process, OwnedFd to, OwnedFd from)
      : process_(process), to_(std::move(to)), from_(std::move(from)) {}

  pid_t process_;
  OwnedFd to_;    ///< an octet at a time: go on
  OwnedFd from_;  ///< what it has to say: an int at a time
};

/// Has every process that a run leaves behind become this one's child, so that it can be waited
/// for.
void adopt_orphans();

/// How a run has ended so far.
struct Ended {
  std::optional<int> status;  ///< of `program`, as wait() gives it
  bool all = false;           ///< no process of the run is left
};
/// Takes those that have ended by now.
[[nodiscard]] Ended reap(pid_t program);

}  // namespace lastack::run
