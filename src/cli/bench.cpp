// lastack bench: what the stack costs, both ends together, in one process on one core.
#include <fmt/core.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "cli/bench_floor.hpp"
#include "cli/bench_sockets.hpp"
#include "cli/bench_threads.hpp"
#include "cli/bench_transfer.hpp"
#include "cli/bench_tun.hpp"
#include "cli/bench_world.hpp"
#include "cli/command.hpp"
#include "cli/manual.hpp"
#include "socket/open_socket.hpp"

namespace lastack::cli {
namespace {

using socket::Fd;

struct BenchOptions {
  BenchWire wire;
  unsigned repeat = 5;
  double seconds = 0;
  std::uint64_t mebibytes = 1024;
  std::size_t chunk = 65536;
  std::uint64_t rounds = 200'000;
  std::size_t idle = 0;
  bool round_robin = false;
  bool shuffled = false;
  std::uint64_t connections = 50'000;
  std::uint64_t time_wait = 1000;
  std::size_t idle_connections = 10'000;
  std::size_t scale_connections = 100'000;
  bool no_checksums = false;
  bool offload = false;
  bool json = false;
};

/// Figures of one run by their names in JSON; `headline` is what runs are compared by, the lower
/// the better.
struct Run {
  std::string headline;
  nlohmann::json figures;
  [[nodiscard]] double value() const { return figures.at(headline).get<double>(); }
};

BenchWire wire_of(const BenchOptions& options) {
  BenchWire wire = options.wire;
  wire.checksums = !options.no_checksums && !options.offload;
  wire.super_segments = options.offload;
  return wire;
}

// --- bulk

Run bulk(const BenchOptions& options) {
  BenchWorld world(wire_of(options));
  Transfer transfer(world, options.chunk);
  const std::uint64_t total = options.mebibytes << 20U;
  transfer.run(16U << 20U, true);
  const std::uint64_t packets_before = world.packets();
  const std::int64_t before = cpu_ns();
  transfer.run(total, false);
  const auto ns = static_cast<double>(cpu_ns() - before);
  const std::uint64_t segment = transfer.segment();
  const double per_packet = ns * static_cast<double>(segment) / static_cast<double>(total);
  const double floor =
      floor_ns_per_packet(segment, options.chunk, options.wire.buffer, wire_of(options).checksums);
  return {"cpu_ns_per_packet",
          {{"cpu_ns_per_packet", per_packet},
           {"floor_ns_per_packet", floor},
           {"floor_ratio", per_packet / floor},
           {"cpu_ns_per_1460_octets", ns * 1460 / static_cast<double>(total)},
           {"gbit_per_cpu_s", static_cast<double>(total) * 8 / ns},
           {"octets", total},
           {"octets_per_packet", segment},
           {"packets_both_ways", world.packets() - packets_before}}};
}

// --- pingpong

/// Carries until the octet is there: ACKs of other connections may come before it.
template <typename Carry>
bool comes(socket::Sockets& at, Fd fd, std::span<std::byte> one, BenchWorld& world, Carry carry) {
  while (carry() > 0) {
    if (at.recv(fd, one, world.now())) return true;
  }
  return false;
}

void ping(BenchWorld& world, BenchWorld::Pair fds, std::span<std::byte> one) {
  const auto there = world.a().send(fds.first, one, world.now());
  const bool at_b =
      comes(world.b(), fds.second, one, world, [&world] { return world.carry_a_to_b(); });
  const auto back = world.b().send(fds.second, one, world.now());
  const bool at_a =
      comes(world.a(), fds.first, one, world, [&world] { return world.carry_b_to_a(); });
  if (!there || !at_b || !back || !at_a) throw Failure{"an octet was lost on the way", kFailed};
}

/// Nanoseconds a round trip; `pick(i)` says on which connection the ith goes.
template <typename Pick>
double time_rounds(BenchWorld& world, std::uint64_t rounds, Pick pick) {
  std::array<std::byte, 1> one{};
  for (std::uint64_t i = 0; i < rounds / 10; ++i) ping(world, pick(i), one);
  const std::int64_t before = cpu_ns();
  for (std::uint64_t i = 0; i < rounds; ++i) ping(world, pick(i), one);
  return static_cast<double>(cpu_ns() - before) / static_cast<double>(rounds);
}

/// The same order each time.
void put_out_of_order(std::vector<BenchWorld::Pair>& all) {
  Random random(1);
  for (std::size_t left = all.size(); left > 1; --left) {
    std::swap(all[left - 1], all[random.below(static_cast<std::uint32_t>(left))]);
  }
}

Run pingpong(const BenchOptions& options) {
  BenchWorld world(wire_of(options));
  std::vector<BenchWorld::Pair> all;
  for (std::size_t i = 0; i <= options.idle; ++i) all.push_back(world.connect(i));
  if (options.shuffled) put_out_of_order(all);
  world.pass(std::chrono::seconds(1));
  const std::uint64_t packets_before = world.packets();
  const double ns = time_rounds(world, options.rounds, [&](std::uint64_t i) {
    return options.round_robin ? all[i % all.size()] : all[0];
  });
  return {"cpu_ns_per_round_trip",
          {{"cpu_ns_per_round_trip", ns},
           {"rounds", options.rounds},
           {"connections", all.size()},
           {"packets_both_ways", world.packets() - packets_before}}};
}

// --- scale

/// Before the round-robin is timed it has gone round once: what is measured are cache misses, not
/// the first look at each.
Run scale(const BenchOptions& options) {
  BenchWorld world(wire_of(options));
  std::vector<BenchWorld::Pair> all{world.connect()};
  const auto busy = [&](std::uint64_t) { return all[0]; };
  const double alone = time_rounds(world, options.rounds, busy);
  while (all.size() < options.scale_connections) {
    all.push_back(world.connect(all.size()));
    world.pass(std::chrono::microseconds(100));
  }
  world.pass(std::chrono::seconds(1));
  const double among = time_rounds(world, options.rounds, busy);
  const auto next = [&](std::uint64_t i) { return all[i % all.size()]; };
  std::array<std::byte, 1> one{};
  for (std::uint64_t i = 0; i < all.size(); ++i) ping(world, next(i), one);
  const double round_robin = time_rounds(world, options.rounds, next);
  return {"round_robin_ratio",
          {{"round_robin_ratio", round_robin / alone},
           {"busy_among_idle_ratio", among / alone},
           {"alone_ns", alone},
           {"busy_among_idle_ns", among},
           {"round_robin_ns", round_robin},
           {"connections", all.size()},
           {"rounds", options.rounds}}};
}

// --- connect

void whole_connection(BenchWorld& world, std::size_t server, std::span<std::byte> one) {
  const auto fds = world.connect(server * BenchWorld::kClientsPerServer);
  ping(world, fds, one);
  (void)world.a().close(fds.first, world.now());
  world.exchange();
  (void)world.b().close(fds.second, world.now());
  world.exchange();
}

/// The client closes first, so the TIME_WAITs are its own. Virtual time passes so fast that
/// `time_wait` of them are there at any moment; they take turns at as many servers as that takes.
Run connect(const BenchOptions& options) {
  BenchWorld world(wire_of(options));
  const Duration step = std::max<Duration>(
      2 * wire_of(options).msl / static_cast<std::int64_t>(options.time_wait + 1), Duration(1));
  const std::uint64_t servers = options.time_wait / BenchWorld::kClientsPerServer + 1;
  std::array<std::byte, 1> one{};
  const auto go = [&](std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) {
      whole_connection(world, i % servers, one);
      world.pass(step);
    }
  };
  go(2 * options.time_wait + 100);
  const std::size_t kept = world.host_a().flows();
  const std::uint64_t packets_before = world.packets();
  const std::int64_t before = cpu_ns();
  go(options.connections);
  const auto ns = static_cast<double>(cpu_ns() - before);
  return {"cpu_us_per_connection",
          {{"cpu_us_per_connection", ns / 1000 / static_cast<double>(options.connections)},
           {"connections", options.connections},
           {"time_wait_kept", kept},
           {"packets_both_ways", world.packets() - packets_before}}};
}

// --- idle

/// Octets of this process that lie in memory.
std::uint64_t resident_octets() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;  // the second is what is resident
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Run idle(const BenchOptions& options) {
  ::malloc_trim(0);  // or what a run before has freed is taken, and nothing grows
  BenchWorld world(wire_of(options));
  std::array<std::byte, 1> one{};
  ping(world, world.connect(), one);
  const std::size_t before = ::mallinfo2().uordblks;
  const std::uint64_t resident_before = resident_octets();
  for (std::size_t i = 0; i < options.idle_connections; ++i) {
    const auto fds = world.connect(i + 1);
    ping(world, fds, one);
    world.pass(std::chrono::microseconds(100));
  }
  world.pass(std::chrono::seconds(1));
  const auto grown = static_cast<double>(::mallinfo2().uordblks - before);
  const auto resident = static_cast<double>(resident_octets() - resident_before);
  const double ends = 2.0 * static_cast<double>(options.idle_connections);
  const std::size_t counted = sizeof(host::ConnectionEntry) + 4 + (64 + 2) / 3 +
                              sizeof(host::TimingWheel::Node) + sizeof(socket::OpenSocket) +
                              2 * sizeof(std::uint32_t);
  return {"heap_octets_per_end",
          {{"heap_octets_per_end", grown / ends},
           {"resident_octets_per_end", resident / ends},
           {"counted_octets_per_end", counted},
           {"tcb_octets", sizeof(tcp::Tcb)},
           {"syn_rcvd_octets", sizeof(tcp::SynRcvd)},
           {"time_wait_octets", sizeof(tcp::TimeWait)},
           {"connections", options.idle_connections}}};
}

// --- results

std::string text_of(const nlohmann::json& value) {
  if (!value.is_number_float()) return value.dump();
  const double number = value.get<double>();
  return fmt::format("{:.{}f}", number, number < 10 ? 3 : 1);
}

/// So many runs, and more of them until so much processor time is over. Each run warms itself
/// up before it counts.
std::vector<Run> run_all(const BenchOptions& options, Run (*once)(const BenchOptions&)) {
  std::vector<Run> runs;
  const std::int64_t until = cpu_ns() + static_cast<std::int64_t>(options.seconds * 1e9);
  while (runs.size() < options.repeat || cpu_ns() < until) runs.push_back(once(options));
  std::ranges::sort(runs, {}, &Run::value);
  return runs;
}

/// The median of all runs by their headline, with the spread.
void measure(const std::string& name, const BenchOptions& options,
             Run (*once)(const BenchOptions&)) {
  const std::vector<Run> runs = run_all(options, once);
  const Run& median = runs[runs.size() / 2];
  if (options.json) {
    nlohmann::json all = median.figures;
    all["schema"] = 1;
    all["bench"] = name;
    all["mtu"] = options.wire.mtu;
    all["checksums"] = wire_of(options).checksums;
    all["ip"] = options.wire.v6 ? 6 : 4;
    all["ethernet"] = options.wire.ethernet;
    all["runs"] = runs.size();
    all["least"] = runs.front().value();
    all["most"] = runs.back().value();
    fmt::print("{}\n", all.dump(2));
    return;
  }
  fmt::print("{}, IPv{}, MTU {}, checksums {}: median of {}\n", name, options.wire.v6 ? 6 : 4,
             options.wire.mtu, wire_of(options).checksums ? "on" : "left to the link", runs.size());
  fmt::print("  {:<24} {}   ({} to {})\n", median.headline,
             text_of(median.figures.at(median.headline)),
             text_of(runs.front().figures.at(median.headline)),
             text_of(runs.back().figures.at(median.headline)));
  for (const auto& [key, value] : median.figures.items()) {
    if (key != median.headline) fmt::print("  {:<24} {}\n", key, text_of(value));
  }
}

/// The four of them, with what each has beside the options they share.
struct Bench {
  std::string name;
  Manual manual;
  Run (*once)(const BenchOptions&);
};

CLI::App* add_one(CLI::App& bench, const std::shared_ptr<BenchOptions>& options, Bench what) {
  what.manual.exit_codes = {
      {kOk, "measured"}, {kFailed, "the stack lost or changed an octet"}, {kUsage, "wrong usage"}};
  CLI::App* one = add_command(bench, what.name, std::move(what.manual));
  one->add_flag("-6", options->wire.v6, "IPv6");
  one->add_flag("--ethernet", options->wire.ethernet, "in frames, as over a TAP device");
  one->add_option("--mtu", options->wire.mtu, "octets of the largest IP packet; max is 65535")
      ->type_name("OCTETS")
      ->transform([](const std::string& text) { return text == "max" ? "65535" : text; })
      ->check(CLI::Range(1280, 65535))
      ->capture_default_str();
  one->add_flag("--no-checksums", options->no_checksums, "as where the link sums and verifies");
  one->add_flag("--offload", options->offload,
                "segments of up to 64 KiB travel whole, without checksums: as over TUN");
  one->add_option("--buffer", options->wire.buffer, "octets of send and of receive buffer")
      ->type_name("OCTETS")
      ->check(CLI::Range(4096, 1 << 30))
      ->capture_default_str();
  one->add_option("--repeat", options->repeat, "runs; the median is shown")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  one->add_option("--seconds", options->seconds, "go on with more runs for so much processor time")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 86400.0));
  one->add_flag("--json", options->json, "figures as JSON");
  one->callback([name = what.name, once = what.once, options] { measure(name, *options, once); });
  return one;
}

