// lastack bench threads: what a host costs another one on another thread.
#include "cli/bench_threads.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <ctime>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/bench_transfer.hpp"
#include "cli/bench_world.hpp"
#include "cli/command.hpp"
#include "cli/manual.hpp"

namespace lastack::cli {
namespace {

struct ThreadsOptions {
  unsigned threads = 2;
  unsigned rounds = 9;
  std::uint64_t mebibytes = 256;
  bool json = false;
};

constexpr std::size_t kThreadsChunk = 65536;            // octets a write and a read
constexpr std::uint64_t kThreadsWarmUp = 16ULL << 20U;  // octets

/// Of one thread's transfer.
struct Took {
  double cpu_ns = 0;  ///< of the thread
  double real_ns = 0;
};

double thread_cpu_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

/// Two hosts of this thread's own and a stream between them; all threads begin to count together.
Took transfer_beside(std::barrier<>& start, std::uint64_t octets) {
  BenchWorld world(BenchWire{});
  Transfer transfer(world, kThreadsChunk);
  transfer.run(kThreadsWarmUp, true);
  start.arrive_and_wait();
  const auto begin = std::chrono::steady_clock::now();
  const double before = thread_cpu_ns();
  transfer.run(octets, false);
  const double cpu = thread_cpu_ns() - before;
  const std::chrono::duration<double, std::nano> real = std::chrono::steady_clock::now() - begin;
  return {cpu, real.count()};
}

/// The mean of all threads; by the clock the slowest.
Took together(unsigned threads, std::uint64_t octets) {
  std::barrier start(static_cast<std::ptrdiff_t>(threads));
  std::vector<std::future<Took>> all;
  all.reserve(threads);
  for (unsigned i = 0; i < threads; ++i) {
    all.push_back(std::async(std::launch::async, [&] { return transfer_beside(start, octets); }));
  }
  Took took;
  for (auto& one : all) {
    const Took its = one.get();
    took.cpu_ns += its.cpu_ns / threads;
    took.real_ns = std::max(took.real_ns, its.real_ns);
  }
  return took;
}

double middle(std::vector<double> figures) {
  std::ranges::sort(figures);
  return figures[figures.size() / 2];
}

void bench_threads(const ThreadsOptions& options) {
  const std::uint64_t octets = options.mebibytes << 20U;
  const double units = static_cast<double>(octets) / 1460;
  std::vector<double> alone_ns, together_ns, scaling, real;
  for (unsigned i = 0; i < options.rounds; ++i) {
    const Took alone = together(1, octets);
    const Took all = together(options.threads, octets);
    alone_ns.push_back(alone.cpu_ns / units);
    together_ns.push_back(all.cpu_ns / units);
    scaling.push_back(options.threads * alone.cpu_ns / all.cpu_ns);
    real.push_back(options.threads * alone.real_ns / all.real_ns);
  }
  const nlohmann::json figures{{"scaling", middle(scaling)},
                               {"scaling_least", std::ranges::min(scaling)},
                               {"scaling_most", std::ranges::max(scaling)},
                               {"scaling_by_the_clock", middle(real)},
                               {"cpu_ns_per_1460_octets_alone", middle(alone_ns)},
                               {"cpu_ns_per_1460_octets_together", middle(together_ns)}};
  if (options.json) {
    nlohmann::json all = figures;
    all.update({{"schema", 1},
                {"bench", "threads"},
                {"threads", options.threads},
                {"rounds", options.rounds},
                {"octets", octets}});
    fmt::print("{}\n", all.dump(2));
    return;
  }
  fmt::print("threads, {} of them, MTU 1500, checksums on: medians of {}\n", options.threads,
             options.rounds);
  for (const auto& [name, value] : figures.items()) {
    fmt::print("  {:<32} {:.3g}\n", name, value.get<double>());
  }
}

Manual threads_manual() {
  return {
      .summary = "several hosts at once, each on a thread of its own",
      .description =
          "Each thread has two hosts joined by memory and sends a stream from one to the other, "
          "as lastack bench bulk does. One thread alone and all of them together take turns. "
          "Scaling is how often all of them do the work of one: by the processor time that a "
          "thread takes for the same octets, which other programs change little; and by the "
          "clock, which shows whatever else the machine does.",
      .examples = {{"lastack bench threads --threads 4 --json", "on four cores"}},
      .exit_codes = {{kOk, "measured"},
                     {kFailed, "the stack lost or changed an octet"},
                     {kUsage, "wrong usage"}}};
}

}  // namespace

void add_bench_threads(CLI::App& bench) {
  auto options = std::make_shared<ThreadsOptions>();
  CLI::App* one = add_command(bench, "threads", threads_manual());
  one->add_option("--threads", options->threads, "threads")
      ->type_name("N")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  one->add_option("--rounds", options->rounds, "rounds; medians are shown")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  one->add_option("--mib", options->mebibytes, "MiB that each thread sends")
      ->type_name("MIB")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str();
  one->add_flag("--json", options->json, "figures as JSON");
  one->callback([options] { bench_threads(*options); });
}

}  // namespace lastack::cli
