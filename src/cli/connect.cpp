// lastack connect: standard input to a connection, and the connection to standard output.
#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <memory>
#include <optional>

#include "cli/command.hpp"
#include "cli/hosts_file.hpp"
#include "cli/manual.hpp"
#include "cli/real_host.hpp"
#include "cli/standard_streams.hpp"
#include "insight/state_table.hpp"

namespace lastack::cli {
namespace {

constexpr int kMostParts = 16;  // moved in each direction before the link has its turn

struct ConnectOptions {
  std::string host;
  std::uint16_t port = 0;
  std::uint16_t local_port = 0;
  bool shut_at_end = false;
  bool only_open = false;
  bool verbose = false;
  bool time_wait = false;
  bool v4 = false;
  bool v6 = false;
  double wait = 0;  ///< seconds; 0 for as long as TCP itself
  DeviceOptions device;

  [[nodiscard]] std::optional<wire::Family> family() const {
    if (!v4 && !v6) return std::nullopt;
    return v4 ? wire::Family::v4 : wire::Family::v6;
  }
};

/// A signal has come: the connection is to be reset.
struct Interrupted {
  int signal;
};

class Connecting {
 public:
  Connecting(const ConnectOptions& options, const wire::IpAddress& to)
      : options_(options), remote_{to, options.port}, host_(options.device) {}

  /// Throws Failure where the connection could not be opened, or did not end in order.
  void run() {
    try {
      host_.wait_for_addresses();
      if (options_.verbose) host_.tell_if_unseen();
      stop_at_signal();
      open();
      if (!options_.only_open) carry();
      end();
    } catch (...) {
      abort();
      throw;
    }
    close();
  }

 private:
  // connecting
  void open();
  void wait_until_open();
  [[nodiscard]] std::string why_not_open(socket::Errno error);

  // carrying
  void carry();
  [[nodiscard]] bool send_some(StandardInput& input);
  [[nodiscard]] bool receive_some(StandardOutput& output);
  void failed(socket::Errno error);

  // ending
  void end();
  void close();
  void abort();
  [[nodiscard]] std::string why_ended(socket::Errno error) const;

  void turn(TimePoint until = kNever);
  void stop_at_signal() const {
    if (host_.signal() != 0) throw Interrupted{host_.signal()};
  }
  void report();
  void moved() { last_moved_ = io::monotonic_now(); }
  [[nodiscard]] TimePoint patience() const {
    if (options_.wait == 0) return kNever;
    return last_moved_ + Duration(static_cast<std::int64_t>(options_.wait * 1e6));
  }
  [[nodiscard]] bool out_of_patience() const { return patience() <= io::monotonic_now(); }
  [[nodiscard]] tcp::State state() { return *host_.sockets().state(fd_); }
  [[nodiscard]] std::size_t unacknowledged();
  [[nodiscard]] std::string to() const {
    return fmt::format("{} port {}", remote_.address.to_string(), remote_.port);
  }

