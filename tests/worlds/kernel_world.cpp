#include "worlds/kernel_world.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace lastack::worlds {
namespace {

constexpr int kClosed = 7;

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "worlds: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(2);
}

int answered(ssize_t result) { return result < 0 ? -errno : static_cast<int>(result); }

void write_file(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool good = fd >= 0 && ::write(fd, text.data(), text.size()) > 0;
  if (fd >= 0) ::close(fd);
  if (!good) give_up(path);
}

sockaddr_in address_of(const End& end) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(end.address);
  to.sin_port = htons(end.port);
  return to;
}

const sockaddr* plain(const sockaddr_in& a) { return reinterpret_cast<const sockaddr*>(&a); }

/// No ACK is delayed and nothing is sent again while a script runs: it has no time to wait.
void configure(int side) {
  for (const auto& [file, value] : {std::pair{"ipv6/conf/all/disable_ipv6", "1"},
                                    {"ipv6/conf/default/disable_ipv6", "1"},
                                    {"ipv4/tcp_early_retrans", "0"},
                                    {"ipv4/icmp_ratelimit", "0"},
                                    {"ipv4/tcp_no_metrics_save", "1"},
                                    {"ipv4/ip_local_port_range", "61000 65000"},
                                    {"ipv4/tcp_max_tw_buckets", "100000"},
                                    {"ipv4/icmp_msgs_per_sec", "100000"}}) {
    write_file(std::string("/proc/sys/net/") + file, value);
  }
  const std::string me = "10.0.0." + std::to_string(side + 1);
  const std::string commands =
      "ip link set lo up && ip link set la0 mtu 1500 txqueuelen 20000 up && ip addr add " + me +
      "/32 dev la0 && ip route add 10.0.0.0/24 dev la0 src " + me + " quickack 1 rto_min 20s";
  if (std::system(commands.c_str()) != 0) give_up(commands);
}

}  // namespace

KernelWorld::KernelWorld() {
  make_side(0);
  make_side(1);
  enter(0);
}

KernelWorld::~KernelWorld() {
  for (const Side& side : sides_) {
    ::close(side.space);
    ::close(side.device);
    ::close(side.diag);
    ::close(side.epoll);
  }
}

