// lastack run: a program that never heard of lastack, on lastack's TCP.
#include <fmt/core.h>
#include <malloc.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "cli/command.hpp"
#include "cli/doctor.hpp"
#include "cli/host_view.hpp"
#include "cli/manual.hpp"
#include "cli/run_network.hpp"
#include "run/guardian.hpp"
#include "run/program.hpp"
#include "run/supervisor.hpp"

namespace lastack::cli {
namespace {

constexpr int kNotFound = 127;  // as shells have it
constexpr int kCannotRun = 126;
constexpr int kBySignal = 128;        // and the signal's number
constexpr Duration kAfterwards = 5s;  // without a single octet

Failure not_started(const run::NotStarted& why, const std::string& program) {
  if (why.what == "run") {
    return {fmt::format("can't run {}: {}", program, std::strerror(why.error)),
            why.error == ENOENT ? kNotFound : kCannotRun};
  }
  std::string text = fmt::format("can't {}: {}", why.what, std::strerror(why.error));
  if (const auto missing = missing_for_runs(find_run())) {
    text += fmt::format("\n  {}: {}\n  {}", missing->name, missing->what, missing->remedy);
  }
  return {text + "\n  lastack doctor   tells what works here", kFailed};
}

/// SIGCHLD as something to read.
int child_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGCHLD);
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return -1;
  return ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

class Running {
 public:
  /// Completes `options`.
  Running(RunOptions& options, run::Program program, run::Ledger& ledger)
      : program_(std::move(program)),
        network_(options),
        host_(options.device, network_.place()),
        notifier_(listener_of(program_, options.program)),
        supervisor_(host_.sockets(), host_.loop(), notifier_, ledger, errands_,
                    {.settle = [this] { network_.settle(); },
                     .settle_device = [this] { network_.settle_device(); },
                     .within = [this](const auto& to) { return network_.within(to); },
                     .has_way = [this](const auto& to) { return network_.has_way(to); },
                     .goes_out = [this](const auto& to) { return network_.goes_out(to); }}) {
    if (const int error = notifier_.try_giving(); error != 0) {
      throw not_started({"hand descriptors to a program", error}, options.program);
    }
    network_.begin(host_, errands_, options);
    host_.describe_rows = [this] { return describe_rows(); };
    host_.on_event = [this](const host::HostEvent& event, TimePoint now) {
      supervisor_.on_event(event, now);
    };
  }

  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { network_.end(); }

  /// Until the last process of the run has ended; the status of the first.
  int run(const std::string& name);

 private:
  static run::OwnedFd listener_of(run::Program& program, const std::string& name) {
    auto listener = program.listener();
    if (!listener) throw not_started(listener.error(), name);
    return std::move(*listener);
  }
  void turn(TimePoint until);
  void deliver();
  [[nodiscard]] std::uint64_t octets_moved();
  void pass_signal_on();
  [[nodiscard]] std::function<void(nlohmann::json&)> describe_rows() const;

