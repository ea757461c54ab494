#include "worlds/kernel_world.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "wire/ip.hpp"
#include "wire/udp.hpp"

namespace lastack::worlds {
namespace {

void write_file(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool good = fd >= 0 && ::write(fd, text.data(), text.size()) > 0;
  if (fd >= 0) ::close(fd);
  if (!good) give_up(path);
}

int inside = -1;  // the namespace that the thread is in

/// No ACK is delayed and nothing is sent again while a script runs: it has no time to wait. No
/// address but ours, from the beginning: as the device comes up it would be too late to say so.
void configure(int side) {
  for (const auto& [file, value] : {std::pair{"ipv6/conf/default/accept_ra", "0"},
                                    {"ipv6/conf/la0/accept_ra", "0"},
                                    {"ipv6/conf/la0/addr_gen_mode", "1"},  // none
                                    {"ipv6/icmp/ratelimit", "0"},
                                    {"ipv4/tcp_early_retrans", "0"},
                                    {"ipv4/icmp_ratelimit", "0"},
                                    {"ipv4/tcp_no_metrics_save", "1"},
                                    {"ipv4/ip_local_port_range", "61000 65000"},
                                    {"ipv4/tcp_max_tw_buckets", "100000"},
                                    {"ipv4/icmp_msgs_per_sec", "100000"}}) {
    write_file(std::string("/proc/sys/net/") + file, value);
  }
  const std::string v4 = World::address(side, false).to_string();
  const std::string v6 = World::address(side, true).to_string();
  const std::string how = " quickack 1 rto_min 20s";
  const std::string commands =
      "ip link set lo up && ip link set la0 mtu 1500 txqueuelen 20000 up && "
      "ip addr add " +
      v4 + "/32 dev la0 && ip addr add " + v6 +
      "/128 dev la0 nodad && "
      "ip route add 10.0.0.0/24 dev la0 src " +
      v4 + how +
      " && "
      "ip route add fd00::/64 dev la0 src " +
      v6 + how;
  if (std::system(commands.c_str()) != 0) give_up(commands);
}

}  // namespace

/// On a busy machine a namespace comes up now and then in which the kernel discards all that it
/// would answer over IPv6, for as long as it lives (Ip6OutDiscards counts it): nobody's fault here.
KernelSide::KernelSide(int which) {
  constexpr int kMostTries = 8;
  for (int i = 0; i < kMostTries; ++i) {
    if (device_ >= 0) leave();
    make(which);
    if (answers(which)) return;
  }
  give_up("a namespace in which IPv6 works");
}

void KernelSide::leave() {
  diag_.reset();
  for (int* const fd : {&space_, &device_}) ::close(std::exchange(*fd, -1));
}

/// A datagram to a port where nobody is gets its ICMPv6 error.
bool KernelSide::answers(int which) {
  constexpr int kMostReads = 50;
  constexpr useconds_t kAWhile = 1000;  // microseconds
  const wire::IpHeader ip{.source = World::address(1 - which, true),
                          .destination = World::address(which, true)};
  Packet probe(wire::udp_packet_size(wire::Family::v6, 0));
  probe.resize(wire::emit_udp_packet(ip, {.source_port = 9, .destination_port = 9}, {}, probe));
  arrives(probe);
  for (int i = 0; i < kMostReads; ++i) {
    Packet answer;
    if (transmit(answer)) {
      const auto found = wire::parse_ip(answer);
      if (found && found->header.protocol == wire::kProtocolIcmpv6) return true;
      continue;
    }
    ::usleep(kAWhile);
  }
  return false;
}

void KernelSide::make(int which) {
  if (::unshare(CLONE_NEWNET) != 0) give_up("a network namespace");
  space_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  device_ = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ifreq request{};
  std::strncpy(request.ifr_name, "la0", IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (space_ < 0 || device_ < 0 || ::ioctl(device_, TUNSETIFF, &request) != 0) {
    give_up("a TUN device");
  }
  diag_.emplace();
  inside = space_;
  configure(which);
}

KernelSide::~KernelSide() { leave(); }

void KernelSide::enter() {
  if (inside == space_) return;
  if (::setns(space_, CLONE_NEWNET) != 0) give_up("setns");
  inside = space_;
}

bool KernelSide::transmit(Packet& packet) {
  packet.resize(65536);
  const ssize_t n = ::read(device_, packet.data(), packet.size());
  packet.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  return n > 0;
}

void KernelSide::arrives(const Packet& packet) {
  if (::write(device_, packet.data(), packet.size()) < 0) give_up("the TUN device");
}

int KernelSide::open(bool v6, bool stream) {
  enter();
  return PlainSockets::open(v6, stream);
}

int KernelSide::state_of(const End& local, const End& remote) {
  return diag_->state_of(local, remote);
}

void WiredWorld::begin() {
  held_ = false;
  settle();
}

void WiredWorld::collect() {
  for (int from = 0; from < 2; ++from) {
    for (Packet packet; side(from).transmit(packet);) wire_.emplace_back(from, std::move(packet));
  }
}

void WiredWorld::settle() {
  collect();
  while (!held_ && !wire_.empty()) pass();
}

void WiredWorld::pass() {
  collect();
  if (wire_.empty()) return;
  const auto [from, packet] = std::move(wire_.front());
  wire_.pop_front();
  side(1 - from).arrives(packet);
  collect();
}

}  // namespace lastack::worlds
