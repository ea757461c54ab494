// Visits every state that two hosts' open sockets can get into within given bounds.
#include <algorithm>
#include <optional>
#include <utility>

#include "explore/explorer.hpp"
#include "explore/graph.hpp"
#include "explore/socket_world.hpp"

namespace lastack::explore {
namespace {

/// Goes by breadth, so that what it finds is told in as few steps as can be.
class SocketSearch {
 public:
  SocketSearch(const Bounds& bounds, const OnProgress& progress)
      : bounds_(bounds), progress_(progress), sides_(bounds) {}

  Report run() {
    report_.exhausted = true;
    add(SocketWorld(bounds_, sides_), graph_.kNone, {});
    for (std::uint32_t at = 0; at < graph_.size() && report_.violations.empty(); ++at) {
      expand(at);
      if (!progress_ || graph_.size() < next_report_) continue;
      next_report_ = graph_.size() + kReportEvery;
      if (!progress_({graph_.size(), graph_.size() - at - 1, 0})) {
        report_.exhausted = false;
        break;
      }
    }
    report_.states = graph_.size();
    report_.rows = sides_.rows();
    if (report_.violations.empty() && report_.exhausted) check_ends();
    return std::move(report_);
  }

 private:
  static constexpr std::size_t kReportEvery = 10'000;

  std::uint32_t add(const SocketWorld& world, std::uint32_t parent, SocketAction action) {
    world.canonical(octets_, sides_);
    const auto [at, added] =
        graph_.find_or_add(octets_, parent, action, world.waits_for_user(sides_));
    if (added) worlds_.push_back(world);
    return at;
  }

  void expand(std::uint32_t at) {
    graph_.begin_edges(at);
    for (const SocketAction& action : worlds_[at].actions(sides_)) {
      SocketWorld next = worlds_[at];
      const std::string wrong = next.act(action, bounds_, sides_);
      ++report_.steps;
      if (!wrong.empty()) return violated(wrong, at, action);
      const std::uint32_t to = add(next, at, action);
      if (by_itself(action.kind)) graph_.add_edge(at, to, action);
    }
    if (!graph_.is_quiet(at)) return;
    const std::string wrong = worlds_[at].wrong_when_quiet(sides_);
    if (!wrong.empty()) violated(wrong, at, std::nullopt);
  }

  void violated(const std::string& what, std::uint32_t at, std::optional<SocketAction> last) {
    std::vector<SocketAction> way = graph_.way_to(at);
    if (last) way.push_back(*last);
    Violation v{.what = what, .bounds = bounds_.name, .trace = {}};
    tell(SocketWorld(bounds_, sides_), way, v.trace);
    report_.violations.push_back(std::move(v));
  }

  /// What happens along `way`, and where both ends stand after each step.
  void tell(SocketWorld world, const std::vector<SocketAction>& way,
            std::vector<std::string>& trace) {
    for (const SocketAction& action : way) {
      std::string words = world.in_words(action, sides_);
      (void)world.act(action, bounds_, sides_);
      words.resize(std::max<std::size_t>(words.size() + 2, 40), ' ');
      trace.push_back(words + world.states(sides_));
    }
  }

  void check_ends() {
    const auto round = graph_.round();
    if (!round) return;
    violated("it can go on for ever without anybody calling", round->first, std::nullopt);
    auto& trace = report_.violations.back().trace;
    trace.emplace_back("and from here on round and round:");
    tell(worlds_[round->first], round->steps, trace);
  }

  const Bounds& bounds_;
  const OnProgress& progress_;
  Report report_;
  SocketSides sides_;
  Graph<SocketAction> graph_;
  std::vector<SocketWorld> worlds_;  ///< by state
  std::vector<std::uint8_t> octets_;
  std::size_t next_report_ = kReportEvery;
};

}  // namespace

Report explore_sockets(const Bounds& bounds, const OnProgress& progress) {
  return SocketSearch(bounds, progress).run();
}

}  // namespace lastack::explore
