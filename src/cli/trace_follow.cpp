// lastack trace --follow: events as they come.
#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "cli/command.hpp"
#include "cli/trace_view.hpp"
#include "insight/trace_ladder.hpp"
#include "io/event_loop.hpp"

namespace lastack::cli {
namespace {

constexpr int kPauseMs = 40;              // between two looks where nothing is new
constexpr std::size_t kPagesInTurn = 16;  // of one host, before the others have theirs
constexpr std::uint64_t kReadBefore =
    8192;  // events that are not shown, but say where things stand

class TraceFollower {
 public:
  TraceFollower(const TraceOptions& options, const insight::Filter& filter)
      : options_(options), filter_(filter) {
    if (signals_ < 0) throw Failure{"can't wait for signals", kFailed};
    for (TraceSource& source : trace_sources(options.pid)) {
      followed_.push_back({std::move(source), {}});
    }
    if (!options.write.empty()) {
      file_.emplace(options.write, options.in());
      for (const Followed& f : followed_) file_->add_host(f.source.name());
    }
  }

  void run() {
    for (std::size_t i = 0; i < followed_.size(); ++i) catch_up(i);
    show_news();
    bool busy = true;
    while (!stopped(busy ? 0 : kPauseMs) && followers_left()) {
      busy = false;
      for (std::size_t i = 0; i < followed_.size(); ++i) busy |= look(i);
      show_news();
    }
    if (file_) file_->finish();
  }

 private:
  struct Followed {
    TraceSource source;
    insight::EventTeller teller;
    bool said_gone = false;
  };
  /// Something to be shown: an event, or that some were lost.
  struct News {
    std::size_t host = 0;
    TracedEvent traced;
    std::string text;
    std::uint64_t lost = 0;
  };

  /// What was there before: shown with --all; else only what it says of numbers and states counts.
  void catch_up(std::size_t i) {
    TraceSource& source = followed_[i].source;
    const std::uint64_t end = source.end();
    const bool whole = options_.all || end - source.begin() <= kReadBefore;
    source.go_to(whole ? source.begin() : end - kReadBefore);
    while (!source.gone() && !read(i, end)) {
    }
  }

  /// True where it has anything more to tell.
  bool look(std::size_t i) {
    for (std::size_t page = 0; page < kPagesInTurn; ++page) {
      read(i, 0);
      if (followed_[i].source.drained()) return false;
    }
    return true;
  }

  /// One page. Events before number `from` are told only with --all; true where it got there.
  bool read(std::size_t i, std::uint64_t from) {
    Followed& f = followed_[i];
    std::vector<TracedEvent> page;
    const std::uint64_t lost = f.source.read(page);
    const Duration when = page.empty() ? Duration(0) : page.front().wall;
    if (lost > 0) news_.push_back({i, {{}, 0, when}, {}, lost});
    for (const TracedEvent& traced : page) {
      const host::TraceEvent& event = traced.event;
      const auto before = f.teller.state_of(event.flow);
      std::string text = f.teller.text(event);
      const bool shown = (options_.all || traced.number >= from) &&
                         wanted(event, before, f.teller.state_of(event.flow));
      if (shown) news_.push_back({i, traced, std::move(text), 0});
    }
    return page.empty() || page.back().number + 1 >= from;
  }

  /// A state that is asked for includes what leads there and away from there.
  [[nodiscard]] bool wanted(const host::TraceEvent& event, std::optional<tcp::State> before,
                            std::optional<tcp::State> after) const {
    if (!filter_.names_states()) return filter_.matches(event.flow);
    return (before && filter_.matches(*before, event.flow)) ||
           (after && filter_.matches(*after, event.flow));
  }

  void show_news() {
    std::ranges::stable_sort(news_, {}, [](const News& news) { return news.traced.wall; });
    for (const News& news : news_) show(news);
    news_.clear();
    for (Followed& f : followed_) {
      if (!f.source.gone() || std::exchange(f.said_gone, true)) continue;
      fmt::print(stderr, "lastack: process {} has ended\n", f.source.name());
    }
    if (file_) file_->flush();
    std::fflush(stdout);
  }

  void show(const News& news) {
    const TraceSource& source = followed_[news.host].source;
    if (news.lost > 0) {
      show_lost(news, source);
    } else if (file_) {
      file_->add(news.host, news.traced);
    } else if (options_.json) {
      nlohmann::json json = json_of(news.traced);
      json["pid"] = source.pid();
      json["queue"] = source.queue();
      fmt::print("{}\n", json.dump());
    } else {
      const host::Flow& flow = news.traced.event.flow;
      fmt::print("{}{} {} {}  {}\n", clock_text(news.traced.wall, false), whose(source),
                 insight::endpoint_text(flow.local), insight::endpoint_text(flow.remote),
                 news.text);
    }
  }

  void show_lost(const News& news, const TraceSource& source) {
    if (options_.json) {
      fmt::print(
          "{}\n",
          nlohmann::json{{"pid", source.pid()}, {"queue", source.queue()}, {"lost", news.lost}}
              .dump());
      return;
    }
    const bool chinese = options_.in() == insight::Language::chinese;
    const std::uint64_t keeps = source.keeps();
    const std::string text =
        chinese ? fmt::format("丢失 {} 个事件：环只保留 {} 个（serve --trace 可以更多）", news.lost,
                              keeps)
                : fmt::format("{} events lost: the ring keeps {} (serve --trace keeps more)",
                              news.lost, keeps);
    fmt::print(file_ ? stderr : stdout, "{}{} {}\n", clock_text(news.traced.wall, false),
               whose(source), text);
  }

  [[nodiscard]] std::string whose(const TraceSource& source) const {
    return followed_.size() > 1 ? " " + source.name() : std::string();
  }

  [[nodiscard]] bool followers_left() const {
    return !std::ranges::all_of(followed_, [](const Followed& f) { return f.source.gone(); });
  }

  [[nodiscard]] bool stopped(int milliseconds) const {
    pollfd wanted{.fd = signals_, .events = POLLIN, .revents = 0};
    return ::poll(&wanted, 1, milliseconds) > 0;
  }

  const TraceOptions& options_;
  const insight::Filter& filter_;
  int signals_ = io::stop_signals();
  std::vector<Followed> followed_;
  std::optional<TraceFile> file_;
  std::vector<News> news_;
};

}  // namespace

void follow_traces(const TraceOptions& options, const insight::Filter& filter) {
  TraceFollower(options, filter).run();
}

}  // namespace lastack::cli