  run::Program program_;
  run::Errands errands_;
  RunNetwork network_;
  RealHost host_;
  run::Notifier notifier_;
  run::Supervisor supervisor_;
};

/// What ss has of a socket that tells it apart; a remote end with any port is none.
std::string key_of(std::string_view protocol, const std::string& local, const std::string& remote) {
  return fmt::format("{} {} {}", protocol, local, remote.ends_with(":*") ? "" : remote);
}

nlohmann::json users_of(const run::Shown& shown) {
  nlohmann::json users = nlohmann::json::array();
  for (const run::Holder& holder : shown.holders) {
    users.push_back({{"name", name_of_process(holder.process)},
                     {"pid", holder.process},
                     {"fd", holder.descriptor}});
  }
  return users;
}

std::function<void(nlohmann::json&)> Running::describe_rows() const {
  std::map<std::string, nlohmann::json> users;
  for (const run::Shown& shown : supervisor_.shown()) {
    const std::string remote = shown.remote ? endpoint_text(*shown.remote) : "";
    const char* const protocol = shown.datagrams ? "udp" : "tcp";
    users[key_of(protocol, endpoint_text(shown.local), remote)] = users_of(shown);
  }
  std::map<std::string, nlohmann::json> legs;
  for (const run::ShownLeg& leg : network_.shown()) {
    const auto& [local, remote] = leg.program;
    auto& one = legs[key_of("tcp", endpoint_text(local), endpoint_text(remote))];
    one = {{"local", endpoint_text(leg.machine.local)},
           {"remote", endpoint_text(leg.machine.remote)}};
    if (leg.state) one["state"] = to_string(*leg.state);
  }
  return [users = std::move(users), legs = std::move(legs)](nlohmann::json& row) {
    const auto word = [&row](const char* name) { return row[name].get<std::string>(); };
    const std::string key = key_of(word("protocol"), word("local"), word("remote"));
    const auto found = users.find(key);
    row["users"] = found == users.end() ? nlohmann::json::array() : found->second;
    if (const auto leg = legs.find(key); leg != legs.end()) row["machine"] = leg->second;
  };
}

/// SIGTERM is meant for the program. SIGINT comes from the terminal, which has told it, too.
void Running::pass_signal_on() {
  if (host_.signal() == 0) return;
  if (host_.signal() == SIGTERM) ::kill(program_.process(), SIGTERM);
  host_.end(0);
}

void Running::turn(TimePoint until) {
  network_.settle();
  host_.wait(std::min(
      {host_.next_deadline(), supervisor_.next_deadline(), network_.next_deadline(), until}));
  supervisor_.turn(io::monotonic_now());
}

std::uint64_t Running::octets_moved() {
  return host_.host().counters().octets_in + network_.carried();
}

/// What programs wrote before they ended still goes out, as long as anybody takes it.
void Running::deliver() {
  host_.end(0);
  turn(TimePoint{});  // what the last of them has left is taken
  std::uint64_t moved = 0;
  TimePoint until{};
  while (host_.signal() == 0 && (host_.waits_for_ack() || network_.has_to_send())) {
    const TimePoint now = io::monotonic_now();
    if (const std::uint64_t all = octets_moved(); all != moved || until == TimePoint{}) {
      moved = all;
      until = now + kAfterwards;
    }
    if (now >= until) return;
    turn(until);
  }
}

int Running::run(const std::string& name) {
  const int children = child_signals();
  bool some_ended = true;  // or had by now
  host_.loop().add(children, [children, &some_ended] {
    signalfd_siginfo signal{};
    while (::read(children, &signal, sizeof signal) == sizeof signal) some_ended = true;
  });
  host_.wait_for_addresses();
  if (const auto why = program_.begin()) throw not_started(*why, name);
  std::optional<int> status;
  for (;;) {
    const bool look = std::exchange(some_ended, false);
    const run::Ended ended = look ? run::reap(program_.process()) : run::Ended{};
    if (ended.status) status = ended.status;
    if (ended.all) break;
    turn(kNever);
    pass_signal_on();
  }
  host_.loop().remove(children);
  deliver();
  return status.value_or(0);
}

/// The guardian ends as the supervisor has, which has said what there was to say.
void end_as(const run::Outlived& outlived, const RunOptions& options) {
  if (WIFEXITED(outlived.status)) {
    if (WEXITSTATUS(outlived.status) == 0) return;
    throw CLI::RuntimeError(WEXITSTATUS(outlived.status));
  }
  std::error_code ignored;
  std::filesystem::remove(fmt::format("{}/{}.sock", control::socket_folder(), outlived.supervisor),
                          ignored);
  if (options.join.empty()) std::filesystem::remove(path_of_run(options.name), ignored);
  throw Failure{fmt::format("what carries this run's connections was ended by signal {}: they were "
                            "reset",
                            WTERMSIG(outlived.status)),
                kFailed};
}

/// What streams lie in is freed and taken again all the time. Given back to the system meanwhile,
/// each page of it would be cleared anew.
void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kMost = 16 << 20;
  constexpr int kAtOnce = 1 << 20;
  ::mallopt(M_TRIM_THRESHOLD, kMost);
  ::mallopt(M_MMAP_THRESHOLD, kAtOnce);
  ::mallopt(M_TOP_PAD, kAtOnce);
#endif
}

/// The program's own end: its exit code, or its signal, as a shell reports it.
void run(RunOptions options, bool mtu_given) {
  complete(options, mtu_given);
  std::vector<std::string> words{options.program};
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  for (std::string& word : words) {  // main() has put a space there
    const std::size_t last = word.find_last_not_of(' ');
    if (word.starts_with('[') && word[last] == ']') word.pop_back();
  }
  run::Ledger ledger;
  run::adopt_orphans();
  if (const auto outlived = run::stand_guard(ledger)) return end_as(*outlived, options);
  run::adopt_orphans();
  keep_freed_memory();
  auto program = run::Program::prepare(words);
  if (!program) throw not_started(program.error(), words.front());
  Running running(options, std::move(*program), ledger);
  const int status = running.run(words.front());
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  throw CLI::RuntimeError(WIFEXITED(status) ? WEXITSTATUS(status) : kBySignal + WTERMSIG(status));
}