Manual bench_manual() {
  return {
      .summary = "what the stack costs, in processor time",
      .description =
          "Two hosts in one process on one thread, joined by memory; every figure is for both "
          "ends together. The program's octets are copied in, by the wire into the receiver's "
          "packet, and out. Time is virtual: a batch of packets takes a microsecond, and waiting "
          "costs nothing. Each run warms itself up before it counts.",
      .examples = {{"lastack bench bulk --mtu max", "the largest segments, checksums on"},
                   {"lastack bench pingpong --idle 10000 --round-robin",
                    "an octet and back, on one of 10,001 connections after another"},
                   {"lastack bench connect --time-wait 10000 --json",
                    "whole connections while 10,000 stand in TIME_WAIT"}},
      .exit_codes = {{kOk, "measured"},
                     {kFailed, "the stack lost or changed an octet"},
                     {kUsage, "wrong usage"}}};
}

void add_bulk(CLI::App& bench, const std::shared_ptr<BenchOptions>& options) {
  CLI::App* one = add_one(
      bench, options,
      {"bulk",
       {.summary = "one stream, one way",
        .description = "Sends a stream as fast as both ends go. Before it counts, 16 MiB are sent "
                       "and compared with what was sent.",
        .examples = {{"lastack bench bulk --mib 256 --mtu 9000", "with jumbo frames"}}},
       bulk});
  one->add_option("--mib", options->mebibytes, "MiB to send")
      ->type_name("MIB")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str();
  one->add_option("--chunk", options->chunk, "octets a write and a read")
      ->type_name("OCTETS")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
}

