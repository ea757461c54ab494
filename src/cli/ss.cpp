// lastack ss: the connections of running hosts, in iproute2's columns.
#include <fmt/core.h>

#include <memory>

#include "cli/command.hpp"
#include "cli/manual.hpp"
#include "control/control.hpp"

namespace lastack::cli {
namespace {

struct SsOptions {
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

/// Another version's host, or none at all, may answer anything.
bool is_row(const nlohmann::json& row) {
  const auto holds = [&row](const char* name, bool (nlohmann::json::*is)() const noexcept) {
    return row.contains(name) && (row[name].*is)();
  };
  using Json = nlohmann::json;
  return row.is_object() && holds("state", &Json::is_string) && holds("local", &Json::is_string) &&
         holds("remote", &Json::is_string) && holds("recv_q", &Json::is_number) &&
         holds("send_q", &Json::is_number) && holds("since_ms", &Json::is_number);
}

bool wanted(const nlohmann::json& row, const SsOptions& options) {
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

void show(const SsOptions& options) {
  nlohmann::json rows = nlohmann::json::array();
  for (const auto& reply : control::ask(options.pid, {{"ask", "ss"}})) {
    for (const auto& row : reply.answer) {
      if (!is_row(row) || (!options.json && !wanted(row, options))) continue;
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

Manual ss_manual() {
  return {
      .summary = "show the connections of running hosts",
      .description =
          "Asks the lastack hosts that run here, such as lastack serve, for their connections, "
          "and prints them in the columns of iproute2's ss and with its names of states; with -e "
          "also how long each has been in its state, and what brought it there. Listeners are "
          "shown with -l or -a.\n\n"
          "Hosts answer on sockets in $XDG_RUNTIME_DIR/lastack, or /run/lastack where that is not "
          "set, and only to the user they run as.",
      .examples = {{"lastack ss -e", "connections, since when, and why"},
                   {"lastack ss -ltn", "listeners"},
                   {"lastack ss --json", "all of it, with the last changes of state"}},
      .exit_codes = {{kOk, "something was shown"},
                     {kUsage, "wrong usage"},
                     {kNothingFound, "no host runs here that has anything to show"}}};
}

Manual ask_manual() {
  return {.summary = "ask running hosts for counters, or pause their link",
          .description =
              "Sends a request to the lastack hosts that run here and prints each one's answer as "
              "JSON. A host whose link is paused takes no packets and sends none until it is "
              "resumed: to its peers it looks as if the cable were out. What comes meanwhile "
              "waits at the device, and the host's timers are late.",
          .terms_title = "requests",
          .terms = {{"counters", "packets, octets, retransmissions, and every drop by its reason"},
                    {"pause", "stop the link"},
                    {"resume", "let it go on"},
                    {"addresses", "on Ethernet: the host's addresses, and whether it may use them"},
                    {"neighbours", "on Ethernet: who is known, under which MAC address"},
                    {"routes", "on Ethernet: where packets go"},
                    {"link_counters", "on Ethernet: frames, and every drop by its reason"}},
          .examples = {{"lastack ask counters", "the counters of every host"},
                       {"lastack ask pause", "take the cable out"},
                       {"lastack ask resume", "and put it back in"}},
          .exit_codes = {{kOk, "somebody answered"},
                         {kUsage, "wrong usage"},
                         {kNothingFound, "no host runs here"}}};
}

}  // namespace

void add_ss(CLI::App& app) {
  auto options = std::make_shared<SsOptions>();
  CLI::App* ss = add_command(app, "ss", ss_manual());
  ss->add_flag("-l,--listening", options->listening, "listeners only");
  ss->add_flag("-a,--all", options->all, "listeners too");
  ss->add_flag("-t,--tcp", options->tcp, "TCP: there is nothing else yet");
  ss->add_flag("-n,--numeric", options->numeric, "numbers, no names: always so");
  ss->add_flag("-e,--extended", options->extended, "how long in this state, and by which event");
  ss->add_option("--pid", options->pid, "only the host of this process")->type_name("PID");
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
  CLI::App* ask = add_command(app, "ask", ask_manual());
  ask->add_option("WHAT", options->what, "the request")
      ->required()
      ->check(CLI::IsMember(
          {"counters", "pause", "resume", "addresses", "neighbours", "routes", "link_counters"}));
  ask->add_option("--pid", options->pid, "only the host of this process")->type_name("PID");
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
