// lastack run: a program that never heard of lastack, on lastack's TCP.
#include <fmt/core.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "cli/command.hpp"
#include "cli/host_view.hpp"
#include "cli/manual.hpp"
#include "cli/real_host.hpp"
#include "link/junction.hpp"
#include "run/gateway.hpp"
#include "run/guardian.hpp"
#include "run/program.hpp"
#include "run/supervisor.hpp"

namespace lastack::cli {
namespace {

constexpr int kNotFound = 127;  // as shells have it
constexpr int kCannotRun = 126;
constexpr int kBySignal = 128;        // and the signal's number
constexpr Duration kAfterwards = 5s;  // without a single octet

// The run as it looks from inside where there is a way out.
constexpr std::string_view kRunV4 = "10.0.2.15";
constexpr std::string_view kRunV6 = "fd00:2::15";
constexpr std::string_view kMachineV4 = "10.0.2.2";
constexpr std::string_view kMachineV6 = "fd00:2::2";

struct RunOptions {
  std::string program;
  std::vector<std::string> arguments;
  bool allow_host = false;
  std::vector<std::string> publish;
  DeviceOptions device;
  [[nodiscard]] bool has_gateway() const { return allow_host || !publish.empty(); }
};

run::Surroundings surroundings() {
  const auto address = [](std::string_view text) { return *wire::IpAddress::parse(text); };
  return {.run = {address(kRunV4), address(kRunV6)},
          .machine = {address(kMachineV4), address(kMachineV6)}};
}

/// Where the machine's programs ask for names, as far as it is on the machine itself: those of a
/// run that may go out ask there, too.
std::vector<wire::IpAddress> local_resolvers(bool allow_host) {
  std::vector<wire::IpAddress> all;
  std::ifstream file(allow_host ? "/etc/resolv.conf" : "");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    std::string text;
    if (!(words >> word >> text) || word != "nameserver") continue;
    const auto address = wire::IpAddress::parse(text);
    if (address && address->is_loopback()) all.push_back(*address);
  }
  return all;
}

/// What --publish says: an address and port of the machine, and a port of the run.
struct PublishedPort {
  host::Endpoint outside;
  std::uint16_t port = 0;
};

PublishedPort published_of(const std::string& text) {
  const std::size_t colon = std::min(text.rfind(':'), text.size());
  std::string outside = text.substr(0, colon);
  if (outside.find(':') == std::string::npos) outside = "127.0.0.1:" + outside;
  const auto at = host::Endpoint::parse(outside);
  const auto inside = host::Endpoint::parse("0.0.0.0" + text.substr(colon));
  if (!at || !inside || at->port == 0 || inside->port == 0) {
    throw Failure{fmt::format("--publish {}: write a port of this machine and one of the run, as "
                              "in 8080:80, 0.0.0.0:8080:80 or [::1]:8080:80",
                              text),
                  kUsage};
  }
  return {*at, inside->port};
}

Failure not_published(const PublishedPort& published, int error) {
  std::string text =
      fmt::format("can't listen at {}: {}", published.outside.to_string(), std::strerror(error));
  if (error == EACCES)
    text += fmt::format("\n  ports below 1024 are root's; another one: --publish 8080:{}",
                        published.port);
  if (error == EADDRINUSE) text += "\n  another program listens there; choose another port";
  return {text, kFailed};
}

Failure not_started(const run::NotStarted& why, const std::string& program) {
  if (why.what == "run") {
    return {fmt::format("can't run {}: {}", program, std::strerror(why.error)),
            why.error == ENOENT ? kNotFound : kCannotRun};
  }
  const bool busy = why.error == EBUSY || why.error == EFAULT;  // the second is libseccomp's word
  std::string text = fmt::format("can't {}: {}", why.what, std::strerror(busy ? EBUSY : why.error));
  if (busy) text += "\n  another run, or a sandbox, listens to its calls already";
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
  Running(const RunOptions& options, run::Program program, run::Ledger& ledger)
      : program_(std::move(program)),
        allow_host_(options.allow_host),
        junction_(options.device.mtu, {surroundings().run.v4, surroundings().run.v6},
                  local_resolvers(options.allow_host)),
        host_(options.device, Place{.link = &junction_.near()}),
        notifier_(listener_of(program_, options.program)),
        supervisor_(host_.sockets(), host_.loop(), notifier_, ledger,
                    {.settle = [this] { settle(); },
                     .within = [this](const auto& address) { return junction_.is_own(address); },
                     .has_way = [this](const host::Endpoint& to) { return has_way(to); },
                     .goes_out = [this](const host::Endpoint& to) { return go_out(to); }}) {
    if (options.has_gateway()) open_gateway(options);
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
  void open_gateway(const RunOptions& options);
  [[nodiscard]] std::expected<void, int> has_way(const host::Endpoint& to);
  [[nodiscard]] std::expected<void, int> go_out(const host::Endpoint& to);
  void settle();
  [[nodiscard]] TimePoint next_deadline() const;
  void turn(TimePoint until);
  void deliver();
  [[nodiscard]] std::uint64_t octets_moved();
  void pass_signal_on();
  [[nodiscard]] std::function<void(nlohmann::json&)> describe_rows() const;

  run::Program program_;
  bool allow_host_;
  link::Junction junction_;
  RealHost host_;
  run::Notifier notifier_;
  run::Supervisor supervisor_;
  std::optional<run::Gateway> gateway_;
  std::set<wire::IpAddress> told_;
};

void Running::open_gateway(const RunOptions& options) {
  host::Config config = host_.host().config();
  config.addresses = {{surroundings().machine.v4, 24}, {surroundings().machine.v6, 64}};
  gateway_.emplace(junction_.far(), host_.loop(), std::move(config), system_random(),
                   surroundings());
  for (const std::string& text : options.publish) {
    const PublishedPort published = published_of(text);
    const auto done = gateway_->publish(published.outside, published.port);
    if (done) continue;
    throw not_published(published, done.error());
  }
}

/// Where there is no way out the program learns it at once, and the user once for each address.
std::expected<void, int> Running::has_way(const host::Endpoint& to) {
  if (allow_host_) return {};
  if (told_.insert(to.address).second) {
    fmt::print(stderr, "lastack: {} is outside this run; add --allow-host\n",
               to.address.to_string());
  }
  return std::unexpected(ENETUNREACH);
}

std::expected<void, int> Running::go_out(const host::Endpoint& to) {
  if (const auto way = has_way(to); !way) return way;
  return gateway_->begin(to);
}

void Running::settle() {
  constexpr int kMostRounds = 16;
  host_.settle();
  for (int i = 0; gateway_ && i < kMostRounds; ++i) {
    gateway_->turn();
    host_.settle();
    if (next_deadline() > io::monotonic_now()) return;
  }
}

TimePoint Running::next_deadline() const {
  const TimePoint here = std::min(host_.next_deadline(), supervisor_.next_deadline());
  return gateway_ ? std::min(here, gateway_->next_deadline()) : here;
}

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
  for (const run::ShownLeg& leg : gateway_ ? gateway_->shown() : std::vector<run::ShownLeg>{}) {
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
  settle();
  host_.wait(std::min(next_deadline(), until));
  supervisor_.turn(io::monotonic_now());
}

std::uint64_t Running::octets_moved() {
  return host_.host().counters().octets_in + (gateway_ ? gateway_->carried() : 0);
}

/// What programs wrote before they ended still goes out, as long as anybody takes it.
void Running::deliver() {
  host_.end(0);
  std::uint64_t moved = 0;
  TimePoint until{};
  while (host_.signal() == 0 && (host_.waits_for_ack() || (gateway_ && gateway_->has_to_send()))) {
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
    turn(kNever);
    pass_signal_on();
  }
  host_.loop().remove(children);
  deliver();
  return status.value_or(0);
}

/// The guardian ends as the supervisor has, which has said what there was to say.
void end_as(const run::Outlived& outlived) {
  if (WIFEXITED(outlived.status)) {
    if (WEXITSTATUS(outlived.status) == 0) return;
    throw CLI::RuntimeError(WEXITSTATUS(outlived.status));
  }
  std::error_code ignored;
  std::filesystem::remove(fmt::format("{}/{}.sock", control::socket_folder(), outlived.supervisor),
                          ignored);
  throw Failure{fmt::format("what carries this run's connections was ended by signal {}: they were "
                            "reset",
                            WTERMSIG(outlived.status)),
                kFailed};
}

/// The program's own end: its exit code, or its signal, as a shell reports it.
void run(RunOptions options) {
  options.device.ip = {"127.0.0.1/8", "::1/128"};
  if (options.has_gateway()) {
    options.device.ip.insert(options.device.ip.begin(),
                             {fmt::format("{}/24", kRunV4), fmt::format("{}/64", kRunV6)});
  }
  for (const std::string& text : options.publish) (void)published_of(text);
  std::vector<std::string> words{options.program};
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  for (std::string& word : words) {  // main() has put a space there
    const std::size_t last = word.find_last_not_of(' ');
    if (word.starts_with('[') && word[last] == ']') word.pop_back();
  }
  run::Ledger ledger;
  run::adopt_orphans();
  if (const auto outlived = run::stand_guard(ledger)) return end_as(*outlived);
  run::adopt_orphans();
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
          "are found as on the machine. 10.0.2.2 and fd00:2::2 are the "
          "machine's own loopback. With --publish the world reaches a server of the run: at "
          "127.0.0.1 of the machine, unless an ADDRESS is given. lastack ss shows the machine's "
          "end beside the program's.\n\n"
          "The program's input, output, terminal, signals and exit code are its own. The run ends "
          "when the last process that it started has ended.",
      .examples = {{"lastack run sh -c 'nc -l 127.0.0.1 7 & sleep 1; echo hi | nc -N 127.0.0.1 7'",
                    "two programs talk to each other"},
                   {"lastack run --allow-host sh -c 'echo hi | nc -N 10.0.2.2 7'",
                    "a server of this machine, at its port 7"},
                   {"lastack run --publish 8080:80 nc -l 80",
                    "who connects to port 8080 of this machine reaches it"}},
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
  command->add_flag("--allow-host", options->allow_host,
                    "connect to addresses outside the run, through this machine");
  command
      ->add_option("--publish", options->publish,
                   "a port of this machine that leads to one of the run")
      ->allow_extra_args(false)
      ->type_name("[ADDRESS:]PORT:PORT");
  add_host_options(*command, options->device);
  command->callback([options] { run(*options); });
}

}  // namespace lastack::cli
