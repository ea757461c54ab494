// lastack ss: the connections of running hosts, in iproute2's columns.
#include <fmt/core.h>

#include <memory>

#include "cli/command.hpp"
#include "control/control.hpp"

namespace lastack::cli {
namespace {

struct Options {
  bool json = false;
  bool listening = false;
  bool all = false;
  bool tcp = false;
  bool numeric = false;
  bool extended = false;
  int pid = 0;
};

/// iproute2's spelling, which scripts match on.
std::string spelled(const std::string& state) {
  if (state == "ESTABLISHED") return "ESTAB";
  if (state == "SYN_RCVD") return "SYN-RECV";
  if (state == "CLOSED") return "UNCONN";
  std::string out = state;
  for (char& c : out) c = c == '_' ? '-' : c;
  return out;
}

std::string span_text(std::int64_t ms) {
  if (ms < 1000) return fmt::format("{} ms", ms);
  if (ms < 120'000) return fmt::format("{} s", ms / 1000);
  if (ms < 7'200'000) return fmt::format("{} min", ms / 60'000);
  return fmt::format("{} h", ms / 3'600'000);
}

bool wanted(const nlohmann::json& row, const Options& options) {
  const bool listens = row["state"] == "LISTEN";
  return options.all || listens == options.listening;
}

void print_extended(const nlohmann::json& row) {
  std::string line = fmt::format("            in {} for {}", row["state"].get<std::string>(),
                                 span_text(row["since_ms"].get<std::int64_t>()));
  if (row.contains("history") && !row["history"].empty()) {
    const auto& last = row["history"].back();
    line += fmt::format(", from {} by {}", last["from"].get<std::string>(),
                        last["event"].get<std::string>());
  }
  fmt::print("{}\n", line);
}

void show(const Options& options) {
  nlohmann::json rows = nlohmann::json::array();
  for (const auto& reply : control::ask(options.pid, {{"ask", "ss"}})) {
    for (const auto& row : reply.answer) {
      if (!row.is_object() || (!options.json && !wanted(row, options))) continue;
      rows.push_back(row);
      rows.back()["pid"] = reply.pid;
    }
  }
  if (options.json) {
    fmt::print("{}\n", rows.dump(2));
    if (rows.empty()) throw CLI::RuntimeError(kNothingFound);
    return;
  }
  if (rows.empty()) {
    throw Failure{fmt::format("no host runs here that has anything to show\n  looked in {}",
                              control::socket_folder()),
                  kNothingFound};
  }
  fmt::print("{:<11} {:<6} {:<6} {:>26} {:<26}\n", "State", "Recv-Q", "Send-Q",
             "Local Address:Port", "Peer Address:Port");
  for (const auto& row : rows) {
    fmt::print("{:<11} {:<6} {:<6} {:>26} {:<26}\n", spelled(row["state"].get<std::string>()),
               row["recv_q"].get<std::uint64_t>(), row["send_q"].get<std::uint64_t>(),
               row["local"].get<std::string>(), row["remote"].get<std::string>());
    if (options.extended) print_extended(row);
  }
}

}  // namespace

void add_ss(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* ss = app.add_subcommand("ss", "show the connections of running hosts");
  ss->add_flag("-l,--listening", options->listening, "listeners only");
  ss->add_flag("-a,--all", options->all, "listeners too");
  ss->add_flag("-t,--tcp", options->tcp, "TCP: there is nothing else yet");
  ss->add_flag("-n,--numeric", options->numeric, "numbers, no names: always so");
  ss->add_flag("-e,--extended", options->extended, "how long in this state, and by which event");
  ss->add_option("--pid", options->pid, "only the host of this process");
  ss->add_flag("--json", options->json, "everything, as JSON, with the classic names of states");
  ss->callback([options] { show(*options); });
}

namespace {

struct AskOptions {
  std::string what;
  int pid = 0;
};

}  // namespace

void add_ask(CLI::App& app) {
  auto options = std::make_shared<AskOptions>();
  CLI::App* ask =
      app.add_subcommand("ask", "ask running hosts: counters; pause and resume their link");
  ask->add_option("WHAT", options->what, "counters, pause or resume")
      ->required()
      ->check(CLI::IsMember({"counters", "pause", "resume"}));
  ask->add_option("--pid", options->pid, "only the host of this process");
  ask->callback([options] {
    const auto replies = control::ask(options->pid, {{"ask", options->what}});
    for (const auto& reply : replies) fmt::print("{}\n", reply.answer.dump(2));
    if (replies.empty()) {
      throw Failure{fmt::format("no host runs here\n  looked in {}", control::socket_folder()),
                    kNothingFound};
    }
  });
}

}  // namespace lastack::cli
