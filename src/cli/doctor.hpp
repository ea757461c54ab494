// What of this machine the subcommands need, and whether it is there.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

namespace lastack::cli {

struct Finding {
  std::string name;
  bool works = false;
  std::string what;    ///< what was seen
  std::string remedy;  ///< where it does not work
};

/// Whether /dev/net/tun can be opened.
[[nodiscard]] Finding find_tun();
/// Whether this user can make a user namespace with a network of its own, and change that network.
[[nodiscard]] Finding find_user_namespaces();

/// What lastack run needs; and the first of it that is not there, where that keeps it from working.
[[nodiscard]] std::vector<Finding> find_run();
[[nodiscard]] std::optional<Finding> missing_for_runs(const std::vector<Finding>& findings);

/// What `probe` says in a process of its own, since it changes that process for good: 0, or errno.
template <typename Probe>
int asked_apart(Probe probe) {
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) ::_exit(probe());
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return ECHILD;
  return WEXITSTATUS(status);
}

}  // namespace lastack::cli
