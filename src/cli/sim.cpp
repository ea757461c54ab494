// lastack sim: seeded trials of whole connections over bad wires, and how to see one again.
#include <fmt/core.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/random.hpp"
#include "cli/command.hpp"
#include "cli/manual.hpp"
#include "sim/plan.hpp"
#include "sim/trial.hpp"

namespace lastack::cli {
namespace {

using sim::TrialResult;

constexpr std::size_t kMostShown = 10;

struct SimOptions {
  std::uint64_t seed = 0;
  std::string seeds;
  std::string trace;
  unsigned jobs = 0;
  bool json = false;
};

struct Span {
  std::uint64_t from = 1;
  std::uint64_t to = 1;
};

/// All trials together.
struct Sum {
  std::uint64_t seeds = 0;
  std::uint64_t packets = 0;
  std::uint64_t octets = 0;
  std::uint64_t conversations = 0;
  std::uint64_t whole = 0;
  std::uint64_t both_opened = 0;
  double virtual_seconds = 0;
  std::uint64_t trace = 0;  ///< of all traces, whatever the order they came in
  std::array<std::uint64_t, tcp::kTable.size()> transitions{};
  std::vector<TrialResult> failed;

  void add(const TrialResult& r) {
    ++seeds;
    packets += r.packets;
    octets += r.octets;
    conversations += r.conversations;
    whole += r.whole;
    both_opened += r.both_opened;
    trace += keyed_hash({r.seed, r.trace}, {});
    virtual_seconds += std::chrono::duration<double>(r.took).count();
    for (std::size_t i = 0; i < transitions.size(); ++i) transitions[i] += r.transitions[i];
    if (!r.passed()) failed.push_back(r);
  }
  [[nodiscard]] auto rows_taken() const {
    return std::ranges::count_if(transitions, [](std::uint64_t n) { return n > 0; });
  }
};

std::string command_for(std::uint64_t seed) { return fmt::format("lastack sim --seed {}", seed); }

Span parse_span(const std::string& text) {
  Span span;
  int used = 0;
  unsigned long long from = 0;
  unsigned long long to = 0;
  const int found = std::sscanf(text.c_str(), "%llu..%llu%n", &from, &to, &used);
  if (found != 2 || static_cast<std::size_t>(used) != text.size() || from > to) {
    throw Failure{fmt::format("--seeds '{}' is no range of numbers\n  e.g.  --seeds 1..2000", text),
                  kUsage};
  }
  span.from = from;
  span.to = to;
  return span;
}

/// Trials on all cores: each is a world of its own, so any order gives the same results.
class Campaign {
 public:
  explicit Campaign(Span span) : span_(span), next_(span.from) {}

  Sum run(unsigned jobs) {
    const auto began = std::chrono::steady_clock::now();
    {
      std::vector<std::jthread> workers;
      workers.reserve(jobs);
      for (unsigned i = 0; i < jobs; ++i) workers.emplace_back([this] { work(); });
      show_progress(began);
    }
    std::ranges::sort(sum_.failed, {}, &TrialResult::seed);
    return std::move(sum_);
  }

 private:
  void work() {
    for (std::uint64_t seed = next_++; seed <= span_.to; seed = next_++) {
      const TrialResult result = run_trial(sim::draw_plan(seed));
      const std::scoped_lock lock(mutex_);
      sum_.add(result);
      changed_.notify_one();
    }
  }

  /// From two seconds on: one line that is written over on a terminal, one in ten seconds
  /// elsewhere.
  void show_progress(std::chrono::steady_clock::time_point began) {
    const bool terminal = isatty(STDERR_FILENO) != 0;
    const auto step = terminal ? std::chrono::milliseconds(500) : std::chrono::milliseconds(10000);
    const std::uint64_t all = span_.to - span_.from + 1;
    auto next = began + std::max<std::chrono::milliseconds>(step, std::chrono::seconds(2));
    bool shown = false;
    std::unique_lock lock(mutex_);
    while (sum_.seeds < all) {
      changed_.wait_until(lock, next);
      const auto now = std::chrono::steady_clock::now();
      if (now < next) continue;
      next = now + step;
      const double seconds = std::chrono::duration<double>(now - began).count();
      const double rate = static_cast<double>(sum_.seeds) / seconds;
      const double left = static_cast<double>(all - sum_.seeds) / std::max(rate, 0.01);
      fmt::print(stderr, "{}sim  {} of {} seeds, {} failed, {:.0f}/s, {:.0f} s left{}",
                 terminal ? "\r" : "", sum_.seeds, all, sum_.failed.size(), rate, left,
                 terminal ? "\x1b[K" : "\n");
      shown = terminal;
    }
    if (shown) fmt::print(stderr, "\r\x1b[K");
  }

