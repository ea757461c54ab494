// What takes the kernel a while, and what nobody waits for: a thread of its own does it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include "base/time.hpp"
#include "run/descriptor.hpp"

namespace lastack::run {

/// All calls are one thread's. Where there is but one processor, or no second thread, that one does
/// everything itself.
class Errands {
 public:
  Errands() = default;
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;
  /// Once everything is done.
  ~Errands();

  /// To close a socket is to send its FIN or RST, and on this machine to have it received as well.
  /// Until that is done, which is soon, the descriptor has its number.
  void close(OwnedFd descriptor);
  /// All that is to be closed is: for who lacks descriptors.
  void finish();

 private:
  static constexpr std::size_t kMost = 64;  ///< that wait; descriptors are few

  /// Where there is one there are more: to close a few at once costs one wake-up, and whoever asks
  /// for it mostly none.
  static constexpr Duration kNap = 250us;

  bool begin();
  void run();

  std::mutex mutex_;
  std::condition_variable news_;
  std::condition_variable done_;
  std::vector<OwnedFd> waiting_;
  bool at_work_ = false;
  bool asleep_ = false;  ///< and is to be woken
  bool ended_ = false;
  bool alone_ = false;  ///< there will be no second thread
  std::thread thread_;  ///< from the first errand on
};

}  // namespace lastack::run
