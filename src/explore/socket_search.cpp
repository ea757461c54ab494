// Visits every state that two hosts' open sockets can get into within given bounds.
#include <utility>

#include "explore/explorer.hpp"
#include "explore/graph.hpp"
#include "explore/socket_world.hpp"

namespace lastack::explore {
namespace {

/// Goes by breadth, so that what it finds is told in as few steps as can be. A world is much larger
/// than what it differs by from others: the nearest are kept, all others are made again.
class SocketSearch {
 public:
  SocketSearch(const Bounds& bounds, const OnProgress& progress)
      : bounds_(bounds), progress_(progress) {}

  Report run() {
    report_.exhausted = true;
    SocketWorld first(bounds_);
    find_or_add(first, graph_.kNone, {});
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
    if (report_.violations.empty() && report_.exhausted) check_ends();
    return std::move(report_);
  }

 private:
  static constexpr std::size_t kReportEvery = 10'000;

  std::pair<std::uint32_t, bool> find_or_add(const SocketWorld& world, std::uint32_t parent,
                                             SocketAction action) {
    world.canonical(octets_);
    return graph_.find_or_add(octets_, parent, action, world.waits_for_user());
  }

  /// A state's world, made again from the last one that both have come through.
  [[nodiscard]] SocketWorld make_again(std::uint32_t at) {
    const auto way = graph_.states_to(at);
    std::size_t common = 0;
    while (common < way.size() && common < path_.size() && path_[common].first == way[common]) {
      ++common;
    }
    path_.erase(path_.begin() + static_cast<std::ptrdiff_t>(common), path_.end());
    for (; common < way.size(); ++common) {
      SocketWorld next = path_.empty() ? SocketWorld(bounds_) : path_.back().second;
      if (!path_.empty()) next.act(graph_.action_to(way[common]));
      path_.emplace_back(way[common], std::move(next));
    }
    return path_.back().second;
  }

  void expand(std::uint32_t at) {
    SocketWorld here = make_again(at);
    graph_.begin_edges(at);
    for (const SocketAction& action : here.actions()) {
      SocketWorld next(here);
      next.act(action);
      ++report_.steps;
      next.note_rows(report_.rows);
      const std::uint32_t to = find_or_add(next, at, action).first;
      if (by_itself(action.kind)) graph_.add_edge(at, to, action);
      if (!next.violation().empty()) return violated(next.violation(), at, action);
    }
    if (const std::string wrong = SocketWorld(here).wrong_with_calls(); !wrong.empty()) {
      return violated(wrong, at, std::nullopt);
    }
    if (!graph_.is_quiet(at)) return;
    const std::string wrong = here.wrong_when_quiet();
    if (!wrong.empty()) violated(wrong, at, std::nullopt);
  }

  void violated(const std::string& what, std::uint32_t at, std::optional<SocketAction> last) {
    std::vector<SocketAction> way = graph_.way_to(at);
    if (last) way.push_back(*last);
    report_.violations.push_back({.what = what, .bounds = bounds_.name, .trace = in_words(way)});
  }

  void check_ends() {
    const auto round = graph_.round();
    if (!round) return;
    violated("it can go on for ever without anybody calling", round->first, std::nullopt);
    auto& trace = report_.violations.back().trace;
    trace.emplace_back("and from here on round and round:");
    for (const SocketAction& action : round->steps) trace.push_back(to_string(action));
  }

  const Bounds& bounds_;
  const OnProgress& progress_;
  Report report_;
  Graph<SocketAction> graph_;
  std::vector<std::pair<std::uint32_t, SocketWorld>> path_;
  std::vector<std::uint8_t> octets_;
  std::size_t next_report_ = kReportEvery;
};

}  // namespace

Report explore_sockets(const Bounds& bounds, const OnProgress& progress) {
  return SocketSearch(bounds, progress).run();
}

}  // namespace lastack::explore
