// lastack serve: services on a host of its own, over a TUN or TAP device to this machine's kernel.
#include <fmt/core.h>

#include <memory>

#include "cli/command.hpp"
#include "cli/crew.hpp"
#include "cli/manual.hpp"
#include "cli/real_host.hpp"
#include "cli/services.hpp"
#include "cli/udp_services.hpp"

namespace lastack::cli {
namespace {

constexpr Duration kFarewell = 5s;  // for what was written before the end

struct ServeOptions {
  std::vector<std::string> words;
  DeviceOptions device;
  std::uint32_t queues = 1;
};

/// One host and what it serves.
class Serving {
 public:
  Serving(const ServeOptions& options, Place place);
  [[nodiscard]] RealHost& host() { return host_; }
  /// Until a signal comes.
  void serve();
  void stop();

 private:
  RealHost host_;
  Services services_;
  UdpServices udp_;
};

void start_services(Services& services, UdpServices& udp, const RealHost& host,
                    const ServeOptions& options) {
  const auto parsed = parse_services(options.words);
  if (!parsed.error.empty())
    throw Failure{parsed.error + "\n  lastack serve --help   names them", kUsage};
  for (const ServiceSpec& spec : parsed.services) {
    const bool v4 = host.speaks(wire::Family::v4);
    const bool v6 = host.speaks(wire::Family::v6);
    const TimePoint now = io::monotonic_now();
    const auto error =
        speaks_udp(spec) ? udp.add(spec, v4, v6, now) : services.add(spec, v4, v6, now);
    if (error) throw Failure{*error, kFailed};
  }
}

Serving::Serving(const ServeOptions& options, Place place)
    : host_(options.device, std::move(place)), services_(host_.sockets()), udp_(host_.host()) {
  start_services(services_, udp_, host_, options);
  host_.on_event = [this](const host::HostEvent& event, TimePoint now) {
    if (event.udp != host::UdpId{}) {
      udp_.on_event(event, now);
    } else {
      services_.on_event(event, now);
    }
  };
}

void Serving::serve() {
  while (host_.signal() == 0) host_.turn();
}

void Serving::stop() {
  services_.stop(io::monotonic_now());
  host_.deliver(kFarewell);
}

/// The first host is this thread's, and opens for all.
void serve_on(const ServeOptions& options, std::vector<Place> places) {
  std::vector<std::unique_ptr<Serving>> all;
  all.reserve(places.size());
  for (Place& place : places) all.push_back(std::make_unique<Serving>(options, std::move(place)));
  Serving& first = *all.front();
  first.host().wait_for_addresses();
  std::optional<Crew> crew;
  if (all.size() > 1) crew.emplace(first.host());
  for (std::size_t i = 1; i < all.size(); ++i) {
    crew->add(all[i]->host(), [one = all[i].get()] {
      one->serve();
      one->stop();
    });
  }
  fmt::print("ready\n");
  std::fflush(stdout);
  first.host().tell_if_unseen();
  first.serve();
  if (crew) crew->tell(first.host().signal());
  first.stop();
  if (crew) crew->join();
}

void serve(const ServeOptions& options) {
  std::vector<Place> places(options.queues);
  if (options.queues == 1) return serve_on(options, std::move(places));
  Random random = system_random();
  const HashKey key{random.next(), random.next()};
  io::Handover others(options.queues);
  auto queues = open_queues(options.device, config_of(options.device), options.queues);
  for (std::uint32_t i = 0; i < options.queues; ++i) {
    places[i] = {std::move(queues[i]), {.index = i, .of = options.queues, .key = key}, &others};
  }
  serve_on(options, std::move(places));
}

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
          "configured; --peer is left out then.\n\n"
          "With --queues there are several hosts with the same addresses, each on a thread of its "
          "own; each connection is one host's, and lastack ss shows those of all. A prepared "
          "device has to be made with multi_queue.",
      .terms_title = "services, as many as wanted",
      .terms = std::move(services),
      .examples = {{"lastack serve echo 7 --tun la0 --ip 10.9.0.2/24 --peer 10.9.0.1",
                    "an echo server; in another terminal: nc 10.9.0.2 7"},
                   {"lastack serve http 80=. forget 9 --tun la0 --ip 10.9.0.2/24 --peer 10.9.0.1",
                    "files of this folder, and a server that never closes"},
                   {"lastack serve udp-echo 7 echo 7 --tun la0 --ip 10.9.0.2/24 --peer 10.9.0.1",
                    "over UDP as well: nc -u 10.9.0.2 7"},
                   {"lastack serve echo 7 --tap la1 --ip 10.9.1.2/24 --peer 10.9.1.1",
                    "on an Ethernet"},
                   {"lastack serve sink 9 --tun la0 --ip fd09::2/64 --peer fd09::1 --profile linux",
                    "over IPv6, closing as Linux does"},
                   {"lastack serve echo 7 --queues 2 --tun la0 --ip 10.9.0.2/24 --peer 10.9.0.1",
                    "two hosts on two threads, which share the connections"},
                   {"lastack serve --config lastack.toml",
                    "as a file says; lastack --help shows one"}},
      .exit_codes = {
          {kOk, "ended by a signal"},
          {kFailed,
           "the device can't be made or was deleted, a port is taken, or no address is left"},
          {kUsage, "no such service or address, or wrong usage"}}};
}

}  // namespace

void add_serve(CLI::App& app) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* command = add_command(app, "serve", serve_manual());
  auto* services =
      command->add_option("SERVICE", options->words, "what to serve, see above")->required();
  std::vector<std::string> kinds;
  for (const auto& [kind, help] : service_kinds()) kinds.push_back(kind.substr(0, kind.find(' ')));
  suggest(services, kinds);
  add_device_options(*command, options->device);
  command
      ->add_option("--queues", options->queues,
                   "hosts, each on a thread and a queue of the TUN device of its own")
      ->type_name("N")
      ->check(CLI::Range(1, 64))
      ->excludes("--tap")
      ->capture_default_str();
  command->callback([options] { serve(*options); });
}

}  // namespace lastack::cli
