// lastack bench tun: to this machine's kernel over a TUN device, beside what nobody can be faster
// than and beside the kernel's own TCP.
#include "cli/bench_tun.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/bench_network.hpp"
#include "cli/bench_spread.hpp"
#include "cli/bench_tun_host.hpp"
#include "cli/bench_tun_raw.hpp"
#include "cli/command.hpp"
#include "cli/manual.hpp"

namespace lastack::cli {
namespace {

struct TunBenchOptions {
  unsigned rounds = 5;
  double seconds = 1;
  std::uint32_t buffer = 0;
  std::vector<std::string> only;
  bool json = false;
};

constexpr Duration kSpin = 1ms;  // of the row with busy polling

/// What progress() grows by in a second, while step() is called again and again.
template <typename Step, typename Progress>
double rate(double seconds, Step step, Progress progress) {
  using Clock = std::chrono::steady_clock;
  const auto run_for = [&](double span) {
    const auto begin = Clock::now();
    const auto so_far = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
    while (so_far() < span) {
      for (int i = 0; i < 20; ++i) step();
    }
    return so_far();
  };
  run_for(seconds / 5);
  const auto before = progress();
  const double took = run_for(seconds);
  return static_cast<double>(progress() - before) / took;
}

double in_gbit(double octets) { return octets * 8 / 1e9; }

// --- what nobody can be faster than

double raw_read(const TunBenchOptions& options) {
  const auto device = open_bench_device();
  RawEnd end(device->descriptor());
  const Beside kernel(kernel_sends);
  end.open();
  const auto step = [&end] {
    if (end.take() == 0) return end.wait();
    end.acknowledge();
  };
  return in_gbit(rate(options.seconds, step, [&end] { return end.received(); }));
}

/// With `flood` one segment again and again, whatever comes back.
double raw_write(const TunBenchOptions& options, bool flood) {
  const auto device = open_bench_device();
  RawEnd end(device->descriptor());
  const Beside kernel([] { kernel_receives(true); });
  end.open();
  std::vector<std::byte> hot(kRawWhole);
  std::uint64_t written = 0;
  const auto write = [&] {
    if (flood) {
      end.write_first(hot);
      written += hot.size();
      return;
    }
    while (end.write(hot)) {
    }
    if (end.take() == 0) end.wait();
  };
  return in_gbit(
      rate(options.seconds, write, [&] { return flood ? written : end.acknowledged(); }));
}

// --- lastack

double lastack_receives(const TunBenchOptions& options) {
  TunBench bench(TunBench::Work::sink, options.buffer);
  const Beside kernel(kernel_sends);
  bench.open();
  return in_gbit(rate(options.seconds, [&] { bench.step(); }, [&] { return bench.octets(); }));
}

double lastack_sends(const TunBenchOptions& options) {
  TunBench bench(TunBench::Work::source, options.buffer);
  const Beside kernel([] { kernel_receives(false); });
  bench.open();
  return in_gbit(rate(options.seconds, [&] { bench.step(); }, [&] { return bench.octets(); }));
}

double ping(const TunBenchOptions& options, Duration busy) {
  TunBench bench(TunBench::Work::echo, options.buffer);
  bench.poll_busily(busy);
  const Beside kernel(kernel_pings);
  bench.open();
  return 1e6 / rate(options.seconds, [&] { bench.step(); }, [&] { return bench.octets(); });
}

// --- the kernel beside them

/// A second namespace, held by a process that sleeps, is the other end of the pair.
constexpr const char* kVeth = R"(
command -v iperf3 > /dev/null || { echo no iperf3; exit 0; }
unshare --net -- sleep 600 > /dev/null & holder=$!
trap 'kill $holder' EXIT
while [ /proc/$holder/ns/net -ef /proc/self/ns/net ]; do sleep 0.05; done
there() { nsenter --net=/proc/$holder/ns/net -- "$@"; }
ip link add va type veth peer name vb netns $holder
ip addr add 10.78.0.1/24 dev va; ip link set va up
there ip addr add 10.78.0.2/24 dev vb; there ip link set vb up
there iperf3 -s -1 > /dev/null & server=$!
until there ss -Hltn 'sport = :5201' | grep -q LISTEN; do sleep 0.05; done
iperf3 -c 10.78.0.2 -t $seconds -J
wait $server
)";

double veth(const TunBenchOptions& options) {
  const int seconds = std::max(1, static_cast<int>(std::lround(options.seconds)));
  const std::string out = output_of(fmt::format("seconds={}\n", seconds) + kVeth);
  const auto told = nlohmann::json::parse(out, nullptr, false);
  if (told.is_discarded() || !told.contains("end") || !told["end"].contains("sum_received")) {
    throw Failure{"iperf3 over veth measured nothing: " + out.substr(0, 300) +
                      "\n  install iperf3, or leave it out with --only",
                  kFailed};
  }
  return told["end"]["sum_received"]["bits_per_second"].get<double>() / 1e9;
}

// --- all of them

struct TunRow {
  std::string name;
  std::string what;
  std::string unit;
  double (*once)(const TunBenchOptions&);
};

const std::vector<TunRow>& tun_rows() {
  static const std::vector<TunRow> rows{
      {"read", "raw: read and acknowledge", "Gbit/s", raw_read},
      {"receive", "the kernel sends, lastack receives", "Gbit/s", lastack_receives},
      {"write", "raw: write whole super-segments", "Gbit/s",
       [](const TunBenchOptions& o) { return raw_write(o, false); }},
      {"send", "lastack sends, the kernel receives", "Gbit/s", lastack_sends},
      {"veth", "kernel to kernel over veth, iperf3", "Gbit/s", veth},
      {"ping", "an octet to lastack and back", "us",
       [](const TunBenchOptions& o) { return ping(o, Duration(0)); }},
      {"ping_busy", "the same, polling busily", "us",
       [](const TunBenchOptions& o) { return ping(o, kSpin); }},
      {"flood", "raw: the same segment again and again", "Gbit/s",
       [](const TunBenchOptions& o) { return raw_write(o, true); }}};
  return rows;
}

struct TunRatio {
  std::string name;
  std::string of;
  std::string to;
};

const std::vector<TunRatio>& tun_ratios() {
  static const std::vector<TunRatio> ratios{{"receive_to_read", "receive", "read"},
                                            {"send_to_write", "send", "write"},
                                            {"receive_to_veth", "receive", "veth"},
                                            {"send_to_veth", "send", "veth"}};
  return ratios;
}

using TunFigures = std::map<std::string, std::vector<double>>;

bool is_asked_for(const TunBenchOptions& options, const TunRow& row) {
  if (options.only.empty()) return row.name != "flood";
  return std::ranges::find(options.only, row.name) != options.only.end();
}

TunFigures measure_tun(const TunBenchOptions& options) {
  TunFigures figures;
  const bool shows = ::isatty(STDERR_FILENO) != 0;
  for (unsigned round = 1; round <= options.rounds; ++round) {
    for (const TunRow& row : tun_rows()) {
      if (!is_asked_for(options, row)) continue;
      if (shows) {
        fmt::print(stderr, "\r{:<78}",
                   fmt::format("round {} of {}: {}", round, options.rounds, row.what));
      }
      figures[row.name].push_back(row.once(options));
    }
  }
  if (shows) fmt::print(stderr, "\r{:<78}\r", "");
  return figures;
}

std::optional<Spread> ratio_of(const TunFigures& figures, const TunRatio& ratio) {
  const auto of = figures.find(ratio.of);
  const auto to = figures.find(ratio.to);
  if (of == figures.end() || to == figures.end()) return std::nullopt;
  return spread_of_ratios(of->second, to->second);
}

void print_tun_json(const TunBenchOptions& options, const TunFigures& figures) {
  nlohmann::json all{{"schema", 1}, {"bench", "tun"}, {"mtu", 1500}, {"rounds", options.rounds}};
  for (const TunRow& row : tun_rows()) {
    if (!figures.contains(row.name)) continue;
    all[row.name] = as_json(spread_of(figures.at(row.name)));
    all[row.name]["unit"] = row.unit;
  }
  for (const TunRatio& ratio : tun_ratios()) {
    if (const auto spread = ratio_of(figures, ratio)) all[ratio.name] = as_json(*spread);
  }
  fmt::print("{}\n", all.dump(2));
}

void print_tun(const TunBenchOptions& options, const TunFigures& figures) {
  const auto line = [](const std::string& what, const Spread& s, const std::string& unit) {
    fmt::print("  {:<40} {:>6.3g}   ({:.3g} to {:.3g}) {}\n", what, s.median, s.least, s.most,
               unit);
  };
  fmt::print("tun, MTU 1500, one flow, real time: medians of {}\n", options.rounds);
  for (const TunRow& row : tun_rows()) {
    if (figures.contains(row.name)) line(row.what, spread_of(figures.at(row.name)), row.unit);
  }
  for (const TunRatio& ratio : tun_ratios()) {
    if (const auto spread = ratio_of(figures, ratio)) line(ratio.name, *spread, "");
  }
}

void bench_tun(const TunBenchOptions& options) {
  enter_own_network();
  const TunFigures figures = measure_tun(options);
  if (options.json) {
    print_tun_json(options, figures);
  } else {
    print_tun(options, figures);
  }
}

Manual tun_manual() {
  std::vector<Term> rows;
  for (const TunRow& row : tun_rows()) rows.push_back({row.name, row.what + ", in " + row.unit});
  return {.summary = "to this machine's kernel over a TUN device",
          .description =
              "One flow, MTU 1500, super-segments and checksums left to the kernel, in real time "
              "over all cores: a program that only reads packets and acknowledges, and lastack "
              "receiving, each from a program that writes to a socket of the kernel's; a program "
              "that only writes whole super-segments from one buffer, for a kernel's end that "
              "reads nothing of them (MSG_TRUNC), and lastack sending to one that reads; iperf3 "
              "over veth, where the kernel is both ends; and an octet there and back. lastack "
              "copies in from the program's buffer and out to it. A round measures each once, one "
              "after the other; ratios are those within a round.\n\n"
              "Devices and addresses are those of a network namespace of its own, for which it "
              "takes root, or a system that lets its users make one.",
          .terms_title = "what is measured, flood only when it is asked for",
          .terms = std::move(rows),
          .examples = {{"lastack bench tun --rounds 9", "everything, nine times"},
                       {"lastack bench tun --only ping,ping_busy --json",
                        "what busy polling does for round trips"}},
          .exit_codes = {
              {kOk, "measured"},
              {kFailed, "no network namespace or device can be made, or no iperf3 is installed"},
              {kUsage, "wrong usage"}}};
}

}  // namespace

void add_bench_tun(CLI::App& bench) {
  auto options = std::make_shared<TunBenchOptions>();
  CLI::App* one = add_command(bench, "tun", tun_manual());
  std::vector<std::string> names;
  for (const TunRow& row : tun_rows()) names.push_back(row.name);
  one->add_option("--only", options->only, "some of them")
      ->type_name("WHAT,...")
      ->delimiter(',')
      ->check(CLI::IsMember(names));
  one->add_option("--rounds", options->rounds, "rounds; medians are shown")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  one->add_option("--seconds", options->seconds, "how long each is measured")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  one->add_option("--buffer", options->buffer,
                  "octets of lastack's send and of its receive buffer; 0: as serve has them")
      ->type_name("OCTETS")
      ->check(CLI::Range(0, 1 << 30))
      ->capture_default_str();
  one->add_flag("--json", options->json, "figures as JSON");
  one->callback([options] { bench_tun(*options); });
}

}  // namespace lastack::cli