  ConnectOptions options_;
  host::Endpoint remote_;
  RealHost host_;
  socket::Fd fd_ = -1;
  host::FlowId flow_;
  TimePoint last_moved_ = io::monotonic_now();
  TimePoint began_{};
  int tries_ = 0;             ///< SYNs sent
  std::size_t reported_ = 0;  ///< changes of state
  bool sent_all_ = false;     ///< standard input has ended, and all of it is TCP's
  bool received_all_ = false;
  std::optional<socket::Errno> error_;
};

/// As if nobody had waited for the signal: who started us sees what ended us.
void end_by_signal(int signal) {
  std::signal(signal, SIG_DFL);
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, signal);
  ::sigprocmask(SIG_UNBLOCK, &one, nullptr);
  std::raise(signal);
}

/// What the connection went through since the last time.
void Connecting::report() {
  const host::ConnectionEntry* entry = host_.host().find(flow_);
  if (!options_.verbose || entry == nullptr) return;
  const host::History& history = entry->history;
  const std::size_t fresh = std::min(history.count() - reported_, history.kept());
  for (std::size_t i = fresh; i-- > 0;) {
    const tcp::Transition step = history.last(i).transition;
    fmt::print(stderr, "{:<11}  {}\n", to_string(step.to), insight::meaning(step.event).en);
  }
  reported_ = history.count();
}

void Connecting::turn(TimePoint until) {
  report();  // what calls of ours have changed
  host_.turn(until);
  report();
  stop_at_signal();
}

// --- connecting

void Connecting::open() {
  if (!host_.speaks(remote_.address.family())) {
    throw Failure{
        fmt::format("the host has no {} address to reach {} from\n  give it one with --ip",
                    remote_.address.is_v4() ? "IPv4" : "IPv6", to()),
        kUsage};
  }
  socket::Sockets& sockets = host_.sockets();
  fd_ = *sockets.socket();
  if (options_.local_port != 0) {
    const auto any = *wire::IpAddress::parse(remote_.address.is_v4() ? "0.0.0.0" : "::");
    const auto bound = sockets.bind(fd_, {any, options_.local_port});
    if (!bound) {
      throw Failure{
          fmt::format("can't use local port {}: {}", options_.local_port, to_string(bound.error())),
          kFailed};
    }
  }
  began_ = io::monotonic_now();
  moved();
  const auto begun = sockets.connect(fd_, remote_, began_);
  if (begun.error() != socket::Errno::einprogress) {
    const bool no_route = begun.error() == socket::Errno::enetunreach;
    throw Failure{fmt::format("can't connect to {}: {}", to(),
                              no_route ? "no route leads there, or it is no address of one host\n"
                                         "  on Ethernet --gateway names the router"
                                       : to_string(begun.error())),
                  kFailed};
  }
  flow_ = sockets.find(fd_)->flow();
  if (options_.verbose) {
    fmt::print(stderr, "connecting to {} from {} port {}\n", to(),
               sockets.local_name(fd_)->address.to_string(), sockets.local_name(fd_)->port);
  }
  wait_until_open();
}

void Connecting::wait_until_open() {
  while (!tcp::traits(state()).synchronized) {
    if (state() == tcp::State::closed) break;
    const tcp::Tcb& tcb = host_.host().connection(flow_)->tcb();
    tries_ = tcb.timers.unanswered + 1;
    if (out_of_patience()) {
      const bool told = tcb.error != tcp::Error::none;  // by ICMP, and it may pass
      throw Failure{why_not_open(socket::errno_of(told ? tcb.error : tcp::Error::timed_out, false)),
                    kFailed};
    }
    turn(patience());
  }
  report();
  const auto opened = host_.sockets().connect(fd_, remote_, io::monotonic_now());
  if (!opened) throw Failure{why_not_open(opened.error()), kFailed};
  moved();
}

std::string Connecting::why_not_open(socket::Errno error) {
  const double seconds = static_cast<double>((io::monotonic_now() - began_) / 1ms) / 1000;
  switch (error) {
    case socket::Errno::econnrefused:
      return fmt::format("{} refused the connection: nothing listens there", to());
    case socket::Errno::etimedout:
      return fmt::format("no answer from {} after {} {} in {:.1f} s", to(), tries_,
                         tries_ == 1 ? "try" : "tries", seconds);
    case socket::Errno::ehostunreach:
      if (host_.host().link() != nullptr) {
        return fmt::format(
            "{} is unreachable: nobody on the link has the address, or a router "
            "says so (ICMP)",
            to());
      }
      return fmt::format("{} is unreachable: a router says so (ICMP)", to());
    case socket::Errno::enetunreach:
      return fmt::format("the network of {} is unreachable: a router says so (ICMP)", to());
    case socket::Errno::eacces:
      return fmt::format("{} may not be talked to: a router's policy says so (ICMP)", to());
    case socket::Errno::enoprotoopt:
      return fmt::format("{} does not speak TCP: it says so (ICMP)", to());
    case socket::Errno::econnreset: return fmt::format("{} reset the connection", to());
    default: return fmt::format("can't connect to {}: {}", to(), to_string(error));
  }
}

// --- carrying

/// Octets from standard input to the connection. True where there may be more at once.
bool Connecting::send_some(StandardInput& input) {
  for (int part = 0; part < kMostParts && !sent_all_; ++part) {
    const auto octets = input.next();
    if (octets.empty()) {
      if (!input.ended()) return false;
      sent_all_ = true;
      if (options_.shut_at_end) {
        (void)host_.sockets().shutdown(fd_, socket::kShutWr, io::monotonic_now());
      }
      return false;
    }
    const auto n = host_.sockets().send(fd_, octets, io::monotonic_now());
    if (n) {
      input.take(*n);
      moved();
      continue;
    }
    if (n.error() == socket::Errno::eagain) return false;
    failed(n.error());  // what has come before that is still to be read
    input.close();
    sent_all_ = true;
  }
  return !sent_all_;
}

/// Octets from the connection to standard output. True where there may be more at once.
bool Connecting::receive_some(StandardOutput& output) {
  std::array<std::byte, 65536> octets;
  for (int part = 0; part < kMostParts; ++part) {
    if (output.flush() > 0) moved();
    if (output.gone() || received_all_ || !output.empty()) return false;
    const auto n = host_.sockets().recv(fd_, octets, io::monotonic_now());
    if (!n && n.error() == socket::Errno::eagain) return false;
    if (!n) failed(n.error());
    received_all_ = !n || *n == 0;
    if (received_all_) return false;
    output.put(std::span(octets).first(*n));
    moved();
  }
  return true;
}

void Connecting::failed(socket::Errno error) {
  if (!error_) error_ = error;
}

void Connecting::carry() {
  StandardInput input(host_.loop());
  StandardOutput output(host_.loop());
  while (true) {
    bool more = send_some(input);
    more |= receive_some(output);
    if (output.gone() && !received_all_) {
      received_all_ = true;
      (void)host_.sockets().shutdown(fd_, socket::kShutRd, io::monotonic_now());
    }
    if (received_all_) {  // nothing is read any more that would tell of a reset
      if (const auto error = host_.sockets().take_error(fd_).value_or(std::nullopt)) failed(*error);
    }
    if (output.error() != 0) {
      throw Failure{
          fmt::format("can't write to standard output: {}", std::strerror(output.error())),
          kFailed};
    }
    if (received_all_ && output.empty() && (sent_all_ || error_)) return;
    if (out_of_patience()) {
      if (options_.verbose) fmt::print(stderr, "idle for {} s\n", options_.wait);
      return;
    }
    turn(more ? TimePoint{} : patience());
  }
}

// --- ending

/// Octets of ours, and a FIN, that the peer has not acknowledged.
std::size_t Connecting::unacknowledged() {
  const tcp::Connection* c = host_.host().connection(flow_);
  if (c == nullptr) return 0;
  const auto& snd = c->tcb().snd;
  return static_cast<std::size_t>(snd.end + (c->tcb().fin_queued ? 1 : 0) -
                                  std::max<Offset>(snd.una, 0));
}

/// Closes in order, and waits until the peer has got all that was written.
void Connecting::end() {
  if (error_) throw Failure{why_ended(*error_), kFailed};
  socket::Sockets& sockets = host_.sockets();
  const int how = received_all_ ? socket::kShutWr : socket::kShutRdwr;
  (void)sockets.shutdown(fd_, how, io::monotonic_now());
  moved();
  std::size_t before = unacknowledged();
  while (state() == tcp::State::fin_wait_1 || state() == tcp::State::closing ||
         state() == tcp::State::last_ack) {
    turn(patience());
    const std::size_t left = unacknowledged();
    if (left != before) moved();
    before = left;
    if (out_of_patience()) throw Failure{why_ended(socket::Errno::etimedout), kFailed};
  }
  const auto error = sockets.take_error(fd_).value_or(std::nullopt);
  if (error) throw Failure{why_ended(*error), kFailed};
  while (options_.time_wait && state() == tcp::State::time_wait) turn();
}

std::string Connecting::why_ended(socket::Errno error) const {
  switch (error) {
    case socket::Errno::econnreset:
    case socket::Errno::epipe: return fmt::format("{} reset the connection", to());
    case socket::Errno::etimedout:
      return fmt::format("{} answers no more: what was sent last was not acknowledged", to());
    case socket::Errno::ehostunreach:
    case socket::Errno::enetunreach:
      return fmt::format("{} has become unreachable, and answers no more", to());
    default: return fmt::format("the connection to {} has failed: {}", to(), to_string(error));
  }
}

void Connecting::close() {
  if (fd_ < 0) return;
  (void)host_.sockets().close(fd_, io::monotonic_now());
  fd_ = -1;
  host_.flush();
}

/// With RST, where the peer still counts on the connection.
void Connecting::abort() {
  host_.host().abort(flow_, io::monotonic_now());
  report();
  close();
}

Manual connect_manual() {
  return {
      .summary = "connect, and carry standard input and output",
      .description =
          "Opens a connection on a TCP of its own, behind a TUN or TAP device, and carries "
          "standard input to it and what comes to standard output, as nc does. A full send buffer "
          "stops the reading of standard input; a standard output that takes no more closes the "
          "window of the peer. Where nobody reads standard output any more, its direction is shut "
          "(SHUT_RD) and the other goes on.\n\n"
          "It ends once standard input has ended and the peer has closed, and then waits until "
          "what was written is acknowledged. Without -N the end of standard input is not told to "
          "the peer. SIGINT and SIGTERM reset the connection. It shows in lastack ss.\n\n"
          "HOST is an address, or a name of /etc/hosts.",
      .examples =
          {{"echo hello | lastack connect -N 10.9.1.1 7 --config lastack.toml",
            "a line to a server of this machine, and its answer; lastack --help shows such a file"},
           {"lastack connect -vN fd09::1 7 --tun la0 --ip fd09::2/64 --peer fd09::1",
            "over IPv6, telling every change of state"},
           {"lastack connect -z 10.9.0.1 7 --tun la0 --ip 10.9.0.2/24 --peer 10.9.0.1",
            "whether anybody listens there"}},
      .exit_codes = {
          {kOk, "ended in order, or idle for the time of -w"},
          {kFailed, "refused, unreachable, no answer, reset by the peer, or no device"},
          {kUsage, "no such address, or wrong usage"},
          {128 + SIGINT, "a signal came, and the connection was reset; 143 for SIGTERM"}}};
}

void add_connect_options(CLI::App& command, ConnectOptions& options) {
  command.add_option("HOST", options.host, "the peer")->required();
  command.add_option("PORT", options.port, "its port")
      ->required()
      ->type_name("N")
      ->check(CLI::Range(1, 65535));
  command.add_flag("-N", options.shut_at_end, "at the end of standard input shutdown(SHUT_WR)");
  command
      .add_option("-w", options.wait,
                  "the longest time to wait for the connection, and for anything to move then")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, 1e6));
  command.add_flag("-v", options.verbose, "tell each change of state on standard error");
  command.add_option("-p", options.local_port, "the local port")
      ->type_name("PORT")
      ->check(CLI::Range(1, 65535));
  command.add_flag("--time-wait", options.time_wait,
                   "stay until TIME_WAIT is over, which else ends with the command");
  command.add_flag("-z", options.only_open, "only connect, then close");
  auto* four = command.add_flag("-4", options.v4, "IPv4 only");
  command.add_flag("-6", options.v6, "IPv6 only")->excludes(four);
  add_device_options(command, options.device);
}

}  // namespace

void add_connect(CLI::App& app) {
  auto options = std::make_shared<ConnectOptions>();
  CLI::App* command = add_command(app, "connect", connect_manual());
  add_connect_options(*command, *options);
  command->callback([options] {
    hold_standard_descriptors();
    const auto to = address_of_host(options->host, options->family());
    int signal = 0;
    try {
      Connecting(*options, to).run();
    } catch (const Interrupted& interrupted) {
      signal = interrupted.signal;
    }
    if (signal != 0) end_by_signal(signal);
  });
}

}  // namespace lastack::cli
