// Visits every state that two hosts' open sockets can get into within given bounds.
#include <algorithm>
#include <limits>
#include <unordered_set>
#include <utility>

#include "explore/digest.hpp"
#include "explore/explorer.hpp"
#include "explore/socket_world.hpp"

namespace lastack::explore {
namespace {

/// How a state was reached first: enough to come there again.
struct Reached {
  std::uint32_t parent = 0;
  SocketAction action{};
};

class SocketSearch {
 public:
  SocketSearch(const Bounds& bounds, const OnProgress& progress)
      : bounds_(bounds), progress_(progress) {}

  Report run() {
    report_.exhausted = true;
    is_new(SocketWorld(bounds_));
    reached_.push_back({});
    open_.push_back(0);
    while (!open_.empty() && report_.violations.empty()) {
      const std::uint32_t at = open_.back();
      open_.pop_back();
      expand(at);
      if (progress_ && reached_.size() >= next_report_) {
        next_report_ = reached_.size() + kReportEvery;
        if (!progress_({reached_.size(), open_.size(), 0})) {
          report_.exhausted = false;
          break;
        }
      }
    }
    report_.states = reached_.size();
    return std::move(report_);
  }

 private:
  static constexpr std::size_t kReportEvery = 10'000;

  bool is_new(const SocketWorld& world) {
    world.canonical(octets_);
    return seen_.insert(digest_of(octets_)).second;
  }

  std::vector<SocketAction> way_to(std::uint32_t at) const {
    std::vector<SocketAction> way;
    for (; at != 0; at = reached_[at].parent) way.push_back(reached_[at].action);
    std::ranges::reverse(way);
    return way;
  }

  SocketWorld at_the_end_of(const std::vector<SocketAction>& way) const {
    SocketWorld world(bounds_);
    for (const SocketAction& action : way) world.act(action);
    return world;
  }

  /// From each state everybody may let go at once: nothing is left then, wherever it stood.
  void expand(std::uint32_t at) {
    const std::vector<SocketAction> way = way_to(at);
    SocketWorld here = at_the_end_of(way);
    const std::vector<SocketAction> actions = here.actions();
    if (const std::string left = here.left_over(); !left.empty()) return violated(left, way);
    for (const SocketAction& action : actions) {
      SocketWorld next = at_the_end_of(way);
      next.act(action);
      ++report_.steps;
      if (!is_new(next)) continue;
      open_.push_back(static_cast<std::uint32_t>(reached_.size()));
      reached_.push_back({at, action});
    }
  }

  void violated(const std::string& what, const std::vector<SocketAction>& way) {
    Violation v{.what = what, .bounds = bounds_.name, .trace = {}};
    for (const SocketAction& action : way) v.trace.push_back(to_string(action));
    report_.violations.push_back(std::move(v));
  }

  const Bounds& bounds_;
  const OnProgress& progress_;
  Report report_;
  std::vector<Reached> reached_;
  std::vector<std::uint32_t> open_;
  std::unordered_set<Digest, DigestHash> seen_;
  std::vector<std::uint8_t> octets_;
  std::size_t next_report_ = kReportEvery;
};

}  // namespace

Report explore_sockets(const Bounds& bounds, const OnProgress& progress) {
  return SocketSearch(bounds, progress).run();
}

}  // namespace lastack::explore
