// lastack nstat: what running hosts have counted, in the manner of iproute2's nstat.
#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/manual.hpp"
#include "cli/nstat_history.hpp"
#include "control/control.hpp"

namespace lastack::cli {
namespace {

struct NstatOptions {
  CounterWishes wishes;
  bool no_update = false;
  bool no_output = false;
  bool reset = false;
  bool json = false;
  int pid = 0;
};

struct CountedHost {
  int pid = 0;
  Counted now;
  std::optional<Counted> before;
};

std::vector<CountedHost> ask_for_counters(const NstatOptions& options) {
  std::vector<CountedHost> all;
  for (const auto& reply : control::ask(options.pid, {{"ask", "nstat"}})) {
    auto now = Counted::from(reply.answer);
    if (!now) continue;  // a host of another version
    auto before = options.reset ? std::nullopt : read_history(history_file(reply.pid), *now);
    all.push_back({reply.pid, std::move(*now), std::move(before)});
  }
  return all;
}

nlohmann::json json_of(const CountedHost& host, const NstatOptions& options) {
  const TimePoint since = host.before ? host.before->at : host.now.started;
  nlohmann::json counters = nlohmann::json::object();
  nlohmann::json rates = nlohmann::json::object();
  for (const CounterLine& line : counter_lines(host.now, host.before, options.wishes)) {
    counters[line.name] = line.value;
    rates[line.name] = line.rate;
  }
  return {{"pid", host.pid},
          {"seconds", std::chrono::duration<double>(host.now.at - since).count()},
          {"counters", std::move(counters)},
          {"rates", std::move(rates)}};
}

void print(const std::vector<CountedHost>& all, const NstatOptions& options) {
  if (options.json) {
    nlohmann::json hosts = nlohmann::json::array();
    for (const CountedHost& host : all) hosts.push_back(json_of(host, options));
    fmt::print("{}\n", nlohmann::json{{"schema", 1}, {"hosts", std::move(hosts)}}.dump(2));
    return;
  }
  for (const CountedHost& host : all) {
    const std::string heading = all.size() == 1 ? "#lastack" : fmt::format("#lastack {}", host.pid);
    fmt::print("{}", counter_table(heading, counter_lines(host.now, host.before, options.wishes)));
  }
}

/// A pattern that names no counter is a mistake of writing; one that names some which have not
/// moved is not.
void check_patterns(const std::vector<CountedHost>& all, const CounterWishes& wishes) {
  for (const std::string& pattern : wishes.patterns) {
    const CounterWishes only{.patterns = {pattern}};
    const bool any = std::ranges::any_of(all, [&only](const CountedHost& host) {
      return std::ranges::any_of(host.now.counters,
                                 [&only](const auto& c) { return is_wanted(c.first, only); });
    });
    if (any) continue;
    throw Failure{
        fmt::format("no counter is called '{}'\n  lastack nstat -az   shows all names", pattern),
        kNothingFound};
  }
}

void show_counters(const NstatOptions& options) {
  const auto all = ask_for_counters(options);
  if (all.empty()) {
    throw Failure{fmt::format("no host runs here\n  looked in {}", control::socket_folder()),
                  kNothingFound};
  }
  check_patterns(all, options.wishes);
  if (!options.no_output) print(all, options);
  if (options.no_update) return;
  for (const CountedHost& host : all) {
    if (const auto why = write_history(history_file(host.pid), host.now)) {
      throw Failure{*why + "\n  -s shows without keeping", kFailed};
    }
  }
}

Manual nstat_manual() {
  return {
      .summary = "show what running hosts have counted",
      .description =
          "Asks the lastack hosts that run here, such as lastack serve, what they have counted, "
          "and prints it as iproute2's nstat prints the kernel's counters: name, how many since "
          "the last time it was asked (since the host began, the first time), and how many that "
          "is in a second. Names are the kernel's wherever it has one, Ip and Udp those of IPv4, "
          "Ip6 and Udp6 those of IPv6; what it has no name for begins with Lastack, among it each "
          "reason to drop a packet.\n\n"
          "What was shown is kept for the next time in $XDG_RUNTIME_DIR/lastack/PID.nstat, or in "
          "~/.cache/lastack. A PATTERN is a shell's: * ? [a-z]; upper and lower case are the "
          "same.",
      .examples = {{"lastack nstat", "what has happened since the last time"},
                   {"lastack nstat -as 'Tcp*'", "TCP since the host began; the history stays"},
                   {"lastack nstat -az '*drop*' '*err*'", "every reason, those of nothing too"},
                   {"lastack nstat -n", "begin to count from now on"},
                   {"lastack nstat --json", "for programs"}},
      .exit_codes = {{kOk, "shown, if only that nothing has happened"},
                     {kFailed, "the history can't be written"},
                     {kUsage, "wrong usage"},
                     {kNothingFound, "no host runs here, or no counter has such a name"}}};
}

}  // namespace

void add_nstat(CLI::App& app) {
  auto options = std::make_shared<NstatOptions>();
  CLI::App* nstat = add_command(app, "nstat", nstat_manual());
  nstat->add_option("PATTERN", options->wishes.patterns, "only counters with such names")
      ->type_name("PATTERN");
  nstat->add_flag("-a,--ignore", options->wishes.absolute,
                  "since the host began, not since the last time");
  nstat->add_flag("-z,--zeros", options->wishes.zeros, "those that are zero, too");
  nstat->add_flag("-r,--reset", options->reset, "forget what was shown before");
  nstat->add_flag("-s,--noupdate", options->no_update, "do not keep what is shown");
  nstat->add_flag("-n,--nooutput", options->no_output, "show nothing, only keep it");
  nstat->add_option("--pid", options->pid, "only the host of this process")->type_name("PID");
  nstat->add_flag("-j,--json", options->json, "as JSON, with the seconds since the last time");
  nstat->callback([options] { show_counters(*options); });
}

}  // namespace lastack::cli
