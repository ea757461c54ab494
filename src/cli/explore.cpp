// lastack explore: every state that two endpoints and a wire can get into.
#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "explore/explorer.hpp"
#include "tcp/mutant.hpp"

namespace lastack::cli {
namespace {

struct Options {
  bool json = false;
  bool list = false;
  std::string only;
  int in_flight = 0;
  int losses = -1;
  int duplicates = -1;
  int octets = -1;
  int calls = -1;
  int mutant = 0;
};

std::vector<explore::Bounds> bounds_of(const Options& options) {
  std::vector<explore::Bounds> all;
  for (explore::Bounds b : explore::standard_bounds()) {
    if (!options.only.empty() && b.name != options.only) continue;
    const auto set = [](auto& field, int value) {
      if (value >= 0) field = static_cast<std::uint8_t>(value);
    };
    if (options.in_flight > 0) b.in_flight = static_cast<std::size_t>(options.in_flight);
    set(b.losses, options.losses);
    set(b.duplicates, options.duplicates);
    for (auto& octets : b.octets) set(octets, options.octets);
    for (auto& calls : b.calls) set(calls, options.calls);
    all.push_back(std::move(b));
  }
  return all;
}

/// One line on a terminal, a line every ten seconds elsewhere, nothing in the first two seconds.
class Meter {
 public:
  bool tell(const explore::Progress& p, std::uint64_t before) {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - begin_).count();
    const bool terminal = ::isatty(STDERR_FILENO) != 0;
    const double pause = terminal ? 0.2 : 10;
    if (seconds < 2 || std::chrono::duration<double>(now - told_).count() < pause) return true;
    told_ = now;
    const std::uint64_t states = before + p.states;
    fmt::print(stderr, "{}explore  {} states, {} to go on from, {:.0f}/s{}", terminal ? "\r" : "",
               states, p.open, static_cast<double>(states) / seconds, terminal ? "  " : "\n");
    shown_ = terminal;
    return true;
  }
  ~Meter() {
    if (shown_) fmt::print(stderr, "\r{:60}\r", "");
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point told_ = begin_;
  bool shown_ = false;
};

std::string row_text(const tcp::Row& row) {
  return fmt::format("{} --{}--> {}", to_string(row.from), to_string(row.event), to_string(row.to));
}

nlohmann::json json_of(const explore::Report& report) {
  std::size_t reached = 0;
  std::size_t reachable = 0;
  nlohmann::json missing = nlohmann::json::array();
  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t i = 0; i < report.rows.size(); ++i) {
    reachable += tcp::kTable[i].by_posix ? 1 : 0;
    reached += report.rows[i] ? 1 : 0;
    if (report.rows[i]) rows.push_back(row_text(tcp::kTable[i]));
    if (tcp::kTable[i].by_posix && !report.rows[i]) missing.push_back(row_text(tcp::kTable[i]));
  }
  nlohmann::json violations = nlohmann::json::array();
  for (const auto& v : report.violations) {
    violations.push_back({{"what", v.what}, {"bounds", v.bounds}, {"trace", v.trace}});
  }
  return {{"schema", 1},
          {"states", report.states},
          {"steps", report.steps},
          {"exhausted", report.exhausted},
          {"transitions_in_table", reachable},
          {"transitions_reached", reached},
          {"rows", rows},
          {"rows_missing", missing},
          {"violations", violations}};
}

void print_text(const explore::Report& report) {
  const auto json = json_of(report);
  fmt::print("{} states{}, {} of {} transitions\n", report.states,
             report.exhausted ? ", all there are within the bounds" : ", not all",
             json["transitions_reached"].get<std::size_t>(),
             json["transitions_in_table"].get<std::size_t>());
  for (const auto& row : json["rows_missing"])
    fmt::print("never taken: {}\n", row.get<std::string>());
  for (const auto& v : report.violations) {
    fmt::print("\n{} ({}), after\n", v.what, v.bounds);
    for (std::size_t i = 0; i < v.trace.size(); ++i) fmt::print("  {:3}  {}\n", i + 1, v.trace[i]);
  }
}

/// Deliberate mistakes exist in a build of their own only.
void choose_mutant([[maybe_unused]] int mutant) {
#ifdef LASTACK_MUTANTS
  tcp::chosen_mutant = mutant;
#else
  if (mutant != 0) {
    throw Failure{
        "this build has no deliberate mistakes in it\n  scripts/build mutants   makes one", kUsage};
  }
#endif
}

void run(const Options& options) {
  choose_mutant(options.mutant);
  const auto all = bounds_of(options);
  if (options.list || all.empty()) {
    for (const auto& b : explore::standard_bounds()) fmt::print("{}\n", b.name);
    if (!options.list)
      throw Failure{fmt::format("no bounds are called '{}'", options.only), kUsage};
    return;
  }
  explore::Report report;
  report.exhausted = true;
  Meter meter;
  for (const explore::Bounds& b : all) {
    const std::uint64_t before = report.states;
    const auto one =
        explore::explore(b, [&](const explore::Progress& p) { return meter.tell(p, before); });
    if (!options.json) {
      fmt::print("{:<36} {:>9} states{}\n", b.name, one.states, one.exhausted ? "" : ", not all");
      std::fflush(stdout);
    }
    report.add(one);
  }
  if (options.json) {
    fmt::print("{}\n", json_of(report).dump(2));
  } else {
    print_text(report);
  }
  if (!report.violations.empty() || !report.exhausted) throw CLI::RuntimeError(kFailed);
}

}  // namespace

void add_explore(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand("explore", "visit every state two endpoints can get into");
  sub->footer(
      "Each set of bounds is exhausted. A violation is printed with the steps that lead to it.");
  sub->add_option("--only", options->only, "only the set of bounds of this name, see --list");
  sub->add_option("--in-flight", options->in_flight, "segments the wire holds")
      ->check(CLI::Range(1, 8));
  sub->add_option("--losses", options->losses, "segments that may be lost")
      ->check(CLI::Range(0, 8));
  sub->add_option("--duplicates", options->duplicates, "segments that may be doubled")
      ->check(CLI::Range(0, 8));
  sub->add_option("--octets", options->octets, "octets each side may send")
      ->check(CLI::Range(0, 8));
  sub->add_option("--calls", options->calls, "shutdowns, closes and aborts of each side")
      ->check(CLI::Range(0, 8));
  sub->add_option("--mutant", options->mutant, "with this deliberate mistake (a build of its own)");
  sub->add_flag("--json", options->json, "the report as JSON");
  sub->add_flag("--list", options->list, "list the sets of bounds");
  sub->callback([options] { run(*options); });
}

}  // namespace lastack::cli
