#include "cli/device_failure.hpp"

#include <fmt/core.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace lastack::cli {
namespace {

/// "tun" or "tap", or nothing for a device that is neither.
std::string kind_of(const std::string& device) {
  const int control = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (control < 0) return {};
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  ifreq request{};
  device.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&info);
  const bool told = ::ioctl(control, SIOCETHTOOL, &request) == 0;
  ::close(control);
  return told && std::string_view(info.driver) == "tun" ? info.bus_info : "";
}

/// EINVAL is all that the kernel says of a name, of another kind of device, and of queues.
std::string what_is_invalid(const std::string& device, std::string_view kind) {
  if (device.size() >= IFNAMSIZ || device.find_first_of("/: \t") != std::string::npos ||
      device == "." || device == "..") {
    return "\n  a name has 15 characters at most, without spaces, slashes and colons";
  }
  if (::if_nametoindex(device.c_str()) != 0) {
    const std::string there = kind_of(device);
    if (there.empty()) return "\n  another kind of device has that name; choose another name";
    if (there != kind) {
      return fmt::format("\n  it is there as a {} device: give --{}, or choose another name",
                         there == "tap" ? "TAP" : "TUN", there);
    }
  }
  return fmt::format(
      "\n  several queues take a device that was made for them, as root:\n"
      "    ip tuntap add dev {} mode tun multi_queue user {}",
      device, user_name());
}

}  // namespace

Failure device_failure(const link::TunError& error, const DeviceOptions& options) {
  const std::string_view kind = options.tap.empty() ? "tun" : "tap";
  const std::string& device = options.tap.empty() ? options.tun : options.tap;
  std::string text = fmt::format("can't {}: {}", error.what, std::strerror(error.error));
  if (error.error == EACCES) {  // of the node, not of a device
    text += "\n  as root:  chmod 666 /dev/net/tun";
  } else if (error.error == EPERM) {
    text += fmt::format("\n  as root, once:  ip tuntap add dev {} mode {} user {}", device, kind,
                        user_name());
  } else if (error.error == EBUSY) {
    text += "\n  another program has it open; choose another name";
  } else if (error.error == EINVAL) {
    text += what_is_invalid(device, kind);
  } else if (error.error == ENOENT) {
    text += "\n  as root:  modprobe tun";
  } else if (error.error == EOPNOTSUPP) {
    text += offloads(options)
                ? "\n  another program has it open without them: give --no-offload"
                : "\n  another program has it open with them: leave --no-offload and --wire out";
  }
  return {text, kFailed};
}

}  // namespace lastack::cli
