// Answers that nobody heard: a signal had ended the call by then. The thread makes it again, with
// the same arguments, and must not have it happen twice.
#pragma once

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "base/time.hpp"
#include "run/notifier.hpp"

namespace lastack::run {

class Undelivered {
 public:
  struct Kept {
    Call call;
    std::int64_t value;
    TimePoint at;
    /// The kernel took the answer. It does so for a thread that a signal has woken already, too:
    /// what it takes then is never heard.
    bool taken;
  };

  void keep(const Call& call, std::int64_t value, TimePoint now, bool taken = false) {
    if (kept_.size() >= many_) {
      std::erase_if(kept_, [now](const auto& one) { return one.second.at + kLasts <= now; });
      many_ = std::max(kMany, 2 * kept_.size());
    }
    kept_.insert_or_assign(call.thread, Kept{call, value, now, taken});
  }
  /// What the same call of the same thread was answered, where it made no other since.
  [[nodiscard]] std::optional<Kept> take(const Call& call, TimePoint now) {
    const auto found = kept_.find(call.thread);
    if (found == kept_.end()) return std::nullopt;
    const Kept kept = found->second;
    kept_.erase(found);
    const bool same = kept.call.number == call.number && kept.call.arguments == call.arguments;
    return same && now < kept.at + kLasts ? std::optional(kept) : std::nullopt;
  }

 private:
  // Handlers of signals are over by then, and no number of a thread has come round.
  static constexpr Duration kLasts = std::chrono::seconds(2);
  static constexpr std::size_t kMany = 256;
  std::unordered_map<pid_t, Kept> kept_;  // a thread waits for one answer at a time
  std::size_t many_ = kMany;              // before it is looked which are too old
};

}  // namespace lastack::run
