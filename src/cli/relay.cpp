// lastack relay: what connects to one port goes on to another host, over two connections.
#include <fmt/core.h>

#include <memory>

#include "cli/command.hpp"
#include "cli/hosts_file.hpp"
#include "cli/manual.hpp"
#include "cli/real_host.hpp"
#include "cli/relay_pairs.hpp"

namespace lastack::cli {
namespace {

constexpr Duration kRelayFarewell = 1s;  // for legs whose ends have closed already

struct RelayOptions {
  std::uint16_t listen_port = 0;
  std::string host;
  std::uint16_t port = 0;
  DeviceOptions device;
};

void relay(const RelayOptions& options) {
  const host::Endpoint to{address_of_host(options.host, std::nullopt), options.port};
  RealHost host(options.device);
  if (!host.speaks(to.address.family())) {
    throw Failure{
        fmt::format("the host has no {} address to reach {} from\n  give it one with --ip",
                    to.address.is_v4() ? "IPv4" : "IPv6", to.address.to_string()),
        kUsage};
  }
  RelayPairs pairs(host.sockets(), to);
  const auto error = pairs.listen(options.listen_port, host.speaks(wire::Family::v4),
                                  host.speaks(wire::Family::v6), io::monotonic_now());
  if (error) throw Failure{*error, kFailed};
  host.on_event = [&pairs](const host::HostEvent& event, TimePoint now) {
    pairs.on_event(event, now);
  };
  host.wait_for_addresses();
  fmt::print("ready\n");
  std::fflush(stdout);
  host.tell_if_unseen();
  while (host.signal() == 0) host.turn();
  pairs.stop(io::monotonic_now());
  host.deliver(kRelayFarewell);
  const RelayTally& tally = pairs.tally();
  fmt::print("{} accepted, {} ended by both sides, {} reset, {} not connected\n", tally.accepted,
             tally.complete, tally.reset, tally.refused);
}

Manual relay_manual() {
  return {
      .summary = "pass connections on to another host, over a TUN or TAP device",
      .description =
          "Runs a host of its own behind a TUN or TAP device. For each connection to LISTEN_PORT "
          "it opens one to HOST, and carries octets between the two in both directions: a leg "
          "that takes no more closes the window of the other. A FIN becomes shutdown(SHUT_WR) on "
          "the other leg, so that half-closed connections stay so; a reset becomes a reset, and "
          "so does a HOST that can't be connected to.\n\n"
          "It prints ready when it can be reached, shows both legs in lastack ss, and at SIGINT "
          "or SIGTERM resets what it carries. HOST is an address, or a name of /etc/hosts.",
      .examples = {{"lastack relay 8080 10.9.0.1 80 --tun la0 --ip 10.9.0.2/24 --peer 10.9.0.1",
                    "this machine's web server, on port 8080 of 10.9.0.2"},
                   {"lastack relay 7 fd09::1 7 --tun la0 --ip fd09::2/64 --peer fd09::1",
                    "an echo server, over IPv6"}},
      .exit_codes = {
          {kOk, "ended by a signal"},
          {kFailed,
           "the device can't be made or was deleted, the port is taken, or no address is left"},
          {kUsage, "no such address, or wrong usage"}}};
}

}  // namespace

void add_relay(CLI::App& app) {
  auto options = std::make_shared<RelayOptions>();
  CLI::App* command = add_command(app, "relay", relay_manual());
  command->add_option("LISTEN_PORT", options->listen_port, "where it listens")
      ->required()
      ->type_name("N")
      ->check(CLI::Range(1, 65535));
  command->add_option("HOST", options->host, "who is connected to")->required();
  command->add_option("PORT", options->port, "on which port")
      ->required()
      ->type_name("N")
      ->check(CLI::Range(1, 65535));
  add_device_options(*command, options->device);
  command->callback([options] { relay(*options); });
}

}  // namespace lastack::cli
