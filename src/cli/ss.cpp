// lastack ss: the connections of running hosts, in iproute2's columns.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <memory>
#include <optional>

#include "cli/command.hpp"
#include "cli/manual.hpp"
#include "cli/socket_rows.hpp"
#include "control/control.hpp"
#include "insight/filter.hpp"
#include "io/event_loop.hpp"

namespace lastack::cli {
namespace {

struct SsOptions {
  bool json = false;
  bool listening = false;
  bool all = false;
  bool tcp = false;
  bool udp = false;
  bool no_header = false;
  bool processes = false;
  bool summary = false;
  bool orphans = false;
  int holder = 0;  ///< a process; 0: whoever it is
  bool v4 = false;
  bool v6 = false;
  std::string watch;  ///< seconds; empty: once
  int pid = 0;
  Columns columns;
  std::vector<std::string> words;
};

/// The options as one question.
struct Wanted {
  insight::Filter filter;
  SsOptions options;
  Duration interval{};  ///< 0: once
};

/// What may stand behind --watch; no filter starts with a number.
std::optional<double> seconds_in(const std::string& word) {
  double value = 0;
  const char* const end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value);
  if (error != std::errc{} || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

Wanted wanted_by(const SsOptions& options) {
  Wanted wanted{.filter = {}, .options = options};
  std::vector<std::string>& words = wanted.options.words;
  if (!options.watch.empty()) {
    auto seconds = seconds_in(options.watch);
    if (const auto behind = words.empty() ? std::nullopt : seconds_in(words.front())) {
      seconds = behind;
      words.erase(words.begin());
    }
    if (!seconds || *seconds < 0.01 || *seconds > 86400) {
      throw Failure{"--watch takes seconds from 0.01 to 86400, as in --watch 2", kUsage};
    }
    wanted.interval = Duration(static_cast<std::int64_t>(*seconds * 1e6));
  }
  auto filter = insight::Filter::parse(words, port_of_service);
  if (!filter) throw Failure{filter.error() + "\n  lastack ss --help   shows filters", kUsage};
  wanted.filter = std::move(*filter);
  return wanted;
}

/// Which states are shown where the filter names none: iproute2's choice.
bool by_default(tcp::State state, const SsOptions& options) {
  if (options.all) return true;
  const bool passive = state == tcp::State::listen || state == tcp::State::closed;
  if (options.listening) return passive;
  if (options.json || options.summary) return true;
  return !passive && state != tcp::State::time_wait && state != tcp::State::syn_rcvd;
}

bool passes(const SocketRow& row, const Wanted& wanted) {
  const SsOptions& options = wanted.options;
  if (row.udp ? !options.udp : options.udp && !options.tcp) return false;
  const bool is_v4 = row.flow.local.address.is_v4();
  if (options.v4 != options.v6 && is_v4 != options.v4) return false;
  if (options.orphans && !is_orphan(row)) return false;
  if (options.holder != 0 && !is_held_by(row, options.holder)) return false;
  const bool state = wanted.filter.names_states() ? wanted.filter.allows(row.state)
                                                  : by_default(row.state, options);
  return state && wanted.filter.matches(row.flow);
}

bool only_one_state(const insight::Filter& filter) {
  std::size_t states = 0;
  for (std::size_t i = 0; i < tcp::kStateCount; ++i) {
    states += filter.allows(static_cast<tcp::State>(i)) ? 1 : 0;
  }
  return states == 1;
}

struct Seen {
  bool hosts = false;  ///< any answered
  std::vector<SocketRow> rows;
};

Seen ask_for_rows(const Wanted& wanted) {
  Seen seen;
  for (const auto& reply : control::ask(wanted.options.pid, {{"ask", "ss"}})) {
    seen.hosts = true;
    for (const auto& answer : reply.answer) {
      auto row = row_from(answer, reply.pid);
      if (!row || !passes(*row, wanted)) continue;
      if (wanted.options.processes) row->process = name_of_process(reply.pid);
      seen.rows.push_back(std::move(*row));
    }
  }
  return seen;
}

std::string text_of(const std::vector<SocketRow>& rows, const Wanted& wanted) {
  const SsOptions& options = wanted.options;
  if (options.json) {
    nlohmann::json all{{"schema", 1}, {"sockets", nlohmann::json::array()}};
    for (const SocketRow& row : rows) all["sockets"].push_back(row.all);
    return all.dump(options.watch.empty() ? 2 : -1) + "\n";  // one line for each time it was asked
  }
  if (options.summary) return socket_summary(rows);
  Columns columns = options.columns;
  columns.header = !options.no_header;
  columns.netid = options.tcp && options.udp;
  columns.state = !only_one_state(wanted.filter);
  return socket_table(rows, columns);
}

void show_once(const Wanted& wanted) {
  const Seen seen = ask_for_rows(wanted);
  if (!seen.hosts && !wanted.options.json) {
    throw Failure{fmt::format("no host runs here that has anything to show\n  looked in {}",
                              control::socket_folder()),
                  kNothingFound};
  }
  fmt::print("{}", text_of(seen.rows, wanted));
  if (seen.rows.empty()) throw CLI::RuntimeError(kNothingFound);
}

/// Until SIGINT or SIGTERM; whether any host runs or not.
void show_again_and_again(const Wanted& wanted) {
  const int signals = io::stop_signals();
  if (signals < 0) throw Failure{"can't wait for signals", kFailed};
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  io::EventLoop loop;
  bool stop = false;
  loop.add(signals, [&stop] { stop = true; });
  TimePoint next = io::monotonic_now();
  for (bool first = true; !stop; first = false) {
    const std::string text = text_of(ask_for_rows(wanted).rows, wanted);
    const char* between = terminal ? "\x1b[H\x1b[J" : first || wanted.options.json ? "" : "\n";
    fmt::print("{}{}", between, text);
    std::fflush(stdout);
    next = std::max(next + wanted.interval, io::monotonic_now());
    while (!stop && io::monotonic_now() < next) loop.wait(next);
  }
}

void show(const SsOptions& options) {
  const Wanted wanted = wanted_by(options);
  if (!options.watch.empty()) {
    show_again_and_again(wanted);
  } else {
    show_once(wanted);
  }
}

Manual ss_manual() {
  return {
      .summary = "show the connections of running hosts",
      .description =
          "Asks the lastack hosts that run here, such as lastack serve, for their connections, "
          "and prints them in the columns of iproute2's ss, with its options, filters and names "
          "of states: connections by default, but not those in TIME-WAIT or SYN-RECV; with -l "
          "listeners, with -a all. Send-Q holds what was not acknowledged; of a listener, Recv-Q "
          "are the connections that wait to be accepted and Send-Q the most that may. Of a UDP "
          "endpoint Recv-Q is the memory that waiting datagrams take.\n\n"
          "A filter is first states, then an expression. A state is established, syn-sent, "
          "syn-recv, fin-wait-1, fin-wait-2, time-wait, closed, close-wait, last-ack, listening, "
          "closing, its classic name such as CLOSE_WAIT, or a group: all, connected, "
          "synchronized, bucket (syn-recv and time-wait), big (the others). not (!) binds more "
          "than and (&, or nothing at all), and that more than or (|); parentheses and signs "
          "need quotes in a shell.\n\n"
          "Hosts answer on sockets in $XDG_RUNTIME_DIR/lastack, or /run/lastack where that is not "
          "set, and only to the user they run as.",
      .terms_title = "filters",
      .terms = {{"state STATE", "those in that state; again: and those in this one"},
                {"exclude STATE", "none of those"},
                {"sport OP PORT",
                 "the port here is =, !=, >, <, >= or <= (eq, ne, gt, lt, ge, "
                 "le) PORT: :80, or a service's name"},
                {"dport OP PORT", "the peer's port"},
                {"src HOST",
                 "the address here: 10.0.0.1, 10.0.0.0/8, [fd00::1], with :PORT or not; fd00::1 "
                 "without"},
                {"dst HOST", "the peer's address"}},
      .examples = {{"lastack ss -e", "connections, since when, and why"},
                   {"lastack ss -ltn", "listeners"},
                   {"lastack ss -tuan", "all of TCP and UDP"},
                   {"lastack ss -tio state established", "timers and what TCP knows of each"},
                   {"lastack ss '( sport = :7 or sport = :80 )' and dst 10.0.0.0/8",
                    "those of two services with peers in a network"},
                   {"lastack ss -s", "how many there are in each state"},
                   {"lastack ss --json", "all of it, with the last changes of state"}},
      .exit_codes = {{kOk, "something was shown, or --watch was interrupted"},
                     {kUsage, "wrong usage, or a filter that is none"},
                     {kNothingFound, "no host runs here, or nothing is as wanted"}}};
}

Manual ask_manual() {
  return {.summary = "ask running hosts for counters, or pause their link",
          .description =
              "Sends a request to the lastack hosts that run here and prints each one's answer as "
              "JSON. A host whose link is paused takes no packets and sends none until it is "
              "resumed: to its peers it looks as if the cable were out. What comes meanwhile "
              "waits at the device, and the host's timers are late.\n\n"
              "WAY is what comes in or what goes out: one can be paused without the other, and of "
              "what is paused single packets can be passed on or lost. So two ends can be brought "
              "into any pair of states that there is.",
          .terms_title = "requests",
          .terms = {{"counters", "packets, octets, retransmissions, and every drop by its reason"},
                    {"pause [WAY]", "stop the link, or one way of it"},
                    {"resume [WAY]", "let it go on"},
                    {"pass WAY", "let one packet pass"},
                    {"lose WAY", "throw one packet away"},
                    {"addresses", "on Ethernet: the host's addresses, and whether it may use them"},
                    {"neighbours", "on Ethernet: who is known, under which MAC address"},
                    {"routes", "on Ethernet: where packets go"},
                    {"link_counters", "on Ethernet: frames, and every drop by its reason"}},
          .examples = {{"lastack ask counters", "the counters of every host"},
                       {"lastack ask pause", "take the cable out"},
                       {"lastack ask resume", "and put it back in"},
                       {"lastack ask pause out", "hear, and be heard no more"}},
          .exit_codes = {{kOk, "somebody answered"},
                         {kUsage, "wrong usage"},
                         {kNothingFound, "no host runs here"}}};
}

}  // namespace

void add_ss(CLI::App& app) {
  auto options = std::make_shared<SsOptions>();
  Columns& columns = options->columns;
  CLI::App* ss = add_command(app, "ss", ss_manual());
  ss->add_option("FILTER", options->words, "states and an expression, see above")
      ->type_name("WORD");
  ss->add_flag("-l,--listening", options->listening, "listeners only");
  ss->add_flag("-a,--all", options->all, "in all states, listeners too");
  ss->add_flag("-t,--tcp", options->tcp, "TCP; without -t and -u it is this");
  ss->add_flag("-u,--udp", options->udp,
               "UDP endpoints: with -a, or -l for those that are not connected");
  ss->add_flag("-4,--ipv4", options->v4, "over IPv4 only");
  ss->add_flag("-6,--ipv6", options->v6, "over IPv6 only");
  ss->add_flag("-n,--numeric", columns.numeric, "rates as numbers; ports are always");
  ss->add_flag("-o,--options", columns.timer, "the timer that runs, and when it is due");
  ss->add_flag("-e,--extended", columns.extended,
               "how long in this state, by which event, and what was before");
  ss->add_flag("-i,--info", columns.internals, "what TCP knows of each connection");
  ss->add_flag("-p,--processes", options->processes,
               "who holds it: of a run each process and descriptor, else whose host it is");
  ss->add_flag("--orphans", options->orphans, "only those that nobody holds any more");
  ss->add_option("--held-by", options->holder, "only those that a process of a run holds")
      ->type_name("PID");
  ss->add_flag("-s,--summary", options->summary, "how many in each state, instead of each one");
  ss->add_flag("-H,--no-header", options->no_header, "no line of headings");
  ss->add_option("--pid", options->pid, "only the host of this process")->type_name("PID");
  ss->add_flag("--watch{1}", options->watch,
               "again and again until interrupted, each second or as many as are said behind it: "
               "--watch 5");
  ss->add_flag("--json", options->json, "everything, as JSON, with the classic names of states");
  ss->callback([options] { show(*options); });
}

namespace {

struct AskOptions {
  std::string what;
  std::string way;
  std::uint32_t queue = 0;
  int pid = 0;
};

}  // namespace

void add_ask(CLI::App& app) {
  auto options = std::make_shared<AskOptions>();
  CLI::App* ask = add_command(app, "ask", ask_manual());
  ask->add_option("WHAT", options->what, "the request")
      ->required()
      ->check(CLI::IsMember({"counters", "pause", "resume", "pass", "lose", "addresses",
                             "neighbours", "routes", "link_counters"}));
  ask->add_option("WAY", options->way, "of the link, as the host sees it")
      ->check(CLI::IsMember({"in", "out"}));
  ask->add_option("--queue", options->queue,
                  "pass, lose: at which of the hosts of serve --queues, from 0")
      ->type_name("N");
  ask->add_option("--pid", options->pid, "only the host of this process")->type_name("PID");
  ask->callback([options] {
    nlohmann::json request{{"ask", options->what}};
    if (!options->way.empty()) request["way"] = options->way;
    if (options->queue > 0) request["queue"] = options->queue;
    const auto replies = control::ask(options->pid, request);
    for (const auto& reply : replies) fmt::print("{}\n", reply.answer.dump(2));
    if (replies.empty()) {
      throw Failure{fmt::format("no host runs here\n  looked in {}", control::socket_folder()),
                    kNothingFound};
    }
  });
}

}  // namespace lastack::cli
