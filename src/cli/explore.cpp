// lastack explore: every state that two endpoints and a wire can get into.
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "cli/command.hpp"
#include "cli/manual.hpp"
#include "explore/explorer.hpp"
#include "tcp/mutant.hpp"

namespace lastack::cli {
namespace {

struct ExploreOptions {
  bool json = false;
  bool list = false;
  bool sockets = false;
  std::string only;
  int in_flight = 0;
  int losses = -1;
  int duplicates = -1;
  int octets = -1;
  int calls = -1;
  int holders = 0;
  int mutant = 0;
  bool mutants = false;
  unsigned jobs = 0;
};

std::vector<explore::Bounds> sets_of(const ExploreOptions& options) {
  return options.sockets ? explore::socket_bounds() : explore::standard_bounds();
}

std::vector<explore::Bounds> bounds_of(const ExploreOptions& options) {
  std::vector<explore::Bounds> all;
  for (explore::Bounds b : sets_of(options)) {
    if (!options.only.empty() && b.name != options.only) continue;
    const auto set = [](auto& field, int value) {
      if (value >= 0) field = static_cast<std::uint8_t>(value);
    };
    if (options.in_flight > 0) b.in_flight = static_cast<std::size_t>(options.in_flight);
    set(b.losses, options.losses);
    set(b.duplicates, options.duplicates);
    for (auto& octets : b.octets) set(octets, options.octets);
    for (auto& calls : b.calls) set(calls, options.calls);
    if (options.holders > 0) b.holders.fill(static_cast<std::uint8_t>(options.holders));
    all.push_back(std::move(b));
  }
  return all;
}

/// One line on a terminal, a line every ten seconds elsewhere, nothing in the first two seconds.
class Meter {
 public:
  void tell(std::uint64_t states, std::uint64_t open) {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - begin_).count();
    const bool terminal = ::isatty(STDERR_FILENO) != 0;
    const double pause = terminal ? 0.2 : 10;
    if (seconds < 2 || std::chrono::duration<double>(now - told_).count() < pause) return;
    told_ = now;
    fmt::print(stderr, "{}explore  {} states, {} to go on from, {:.0f}/s{}", terminal ? "\r" : "",
               states, open, static_cast<double>(states) / seconds, terminal ? "  " : "\n");
    shown_ = terminal;
  }
  ~Meter() {
    if (shown_) fmt::print(stderr, "\r{:60}\r", "");
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point told_ = begin_;
  bool shown_ = false;
};

/// Goes through sets of bounds side by side: they know nothing of each other.
class Searches {
 public:
  Searches(const std::vector<explore::Bounds>& all, bool tells) : all_(all), tells_(tells) {
    open_.resize(all.size());
    sum_.exhausted = true;
  }

  explore::Report run(unsigned jobs) {
    {
      std::vector<std::jthread> workers;
      workers.reserve(jobs);
      for (unsigned i = 0; i < jobs; ++i) workers.emplace_back([this] { work(); });
    }
    return std::move(sum_);
  }

 private:
  void work() {
    for (std::size_t i = next_++; i < all_.size(); i = next_++) {
      const auto one = explore::explore(all_[i], [&](const explore::Progress& p) {
        const std::scoped_lock hold(lock_);
        open_[i] = p;
        tell();
        return true;
      });
      const std::scoped_lock hold(lock_);
      open_[i] = {};
      sum_.add(one);
      if (!tells_) continue;
      fmt::print("{:<42} {:>9} states{}\n", all_[i].name, one.states,
                 one.exhausted ? "" : ", not all");
      std::fflush(stdout);
    }
  }

  void tell() {
    std::uint64_t states = sum_.states;
    std::uint64_t open = 0;
    for (const explore::Progress& p : open_) {
      states += p.states;
      open += p.open;
    }
    meter_.tell(states, open);
  }

