#include "cli/device.hpp"

#include <fmt/core.h>
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <tuple>
#include <utility>

#include "cli/command.hpp"
#include "cli/device_failure.hpp"
#include "host/trace.hpp"
#include "link/impairment_text.hpp"
#include "link/tap.hpp"
#include "link/tun.hpp"
#include "wire/ethernet.hpp"

namespace lastack::cli {
namespace {

Duration in_seconds(double seconds) { return Duration(static_cast<std::int64_t>(seconds * 1e6)); }

bool has_device(const DeviceOptions& options) {
  return !options.tun.empty() || !options.tap.empty();
}

/// "SECONDS[,SECONDS[,N]]": when a silent peer is asked, when again, and how many times.
void set_keepalive(tcp::Settings& settings, const std::string& text) {
  constexpr double kLongest = 1e6;
  constexpr double kMostProbes = 255;
  double idle = 1;
  double interval = 1;
  double probes = 1;
  std::array<char, 3> between{',', ',', 0};
  const int read = std::sscanf(text.c_str(), "%lf%c%lf%c%lf%c", &idle, &between[0], &interval,
                               &between[1], &probes, &between[2]);
  const auto fits = [](double seconds) { return seconds >= 0.001 && seconds <= kLongest; };
  const bool whole =
      (read == 1 || read == 3 || read == 5) && between[0] == ',' && between[1] == ',';
  if (!whole || !fits(idle) || !fits(interval) || probes < 1 || !(probes <= kMostProbes)) {
    throw Failure{fmt::format("--keepalive {}: write seconds (0.001 to {}), or seconds, seconds "
                              "between questions and how many (1 to {}), as in 60 or 60,10,5",
                              text, kLongest, kMostProbes),
                  kUsage};
  }
  settings.keepalive = true;
  settings.keepalive_idle = in_seconds(idle);
  if (read > 1) settings.keepalive_interval = in_seconds(interval);
  if (read > 3) settings.keepalive_probes = static_cast<std::uint8_t>(probes);
}

tcp::Settings settings_of(const DeviceOptions& options) {
  tcp::Settings settings;
  settings.receive_buffer = settings.send_buffer = kDeviceBuffer;
  settings.fits_send_buffer = true;
  settings.msl = in_seconds(options.msl);
  settings.user_timeout = in_seconds(options.user_timeout);
  settings.retries = static_cast<std::uint8_t>(options.retries);
  if (!options.keepalive.empty()) set_keepalive(settings, options.keepalive);
  settings.close_as_linux(options.profile == "linux");
  return settings;
}

/// Where none is given: one of those that everybody may make up (locally administered).
wire::MacAddress mac_of(const DeviceOptions& options, Random& random) {
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

ip::LinkSettings link_of(const DeviceOptions& options, Random random) {
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

/// The smallest network of ours that `address` lies in.
std::optional<wire::Prefix> network_of(const wire::IpAddress& address, const host::Config& config) {
  std::optional<wire::Prefix> smallest;
  for (const wire::Prefix& ours : config.addresses) {
    if (ours.contains(address) && (!smallest || ours.length > smallest->length)) smallest = ours;
  }
  return smallest;
}

/// The kernel's addresses on the device, each with the length of the network that we share.
std::vector<wire::Prefix> peers_of(const DeviceOptions& options, const host::Config& config) {
  std::vector<wire::Prefix> peers;
  for (const std::string& text : options.peer) {
    const auto address = wire::IpAddress::parse(text);
    if (!address) throw Failure{fmt::format("'{}' is no address", text), kUsage};
    const auto network = network_of(*address, config);
    if (!network) {
      throw Failure{fmt::format("no --ip shares a network with --peer {}\n"
                                "  as in  {}",
                                text,
                                address->is_v4() ? "--ip 10.9.0.2/24 --peer 10.9.0.1"
                                                 : "--ip fd09::2/64 --peer fd09::1"),
                    kUsage};
    }
    peers.push_back({*address, network->length});
  }
  return peers;
}

/// The kernel's side is only root's to set up, on a device that is prepared too.
Failure kernel_side_failure(const link::TunError& error, const std::vector<wire::Prefix>& peers,
                            const DeviceOptions& options) {
  std::string text = fmt::format("can't {}: {}", error.what, std::strerror(error.error));
  if (error.error != EPERM) return {text, kFailed};
  const std::string& name = options.tap.empty() ? options.tun : options.tap;
  std::string_view before = "as root, once:  ";
  for (const wire::Prefix& peer : peers) {
    text += fmt::format("\n  {:16}ip addr add {}/{} dev {}", std::exchange(before, ""),
                        peer.address.to_string(), peer.length, name);
  }
  text += fmt::format("\n  {:16}ip link set {} mtu {} up\n  then leave --peer out", before, name,
                      options.mtu);
  return {text, kFailed};
}

void set_up_kernel_side(link::TunDevice& device, const DeviceOptions& options,
                        const host::Config& config) {
  const std::vector<wire::Prefix> peers = peers_of(options, config);
  for (const wire::Prefix& peer : peers) {
    const auto given = device.give_address(peer);
    if (!given) throw kernel_side_failure(given.error(), peers, options);
  }
  if (options.peer.empty()) return;
  const auto up = device.bring_up();
  if (!up) throw kernel_side_failure(up.error(), peers, options);
}

/// The ephemeral ports, first and last.
std::pair<std::uint16_t, std::uint16_t> ports_of(const DeviceOptions& options) {
  unsigned first = 0;
  unsigned last = 0;
  char behind = 0;
  const int read = std::sscanf(options.ports.c_str(), "%5u-%5u%c", &first, &last, &behind);
  if (read != 2 || first == 0 || first > last || last > 65535) {
    throw Failure{fmt::format("'{}' is no range of ports, as in 32768-60999", options.ports),
                  kUsage};
  }
  return {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)};
}

/// As opened, or why not.
template <typename Device>
std::unique_ptr<link::TunDevice> opened(
    std::expected<std::unique_ptr<Device>, link::TunError> device, const DeviceOptions& options) {
  if (!device) throw device_failure(device.error(), options);
  return std::move(*device);
}

/// Which device, and whose addresses.
void add_link_options(CLI::App& command, DeviceOptions& options) {
  auto* device = command.add_option_group("device")->require_option(1);
  device->add_option("--tun", options.tun, "name of the TUN device; made if there is none")
      ->type_name("NAME");
  auto* tap = device
                  ->add_option("--tap", options.tap,
                               "name of the TAP device: Ethernet, with neighbours to be found")
                  ->type_name("NAME");
  auto* addresses = command.add_option_group("addresses")->require_option(1, 0);
  addresses->add_option("--ip", options.ip, "an address of the host, with its prefix")
      ->type_name("ADDRESS/N")
      ->allow_extra_args(false);  // what follows may be a positional
  addresses->add_flag("--auto", options.automatic, "IPv6 addresses and routes as routers say")
      ->needs(tap);
  command.add_option("--gateway", options.gateway, "the router to everywhere else")
      ->type_name("ADDRESS")
      ->allow_extra_args(false)
      ->needs(tap);
  command.add_option("--mac", options.mac, "the host's MAC address; made up if not given")
      ->type_name("MAC")
      ->needs(tap);
}

/// How long a peer that does not answer is waited for.
void add_patience_options(CLI::App& command, DeviceOptions& options) {
  command
      .add_option("--keepalive", options.keepalive,
                  "ask a peer that was silent for the first; again after each of the second (75); "
                  "end the connection after as many questions as the third says (9)")
      ->type_name("SECONDS[,SECONDS[,N]]");
  command
      .add_option(
          "--user-timeout", options.user_timeout,
          "end a connection whose octets were not acknowledged for so long; 0: as --retries")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  command
      .add_option("--retries", options.retries,
                  "end a connection when so many retransmissions were not acknowledged")
      ->type_name("N")
      ->check(CLI::Range(1, 255))
      ->capture_default_str();
}

}  // namespace

bool offloads(const DeviceOptions& options) { return !options.no_offload && options.wire.empty(); }

Random system_random() {
  std::array<std::uint64_t, 4> seed{};
  if (::getrandom(seed.data(), sizeof seed, 0) != sizeof seed) {
    throw Failure{"the system has no randomness to give", kFailed};
  }
  return Random(seed);
}

host::Config config_of(const DeviceOptions& options) {
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
  std::tie(config.first_port, config.last_port) = ports_of(options);
  config.super_segment = host::kMostSuperSegment;  // cut by the driver, where the device does not
  config.transmit_checksum = config.verify_checksum = !offloads(options);
  config.settings = tcp::SettingsPtr(settings_of(options));
  config.trace = options.trace;
  config.loops_over_link = !has_device(options);
  return config;
}

std::unique_ptr<link::TunDevice> open_device(const DeviceOptions& options,
                                             const host::Config& config) {
  const bool tap = !options.tap.empty();
  const link::TunOptions how{
      .name = tap ? options.tap : options.tun, .mtu = options.mtu, .offload = offloads(options)};
  auto device = tap ? opened(link::Tap::open(how), options) : opened(link::Tun::open(how), options);
  set_up_kernel_side(*device, options, config);
  return device;
}

std::vector<std::unique_ptr<link::TunDevice>> open_queues(const DeviceOptions& options,
                                                          const host::Config& config,
                                                          std::size_t queues) {
  std::vector<std::unique_ptr<link::TunDevice>> all;
  all.reserve(queues);
  for (std::size_t i = 0; i < queues; ++i) {
    all.push_back(opened(link::Tun::open({.name = options.tun,
                                          .mtu = options.mtu,
                                          .offload = offloads(options),
                                          .multi_queue = true}),
                         options));
  }
  set_up_kernel_side(*all.front(), options, config);
  return all;
}

std::optional<BadWire> bad_wire(const DeviceOptions& options) {
  if (options.wire.empty()) return std::nullopt;
  auto words = link::parse_impairment(options.wire);
  if (!words) throw Failure{words.error(), kUsage};
  words->impairment.ip_at = options.tap.empty() ? 0 : wire::kEthernetHeader;
  return BadWire{words->impairment, words->seed ? *words->seed : system_random().next()};
}

std::unique_ptr<link::ImpairedBothWays> wire_around(link::Link& bare,
                                                    const DeviceOptions& options) {
  const auto wire = bad_wire(options);
  if (!wire) return nullptr;
  return std::make_unique<link::ImpairedBothWays>(bare, wire->impairment, wire->seed);
}

void add_device_options(CLI::App& command, DeviceOptions& options) {
  add_link_options(command, options);
  add_peer_option(command, options);
  add_host_options(command, options);
}

void add_peer_option(CLI::App& command, DeviceOptions& options) {
  command.add_option("--peer", options.peer, "the address that the kernel's side gets; needs root")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
}

void add_host_options(CLI::App& command, DeviceOptions& options) {
  command.add_option("--mtu", options.mtu, "octets of the largest IP packet")
      ->type_name("OCTETS")
      ->check(CLI::Range(576, 65535))
      ->capture_default_str();
  command.add_option("--profile", options.profile, "how sockets close where systems differ")
      ->check(CLI::IsMember({"bsd", "linux"}))
      ->capture_default_str();
  command.add_option("--msl", options.msl, "TIME_WAIT lasts twice this")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, 300.0))
      ->capture_default_str();
  add_patience_options(command, options);
  command.add_option("--ports", options.ports, "where connections of its own begin, if not told")
      ->type_name("FIRST-LAST")
      ->capture_default_str();
  command
      .add_option("--trace", options.trace,
                  fmt::format("keep this many of the latest events for lastack trace, {} octets "
                              "each; 0 keeps none",
                              sizeof(host::TraceEvent)))
      ->type_name("EVENTS")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
  command
      .add_option("--busy-poll", options.busy_poll,
                  "ask for packets again and again for so long before waiting for them: quicker "
                  "answers for a busy processor")
      ->type_name("MICROSECONDS")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  command.add_flag("--no-offload", options.no_offload, "cut segments and sum them here");
  command
      .add_option("--wire", options.wire,
                  fmt::format("treat packets of both ways as a bad wire does, as in "
                              "loss=1%,delay=20ms,rate=50mbit, one by one as with --no-offload. {}",
                              link::impairment_help()))
      ->type_name("NAME=VALUE,...");
  command.add_flag("--paused", options.paused,
                   "begin with the link paused; lastack ask resume lets it go on");
}

}  // namespace lastack::cli