void KernelWorld::make_side(int side) {
  Side& s = sides_[static_cast<std::size_t>(side)];
  if (::unshare(CLONE_NEWNET) != 0) give_up("a network namespace");
  s.space = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  s.device = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ifreq request{};
  std::strncpy(request.ifr_name, "la0", IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (s.space < 0 || s.device < 0 || ::ioctl(s.device, TUNSETIFF, &request) != 0) {
    give_up("a TUN device");
  }
  s.diag = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (s.diag < 0) give_up("sock_diag");
  s.epoll = ::epoll_create1(EPOLL_CLOEXEC);
  inside_ = side;
  configure(side);
}

void KernelWorld::enter(int side) {
  if (inside_ == side) return;
  if (::setns(sides_[static_cast<std::size_t>(side)].space, CLONE_NEWNET) != 0) give_up("setns");
  inside_ = side;
}

void KernelWorld::begin(std::uint16_t) {
  held_ = false;
  settle();
}

int KernelWorld::open(int side, bool stream) {
  enter(side);
  const int type = stream ? SOCK_STREAM : SOCK_DGRAM;
  return answered(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}
int KernelWorld::dup(int, int fd) { return answered(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }
int KernelWorld::bind(int, int fd, const End& at) {
  const sockaddr_in a = address_of(at);
  return answered(::bind(fd, plain(a), sizeof(a)));
}
int KernelWorld::listen(int, int fd, int backlog) { return answered(::listen(fd, backlog)); }
int KernelWorld::connect(int, int fd, const End& to) {
  sockaddr_in a = address_of(to);
  if (to == End{}) a.sin_family = AF_UNSPEC;
  return answered(::connect(fd, plain(a), sizeof(a)));
}
int KernelWorld::accept(int, int fd) {
  return answered(::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int KernelWorld::send(int, int fd, const std::vector<std::byte>& octets, int flags,
                      const std::optional<End>& to) {
  const sockaddr_in a = address_of(to.value_or(End{}));
  const sockaddr* const there = to ? plain(a) : nullptr;
  return answered(
      ::sendto(fd, octets.data(), octets.size(), flags | MSG_NOSIGNAL, there, to ? sizeof(a) : 0));
}

int KernelWorld::recv(int, int fd, std::vector<std::byte>& into, int flags) {
  return answered(::recv(fd, into.data(), into.size(), flags));
}
int KernelWorld::shutdown(int, int fd, int how) { return answered(::shutdown(fd, how)); }
/// A descriptor that is closed while copies of it are not would stay in the set.
int KernelWorld::close(int side, int fd) {
  Side& s = sides_[static_cast<std::size_t>(side)];
  ::epoll_ctl(s.epoll, EPOLL_CTL_DEL, fd, nullptr);
  s.edges.erase(fd);
  return answered(::close(fd));
}
int KernelWorld::set(int, int fd, int level, int name, const std::vector<std::byte>& value) {
  return answered(
      ::setsockopt(fd, level, name, value.data(), static_cast<socklen_t>(value.size())));
}

int KernelWorld::get(int, int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof(value);
  return ::getsockopt(fd, level, name, &value, &size) < 0 ? -errno : value;
}

int KernelWorld::name(int, int fd, bool peer, End& end) {
  sockaddr_in a{};
  socklen_t size = sizeof(a);
  const int result = peer ? ::getpeername(fd, reinterpret_cast<sockaddr*>(&a), &size)
                          : ::getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size);
  if (result < 0) return -errno;
  end = {ntohl(a.sin_addr.s_addr), ntohs(a.sin_port)};
  return 0;
}

int KernelWorld::poll(int, int fd) {
  pollfd p{.fd = fd, .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP, .revents = 0};
  return ::poll(&p, 1, 0) < 0 ? -errno : p.revents;
}

int KernelWorld::state(int, int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ? -errno : info.tcpi_state;
}

int KernelWorld::edges(int side, int fd) {
  Side& s = sides_[static_cast<std::size_t>(side)];
  if (!s.edges.contains(fd)) {
    epoll_event watch{};
    watch.events = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    watch.data.fd = fd;
    ::epoll_ctl(s.epoll, EPOLL_CTL_ADD, fd, &watch);
    s.edges[fd] = 0;
  }
  std::array<epoll_event, 64> events{};
  const int n = ::epoll_wait(s.epoll, events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < n; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    s.edges[event.data.fd] = static_cast<int>(event.events);
  }
  return std::exchange(s.edges[fd], 0);
}

int KernelWorld::ioctl(int, int fd, unsigned request) {
  int value = 0;
  return ::ioctl(fd, request, &value) < 0 ? -errno : value;
}

/// Asks for just this connection; a listener at its port is not it.
int KernelWorld::state_of(int side, const End& local, const End& remote) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } ask{};
  ask.header.nlmsg_len = sizeof(ask);
  ask.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  ask.header.nlmsg_flags = NLM_F_REQUEST;
  ask.request.sdiag_family = AF_INET;
  ask.request.sdiag_protocol = IPPROTO_TCP;
  ask.request.idiag_states = ~0U;
  // As of a packet that arrives: its source is the remote end.
  ask.request.id.idiag_sport = htons(local.port);
  ask.request.id.idiag_dport = htons(remote.port);
  ask.request.id.idiag_src[0] = htonl(local.address);
  ask.request.id.idiag_dst[0] = htonl(remote.address);
  ask.request.id.idiag_cookie[0] = ask.request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  const int diag = sides_[static_cast<std::size_t>(side)].diag;
  if (::send(diag, &ask, sizeof(ask), 0) < 0) give_up("sock_diag");
  alignas(nlmsghdr) std::array<std::byte, 8192> answer{};
  const ssize_t size = ::recv(diag, answer.data(), answer.size(), 0);
  if (size < static_cast<ssize_t>(sizeof(nlmsghdr))) give_up("sock_diag's answer");
  nlmsghdr header{};
  std::memcpy(&header, answer.data(), sizeof(header));
  if (header.nlmsg_type == NLMSG_ERROR) return kClosed;
  inet_diag_msg found{};
  std::memcpy(&found, answer.data() + NLMSG_HDRLEN, sizeof(found));
  const bool is_it = found.id.idiag_dport == htons(remote.port);
  return is_it ? found.idiag_state : kClosed;
}

/// What the devices have to send goes onto the wire.
bool KernelWorld::collect() {
  bool any = false;
  for (int side = 0; side < 2; ++side) {
    for (;;) {
      Packet packet(65536);
      const ssize_t n =
          ::read(sides_[static_cast<std::size_t>(side)].device, packet.data(), packet.size());
      if (n <= 0) break;
      packet.resize(static_cast<std::size_t>(n));
      wire_.emplace_back(side, std::move(packet));
      any = true;
    }
  }
  return any;
}

void KernelWorld::settle() {
  collect();
  while (!held_ && !wire_.empty()) {
    const auto [from, packet] = std::move(wire_.front());
    wire_.pop_front();
    const int to = sides_[static_cast<std::size_t>(1 - from)].device;
    if (::write(to, packet.data(), packet.size()) < 0) give_up("the TUN device");
    collect();
  }
}

}  // namespace lastack::worlds
