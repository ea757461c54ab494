#include "cli/run_network.hpp"

#include <fmt/core.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "cli/command.hpp"
#include "io/socket_address.hpp"

namespace lastack::cli {
namespace {

// The run as it looks from inside where there is a way out.
constexpr std::string_view kRunV4 = "10.0.2.15";
constexpr std::string_view kRunV6 = "fd00:2::15";
constexpr std::string_view kMachineV4 = "10.0.2.2";
constexpr std::string_view kMachineV6 = "fd00:2::2";

wire::IpAddress address(std::string_view text) { return *wire::IpAddress::parse(text); }

run::Surroundings surroundings() {
  return {.run = {address(kRunV4), address(kRunV6)},
          .machine = {address(kMachineV4), address(kMachineV6)}};
}

run::ResolverFile machines_resolvers() {
  std::ifstream file("/etc/resolv.conf");
  return run::ResolverFile::read(file);
}

/// Where the machine's programs ask for names, as far as it is on the machine itself: those of a
/// run that may go out ask there, too.
std::vector<host::Endpoint> local_ones(const run::ResolverFile& resolvers, bool allow_host) {
  std::vector<host::Endpoint> all;
  for (const host::Endpoint& server : resolvers.servers) {
    if (allow_host && server.address.is_loopback()) all.push_back(server);
  }
  return all;
}

std::vector<wire::IpAddress> addresses_of(const DeviceOptions& device) {
  std::vector<wire::IpAddress> all;
  for (const wire::Prefix& prefix : config_of(device).addresses) all.push_back(prefix.address);
  return all;
}

// --- what the options say

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

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

/// Labels of letters, digits, - and _, as names of hosts are.
bool is_host_name(std::string_view name) {
  constexpr std::size_t kLongest = 253;
  constexpr std::size_t kLongestLabel = 63;
  if (name.empty() || name.size() > kLongest) return false;
  std::size_t label = 0;
  for (const char c : name) {
    const bool plain = (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9');
    if (c == '.' ? label == 0 : !plain && c != '-' && c != '_') return false;
    label = c == '.' ? 0 : label + 1;
    if (label > kLongestLabel) return false;
  }
  return label > 0;
}

/// What --host says.
run::HostName host_of(const std::string& text) {
  const std::size_t equals = std::min(text.find('='), text.size());
  std::string name = text.substr(0, equals);
  std::ranges::transform(name, name.begin(), lower);
  const auto at = wire::IpAddress::parse(text.substr(std::min(equals + 1, text.size())));
  if (!is_host_name(name) || !at || at->is_unspecified() || at->is_multicast()) {
    throw Failure{
        fmt::format("--host {}: write a name and an address that it is to have in the run, as in "
                    "web=10.1.0.1 or web=fd01::1",
                    text),
        kUsage};
  }
  if (*at == surroundings().machine.like(*at)) {
    throw Failure{fmt::format("--host {}: {} is this machine's own loopback in a run; give another "
                              "address",
                              text, at->to_string()),
                  kUsage};
  }
  return {std::move(name), *at};
}

constexpr std::string_view kTun = "tun";
constexpr std::string_view kDevice = "la0";  // where none is named

/// `address` of the kernel's side, and the next one in its network: ours.
std::optional<wire::Prefix> one_beside(const wire::Prefix& kernels) {
  std::array<std::byte, 16> octets{};
  const auto given = kernels.address.bytes();
  std::ranges::copy(given, octets.begin());
  std::byte& last = octets[given.size() - 1];
  for (const int step : {1, -1}) {
    const auto number = static_cast<int>(std::to_integer<unsigned>(last)) + step;
    if (number <= 0 || number >= 255) continue;
    auto changed = octets;
    changed[given.size() - 1] = static_cast<std::byte>(number);
    const auto ours = wire::IpAddress::from(std::span(changed).first(given.size()));
    if (kernels.contains(ours) && !kernels.is_broadcast(ours)) {
      return wire::Prefix{ours, kernels.length};
    }
  }
  return std::nullopt;
}

/// Those that root has given the kernel's side of a device that is there.
std::vector<wire::Prefix> kernels_addresses(const std::string& device) {
  std::vector<wire::Prefix> all;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return all;
  for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    if (device != one->ifa_name || one->ifa_addr == nullptr || one->ifa_netmask == nullptr)
      continue;
    const auto end_of = [](const sockaddr* at) {
      return io::endpoint_of(at,
                             at->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    };
    const auto at = end_of(one->ifa_addr);
    const auto mask = end_of(one->ifa_netmask);
    if (!at || !mask || at->address.is_link_local()) continue;
    int length = 0;
    for (const std::byte octet : mask->address.bytes())
      length += std::popcount(std::to_integer<unsigned>(octet));
    all.push_back({at->address, static_cast<std::uint8_t>(length)});
  }
  ::freeifaddrs(first);
  return all;
}

/// Addresses beside the kernel's; where it has none both get those of the documentation's.
void take_addresses(DeviceOptions& device) {
  const auto text = [](const wire::Prefix& prefix) {
    return fmt::format("{}/{}", prefix.address.to_string(), prefix.length);
  };
  for (const wire::Prefix& kernels : kernels_addresses(device.tun)) {
    if (const auto ours = one_beside(kernels)) device.ip.push_back(text(*ours));
  }
  if (!device.ip.empty()) return;
  device.ip = {"10.9.0.2/24", "fd00:9::2/64"};
  device.peer = {"10.9.0.1", "fd00:9::1"};
}

void complete_tun(RunOptions& options, bool mtu_given) {
  DeviceOptions& device = options.device;
  const std::size_t equals = std::min(options.net.find('='), options.net.size());
  if (options.net.substr(0, equals) != kTun || equals + 1 == options.net.size()) {
    throw Failure{fmt::format("--net {}: write embedded, tun or tun=DEVICE", options.net), kUsage};
  }
  if (options.has_gateway()) {
    throw Failure{
        "over --net tun programs reach this machine and are reached: leave --allow-host "
        "and --publish out",
        kUsage};
  }
  device.tun = equals < options.net.size() ? options.net.substr(equals + 1) : kDevice;
  if (!mtu_given) device.mtu = DeviceOptions().mtu;
  if (device.ip.empty()) take_addresses(device);
}

}  // namespace

void complete(RunOptions& options, bool mtu_given) {
  DeviceOptions& device = options.device;
  if (options.net != "embedded") {
    complete_tun(options, mtu_given);
  } else if (!device.ip.empty() || !device.peer.empty()) {
    throw Failure{
        "--ip and --peer are for --net tun; on the embedded network it is --host "
        "NAME=ADDRESS",
        kUsage};
  }
  if (options.has_gateway()) {
    device.ip = {fmt::format("{}/24", kRunV4), fmt::format("{}/64", kRunV6)};
  }
  for (const std::string& text : options.hosts) {
    const wire::IpAddress at = host_of(text).address;
    const std::string one = fmt::format("{}/{}", at.to_string(), at.is_v4() ? 32 : 128);
    const auto is_it = [&](const std::string& ip) {
      return ip.substr(0, ip.find('/')) == at.to_string();
    };
    if (std::ranges::none_of(device.ip, is_it)) device.ip.push_back(one);
  }
  for (const char* own : {"127.0.0.1/8", "::1/128"}) device.ip.emplace_back(own);
  for (const std::string& text : options.publish) (void)published_of(text);
  (void)config_of(device);
}

RunNetwork::RunNetwork(const RunOptions& options)
    : tun_(!options.device.tun.empty()),
      allow_host_(options.allow_host),
      resolvers_(machines_resolvers()),
      junction_(options.device.mtu, addresses_of(options.device),
                local_ones(resolvers_, allow_host_)),
      own_(addresses_of(options.device)) {
  for (const wire::IpAddress& at : own_) {
    if (!at.is_loopback()) families_.insert(at.family());
  }
  for (const std::string& text : options.hosts) names_.hosts.push_back(host_of(text));
  const auto wire = bad_wire(options.device);
  if (wire && !tun_) junction_.impair(wire->impairment, wire->seed);
}

Place RunNetwork::place() {
  Place place;
  place.around = [this](link::Link& inner) -> link::Link& { return around(inner); };
  place.loops_over_link = true;
  if (tun_) return place;
  place.link = &junction_.near();
  place.wires = junction_.wires();
  return place;
}

link::Link& RunNetwork::around(link::Link& inner) {
  link::Link* link = &inner;
  if (tun_) link = &beside_loopback_.emplace(inner, own_);
  return name_link_.emplace(
      *link, resolvers_, names_,
      run::NameLink::Answers{
          .answered = [this](const auto& server) { return answers_for(server); },
          .goes_on = [this](const auto& question,
                            const auto& server) { return name_goes_on(question, server); }});
}

void RunNetwork::begin(RealHost& host, const RunOptions& options) {
  host_ = &host;
  if (!options.has_gateway()) return;
  host::Config config = host.host().config();
  config.addresses = {{surroundings().machine.v4, 24}, {surroundings().machine.v6, 64}};
  run::Surroundings around = surroundings();
  for (const run::HostName& one : names_.hosts) around.hosts.push_back(one.address);
  gateway_.emplace(junction_.far(), host.loop(), std::move(config), system_random(),
                   std::move(around));
  for (const std::string& text : options.publish) {
    const PublishedPort published = published_of(text);
    const auto done = gateway_->publish(published.outside, published.port);
    if (done) continue;
    throw Failure{fmt::format("can't listen at {}: {}", published.outside.to_string(),
                              std::strerror(done.error())),
                  kFailed};
  }
}

// --- what is outside

bool RunNetwork::within(const host::Endpoint& to) const {
  return tun_ ? beside_loopback_->is_own(to.address) : junction_.is_own(to);
}

bool RunNetwork::is_resolver(const host::Endpoint& end) const {
  return std::ranges::find(resolvers_.servers, end) != resolvers_.servers.end();
}

void RunNetwork::tell_outside(const std::string& what) {
  if (!told_.insert(what).second) return;
  if (tun_) {
    fmt::print(stderr, "lastack: {} is outside this run\n", what);
  } else {
    fmt::print(stderr, "lastack: {} is outside this run; add --allow-host\n", what);
  }
}

/// Where there is no way out the program learns it at once, and the user once for each address.
std::expected<void, int> RunNetwork::has_way(const host::Endpoint& to) {
  if (allow_host_ || is_resolver(to)) return {};
  if (tun_ && families_.contains(to.address.family())) return {};
  tell_outside(to.address.to_string());
  return std::unexpected(ENETUNREACH);
}

std::expected<void, int> RunNetwork::goes_out(const host::Endpoint& to) {
  if (allow_host_) return gateway_->begin(to);
  if (tun_ && families_.contains(to.address.family())) return {};
  tell_outside(to.address.to_string());
  return std::unexpected(ENETUNREACH);
}

/// A program of the run may be the resolver that all others ask.
bool RunNetwork::answers_for(const host::Endpoint& server) const {
  if (host_ == nullptr || !server.address.is_loopback()) return true;
  bool taken = false;
  host_->host().udp_endpoints().each([&](const host::UdpEntry& entry) {
    const auto& [at, port] = entry.bound;
    taken |= port == server.port && (at.is_unspecified() || at == server.address);
  });
  return !taken;
}

/// Resolvers try a name with something behind it, too: one of the two is said.
bool RunNetwork::name_goes_on(const run::DnsQuestion& question, const host::Endpoint& server) {
  if (allow_host_ || (tun_ && !server.address.is_loopback())) return true;
  if (question.type == run::DnsQuestion::kPointer) return false;
  const bool said = std::ranges::any_of(told_, [&](const std::string& told) {
    return question.name.starts_with(told + ".") || told.starts_with(question.name + ".");
  });
  if (!said) tell_outside(question.name);
  return false;
}

// --- what happens

void RunNetwork::settle() {
  constexpr int kMostRounds = 16;
  host_->settle();
  for (int i = 0; gateway_ && i < kMostRounds; ++i) {
    gateway_->turn();
    host_->settle();
    if (std::min(host_->next_deadline(), next_deadline()) > io::monotonic_now()) return;
  }
}

TimePoint RunNetwork::next_deadline() const {
  return gateway_ ? gateway_->next_deadline() : kNever;
}

std::vector<run::ShownLeg> RunNetwork::shown() const {
  return gateway_ ? gateway_->shown() : std::vector<run::ShownLeg>{};
}

}  // namespace lastack::cli
