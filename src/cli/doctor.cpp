// lastack doctor: what of this machine the other subcommands need, and whether it is there.
#include "cli/doctor.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/manual.hpp"
#include "control/control.hpp"

namespace lastack::cli {
namespace {

std::string system_text(int error) { return std::strerror(error); }

bool has_capability(unsigned number) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return false;
  return (data[number / 32].effective >> (number % 32) & 1U) != 0;
}

Finding find_net_admin() {
  const bool has = has_capability(CAP_NET_ADMIN);
  return {.name = "CAP_NET_ADMIN",
          .works = has,
          .what = has ? "is there: devices can be made and get addresses"
                      : "is not there: only prepared devices can be used",
          .remedy = has ? "" : "run lastack as root, or in a network of its own: unshare -Urn"};
}

/// Devices that root has made for this user, or for everybody.
std::vector<std::string> prepared_devices() {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator all("/sys/class/net", error);
  for (const std::filesystem::directory_iterator end; !error && all != end; all.increment(error)) {
    std::ifstream flags(all->path() / "tun_flags");
    std::ifstream owner(all->path() / "owner");
    long uid = -1;
    if (!flags || !(owner >> uid)) continue;
    if (uid == static_cast<long>(::getuid())) names.push_back(all->path().filename());
  }
  std::ranges::sort(names);
  return names;
}

/// Whether a TUN device can be made, by making one. It goes with its descriptor, and was never up.
int make_tun() {
  const int fd = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (fd < 0) return errno;
  ifreq request{};
  std::memcpy(request.ifr_name, "lacheck%d", sizeof "lacheck%d");
  request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  const int error = ::ioctl(fd, TUNSETIFF, &request) == 0 ? 0 : errno;
  ::close(fd);
  return error;
}

Finding find_device() {
  Finding f{.name = "TUN device", .works = true, .what = "can be made", .remedy = {}};
  const int error = make_tun();
  if (error == 0) return f;
  const auto prepared = prepared_devices();
  f.works = !prepared.empty() && (error == EPERM || error == EACCES);
  if (f.works) {
    f.what = prepared.front() + " is prepared for this user";
    return f;
  }
  f.what = "can't be made: " + system_text(error);
  f.remedy = fmt::format("as root, once: ip tuntap add dev la0 mode tun user {}", user_name());
  return f;
}

/// A network of one's own, and the right to change it: the second is refused where a policy
/// restricts what user namespaces give.
int make_network() {
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return errno;
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", sizeof "lo");
  request.ifr_flags = IFF_UP;
  const int error = fd >= 0 && ::ioctl(fd, SIOCSIFFLAGS, &request) == 0 ? 0 : errno;
  ::close(fd);
  return error;
}

Finding find_ptrace() {
  Finding f{.name = "ptrace scope", .works = true, .what = {}, .remedy = {}};
  int scope = 0;
  std::ifstream file("/proc/sys/kernel/yama/ptrace_scope");
  if (!(file >> scope)) {
    f.what = "not restricted";
    return f;
  }
  f.works = scope <= 1 || (scope == 2 && has_capability(CAP_SYS_PTRACE));
  f.what = fmt::format("{}: memory of {} can be read", scope,
                       scope == 0 ? "one's own processes"
                       : f.works  ? "processes started here"
                                  : "no other process");
  if (!f.works) f.remedy = "as root: sysctl kernel.yama.ptrace_scope=1 (from 3 only by a reboot)";
  return f;
}

/// The folder as a host would make it; what is made here goes again.
Finding find_control_folder() {
  const std::string folder = control::socket_folder();
  std::error_code error;
  const bool made = std::filesystem::create_directories(folder, error);
  Finding f{.name = "control sockets", .works = false, .what = {}, .remedy = {}};
  constexpr std::size_t kLongestPath = 107;
  constexpr std::size_t kLongestName = 13;  // "/4194304.sock"
  f.remedy = "set XDG_RUNTIME_DIR to a folder of yours, with a short name";
  if (error) {
    f.what = fmt::format("{}: {}", folder, error.message());
  } else if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    f.what = fmt::format("{}: {}", folder, system_text(errno));
  } else if (folder.size() + kLongestName > kLongestPath) {
    f.what = folder + ": the name is too long for a socket in it";
  } else {
    f.works = true;
    f.what = folder;
    f.remedy.clear();
  }
  if (made) std::filesystem::remove(folder, error);
  return f;
}