  Span span_;
  std::atomic<std::uint64_t> next_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Sum sum_;
};

nlohmann::json json_of(const TrialResult& r) {
  return {{"seed", r.seed},
          {"passed", r.passed()},
          {"failures", r.failures},
          {"replay", command_for(r.seed)},
          {"trace_hash", fmt::format("{:016x}", r.trace)},
          {"packets", r.packets},
          {"octets", r.octets},
          {"virtual_s", std::chrono::duration<double>(r.took).count()},
          {"conversations", r.conversations},
          {"whole", r.whole}};
}

nlohmann::json rows_not_taken(const Sum& sum) {
  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t i = 0; i < sum.transitions.size(); ++i) {
    const tcp::Row& row = tcp::kTable[i];
    if (sum.transitions[i] > 0) continue;
    rows.push_back(fmt::format("{} {}", to_string(row.from), to_string(row.event)));
  }
  return rows;
}

void print_failures(const TrialResult& r) {
  fmt::print("seed {} failed\n", r.seed);
  for (const std::string& what : r.failures) fmt::print("  {}\n", what);
  fmt::print("  again:  {}\n", command_for(r.seed));
}

/// One seed, with its plan; to a capture file where one is named.
bool replay(const SimOptions& options) {
  const sim::Plan plan = sim::draw_plan(options.seed);
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(nullptr, std::fclose);
  std::unique_ptr<link::FileSink> sink;
  if (!options.trace.empty()) {
    file.reset(std::fopen(options.trace.c_str(), "wb"));
    if (!file) throw Failure{fmt::format("can't write {}: {}", options.trace, strerror(errno))};
    sink = std::make_unique<link::FileSink>(file.get());
  }
  const TrialResult result = run_trial(plan, sink.get());
  if (sink && (std::fflush(file.get()) != 0 || !sink->ok())) {
    throw Failure{fmt::format("can't write all of {}: {}\n  make room, or name a file elsewhere",
                              options.trace, strerror(errno))};
  }
  if (options.json) {
    nlohmann::json all = json_of(result);
    all["schema"] = 1;
    fmt::print("{}\n", all.dump(2));
  } else {
    fmt::print("{}", describe(plan));
    fmt::print("trace {:016x}: {} packets, {} octets read, {:.3f} s of virtual time\n",
               result.trace, result.packets, result.octets,
               std::chrono::duration<double>(result.took).count());
    if (result.passed()) {
      fmt::print("seed {} passed\n", result.seed);
    } else {
      print_failures(result);
    }
    if (sink) fmt::print("packets: {}  (tshark -r {})\n", options.trace, options.trace);
  }
  return result.passed();
}

bool campaign(const SimOptions& options) {
  const Span span = parse_span(options.seeds);
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  const Sum sum = Campaign(span).run(options.jobs > 0 ? options.jobs : cores);
  if (options.json) {
    nlohmann::json failed = nlohmann::json::array();
    for (const TrialResult& r : sum.failed) failed.push_back(json_of(r));
    const nlohmann::json all{{"schema", 1},
                             {"seeds", sum.seeds},
                             {"failed", std::move(failed)},
                             {"packets", sum.packets},
                             {"octets", sum.octets},
                             {"virtual_s", sum.virtual_seconds},
                             {"conversations", sum.conversations},
                             {"whole", sum.whole},
                             {"simultaneous_opens", sum.both_opened},
                             {"transitions_in_table", sum.transitions.size()},
                             {"transitions_taken", sum.rows_taken()},
                             {"rows_not_taken", rows_not_taken(sum)},
                             {"trace_hash", fmt::format("{:016x}", sum.trace)}};
    fmt::print("{}\n", all.dump(2));
  } else {
    for (const TrialResult& r :
         std::span(sum.failed).first(std::min(sum.failed.size(), kMostShown)))
      print_failures(r);
    if (sum.failed.size() > kMostShown) fmt::print("... {} more\n", sum.failed.size() - kMostShown);
    fmt::print(
        "{} conversations, {} of them whole to the last octet both ways, {} opened from both "
        "sides at once\n",
        sum.conversations, sum.whole, sum.both_opened);
    fmt::print("{} packets, {} octets read, {:.0f} hours of virtual time, {} of {} transitions\n",
               sum.packets, sum.octets, sum.virtual_seconds / 3600, sum.rows_taken(),
               sum.transitions.size());
    fmt::print("{} seeds passed, {} failed\n", sum.seeds - sum.failed.size(), sum.failed.size());
  }
  return sum.failed.empty();
}

Manual sim_manual() {
  return {
      .summary = "whole connections over bad wires, from seeds",
      .description =
          "A seed is a trial: two hosts, a wire that loses, doubles, delays, reorders and damages "
          "packets, and programs that talk and close in every way there is, all drawn from that "
          "one number and run in virtual time. A referee watches every packet, and each octet "
          "read is compared with what was sent. The same seed is the same trial on every machine, "
          "so what failed can be seen again.",
      .examples = {{"lastack sim --seeds 1..200", "two hundred trials, and their sum"},
                   {"lastack sim --seed 7", "one trial with its plan"},
                   {"lastack sim --seed 7 --trace seed7.pcapng",
                    "the same, with its packets for Wireshark"}},
      .exit_codes = {{kOk, "all trials passed"},
                     {kFailed, "a trial failed, or the file can't be written"},
                     {kUsage, "no seeds given, or wrong usage"}}};
}

}  // namespace

void add_sim(CLI::App& app) {
  auto options = std::make_shared<SimOptions>();
  CLI::App* sim = add_command(app, "sim", sim_manual());
  auto* seed = sim->add_option("--seed", options->seed, "run this one and show its plan");
  auto* seeds = sim->add_option("--seeds", options->seeds, "run all of these, e.g. 1..2000")
                    ->type_name("FROM..TO");
  seeds->excludes(seed);
  sim->add_option("--trace", options->trace, "write the packets to this file, as pcapng")
      ->type_name("FILE")
      ->needs(seed);
  sim->add_option("--jobs", options->jobs, "threads; without it one for each core");
  sim->add_flag("--json", options->json, "figures as JSON");
  sim->callback([options, seed, seeds] {
    if (seed->empty() && seeds->empty()) {
      throw Failure{"say which seeds\n  lastack sim --seeds 1..2000\n  lastack sim --seed 7",
                    kUsage};
    }
    const bool fine = seed->empty() ? campaign(*options) : replay(*options);
    if (!fine) throw Failure{"sim: failed", kFailed};
  });
}

}  // namespace lastack::cli
