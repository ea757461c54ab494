// Who is left when the supervisor of a run dies: its connections must not look as if they had ended
// in order.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace lastack::run {

/// Which descriptor of the supervisor is the near end of which stand-in: in memory that outlives
/// it. One that is closed may stay here: another one takes its place, or nobody holds its far end.
class Ledger {
 public:
  /// For as many descriptors as this process may have. Memory that is never written costs none.
  Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  ~Ledger();

  /// Does nothing where there was no memory for it.
  void note(int near, std::uint64_t inode);
  /// The inode of the far end, by the near one's number; 0 for none.
  [[nodiscard]] std::span<const std::atomic<std::uint64_t>> all() const { return entries_; }

 private:
  std::span<std::atomic<std::uint64_t>> entries_;
};

/// How the supervisor has ended, for the guardian.
struct Outlived {
  pid_t supervisor = 0;
  int status = 0;  ///< as wait() gives it
};

/// Forks: it returns nothing to the supervisor, which is the child and shares its descriptors with
/// the guardian. To the guardian it returns once that one has ended. Where it ended by a signal,
/// what stands in `ledger` has been reset by then and all processes of the run have ended. Errors
/// of fork() leave the run without a guardian.
[[nodiscard]] std::optional<Outlived> stand_guard(const Ledger& ledger);

}  // namespace lastack::run
