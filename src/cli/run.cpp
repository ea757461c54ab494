// lastack run: a program that never heard of lastack, on lastack's TCP.
#include <fmt/core.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "cli/command.hpp"
#include "cli/host_view.hpp"
#include "cli/manual.hpp"
#include "cli/real_host.hpp"
#include "run/program.hpp"
#include "run/supervisor.hpp"

namespace lastack::cli {
namespace {

constexpr int kNotFound = 127;  // as shells have it
constexpr int kCannotRun = 126;
constexpr int kBySignal = 128;  // and the signal's number
constexpr Duration kAfterwards = 5s;

struct RunOptions {
  std::vector<std::string> words;
  DeviceOptions device;
};

Failure not_started(const run::NotStarted& why, const std::string& program) {
  if (why.what == "run") {
    return {fmt::format("can't run {}: {}", program, std::strerror(why.error)),
            why.error == ENOENT ? kNotFound : kCannotRun};
  }
  std::string text = fmt::format("can't {}: {}", why.what, std::strerror(why.error));
  // EBUSY of the kernel; libseccomp has another word for it.
  if (why.error == EBUSY || why.error == EFAULT)
    text += "\n  another run, or a sandbox, listens to its calls already";
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
  Running(const RunOptions& options, run::Program program)
      : program_(std::move(program)),
        host_(options.device),
        notifier_(listener_of(program_, options.words.front())),
        supervisor_(host_.sockets(), host_.loop(), notifier_,
                    {.settle = [this] { host_.settle(); },
                     .reaches = [this](const wire::IpAddress& address) { return reaches(address); },
                     .refused = [this](const host::Endpoint& end) { tell_refused(end); }}),
        alone_(options.device.tun.empty() && options.device.tap.empty()) {
    host_.describe_rows = [this] { return describe_rows(); };
    host_.on_event = [this](const host::HostEvent& event, TimePoint now) {
      supervisor_.on_event(event, now);
    };
  }

  /// Until the last process of the run has ended; the status of the first.
  int run(const std::string& name);

 private:
  static run::OwnedFd listener_of(run::Program& program, const std::string& name) {
    auto listener = program.listener();
    if (!listener) throw not_started(listener.error(), name);
    return std::move(*listener);
  }
  [[nodiscard]] bool reaches(const wire::IpAddress& address) {
    return !alone_ || host_.host().is_local(address);
  }
  void tell_refused(const host::Endpoint& end);
  void pass_signal_on();
  [[nodiscard]] std::function<void(nlohmann::json&)> describe_rows() const;

  run::Program program_;
  RealHost host_;
  run::Notifier notifier_;
  run::Supervisor supervisor_;
  bool alone_;
  std::set<wire::IpAddress> told_;
};

void Running::tell_refused(const host::Endpoint& end) {
  if (!told_.insert(end.address).second) return;
  fmt::print(stderr, "lastack: {} is outside this run\n", end.address.to_string());
}

/// By both ends as ss has them.
std::string key_of(const std::string& local, const std::string& remote) {
  return local + ' ' + remote;
}

std::function<void(nlohmann::json&)> Running::describe_rows() const {
  std::map<std::string, nlohmann::json> users;
  for (const run::Shown& shown : supervisor_.shown()) {
    const std::string remote = shown.listening ? "" : endpoint_text(shown.flow.remote);
    auto& all = users[key_of(endpoint_text(shown.flow.local), remote)];
    all = nlohmann::json::array();
    for (const run::Holder& holder : shown.holders) {
      all.push_back({{"name", name_of_process(holder.process)},
                     {"pid", holder.process},
                     {"fd", holder.descriptor}});
    }
  }
  return [users = std::move(users)](nlohmann::json& row) {
    const bool listens = row["state"] == "LISTEN";
    const auto found = users.find(
        key_of(row["local"].get<std::string>(), listens ? "" : row["remote"].get<std::string>()));
    row["users"] = found == users.end() ? nlohmann::json::array() : found->second;
  };
}

/// SIGTERM is meant for the program. SIGINT comes from the terminal, which has told it, too.
void Running::pass_signal_on() {
  if (host_.signal() == 0) return;
  if (host_.signal() == SIGTERM) ::kill(program_.process(), SIGTERM);
  host_.end(0);
}

int Running::run(const std::string& name) {
  const int children = child_signals();
  host_.loop().add(children, [children] {
    signalfd_siginfo signal{};
    while (::read(children, &signal, sizeof signal) == sizeof signal) {
    }
  });
  host_.wait_for_addresses();
  if (const auto why = program_.begin()) throw not_started(*why, name);
  std::optional<int> status;
  for (;;) {
    const run::Ended ended = run::reap(program_.process());
    if (ended.status) status = ended.status;
    if (ended.all) break;
    host_.turn(supervisor_.next_deadline());
    supervisor_.turn(io::monotonic_now());
    pass_signal_on();
  }
  host_.loop().remove(children);
  host_.deliver(kAfterwards);
  return status.value_or(0);
}

/// The program's own end: its exit code, or its signal, as a shell reports it.
void run(RunOptions options) {
  if (options.device.tun.empty()) options.device.ip = {"127.0.0.1/8", "::1/128"};
  for (std::string& word : options.words) {  // main() has put a space there
    const std::size_t last = word.find_last_not_of(' ');
    if (word.starts_with('[') && word[last] == ']') word.pop_back();
  }
  run::adopt_orphans();
  auto program = run::Program::prepare(options.words);
  if (!program) throw not_started(program.error(), options.words.front());
  Running running(options, std::move(*program));
  const int status = running.run(options.words.front());
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
          "The program's input, output, terminal, signals and exit code are its own. The run ends "
          "when the last process that it started has ended.",
      .examples = {{"lastack run sh -c 'nc -l 127.0.0.1 7 & sleep 1; echo hi | nc -N 127.0.0.1 7'",
                    "two programs talk to each other"}},
      .exit_codes = {
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
  command->add_option("PROGRAM", options->words, "what to run, and its arguments")->required();
  add_host_options(*command, options->device);
  command->callback([options] { run(*options); });
}

}  // namespace lastack::cli
