// The device behind which a subcommand's host sits, and whose addresses it has: the options that
// serve, connect and relay share, and what is made of them.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "host/config.hpp"
#include "link/impaired_both_ways.hpp"
#include "link/tun_device.hpp"

namespace lastack::cli {

struct DeviceOptions {
  std::string tun;
  std::string tap;
  std::string mac;
  bool automatic = false;
  std::vector<std::string> ip;
  std::vector<std::string> gateway;
  std::vector<std::string> peer;
  std::uint16_t mtu = 1500;
  bool no_offload = false;
  std::string wire;  ///< link/impairment_text.hpp
  std::string profile = "bsd";
  double msl = 30;
  std::size_t trace = 4096;
  bool paused = false;
  std::int64_t busy_poll = 0;  ///< microseconds
  std::string ports = "32768-60999";
  std::string keepalive;    ///< seconds idle, seconds between two questions, questions
  double user_timeout = 0;  ///< seconds
  unsigned retries = 15;
};

/// Octets of the send and of the receive buffer of a connection over a device.
inline constexpr std::uint32_t kDeviceBuffer = 4U << 20U;

void add_device_options(CLI::App& command, DeviceOptions& options);
/// --peer.
void add_peer_option(CLI::App& command, DeviceOptions& options);
/// Those of them that have to do with no device, nor with its addresses.
void add_host_options(CLI::App& command, DeviceOptions& options);

/// A bad wire treats packets one by one, so none may be several in one, or unfinished.
[[nodiscard]] bool offloads(const DeviceOptions& options);

/// What follows throws Failure where an option makes no sense, or where the system says no.
[[nodiscard]] host::Config config_of(const DeviceOptions& options);
/// With the kernel's addresses, where any were given.
[[nodiscard]] std::unique_ptr<link::TunDevice> open_device(const DeviceOptions& options,
                                                           const host::Config& config);
/// So many queues of a TUN device; the kernel's addresses as open_device().
[[nodiscard]] std::vector<std::unique_ptr<link::TunDevice>> open_queues(
    const DeviceOptions& options, const host::Config& config, std::size_t queues);
/// What --wire says; nothing where it says nothing.
struct BadWire {
  link::Impairment impairment;
  std::uint64_t seed = 0;
};
[[nodiscard]] std::optional<BadWire> bad_wire(const DeviceOptions& options);
/// That wire around the link; null where none is asked for.
[[nodiscard]] std::unique_ptr<link::ImpairedBothWays> wire_around(link::Link& bare,
                                                                  const DeviceOptions& options);
[[nodiscard]] Random system_random();

}  // namespace lastack::cli
