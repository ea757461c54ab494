// lastack serve: services on a host of its own, over a TUN or TAP device to this machine's kernel.
#include <fmt/core.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

#include "cli/command.hpp"
#include "cli/host_view.hpp"
#include "cli/link_view.hpp"
#include "cli/manual.hpp"
#include "cli/services.hpp"
#include "control/control.hpp"
#include "control/trace_events.hpp"
#include "io/host_driver.hpp"
#include "link/tap.hpp"
#include "link/tun.hpp"

namespace lastack::cli {
namespace {

constexpr Duration kFarewell = 5s;  // for what was written before the end

struct ServeOptions {
  std::vector<std::string> words;
  std::string tun;
  std::string tap;
  std::string mac;
  bool automatic = false;
  std::vector<std::string> ip;
  std::vector<std::string> gateway;
  std::vector<std::string> peer;
  std::uint16_t mtu = 1500;
  bool no_offload = false;
  std::string profile = "bsd";
  double msl = 30;
  std::size_t trace = 4096;
};

std::string user_name() {
  const char* user = std::getenv("USER");
  return user != nullptr ? user : std::to_string(::getuid());
}

Failure device_failure(const link::TunError& error, const ServeOptions& options) {
  const bool tap = !options.tap.empty();
  std::string text = fmt::format("can't {}: {}", error.what, std::strerror(error.error));
  if (error.error == EPERM || error.error == EACCES) {
    text += fmt::format("\n  as root, once:  ip tuntap add dev {} mode {} user {}",
                        tap ? options.tap : options.tun, tap ? "tap" : "tun", user_name());
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

tcp::Settings settings_of(const ServeOptions& options) {
  tcp::Settings settings;
  settings.receive_buffer = settings.send_buffer = 4U << 20U;
  settings.msl = Duration(static_cast<std::int64_t>(options.msl * 1e6));
  const bool linux_way = options.profile == "linux";
  settings.rst_ends_time_wait = linux_way;
  settings.shut_rd_keeps_buffered = linux_way;
  settings.shut_rdwr_resets_new_data = linux_way;
  return settings;
}

/// Where none is given: one of those that everybody may make up (locally administered).
wire::MacAddress mac_of(const ServeOptions& options, Random& random) {
  if (options.mac.empty()) {
    return wire::MacAddress::of(0x0200'0000'0000 | (random.next() & 0x00ff'ffff'ffff));
  }
  const auto mac = wire::MacAddress::parse(options.mac);
  if (!mac || !mac->is_station()) {
    throw Failure{
        fmt::format("'{}' is no address of one interface, as in 02:00:00:00:00:01", options.mac),
        kUsage};
  }
  return *mac;
}

ip::LinkSettings link_of(const ServeOptions& options, Random random) {
  ip::LinkSettings link;
  link.mac = mac_of(options, random);
  link.autoconfigure = options.automatic;
  for (const std::string& text : options.gateway) {
    const auto gateway = wire::IpAddress::parse(text);
    if (!gateway) throw Failure{fmt::format("'{}' is no address", text), kUsage};
    const auto everything = wire::Prefix::parse(gateway->is_v4() ? "0.0.0.0/0" : "::/0");
    link.routes.push_back({.to = *everything, .via = *gateway});
  }
  return link;
}

host::Config config_of(const ServeOptions& options) {
  host::Config config;
  for (const std::string& text : options.ip) {
    const auto prefix = wire::Prefix::parse(text);
    if (!prefix) {
      throw Failure{fmt::format("'{}' is no address with a prefix, as in 10.9.0.2/24", text),
                    kUsage};
    }
    config.addresses.push_back(*prefix);
  }
  if (!options.tap.empty()) {
    config.medium = host::Medium::ethernet;
    config.link = link_of(options, system_random());
  }
  config.mtu = options.mtu;
  if (!options.no_offload) {
    config.super_segment = host::kMostSuperSegment;
    config.transmit_checksum = config.verify_checksum = false;  // the link does both
  }
  config.settings = tcp::SettingsPtr(settings_of(options));
  config.trace = options.trace;
  return config;
}

/// The kernel's addresses on the device: each peer in the network of ours of its family.
std::vector<wire::Prefix> peers_of(const ServeOptions& options, const host::Config& config) {
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

/// As opened, or why not.
template <typename Device>
std::unique_ptr<link::TunDevice> opened(
    std::expected<std::unique_ptr<Device>, link::TunError> device, const ServeOptions& options) {
  if (!device) throw device_failure(device.error(), options);
  return std::move(*device);
}

std::unique_ptr<link::TunDevice> open_device(const ServeOptions& options,
                                             const host::Config& config) {
  const bool tap = !options.tap.empty();
  const link::TunOptions how{
      .name = tap ? options.tap : options.tun, .mtu = options.mtu, .offload = !options.no_offload};
  auto device = tap ? opened(link::Tap::open(how), options) : opened(link::Tun::open(how), options);
  for (const wire::Prefix& peer : peers_of(options, config)) {
    const auto given = device->give_address(peer);
    if (!given) throw device_failure(given.error(), options);
  }
  if (!options.peer.empty()) {
    const auto up = device->bring_up();
    if (!up) throw device_failure(up.error(), options);
  }
  return device;
}

class Serving {
 public:
  explicit Serving(const ServeOptions& options)
      : config_(config_of(options)),
        device_(open_device(options, config_)),
        host_(config_, system_random()),
        sockets_(host_),
        services_(sockets_),
        driver_(host_, *device_),
        control_(loop_, [this](const nlohmann::json& request) { return answer(request); }) {
    start_services(options);
    driver_.on_event = [this](const host::HostEvent& event) {
      services_.on_event(event, io::monotonic_now());
    };
    watch_device(true);
    if (signals_ < 0) throw Failure{"can't wait for signals", kFailed};
    loop_.add(signals_, [this] {
      stop_ = true;
      io::forget_signal(signals_);
    });
    std::signal(SIGPIPE, SIG_IGN);
  }

  void run() {
    while (!stop_ && !addresses_decided()) turn();
    if (!stop_ && !addresses_left()) {
      throw Failure{"no address is left to serve on\n  give others with --ip", kFailed};
    }
    fmt::print("ready\n");
    std::fflush(stdout);
    if (!control_.listening()) {
      fmt::print(stderr, "lastack: ss will not see this host: {}\n", control_.why());
    }
    while (!stop_) turn();
    services_.stop(io::monotonic_now());
    deliver();
  }

 private:
  /// What was written before the end still goes out, unless the peers take too long or a second
  /// signal comes: with this process their TCP goes, too.
  void deliver() {
    const TimePoint until = io::monotonic_now() + kFarewell;
    stop_ = false;
    driver_.turn();
    while (!stop_ && waits_for_ack() && io::monotonic_now() < until) turn(until);
  }

  /// Whether a connection has octets, or its FIN, that were not acknowledged.
  [[nodiscard]] bool waits_for_ack() const {
    bool waits = false;
    host_.each([&waits](const host::View& view) {
      waits |= tcp::traits(view.state).closing && view.state != tcp::State::fin_wait_2 &&
               view.state != tcp::State::time_wait;
    });
    return waits;
  }

  void turn(TimePoint until = kNever) {
    driver_.turn();
    ip::LinkNews news;
    while (host_.next_link_event(news)) fmt::print(stderr, "lastack: {}\n", sentence(news));
    loop_.wait(std::min(driver_.next_deadline(), until));
    if (!device_->alive()) throw Failure{"the device was deleted", kFailed};
  }

  /// On Ethernet others are asked first whether they have one of our addresses.
  [[nodiscard]] bool addresses_decided() const {
    if (host_.link() == nullptr) return true;
    const auto all = host_.link()->addresses();
    return !all.empty() && std::ranges::none_of(all, [](const ip::OwnAddress& a) {
      return a.state == ip::AddressState::tentative;
    });
  }

  /// Of those that were asked for; a link-local one comes by itself and serves nobody far.
  [[nodiscard]] bool addresses_left() const {
    if (host_.link() == nullptr || config_.addresses.empty()) return !host_.addresses().empty();
    return std::ranges::any_of(config_.addresses,
                               [this](const auto& p) { return host_.is_local(p.address); });
  }

  void start_services(const ServeOptions& options) {
    const auto parsed = parse_services(options.words);
    if (!parsed.error.empty())
      throw Failure{parsed.error + "\n  lastack serve --help   names them", kUsage};
    bool v4 = false;
    bool v6 = config_.link.autoconfigure;
    for (const auto& p : config_.addresses) (p.address.is_v4() ? v4 : v6) = true;
    for (const ServiceSpec& spec : parsed.services) {
      if (const auto error = services_.add(spec, v4, v6, io::monotonic_now())) {
        throw Failure{*error, kFailed};
      }
    }
  }

  void watch_device(bool on) {
    if (on) {
      loop_.add(device_->descriptor(), [this] { driver_.receive(); });
    } else {
      loop_.remove(device_->descriptor());
    }
  }

  nlohmann::json answer(const nlohmann::json& request) {
    const std::string what = request.value("ask", "");
    if (what == "ss") return view_of(host_, io::monotonic_now());
    if (what == "trace") {
      return control::trace_answer(host_.trace(), request, io::monotonic_now(), io::wall_now());
    }
    if (what == "counters") {
      nlohmann::json counters = counters_of(host_);
      counters["device"] = counters_of(device_->tally());
      return counters;
    }
    if (auto view = link_view(host_, what, io::monotonic_now())) return *view;
    if (what == "pause" || what == "resume") {
      const bool pause = what == "pause";
      if (pause != driver_.paused()) watch_device(!pause);
      driver_.pause(pause);
      return {{"paused", pause}};
    }
    return {{"error", "asked for '" + what + "', which is nothing I know"}};
  }

  int signals_ = io::stop_signals();  ///< before there is a device or a socket file to clear away
  host::Config config_;
  std::unique_ptr<link::TunDevice> device_;
  host::Host host_;
  socket::Sockets sockets_;
  Services services_;
  io::EventLoop loop_;
  io::HostDriver driver_;
  control::Server control_;
  bool stop_ = false;
};

Manual serve_manual() {
  std::vector<Term> services;
  for (const auto& [kind, help] : service_kinds()) services.push_back({kind, help});
  return {
      .summary = "serve over a TUN or TAP device until a signal comes",
      .description =
          "Runs a host of its own behind a TUN or TAP device: what this machine routes to the "
          "device arrives there, so the machine's programs can connect to it. Behind TAP it is on "
          "an Ethernet, with neighbours to be found and an address that others may claim. It "
          "prints ready when it can be reached, shows in lastack ss, and closes its connections "
          "in order at SIGINT or SIGTERM.\n\n"
          "Making the device and giving the kernel its address need root. An ordinary user can "
          "use a device that root has made (ip tuntap add dev la0 mode tun user NAME) and "
          "configured; --peer is left out then.",
      .terms_title = "services, as many as wanted",
      .terms = std::move(services),
      .examples = {{"lastack serve echo 7 --tun la0 --ip 10.9.0.2/24 --peer 10.9.0.1",
                    "an echo server; in another terminal: nc 10.9.0.2 7"},
                   {"lastack serve http 80=. forget 9 --tun la0 --ip 10.9.0.2/24 --peer 10.9.0.1",
                    "files of this folder, and a server that never closes"},
                   {"lastack serve echo 7 --tap la1 --ip 10.9.1.2/24 --peer 10.9.1.1",
                    "on an Ethernet"},
                   {"lastack serve sink 9 --tun la0 --ip fd09::2/64 --peer fd09::1 --profile linux",
                    "over IPv6, closing as Linux does"}},
      .exit_codes = {
          {kOk, "ended by a signal"},
          {kFailed,
           "the device can't be made or was deleted, a port is taken, or no address is left"},
          {kUsage, "no such service or address, or wrong usage"}}};
}

/// Which device, and whose addresses.
void add_link_options(CLI::App& serve, ServeOptions& options) {
  auto* device = serve.add_option_group("device")->require_option(1);
  device->add_option("--tun", options.tun, "name of the TUN device; made if there is none")
      ->type_name("NAME");
  auto* tap = device
                  ->add_option("--tap", options.tap,
                               "name of the TAP device: Ethernet, with neighbours to be found")
                  ->type_name("NAME");
  auto* addresses = serve.add_option_group("addresses")->require_option(1, 0);
  addresses->add_option("--ip", options.ip, "an address of the host, with its prefix")
      ->type_name("ADDRESS/N");
  addresses->add_flag("--auto", options.automatic, "IPv6 addresses and routes as routers say")
      ->needs(tap);
  serve.add_option("--gateway", options.gateway, "the router to everywhere else")
      ->type_name("ADDRESS")
      ->needs(tap);
  serve.add_option("--mac", options.mac, "the host's MAC address; made up if not given")
      ->type_name("MAC")
      ->needs(tap);
}

}  // namespace

void add_serve(CLI::App& app) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* serve = add_command(app, "serve", serve_manual());
  auto* services =
      serve->add_option("SERVICE", options->words, "what to serve, see above")->required();
  std::vector<std::string> kinds;
  for (const auto& [kind, help] : service_kinds()) kinds.push_back(kind.substr(0, kind.find(' ')));
  suggest(services, kinds);
  add_link_options(*serve, *options);
  serve->add_option("--peer", options->peer, "the address that the kernel's side gets; needs root")
      ->type_name("ADDRESS");
  serve->add_option("--mtu", options->mtu, "octets of the largest IP packet")
      ->type_name("OCTETS")
      ->check(CLI::Range(576, 65535))
      ->capture_default_str();
  serve->add_option("--profile", options->profile, "how sockets close where systems differ")
      ->check(CLI::IsMember({"bsd", "linux"}))
      ->capture_default_str();
  serve->add_option("--msl", options->msl, "TIME_WAIT lasts twice this")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, 300.0))
      ->capture_default_str();
  serve
      ->add_option("--trace", options->trace,
                   fmt::format("keep this many of the latest events for lastack trace, {} octets "
                               "each; 0 keeps none",
                               sizeof(host::TraceEvent)))
      ->type_name("EVENTS")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
  serve->add_flag("--no-offload", options->no_offload, "cut segments and sum them here");
  serve->callback([options] { Serving(*options).run(); });
}

}  // namespace lastack::cli
