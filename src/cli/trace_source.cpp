#include "cli/trace_source.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "cli/command.hpp"

namespace lastack::cli {
namespace {

constexpr Duration kClockStep = 1ms;  // less is how long it takes to read two clocks

/// One for each host of a process. False where it can't be asked.
bool add_sources(int pid, std::vector<TraceSource>& sources) {
  std::uint64_t queues = 1;
  for (std::uint64_t queue = 0; queue < queues; ++queue) {
    auto client = control::Client::open(pid);
    if (!client) return queue > 0;
    TraceSource source(std::move(*client), queue);
    const auto wrong = source.look();
    if (wrong) fmt::print(stderr, "lastack: no trace of process {}: {}\n", pid, *wrong);
    if (!wrong && source.keeps() == 0) {
      fmt::print(stderr, "lastack: process {} keeps no trace: serve --trace 0\n", pid);
    }
    if (wrong || source.keeps() == 0) return true;
    queues = source.queues();
    sources.push_back(std::move(source));
  }
  return true;
}

}  // namespace

std::optional<control::TracePage> TraceSource::ask(std::size_t most) {
  const auto answer =
      client_.ask({{"ask", "trace"}, {"from", next_}, {"most", most}, {"queue", queue_}});
  if (!answer) {
    gone_ = true;
    return std::nullopt;
  }
  auto page = control::page_of(*answer);
  if (!page) {
    wrong_ = page.error();
    gone_ = true;
    return std::nullopt;
  }
  keeps_ = page->keeps;
  begin_ = page->begin;
  end_ = page->end;
  queues_ = page->queues;
  // The same for as long as nobody sets the clock, so that times keep their order.
  const Duration epoch = page->wall - page->now.time_since_epoch();
  if (!epoch_ || epoch > *epoch_ + kClockStep || epoch < *epoch_ - kClockStep) epoch_ = epoch;
  return std::move(*page);
}

std::string TraceSource::name() const {
  return queues_ > 1 ? fmt::format("{}:{}", pid(), queue_) : std::to_string(pid());
}

std::optional<std::string> TraceSource::look() {
  (void)ask(0);
  if (!wrong_.empty()) return wrong_;
  if (gone_) return "it does not answer";
  return std::nullopt;
}

std::uint64_t TraceSource::read(std::vector<TracedEvent>& into) {
  const auto page = ask(control::kMostTraceEvents);
  if (!page) return 0;
  const std::uint64_t lost = page->from > next_ ? page->from - next_ : 0;
  std::uint64_t number = page->from;
  for (const host::TraceEvent& event : page->events) {
    // What a turn of the host's loop sends is told its beginning as the time: a little in the past.
    last_ = std::max(last_, *epoch_ + event.at.time_since_epoch());
    into.push_back({event, number++, last_});
  }
  // One that has more, and stands still or goes back, would be asked for ever.
  const bool goes_on = page->from >= next_ && !page->events.empty();
  if (!goes_on && page->next() < page->end) gone_ = true;
  next_ = page->next();
  return lost;
}

std::vector<TraceSource> trace_sources(int pid) {
  std::vector<TraceSource> sources;
  bool any = false;
  for (const int owner : control::hosts()) {
    if (pid == 0 || owner == pid) any |= add_sources(owner, sources);
  }
  if (!any) {
    throw Failure{fmt::format("no host runs here\n  looked in {}", control::socket_folder()),
                  kNothingFound};
  }
  if (sources.empty()) {
    throw Failure{"no host here has a trace to show\n  lastack serve --trace 4096   keeps one",
                  kNothingFound};
  }
  return sources;
}

std::string clock_text(Duration wall, bool date) {
  const std::int64_t us = wall.count() % 1'000'000;
  const auto seconds = static_cast<std::time_t>(wall.count() / 1'000'000);
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  const char* format = date ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S";
  const std::size_t size = std::strftime(text.data(), text.size(), format, &parts);
  return fmt::format("{}.{:06}", std::string_view(text.data(), size), us);
}

}  // namespace lastack::cli