  const std::vector<explore::Bounds>& all_;
  const bool tells_;
  std::atomic<std::size_t> next_ = 0;
  std::mutex lock_;  // for what follows
  std::vector<explore::Progress> open_;
  explore::Report sum_;
  Meter meter_;
};

#ifdef LASTACK_MUTANTS
std::vector<explore::Bounds> quick_bounds() {
  std::vector<explore::Bounds> quick;
  for (explore::Bounds& b : explore::standard_bounds()) {
    for (const std::string_view name :
         {"simultaneous open, ICMP errors", "self-connect", "calls with octets unread", "a loss"}) {
      if (b.name == name) quick.push_back(std::move(b));
    }
  }
  for (explore::Bounds& b : explore::socket_bounds()) {
    for (const std::string_view name :
         {"three holders", "an octet unread, a call", "UDP: another socket sends, too",
          "UDP: datagrams in several calls", "a server that is started again",
          "three holders, two octets come, read apart"}) {
      if (b.name == name) quick.push_back(std::move(b));
    }
  }
  return quick;
}
#endif

std::string row_text(const tcp::Row& row) {
  return fmt::format("{} --{}--> {}", to_string(row.from), to_string(row.event), to_string(row.to));
}

/// How many deliberate mistakes this build has in it, and how many of them exploring finds.
struct Mutants {
  int all = 0;
  int found = 0;
  std::vector<int> missed;  ///< for unit tests to find
};

nlohmann::json json_of(const explore::Report& report, const Mutants& mutants) {
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
          {"violations", violations},
          {"mutants", mutants.all},
          {"mutants_found", mutants.found}};
}

/// Open sockets need not take every row: what they leave out is of no account.
void print_text(const explore::Report& report, const Mutants& mutants, bool sockets) {
  const auto json = json_of(report, mutants);
  fmt::print("{} states{}, {} of {} transitions\n", report.states,
             report.exhausted ? ", all there are within the bounds" : ", not all",
             json["transitions_reached"].get<std::size_t>(),
             json["transitions_in_table"].get<std::size_t>());
  for (const auto& row : json["rows_missing"]) {
    if (!sockets) fmt::print("never taken: {}\n", row.get<std::string>());
  }
  for (const auto& v : report.violations) {
    fmt::print("\n{} ({}), after\n", v.what, v.bounds);
    for (std::size_t i = 0; i < v.trace.size(); ++i) fmt::print("  {:3}  {}\n", i + 1, v.trace[i]);
  }
  if (mutants.all == 0) return;
  fmt::print("{} of {} deliberate mistakes found; left to unit tests: {}\n", mutants.found,
             mutants.all, fmt::join(mutants.missed, ", "));
}

/// Deliberate mistakes exist in a build of their own only.
void choose_mutant(const ExploreOptions& options) {
#ifdef LASTACK_MUTANTS
  tcp::chosen_mutant = options.mutant;
#else
  if (options.mutant != 0 || options.mutants) {
    throw Failure{
        "this build has no deliberate mistakes in it\n  scripts/build mutants   makes one", kUsage};
  }
#endif
}

/// Explores with each mistake, in bounds that are quick, until something is wrong. A search that
/// has found more states than there are without a mistake has found it as well.
Mutants try_mutants([[maybe_unused]] bool wanted) {
  Mutants tried;
#ifdef LASTACK_MUTANTS
  constexpr std::uint64_t kFarTooMany = 2'000'000;
  const auto quick = quick_bounds();
  const int all = static_cast<int>(tcp::Mutant::count) - 1 + static_cast<int>(tcp::kTable.size());
  for (int number = 1; wanted && number <= all; ++number) {
    if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\rmistake {} of {} ", number, all);
    tcp::chosen_mutant = number;
    const bool found = std::ranges::any_of(quick, [](const explore::Bounds& b) {
      const auto report =
          explore::explore(b, [](const explore::Progress& p) { return p.states < kFarTooMany; });
      return !report.violations.empty() || !report.exhausted;
    });
    ++tried.all;
    tried.found += found ? 1 : 0;
    if (!found) tried.missed.push_back(number);
  }
  tcp::chosen_mutant = 0;
#endif
  return tried;
}

void run_explore(const ExploreOptions& options) {
  if (options.holders > 0 && !options.sockets) throw Failure{"--holders needs --sockets", kUsage};
  choose_mutant(options);
  const auto all = bounds_of(options);
  if (options.list || all.empty()) {
    for (const auto& b : sets_of(options)) fmt::print("{}\n", b.name);
    if (!options.list)
      throw Failure{fmt::format("no bounds are called '{}'", options.only), kUsage};
    return;
  }
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  const explore::Report report =
      Searches(all, !options.json).run(options.jobs > 0 ? options.jobs : cores);
  const Mutants mutants = try_mutants(options.mutants);
  if (options.json) {
    fmt::print("{}\n", json_of(report, mutants).dump(2));
  } else {
    print_text(report, mutants, options.sockets);
  }
  if (!report.violations.empty() || !report.exhausted) throw CLI::RuntimeError(kFailed);
}

Manual explore_manual() {
  return {
      .summary = "visit every state two endpoints can get into",
      .description =
          "Tries every order of calls, deliveries, losses, duplicates and timers that two "
          "endpoints and a wire allow, and checks in each state what must hold in all of them. "
          "Since there is no end to what could happen, it is bounded: a set of bounds says how "
          "many segments are under way, may be lost or doubled, and how many octets and calls "
          "each side has. Each set is exhausted. A violation is printed with the steps that lead "
          "to it.\n\n"
          "Without options it goes through all sets of bounds; from the third second on it shows "
          "what it has counted. An option that sets a number sets it in every set of bounds it "
          "goes through.\n\n"
          "--sockets has two whole hosts in place of two endpoints: open sockets that several "
          "descriptors hold, a listener, and the calls of whoever holds one (connect, accept, dup, "
          "close, shutdown three ways, SO_LINGER, read, write, options between them, and of the "
          "listener shut, closed, listening again and a second one). Sockets of UDP have sets of "
          "their own. A close that is not the last changes nothing, the last one closes; "
          "poll() promises what the calls then do; and where nobody holds anything any more every "
          "count is zero, and every buffer, record, port and timer has been given back.\n\n"
          "--mutants needs a build that has the deliberate mistakes in it (scripts/build "
          "mutants): it shows that what is checked finds them.",
      .examples = {{"lastack explore --list", "the sets of bounds"},
                   {"lastack explore --only octets", "one of them"},
                   {"lastack explore --sockets --only 'three holders'",
                    "open sockets that three descriptors hold"},
                   {"lastack explore --only 'a loss' --json", "the report for a program"}},
      .exit_codes = {{kOk, "all states were visited, and nothing is violated"},
                     {kFailed, "something is violated, or not all states were visited"},
                     {kUsage, "no such bounds, or wrong usage"}}};
}

}  // namespace

void add_explore(CLI::App& app) {
  auto options = std::make_shared<ExploreOptions>();
  CLI::App* sub = add_command(app, "explore", explore_manual());
  sub->add_flag("--sockets", options->sockets, "endpoints are open sockets on hosts of their own");
  sub->add_option("--only", options->only, "only the set of bounds of this name, see --list")
      ->type_name("BOUNDS");
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
  sub->add_option("--holders", options->holders, "descriptors of one socket, with --sockets")
      ->check(CLI::Range(1, 8));
  sub->add_option("--mutant", options->mutant, "with this deliberate mistake (a build of its own)");
  sub->add_flag("--mutants", options->mutants,
                "then with each of them, to see how many are found (minutes)");
  sub->add_option("--jobs", options->jobs, "threads; without it one for each core");
  sub->add_flag("--json", options->json, "the report as JSON");
  sub->add_flag("--list", options->list, "list the sets of bounds");
  sub->callback([options] { run_explore(*options); });
}

}  // namespace lastack::cli
