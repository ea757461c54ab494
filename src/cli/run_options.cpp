#include "cli/run_options.hpp"

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

/// The run's own, and those that the machine's file of names has, as 127.0.1.1 is Debian's of its
/// host: a program that looks up its own name gets that.
std::vector<std::string> own_loopbacks() {
  std::vector<std::string> all{"127.0.0.1/8", "::1/128"};
  std::ifstream hosts("/etc/hosts");
  for (std::string line; std::getline(hosts, line);) {
    const auto at = wire::IpAddress::parse(line.substr(0, line.find_first_of(" \t#")));
    if (!at || !at->is_v4() || !at->is_loopback()) continue;
    const std::string own = at->to_string() + "/8";
    if (std::ranges::find(all, own) == all.end()) all.push_back(own);
  }
  return all;
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

/// Addresses beside the kernel's; where it has none, beside those that it is to get.
void take_addresses(DeviceOptions& device) {
  const auto text = [](const wire::Prefix& prefix) {
    return fmt::format("{}/{}", prefix.address.to_string(), prefix.length);
  };
  for (const wire::Prefix& kernels : kernels_addresses(device.tun)) {
    if (const auto ours = one_beside(kernels)) device.ip.push_back(text(*ours));
  }
  if (!device.ip.empty()) return;
  if (device.peer.empty()) device.peer = {"10.9.0.1", "fd00:9::1"};
  for (const std::string& peer : device.peer) {
    const auto at = wire::IpAddress::parse(peer);
    if (!at) throw Failure{fmt::format("'{}' is no address", peer), kUsage};
    const std::uint8_t length = at->is_v4() ? 24 : 64;
    if (const auto ours = one_beside({*at, length})) device.ip.push_back(text(*ours));
  }
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

std::string in_lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), lower);
  return text;
}

run::Surroundings usual_surroundings() {
  return {.run = {address(kRunV4), address(kRunV6)},
          .machine = {address(kMachineV4), address(kMachineV6)}};
}

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

run::HostName host_of(const std::string& text) {
  const std::size_t equals = std::min(text.find('='), text.size());
  std::string name = text.substr(0, equals);
  name = in_lower_case(name);
  const auto at = wire::IpAddress::parse(text.substr(std::min(equals + 1, text.size())));
  if (!is_host_name(name) || !at || at->is_unspecified() || at->is_multicast()) {
    throw Failure{
        fmt::format("--host {}: write a name and an address that it is to have in the run, as in "
                    "web=10.1.0.1 or web=fd01::1",
                    text),
        kUsage};
  }
  if (*at == usual_surroundings().machine.like(*at)) {
    throw Failure{fmt::format("--host {}: {} is this machine's own loopback in a run; give another "
                              "address",
                              text, at->to_string()),
                  kUsage};
  }
  return {std::move(name), *at};
}

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
  if (options.has_neighbours() && !device.tun.empty()) {
    throw Failure{"runs join each other on the embedded network: leave --net tun out", kUsage};
  }
  for (const std::string& name : {options.name, options.join}) {
    if (!name.empty() && !is_host_name(name)) {
      throw Failure{
          fmt::format("'{}' is no name for a run: write one of letters, digits, - and _", name),
          kUsage};
    }
  }
  for (const std::string& text : options.hosts) {
    const wire::IpAddress at = host_of(text).address;
    const std::string one = fmt::format("{}/{}", at.to_string(), at.is_v4() ? 32 : 128);
    const auto is_it = [&](const std::string& ip) {
      return ip.substr(0, ip.find('/')) == at.to_string();
    };
    if (std::ranges::none_of(device.ip, is_it)) device.ip.push_back(one);
  }
  for (const std::string& own : own_loopbacks()) device.ip.push_back(own);
  for (const std::string& text : options.publish) (void)published_of(text);
  (void)config_of(device);
}

}  // namespace lastack::cli
