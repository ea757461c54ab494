// lastack serve: services on a host of its own, over a TUN device to this machine's kernel.
#include <fmt/core.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

#include "cli/command.hpp"
#include "cli/host_view.hpp"
#include "cli/services.hpp"
#include "control/control.hpp"
#include "io/host_driver.hpp"
#include "link/tun.hpp"

namespace lastack::cli {
namespace {

constexpr std::uint32_t kLargestPayload = 65535 - 60 - 60;  // beside the largest headers

struct Options {
  std::vector<std::string> words;
  std::string tun;
  std::vector<std::string> ip;
  std::vector<std::string> peer;
  std::uint16_t mtu = 1500;
  bool no_offload = false;
  std::string profile = "bsd";
  double msl = 30;
};

std::string user_name() {
  const char* user = std::getenv("USER");
  return user != nullptr ? user : std::to_string(::getuid());
}

Failure tun_failure(const link::TunError& error, const std::string& name) {
  std::string text = fmt::format("can't {}: {}", error.what, std::strerror(error.error));
  if (error.error == EPERM || error.error == EACCES) {
    text +=
        fmt::format("\n  as root, once:  ip tuntap add dev {} mode tun user {}", name, user_name());
  } else if (error.error == EBUSY) {
    text += "\n  another program has it open; choose another name";
  } else if (error.error == ENOENT) {
    text += "\n  as root:  modprobe tun";
  }
  return {text, kFailed};
}

Random system_random() {
  std::array<std::uint64_t, 4> seed{};
  if (::getrandom(seed.data(), sizeof seed, 0) != sizeof seed) {
    throw Failure{"the system has no randomness to give", kFailed};
  }
  return Random(seed);
}

tcp::Settings settings_of(const Options& options) {
  tcp::Settings settings;
  settings.receive_buffer = settings.send_buffer = 4U << 20U;
  settings.msl = Duration(static_cast<std::int64_t>(options.msl * 1e6));
  const bool linux_way = options.profile == "linux";
  settings.rst_ends_time_wait = linux_way;
  settings.shut_rd_keeps_buffered = linux_way;
  settings.shut_rdwr_resets_new_data = linux_way;
  return settings;
}

host::Config config_of(const Options& options) {
  host::Config config;
  for (const std::string& text : options.ip) {
    const auto prefix = wire::Prefix::parse(text);
    if (!prefix) {
      throw Failure{fmt::format("'{}' is no address with a prefix, as in 10.9.0.2/24", text),
                    kUsage};
    }
    config.addresses.push_back(*prefix);
  }
  config.mtu = options.mtu;
  if (!options.no_offload) {
    config.super_segment = kLargestPayload;
    config.transmit_checksum = config.verify_checksum = false;  // the link does both
  }
  config.settings = tcp::SettingsPtr(settings_of(options));
  return config;
}

/// The kernel's addresses on the device: each peer in the network of ours of its family.
std::vector<wire::Prefix> peers_of(const Options& options, const host::Config& config) {
  std::vector<wire::Prefix> peers;
  for (const std::string& text : options.peer) {
    const auto address = wire::IpAddress::parse(text);
    if (!address) throw Failure{fmt::format("'{}' is no address", text), kUsage};
    for (const wire::Prefix& ours : config.addresses) {
      if (ours.address.family() == address->family()) peers.push_back({*address, ours.length});
    }
  }
  return peers;
}

std::unique_ptr<link::Tun> open_tun(const Options& options, const host::Config& config) {
  auto tun =
      link::Tun::open({.name = options.tun, .mtu = options.mtu, .offload = !options.no_offload});
  if (!tun) throw tun_failure(tun.error(), options.tun);
  for (const wire::Prefix& peer : peers_of(options, config)) {
    const auto given = (*tun)->give_address(peer);
    if (!given) throw tun_failure(given.error(), options.tun);
  }
  if (!options.peer.empty()) {
    const auto up = (*tun)->bring_up();
    if (!up) throw tun_failure(up.error(), options.tun);
  }
  return std::move(*tun);
}

class Serving {
 public:
  explicit Serving(const Options& options)
      : config_(config_of(options)),
        tun_(open_tun(options, config_)),
        host_(config_, system_random()),
        sockets_(host_),
        services_(sockets_),
        driver_(host_, *tun_),
        control_(loop_, [this](const nlohmann::json& request) { return answer(request); }) {
    start_services(options);
    driver_.on_event = [this](const host::HostEvent& event) {
      services_.on_event(event, io::monotonic_now());
    };
    watch_tun(true);
    const int signals = io::stop_signals();
    loop_.add(signals, [this] { stop_ = true; });
    std::signal(SIGPIPE, SIG_IGN);
  }