void add_pingpong(CLI::App& bench, const std::shared_ptr<BenchOptions>& options) {
  CLI::App* one = add_one(
      bench, options,
      {"pingpong",
       {.summary = "one octet there, one back",
        .description = "Counts the processor time of a round trip. Other connections may be open "
                       "meanwhile, idle or taking turns, which shows what finding one costs.",
        .examples = {{"lastack bench pingpong --rounds 100000", "one connection alone"}}},
       pingpong});
  one->add_option("--rounds", options->rounds, "round trips")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str();
  one->add_option("--idle", options->idle, "other connections that are open")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  one->add_flag("--round-robin", options->round_robin,
                "each round trip on another of them, in the order in which they were made");
  one->add_flag("--shuffled", options->shuffled, "in another order, which is the same each time");
}

void add_connect(CLI::App& bench, const std::shared_ptr<BenchOptions>& options) {
  CLI::App* one =
      add_one(bench, options,
              {"connect",
               {.summary = "connect, an octet each way, close, TIME_WAIT",
                .description =
                    "Makes whole connections, one after another. The client closes first, so the "
                    "TIME_WAITs are its own; virtual time passes so that as many as asked for are "
                    "there at any moment.",
                .examples = {{"lastack bench connect --connections 10000 --time-wait 0",
                              "with no TIME_WAIT kept"}}},
               connect});
  one->add_option("--connections", options->connections, "connections, one after another")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str();
  one->add_option("--time-wait", options->time_wait, "how many stand in TIME_WAIT meanwhile")
      ->check(CLI::Range(0, 250'000))
      ->capture_default_str();
}

void add_idle(CLI::App& bench, const std::shared_ptr<BenchOptions>& options) {
  CLI::App* one = add_one(
      bench, options,
      {"idle",
       {.summary = "memory of an idle connection",
        .description = "Opens connections, lets each carry an octet and rest, and divides what the "
                       "heap has grown by, and what of the process lies in memory. Octets are "
                       "those of one end.",
        .examples = {{"lastack bench idle --connections 100000", "a hundred thousand of them"}}},
       idle});
  one->add_option("--connections", options->idle_connections, "connections that are open")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
}

void add_scale(CLI::App& bench, const std::shared_ptr<BenchOptions>& options) {
  CLI::App* one = add_one(
      bench, options,
      {"scale",
       {.summary = "what other connections cost one that is busy",
        .description = "An octet and back on one connection alone; on one among many that are "
                       "idle; and on one after another of the many. The ratios are to the first.",
        .examples = {{"lastack bench scale --connections 100000 --json", "among 100,000"}}},
       scale});
  one->add_option("--connections", options->scale_connections, "connections that are open")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  one->add_option("--rounds", options->rounds, "round trips")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str();
}

}  // namespace

void add_bench(CLI::App& app) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* bench = add_command(app, "bench", bench_manual());
  bench->require_subcommand(1);
  add_bulk(*bench, options);
  add_pingpong(*bench, options);
  add_connect(*bench, options);
  add_idle(*bench, options);
  add_scale(*bench, options);
  add_bench_sockets(*bench);
  add_bench_threads(*bench);
  add_bench_tun(*bench);
}

}  // namespace lastack::cli
