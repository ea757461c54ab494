// Answers that nobody waited for any more: a signal had ended the call by then. The thread makes it
// again, with the same arguments, and must not have it happen twice.
#pragma once

#include <deque>
#include <optional>

#include "base/time.hpp"
#include "run/notifier.hpp"

namespace lastack::run {

class Undelivered {
 public:
  void keep(const Call& call, std::int64_t value, TimePoint now) {
    while (!kept_.empty() && kept_.front().at + kLasts <= now) kept_.pop_front();
    kept_.push_back({call, value, now});
  }
  /// What the same call of the same thread was to be answered, where it made no other since.
  [[nodiscard]] std::optional<std::int64_t> take(const Call& call, TimePoint now) {
    std::optional<std::int64_t> found;
    std::erase_if(kept_, [&](const Kept& kept) {
      if (kept.call.thread != call.thread) return false;
      const bool same = kept.call.number == call.number && kept.call.arguments == call.arguments;
      if (same && now < kept.at + kLasts) found = kept.value;
      return true;
    });
    return found;
  }

 private:
  // Handlers of signals are over by then, and no number of a thread has come round.
  static constexpr Duration kLasts = std::chrono::seconds(2);
  struct Kept {
    Call call;
    std::int64_t value;
    TimePoint at;
  };
  std::deque<Kept> kept_;
};

}  // namespace lastack::run
