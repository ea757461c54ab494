// lastack bench sockets: what each call costs, beside the kernel's sockets over its loopback.
#include "cli/bench_sockets.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/bench_calls.hpp"
#include "cli/bench_spread.hpp"
#include "cli/command.hpp"
#include "cli/manual.hpp"

namespace lastack::cli {
namespace {

struct SocketsOptions {
  unsigned rounds = 9;
  std::size_t sockets = 10'000;
  bool json = false;
};

constexpr std::size_t kFew = 64;          // octets of the small calls
constexpr std::size_t kMany = 64 << 10U;  // and of the large
constexpr std::size_t kConnections = 64;  // that wait to be accepted, or are ready, at once

/// Nanoseconds of processor time a call, by the row's name.
using CallCosts = std::map<std::string, double>;

/// What reading the clock takes of the time between two readings.
std::int64_t clock_ns() {
  std::int64_t least = INT64_MAX;
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t before = cpu_ns();
    least = std::min(least, cpu_ns() - before);
  }
  return least;
}

/// Makes the calls in one of the two worlds. The first batch of each kind is not counted.
template <typename World>
class CallMeter {
 public:
  CallMeter(World& world, std::size_t polled) : world_(world), polled_(polled) {}

  /// `alone`: packets are carried outside of what is counted.
  CallCosts measure(bool alone) {
    alone_ = alone;
    stream("64", kFew, 256, 8);
    stream("64k", kMany, 2, 64);
    connections(4);
    if (!alone) readiness(8);
    return std::move(costs_);
  }

 private:
  template <typename Once>
  double timed(std::size_t calls, Once once) {
    const std::int64_t before = cpu_ns();
    for (std::size_t i = 0; i < calls; ++i) once();
    return static_cast<double>(cpu_ns() - before - clock_);
  }
  /// A call, and what it has to have carried; whoever counts it alone has it carried later.
  template <typename Call>
  double calls(std::size_t count, Call call) {
    const double ns = timed(count, [&] {
      call();
      if (!alone_) world_.carry();
    });
    world_.carry();
    return ns;
  }

  void stream(const std::string& size, std::size_t octets, std::size_t count, std::size_t batches) {
    std::vector<std::byte> memory(octets, std::byte{7});
    double sent = 0;
    double received = 0;
    for (std::size_t batch = 0; batch <= batches; ++batch) {
      const double out = calls(count, [&] { world_.send(memory); });
      const double in = calls(count, [&] { world_.receive(memory); });
      if (batch == 0) continue;
      sent += out;
      received += in;
    }
    costs_["send_" + size] = sent / static_cast<double>(batches * count);
    costs_["receive_" + size] = received / static_cast<double>(batches * count);
  }

  void connections(std::size_t batches) {
    double accepted = 0;
    double first = 0;
    double second = 0;
    for (std::size_t batch = 0; batch <= batches; ++batch) {
      for (std::size_t i = 0; i < kConnections; ++i) world_.dial();
      const double accept = timed(kConnections, [&] { world_.accept(); });
      const double client = calls(kConnections, [&] { world_.close_client(); });
      const double server = calls(kConnections, [&] { world_.close_server(); });
      if (batch == 0) continue;
      accepted += accept;
      first += client;
      second += server;
    }
    const auto all = static_cast<double>(batches * kConnections);
    if (!alone_) costs_["accept"] = accepted / all;
    costs_["close"] = first / all;
    costs_["close_second"] = second / all;
  }

  /// The first of those polled can be read, or as many at once as are told one by one.
  void readiness(std::size_t batches) {
    constexpr std::size_t kPolls = 1000;
    world_.stir(0);
    double one = 0;
    double all = 0;
    for (std::size_t batch = 0; batch <= batches; ++batch) {
      const double of_one = timed(kPolls, [&] { ready_ += world_.poll_one() ? 1U : 0U; });
      const double of_all = timed(1, [&] { ready_ += world_.poll_all(); });
      if (batch == 0) continue;
      one += of_one;
      all += of_all;
    }
    if (ready_ != (batches + 1) * (kPolls + 1)) throw Failure{"poll() has missed one", kFailed};
    world_.calm(0);
    world_.carry();
    world_.forget_ready();
    costs_["poll_one"] = one / static_cast<double>(batches * kPolls);
    costs_["poll_all"] = all / static_cast<double>(batches);
    edges(batches);
  }

  void edges(std::size_t batches) {
    const std::size_t count = std::min(kConnections, polled_);
    const std::size_t apart = polled_ / count;
    double told = 0;
    for (std::size_t batch = 0; batch <= batches; ++batch) {
      for (std::size_t i = 0; i < count; ++i) world_.stir(i * apart);
      std::size_t sum = 0;
      const double ns = timed(count, [&] { sum += world_.next_ready(); });
      if (sum != apart * count * (count - 1) / 2) throw Failure{"an edge was doubled", kFailed};
      for (std::size_t i = 0; i < count; ++i) world_.calm(i * apart);
      world_.carry();
      world_.forget_ready();
      if (batch > 0) told += ns;
    }
    costs_["edge"] = told / static_cast<double>(batches * count);
  }

