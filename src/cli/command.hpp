// What the subcommands share: how each is added, and how they speak and end.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lastack::cli {

/// Exit codes (DESIGN section 10).
inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kNothingFound = 3;

/// Ends the command with `code` once `message` (what happened, where, what to do) is on stderr.
struct Failure {
  std::string message;
  int code = kFailed;
};

/// Whether `text` may hold more than ASCII here, by the locale's name.
[[nodiscard]] bool speaks_utf8();
/// Whether standard output is a terminal that takes colours (NO_COLOR unset).
[[nodiscard]] bool takes_colour();

/// The TCP port that /etc/services has by this name.
[[nodiscard]] std::optional<std::uint16_t> port_of_service(std::string_view name);

/// What the kernel calls the program of that process; "?" where there is none.
[[nodiscard]] std::string name_of_process(int pid);

/// The name of who runs this, or the number where there is none: what `ip tuntap ... user` takes.
[[nodiscard]] std::string user_name();

// One file a subcommand; each adds itself.
void add_ask(CLI::App& app);
void add_bench(CLI::App& app);
void add_completion(CLI::App& app);
void add_connect(CLI::App& app);
void add_demo(CLI::App& app);
void add_doctor(CLI::App& app);
void add_explore(CLI::App& app);
void add_man(CLI::App& app);
void add_nstat(CLI::App& app);
void add_relay(CLI::App& app);
void add_run(CLI::App& app);
void add_serve(CLI::App& app);
void add_states(CLI::App& app);
void add_ss(CLI::App& app);
void add_tour(CLI::App& app);
void add_trace(CLI::App& app);
void add_sim(CLI::App& app);

}  // namespace lastack::cli
