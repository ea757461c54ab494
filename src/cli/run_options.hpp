// What lastack run is told about its network, and what follows from it.
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/device.hpp"
#include "run/gateway.hpp"
#include "run/names.hpp"

namespace lastack::cli {

struct RunOptions {
  std::string program;
  std::vector<std::string> arguments;
  std::string net = "embedded";
  bool allow_host = false;
  std::vector<std::string> publish;
  std::vector<std::string> hosts;
  std::string name;
  std::string join;
  DeviceOptions device;
  [[nodiscard]] bool has_gateway() const { return allow_host || !publish.empty(); }
  [[nodiscard]] bool has_neighbours() const { return !name.empty() || !join.empty(); }
};

/// What the options leave open: addresses above all. Throws Failure where they make no sense.
void complete(RunOptions& options, bool mtu_given);

/// What --publish says: an address and port of the machine, and a port of the run. Throws Failure.
struct PublishedPort {
  host::Endpoint outside;
  std::uint16_t port = 0;
};
[[nodiscard]] PublishedPort published_of(const std::string& text);
/// What to do where the machine does not let it be listened at.
[[nodiscard]] Failure not_published(const PublishedPort& published, int error);
/// What --host says. Throws Failure.
[[nodiscard]] run::HostName host_of(const std::string& text);

/// Where a run is that has joined nobody.
[[nodiscard]] run::Surroundings usual_surroundings();
[[nodiscard]] std::string in_lower_case(std::string text);

}  // namespace lastack::cli