void examine(bool as_json) {
  std::vector<Finding> findings{find_tun(), find_net_admin(), find_device(),
                                find_user_namespaces()};
  for (Finding& finding : find_run()) findings.push_back(std::move(finding));
  findings.push_back(find_ptrace());
  findings.push_back(find_control_folder());
  const bool runs = !missing_for_runs(findings);
  const bool serves = std::ranges::all_of(findings, [](const Finding& f) {
    return f.works || (f.name != "/dev/net/tun" && f.name != "TUN device");
  });
  if (as_json) {
    nlohmann::json checks = nlohmann::json::array();
    for (const Finding& f : findings) {
      checks.push_back({{"name", f.name}, {"works", f.works}, {"what", f.what}});
      if (!f.remedy.empty()) checks.back()["remedy"] = f.remedy;
    }
    fmt::print(
        "{}\n",
        nlohmann::json{{"schema", 1}, {"serve_tun", serves}, {"run", runs}, {"checks", checks}}
            .dump(2));
  } else {
    for (const Finding& f : findings) {
      fmt::print("{:<4}{:<25}{}{}{}\n", f.works ? "ok" : "no", f.name, f.what,
                 f.remedy.empty() ? "" : "; ", f.remedy);
    }
    fmt::print("\nserve, connect and relay over --tun {} here\n", serves ? "work" : "do not work");
    fmt::print("lastack run {} here\n", runs ? "works" : "does not work");
  }
  if (!serves) throw CLI::RuntimeError(kFailed);
}

Manual doctor_manual() {
  return {.summary = "tell what works on this machine, and how to mend what does not",
          .description =
              "Tries what the other subcommands need: a TUN device for serve, connect and relay; "
              "namespaces for the tour; for run that calls of programs can be answered (seccomp "
              "notification, also where another run or a sandbox listens already), that their "
              "descriptors can be borrowed and handed over and their memory read and written, and "
              "how quickly they go on; the folder "
              "for sockets that ss and ask look into. "
              "One line each, with the remedy where something does not work. Nothing it makes on "
              "the way stays.",
          .examples = {{"lastack doctor", "what works here"},
                       {"lastack doctor --json", "the same for programs"}},
          .exit_codes = {{kOk, "what serve --tun needs is there"},
                         {kFailed, "it is not"},
                         {kUsage, "wrong usage"}}};
}

}  // namespace

Finding find_tun() {
  Finding f{.name = "/dev/net/tun", .works = false, .what = {}, .remedy = {}};
  const int fd = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  const int error = errno;
  f.works = fd >= 0;
  f.what = f.works ? "can be opened" : system_text(error);
  const bool missing = error == ENOENT || error == ENODEV || error == ENXIO;
  if (f.works) {
    ::close(fd);
  } else if (missing) {
    f.remedy =
        "as root: modprobe tun; mkdir -p /dev/net; mknod -m 666 /dev/net/tun c 10 200; in a "
        "container start it with --device /dev/net/tun";
  } else {
    f.remedy = "as root: chmod 666 /dev/net/tun";
  }
  return f;
}

Finding find_user_namespaces() {
  const int error = asked_apart(make_network);
  Finding f{.name = "user namespaces",
            .works = error == 0,
            .what = error == 0 ? "can be made, with a network of their own" : system_text(error),
            .remedy = {}};
  if (!f.works) {
    f.remedy =
        "as root: sysctl user.max_user_namespaces=10000; where there is such a setting also "
        "kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0; in "
        "a container a profile that allows unshare()";
  }
  return f;
}

void add_doctor(CLI::App& app) {
  auto as_json = std::make_shared<bool>(false);
  CLI::App* command = add_command(app, "doctor", doctor_manual());
  command->add_flag("--json", *as_json, "as JSON");
  command->callback([as_json] { examine(*as_json); });
}

}  // namespace lastack::cli