Manual run_manual() {
  return {
      .summary = "run a program on lastack's TCP instead of the kernel's",
      .description =
          "Starts PROGRAM, unmodified and without root, and gives it and all that it starts "
          "sockets "
          "of lastack's. They talk to each other over lastack's own loopback, and show in lastack "
          "ss and trace for as long as the run goes on. Nothing reaches the machine's network: an "
          "address outside the run is unreachable.\n\n"
          "With --allow-host it is not: a connection to an address outside is lastack's own, "
          "10.0.2.15 or fd00:2::15 on this side, and behind its far end stands a socket of the "
          "machine; half-closes and resets are carried both ways. Datagrams go out as well, so "
          "names "
          "are found as on the machine; without it a name is the run's, of --host, or not found. "
          "10.0.2.2 and fd00:2::2 are the "
          "machine's own loopback. With --publish the world reaches a server of the run: at "
          "127.0.0.1 of the machine, unless an ADDRESS is given. lastack ss shows the machine's "
          "end beside the program's.\n\n"
          "With --net tun the run is on a TUN device to the machine's kernel, whose programs reach "
          "it and are reached. An ordinary user needs one that root has made (ip tuntap add dev "
          "la0 "
          "mode tun user NAME) and configured. With --join a run is on the network of another one "
          "that has a --name, until that ends.\n\n"
          "The program's input, output, terminal, signals and exit code are its own. The run ends "
          "when the last process that it started has ended.",
      .examples =
          {{"lastack run sh -c 'nc -l 127.0.0.1 7 & sleep 1; echo hi | nc -N 127.0.0.1 7'",
            "two programs talk to each other"},
           {"lastack run --allow-host sh -c 'echo hi | nc -N 10.0.2.2 7'",
            "a server of this machine, at its port 7"},
           {"lastack run --publish 8080:80 nc -l 80",
            "who connects to port 8080 of this machine reaches it"},
           {"lastack run --host web=10.1.0.1 sh -c 'nc -l web 80 & sleep 1; nc -N web 80'",
            "a name of the run's own"},
           {"lastack run --name lab nc -l 80 & sleep 1; lastack run --join lab nc -N lab 80",
            "two runs on one network"},
           {"lastack run --net tun nc -l 80", "from this machine: nc -N 10.9.0.2 80"}},
      .exit_codes = {
          {kOk, "PROGRAM's own"},
          {kCannotRun, "PROGRAM can't be run"},
          {kNotFound, "there is no PROGRAM"},
          {kBySignal, "and more: PROGRAM was ended by the signal of that number less 128"},
          {kFailed, "this machine does not let programs be run so; or PROGRAM says so"},
          {kUsage, "wrong usage; or PROGRAM says so"}}};
}

}  // namespace

void add_run(CLI::App& app) {
  auto options = std::make_shared<RunOptions>();
  options->device.mtu = 65535;
  CLI::App* command = add_command(app, "run", run_manual());
  command->add_option("PROGRAM", options->program, "what to run")->required();
  command->add_option("ARGUMENT", options->arguments, "what it is given, options too");
  command
      ->add_option("--net", options->net,
                   "the network that programs have: one of their own, or a TUN device to this "
                   "machine's kernel (la0)")
      ->type_name("embedded|tun[=DEVICE]")
      ->capture_default_str();
  command->add_flag("--allow-host", options->allow_host,
                    "connect to addresses outside the run, through this machine");
  command
      ->add_option("--publish", options->publish,
                   "a port of this machine that leads to one of the run")
      ->allow_extra_args(false)
      ->type_name("[ADDRESS:]PORT:PORT");
  command
      ->add_option("--host", options->hosts,
                   "a name that programs of the run find, and its address, which is the run's")
      ->allow_extra_args(false)
      ->type_name("NAME=ADDRESS");
  command
      ->add_option("--name", options->name,
                   "what others call this run: a name that programs find, and for --join")
      ->type_name("NAME");
  command->add_option("--join", options->join, "be on the network of the run of that name, as well")
      ->type_name("NAME");
  command
      ->add_option("--ip", options->device.ip,
                   "over --net tun: an address of the run; if not given, the one next to the "
                   "kernel's on the device")
      ->type_name("ADDRESS/N")
      ->allow_extra_args(false);
  add_peer_option(*command, options->device);
  add_host_options(*command, options->device);
  const CLI::Option* mtu = command->get_option("--mtu")->description(
      "octets of the largest IP packet; over --net tun 1500, if not given");
  command->callback([options, mtu] { run(*options, mtu->count() > 0); });
}

}  // namespace lastack::cli
