// lastack trace: what running hosts have seen and done.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cli/command.hpp"
#include "cli/manual.hpp"
#include "cli/trace_view.hpp"
#include "insight/trace_ladder.hpp"

namespace lastack::cli {
namespace {

using insight::Language;
using insight::TracedConnection;

/// What one host's ring holds, and which connections of it are wanted.
struct HeldTrace {
  TraceSource source;
  std::vector<TracedEvent> events;
  std::vector<TracedConnection> connections;

  [[nodiscard]] std::vector<host::TraceEvent> bare() const {
    std::vector<host::TraceEvent> all;
    all.reserve(events.size());
    for (const TracedEvent& traced : events) all.push_back(traced.event);
    return all;
  }
  /// Which of the events belong to the connections, in order.
  [[nodiscard]] std::vector<std::size_t> wanted() const {
    std::vector<std::size_t> all;
    for (const TracedConnection& c : connections) {
      all.insert(all.end(), c.events.begin(), c.events.end());
    }
    std::ranges::sort(all);
    return all;
  }
};

/// A state is the latest that the trace tells of.
bool passes(const insight::Filter& filter, const TracedConnection& c) {
  if (!filter.names_states()) return filter.matches(c.flow);
  return c.state && filter.matches(*c.state, c.flow);
}

HeldTrace held_trace(TraceSource source, const insight::Filter& filter) {
  HeldTrace held{std::move(source), {}, {}};
  const std::uint64_t end = held.source.end();
  held.source.go_to(held.source.begin());
  do {
    (void)held.source.read(held.events);
  } while (!held.source.drained() && held.events.back().number + 1 < end);
  const auto bare = held.bare();
  held.connections = insight::connections_of(bare);
  std::erase_if(held.connections, [&](const auto& c) { return !passes(filter, c); });
  return held;
}

std::string began_text(const TracedConnection& c, Duration wall, Language language) {
  const std::string when = clock_text(wall, true);
  if (language == Language::chinese) {
    return fmt::format(fmt::runtime(c.from_start ? "开始于 {}" : "{} 之前已开始"), when);
  }
  return fmt::format(fmt::runtime(c.from_start ? "began {}" : "under way at {}"), when);
}

void print_ladders(const HeldTrace& held, const TraceOptions& options) {
  const auto bare = held.bare();
  const bool plain = options.ascii || !speaks_utf8();
  bool first = true;
  for (const TracedConnection& c : held.connections) {
    insight::Ladder ladder = insight::ladder_of(c, bare, options.in());
    const std::string began = began_text(c, held.events[c.events.front()].wall, options.in());
    const bool fits = insight::columns(ladder.title) + insight::columns(began) + 2 <= 80;
    ladder.title += (fits ? "  " : "\n") + began;
    if (!std::exchange(first, false)) fmt::print("\n");
    fmt::print("{}", render(ladder, {.ascii = plain, .colour = takes_colour(), .micros = true}));
  }
  if (held.source.begin() == 0) return;
  const bool chinese = options.in() == Language::chinese;
  fmt::print(
      fmt::runtime(chinese ? "\n更早的 {} 个事件已不在：环只保留 {} 个（serve --trace 可以更多）\n"
                           : "\n{} older events are gone: the ring keeps {} (serve --trace keeps "
                             "more)\n"),
      held.source.begin(), held.source.keeps());
}

void print_all_ladders(const std::vector<HeldTrace>& traces, const TraceOptions& options) {
  const bool several = traces.size() > 1;
  for (std::size_t i = 0; i < traces.size(); ++i) {
    if (traces[i].connections.empty()) continue;
    const std::string name = traces[i].source.name();
    if (several && options.in() == Language::chinese) {
      fmt::print("{}== 进程 {} ==\n", i > 0 ? "\n" : "", name);
    } else if (several) {
      fmt::print("{}== process {} ==\n", i > 0 ? "\n" : "", name);
    }
    print_ladders(traces[i], options);
  }
}

void print_trace_json(const std::vector<HeldTrace>& traces) {
  nlohmann::json hosts = nlohmann::json::array();
  for (const HeldTrace& held : traces) {
    nlohmann::json events = nlohmann::json::array();
    for (const std::size_t i : held.wanted()) events.push_back(json_of(held.events[i]));
    hosts.push_back({{"pid", held.source.pid()},
                     {"queue", held.source.queue()},
                     {"begin", held.source.begin()},
                     {"end", held.source.end()},
                     {"keeps", held.source.keeps()},
                     {"events", std::move(events)}});
  }
  fmt::print("{}\n", nlohmann::json{{"schema", 1}, {"hosts", std::move(hosts)}}.dump(2));
}

void write_traces(const std::vector<HeldTrace>& traces, const TraceOptions& options) {
  TraceFile file(options.write, options.in());
  std::vector<std::pair<std::size_t, const TracedEvent*>> all;
  for (std::size_t host = 0; host < traces.size(); ++host) {
    file.add_host(traces[host].source.name());
    for (const std::size_t i : traces[host].wanted())
      all.emplace_back(host, &traces[host].events[i]);
  }
  std::ranges::stable_sort(all, {}, [](const auto& entry) { return entry.second->wall; });
  for (const auto& [host, traced] : all) file.add(host, *traced);
  file.finish();
}

void show_trace(const TraceOptions& options) {
  if (options.write == "-" && ::isatty(STDOUT_FILENO) != 0) {
    throw Failure{
        "-w - writes a capture, which is nothing for a terminal\n"
        "  lastack trace -w - | tshark -r -",
        kUsage};
  }
  const auto filter = insight::Filter::parse(options.words, port_of_service);
  if (!filter) throw Failure{filter.error(), kUsage};
  if (options.follow) {
    follow_traces(options, *filter);
    return;
  }
  std::vector<HeldTrace> traces;
  for (TraceSource& source : trace_sources(options.pid)) {
    traces.push_back(held_trace(std::move(source), *filter));
  }
  if (!options.write.empty()) {
    write_traces(traces, options);
  } else if (options.json) {
    print_trace_json(traces);
  } else {
    print_all_ladders(traces, options);
  }
  const bool nothing =
      std::ranges::all_of(traces, [](const HeldTrace& held) { return held.connections.empty(); });
  if (!nothing) return;
  const bool filtered = !options.words.empty();
  throw Failure{filtered ? "no connection in the trace matches" : "nothing has happened yet",
                kNothingFound};
}

Manual trace_manual() {
  return {
      .summary = "show what running hosts have seen and done",
      .description =
          "A running host keeps its latest events: each segment with the reason why it was sent "
          "again or dropped, each change of state, each call. This shows them as a ladder for each "
          "connection: the host on the left, its peer on the right, times in seconds since the "
          "connection's first event.\n\n"
          "With -f each event is a line, from now on and until a signal comes; -w writes the "
          "segments to a file that Wireshark opens, cut behind their headers, with the reasons as "
          "comments. Both together write as segments come: -f -w - | wireshark -k -i - shows them "
          "live.\n\n"
          "A filter is made of iproute2's words, as for lastack ss: addresses, ports, and states, "
          "where a connection's state is the latest that the trace tells of. How many events a "
          "host keeps is up to lastack serve --trace. With serve --queues N there are N hosts, "
          "each with a trace of its own: PID:QUEUE.",
      .terms_title = "words of a filter",
      .terms = {{"state STATE", "only connections in this state: established, fin-wait-1, ..."},
                {"sport = :PORT", "the port at this end; dport: at the peer's"},
                {"src ADDRESS", "the address at this end, /N for a network; dst: the peer's"},
                {"not, and, or, ( )", "between them"}},
      .examples = {{"lastack trace", "a ladder for each connection"},
                   {"lastack trace state established sport = :7", "some of them"},
                   {"lastack trace -f", "each event as it comes"},
                   {"lastack trace -w trace.pcapng", "for Wireshark"},
                   {"lastack trace -w - | tshark -r -", "without a file in between"},
                   {"lastack trace --json", "the events, for a program"}},
      .exit_codes = {{kOk, "something was shown, or a signal ended -f"},
                     {kFailed, "the file can't be written"},
                     {kUsage, "a filter that makes no sense, or wrong usage"},
                     {kNothingFound, "no host runs here, or its trace has no such connection"}}};
}

}  // namespace

TraceFile::TraceFile(const std::string& path, Language language)
    : path_(path),
      file_(path == "-" ? stdout : std::fopen(path.c_str(), "wb"),
            [](std::FILE* file) { return file == stdout ? 0 : std::fclose(file); }),
      sink_(file_ ? file_.get()
                  : throw Failure{fmt::format("can't write {}: {}", path, std::strerror(errno))}),
      capture_(sink_, language) {}

void TraceFile::add_host(const std::string& name) {
  interfaces_.push_back(capture_.add_host(fmt::format("lastack-{}", name)));
}

void TraceFile::add(std::size_t host, const TracedEvent& event) {
  capture_.add(interfaces_[host], event.event, event.wall);
}

void TraceFile::flush() {
  capture_.flush();
  if (std::fflush(file_.get()) != 0 || !sink_.ok()) {
    throw Failure{
        fmt::format("can't write all of {}: {}\n"
                    "  make room, or name a file elsewhere; --pid and a filter write less",
                    path_, std::strerror(errno))};
  }
}

void TraceFile::finish() {
  flush();
  if (path_ != "-")
    fmt::print("{} packets: {}  (tshark -r {})\n", capture_.packets(), path_, path_);
}

nlohmann::json json_of(const TracedEvent& event) {
  nlohmann::json json = control::json_of(event.event);
  json["number"] = event.number;
  json["wall_us"] = event.wall.count();
  return json;
}

void add_trace(CLI::App& app) {
  auto options = std::make_shared<TraceOptions>();
  CLI::App* trace = add_command(app, "trace", trace_manual());
  trace->add_option("FILTER", options->words, "which connections, see above; without it all");
  auto* follow = trace->add_flag("-f,--follow", options->follow, "each event as it comes");
  trace->add_flag("--all", options->all, "what is in the trace already too")->needs(follow);
  auto* write = trace
                    ->add_option("-w,--write", options->write,
                                 "write the segments to this file, as pcapng; - is standard output")
                    ->type_name("FILE");
  trace->add_option("--pid", options->pid, "only the host of this process")->type_name("PID");
  trace->add_option("--lang", options->language, "language of the sentences")
      ->check(CLI::IsMember({"en", "zh"}))
      ->capture_default_str();
  trace->add_flag("--ascii", options->ascii, "arrows of ASCII characters");
  trace->add_flag("--json", options->json, "the events as JSON; with -f one a line")
      ->excludes(write);
  trace->callback([options] { show_trace(*options); });
}

}  // namespace lastack::cli