  void run() {
    fmt::print("ready\n");
    std::fflush(stdout);
    if (!control_.listening()) {
      fmt::print(stderr, "lastack: ss will not see this host: {}\n", control_.why());
    }
    while (!stop_) {
      driver_.turn();
      loop_.wait(driver_.next_deadline());
      if (!tun_->alive()) throw Failure{"the TUN device was deleted", kFailed};
    }
    services_.stop(io::monotonic_now());
    driver_.turn();
  }

 private:
  void start_services(const Options& options) {
    const auto parsed = parse_services(options.words);
    if (!parsed.error.empty())
      throw Failure{parsed.error + "\n  lastack serve --help   names them", kUsage};
    bool v4 = false;
    bool v6 = false;
    for (const auto& p : config_.addresses) (p.address.is_v4() ? v4 : v6) = true;
    for (const ServiceSpec& spec : parsed.services) {
      if (const auto error = services_.add(spec, v4, v6, io::monotonic_now())) {
        throw Failure{*error, kFailed};
      }
    }
  }

  void watch_tun(bool on) {
    if (on) {
      loop_.add(tun_->descriptor(), [this] { driver_.receive(); });
    } else {
      loop_.remove(tun_->descriptor());
    }
  }

  nlohmann::json answer(const nlohmann::json& request) {
    const std::string what = request.value("ask", "");
    if (what == "ss") return view_of(host_, io::monotonic_now());
    if (what == "counters") return counters_of(host_);
    if (what == "pause" || what == "resume") {
      const bool pause = what == "pause";
      if (pause != driver_.paused()) watch_tun(!pause);
      driver_.pause(pause);
      return {{"paused", pause}};
    }
    return {{"error", "asked for '" + what + "', which is nothing I know"}};
  }

  host::Config config_;
  std::unique_ptr<link::Tun> tun_;
  host::Host host_;
  socket::Sockets sockets_;
  Services services_;
  io::EventLoop loop_;
  io::HostDriver driver_;
  control::Server control_;
  bool stop_ = false;
};

}  // namespace

void add_serve(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* serve = app.add_subcommand("serve", "serve over a TUN device until a signal comes");
  std::string kinds = "services, as KIND PORT[=ARGUMENT], several at once:\n";
  for (const auto& [kind, help] : service_kinds())
    kinds += fmt::format("  {:<18} {}\n", kind, help);
  serve->footer(
      kinds +
      "\nexample:\n  lastack serve echo 7 http 80=. --tun la0 --ip 10.9.0.2/24 --peer 10.9.0.1"
      "\n  curl http://10.9.0.2/");
  serve->add_option("SERVICE", options->words, "what to serve, see below")->required();
  serve->add_option("--tun", options->tun, "name of the TUN device; made if there is none")
      ->required();
  serve->add_option("--ip", options->ip, "an address of the host, with its prefix")->required();
  serve->add_option("--peer", options->peer,
                    "the address that the kernel's side gets (needs root)");
  serve->add_option("--mtu", options->mtu, "octets of the largest IP packet")
      ->check(CLI::Range(576, 65535))
      ->capture_default_str();
  serve->add_option("--profile", options->profile, "how sockets close where systems differ")
      ->check(CLI::IsMember({"bsd", "linux"}))
      ->capture_default_str();
  serve->add_option("--msl", options->msl, "seconds; TIME_WAIT lasts twice this")
      ->check(CLI::Range(0.001, 300.0))
      ->capture_default_str();
  serve->add_flag("--no-offload", options->no_offload, "cut segments and sum them here");
  serve->callback([options] { Serving(*options).run(); });
}

}  // namespace lastack::cli