  World& world_;
  std::size_t polled_;
  std::int64_t clock_ = clock_ns();
  bool alone_ = false;
  std::size_t ready_ = 0;
  CallCosts costs_;
};

// --- rows

struct CallRow {
  std::string name;
  std::string what;  ///< {} is how many sockets are polled
};

const std::vector<CallRow>& call_rows() {
  static const std::vector<CallRow> rows{{"send_64", "send 64 octets"},
                                         {"receive_64", "receive 64 octets"},
                                         {"send_64k", "send 64 KiB"},
                                         {"receive_64k", "receive 64 KiB"},
                                         {"accept", "accept"},
                                         {"close", "close, the first of the two ends"},
                                         {"close_second", "close, the second"},
                                         {"poll_one", "poll 1 socket"},
                                         {"poll_all", "poll {} sockets, 1 ready"},
                                         {"edge", "the next of {} that became ready"}};
  return rows;
}

using CallFigures = std::map<std::string, std::vector<double>>;

struct SocketsFigures {
  CallFigures ours, alone, kernel;
};

void add_round(CallFigures& figures, const CallCosts& costs) {
  for (const auto& [name, ns] : costs) figures[name].push_back(ns);
}

SocketsFigures measure_sockets(const SocketsOptions& options) {
  OurCalls ours(options.sockets);
  KernelCalls kernel(options.sockets);
  SocketsFigures figures;
  for (unsigned round = 0; round < options.rounds; ++round) {
    add_round(figures.ours, CallMeter(ours, options.sockets).measure(false));
    add_round(figures.kernel, CallMeter(kernel, options.sockets).measure(false));
    add_round(figures.alone, CallMeter(ours, options.sockets).measure(true));
  }
  return figures;
}

void print_sockets_json(const SocketsOptions& options, const SocketsFigures& figures) {
  nlohmann::json all{{"schema", 1},
                     {"bench", "sockets"},
                     {"unit", "ns"},
                     {"rounds", options.rounds},
                     {"sockets", options.sockets}};
  for (const CallRow& row : call_rows()) {
    const auto& ours = figures.ours.at(row.name);
    const auto& kernel = figures.kernel.at(row.name);
    nlohmann::json& one = all["calls"][row.name];
    one = {{"what", fmt::format(fmt::runtime(row.what), options.sockets)},
           {"lastack", as_json(spread_of(ours))},
           {"kernel", as_json(spread_of(kernel))},
           {"ratio", as_json(spread_of_ratios(ours, kernel))}};
    const auto alone = figures.alone.find(row.name);
    if (alone != figures.alone.end()) one["lastack_alone"] = as_json(spread_of(alone->second));
  }
  fmt::print("{}\n", all.dump(2));
}

std::string figure(double ns) { return fmt::format("{:.{}f}", ns, ns < 100 ? 1 : 0); }

void print_sockets(const SocketsOptions& options, const SocketsFigures& figures) {
  fmt::print("sockets: nanoseconds of processor time a call, medians of {}\n", options.rounds);
  fmt::print("  {:<36} {:>8} {:>8} {:>8}  {}\n", "", "lastack", "alone", "kernel", "ratio");
  for (const CallRow& row : call_rows()) {
    const auto& ours = figures.ours.at(row.name);
    const auto& kernel = figures.kernel.at(row.name);
    const auto alone = figures.alone.find(row.name);
    const Spread ratio = spread_of_ratios(ours, kernel);
    fmt::print("  {:<36} {:>8} {:>8} {:>8}  {:.3f} ({:.3f} to {:.3f})\n",
               fmt::format(fmt::runtime(row.what), options.sockets), figure(spread_of(ours).median),
               alone != figures.alone.end() ? figure(spread_of(alone->second).median) : "",
               figure(spread_of(kernel).median), ratio.median, ratio.least, ratio.most);
  }
}

void bench_sockets(const SocketsOptions& options) {
  const SocketsFigures figures = measure_sockets(options);
  if (options.json) {
    print_sockets_json(options, figures);
  } else {
    print_sockets(options, figures);
  }
}

Manual sockets_manual() {
  std::vector<Term> rows;
  for (const CallRow& row : call_rows())
    rows.push_back({row.name, fmt::format(fmt::runtime(row.what), "N")});
  return {
      .summary = "what a call costs, beside the kernel's",
      .description =
          "The same calls on lastack's sockets and on the kernel's, in turn in each round, in "
          "nanoseconds of processor time a call; ratios are those within a round. Both ends are "
          "in this process, TCP_NODELAY is set, and segments of up to 64 KiB travel whole and "
          "unsummed. A call over the kernel's loopback does all that it causes before it returns: "
          "the segment, its arrival at the other end, its ACK. So lastack's figure is the call "
          "and what was carried because of it, both ends' work; `alone` is the call by itself, "
          "as a program pays that calls often and lets packets be carried in batches.\n\n"
          "lastack has no call that asks many sockets: polling them is asking each one, and "
          "edges are pulled one by one, as epoll_wait() with EPOLLET and room for one event "
          "gives them.",
      .terms_title = "what is measured",
      .terms = std::move(rows),
      .examples = {{"lastack bench sockets --rounds 3", "quickly"},
                   {"lastack bench sockets --sockets 1000 --json", "among a thousand"}},
      .exit_codes = {{kOk, "measured"},
                     {kFailed, "a call failed, or too few descriptors are allowed"},
                     {kUsage, "wrong usage"}}};
}

}  // namespace

void add_bench_sockets(CLI::App& bench) {
  auto options = std::make_shared<SocketsOptions>();
  CLI::App* one = add_command(bench, "sockets", sockets_manual());
  one->add_option("--rounds", options->rounds, "rounds; medians are shown")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  one->add_option("--sockets", options->sockets, "sockets that are polled")
      ->check(CLI::Range(1, 50'000))
      ->capture_default_str();
  one->add_flag("--json", options->json, "figures as JSON");
  one->callback([options] { bench_sockets(*options); });
}

}  // namespace lastack::cli
