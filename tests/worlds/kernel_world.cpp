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

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace lastack::worlds {
namespace {

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

volatile std::sig_atomic_t sigpipe_came = 0;
int inside = -1;  // the namespace that the thread is in

/// As a socket is told an address: IPv4's are mapped where it is of AF_INET6.
struct SocketAddress {
  SocketAddress(int fd, const End& end) {
    int domain = AF_INET;
    socklen_t length = sizeof(domain);
    ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length);
    if (domain == AF_INET && end.address.is_v4()) {
      sockaddr_in v4{};
      v4.sin_family = AF_INET;
      v4.sin_addr.s_addr = htonl(end.address.last_word());
      v4.sin_port = htons(end.port);
      std::memcpy(&storage, &v4, size = sizeof(v4));
      return;
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, end.address.mapped().data(), sizeof(v6.sin6_addr));
    v6.sin6_port = htons(end.port);
    std::memcpy(&storage, &v6, size = sizeof(v6));
  }
  SocketAddress() = default;
  [[nodiscard]] const sockaddr* plain() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
  [[nodiscard]] sockaddr* plain() { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] End end() const {
    const auto* const octets = reinterpret_cast<const std::byte*>(&storage);
    const bool v4 = storage.ss_family == AF_INET;
    const std::size_t at = v4 ? offsetof(sockaddr_in, sin_addr) : offsetof(sockaddr_in6, sin6_addr);
    in_port_t port = 0;
    std::memcpy(&port, octets + offsetof(sockaddr_in, sin_port), sizeof(port));
    return {IpAddress::from({octets + at, v4 ? 4U : 16U}), ntohs(port)};
  }

  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
};

/// No ACK is delayed and nothing is sent again while a script runs: it has no time to wait.
void configure(int side) {
  for (const auto& [file, value] : {std::pair{"ipv6/conf/default/accept_ra", "0"},
                                    {"ipv6/conf/la0/accept_ra", "0"},
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
      "ip link set lo up && ip link set la0 addrgenmode none mtu 1500 txqueuelen 20000 up && "
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

KernelSide::KernelSide(int which) {
  (void)std::signal(SIGPIPE, [](int) { sigpipe_came = 1; });
  if (::unshare(CLONE_NEWNET) != 0) give_up("a network namespace");
  space_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  device_ = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ifreq request{};
  std::strncpy(request.ifr_name, "la0", IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (space_ < 0 || device_ < 0 || ::ioctl(device_, TUNSETIFF, &request) != 0) {
    give_up("a TUN device");
  }
  diag_ = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (diag_ < 0) give_up("sock_diag");
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  inside = space_;
  configure(which);
}

KernelSide::~KernelSide() {
  for (const int fd : {space_, device_, diag_, epoll_}) ::close(fd);
}

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
  const int type = stream ? SOCK_STREAM : SOCK_DGRAM;
  return answered(::socket(v6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}
int KernelSide::dup(int fd) { return answered(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }
int KernelSide::bind(int fd, const End& at) {
  const SocketAddress a(fd, at);
  return answered(::bind(fd, a.plain(), a.size));
}
int KernelSide::listen(int fd, int backlog) { return answered(::listen(fd, backlog)); }
int KernelSide::connect(int fd, const End& to) {
  SocketAddress a(fd, to);
  if (to == End{}) a.storage.ss_family = AF_UNSPEC;
  return answered(::connect(fd, a.plain(), a.size));
}
int KernelSide::accept(int fd) {
  return answered(::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int KernelSide::send(int fd, const std::vector<std::byte>& octets, int flags,
                     const std::optional<End>& to) {
  if (!to) return answered(::send(fd, octets.data(), octets.size(), flags));
  const SocketAddress a(fd, *to);
  return answered(::sendto(fd, octets.data(), octets.size(), flags, a.plain(), a.size));
}
bool KernelSide::raised() {
  const bool came = sigpipe_came != 0;
  sigpipe_came = 0;
  return came;
}

int KernelSide::recv(int fd, std::vector<std::byte>& into, int flags, End& from) {
  SocketAddress a;
  const int n = answered(::recvfrom(fd, into.data(), into.size(), flags, a.plain(), &a.size));
  from = a.end();
  return n;
}
int KernelSide::shutdown(int fd, int how) { return answered(::shutdown(fd, how)); }
/// A descriptor that is closed while copies of it are not would stay in the set.
int KernelSide::close(int fd) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  edges_.erase(fd);
  return answered(::close(fd));
}
int KernelSide::set(int fd, int level, int name, const std::vector<std::byte>& value) {
  return answered(
      ::setsockopt(fd, level, name, value.data(), static_cast<socklen_t>(value.size())));
}

int KernelSide::get(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof(value);
  return ::getsockopt(fd, level, name, &value, &size) < 0 ? -errno : value;
}

int KernelSide::name(int fd, bool peer, End& end) {
  SocketAddress a;
  const int result =
      peer ? ::getpeername(fd, a.plain(), &a.size) : ::getsockname(fd, a.plain(), &a.size);
  if (result < 0) return -errno;
  end = a.end();
  return 0;
}

int KernelSide::poll(int fd) {
  pollfd p{.fd = fd, .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP, .revents = 0};
  return ::poll(&p, 1, 0) < 0 ? -errno : p.revents;
}

int KernelSide::state(int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ? -errno : info.tcpi_state;
}

int KernelSide::edges(int fd) {
  if (!edges_.contains(fd)) {
    epoll_event watch{};
    watch.events = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    watch.data.fd = fd;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &watch);
    edges_[fd] = 0;
  }
  std::array<epoll_event, 64> events{};
  const int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < n; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    edges_[event.data.fd] = static_cast<int>(event.events);
  }
  return std::exchange(edges_[fd], 0);
}

int KernelSide::ioctl(int fd, unsigned request) {
  int value = 0;
  return ::ioctl(fd, request, &value) < 0 ? -errno : value;
}

/// Asks for just this connection; a listener at its port is not it.
int KernelSide::state_of(const End& local, const End& remote) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } ask{};
  ask.header.nlmsg_len = sizeof(ask);
  ask.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  ask.header.nlmsg_flags = NLM_F_REQUEST;
  ask.request.sdiag_family = local.address.is_v4() ? AF_INET : AF_INET6;
  ask.request.sdiag_protocol = IPPROTO_TCP;
  ask.request.idiag_states = ~0U;
  // As of a packet that arrives: its source is the remote end.
  ask.request.id.idiag_sport = htons(local.port);
  ask.request.id.idiag_dport = htons(remote.port);
  std::ranges::copy(local.address.bytes(), reinterpret_cast<std::byte*>(ask.request.id.idiag_src));
  std::ranges::copy(remote.address.bytes(), reinterpret_cast<std::byte*>(ask.request.id.idiag_dst));
  ask.request.id.idiag_cookie[0] = ask.request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  if (::send(diag_, &ask, sizeof(ask), 0) < 0) give_up("sock_diag");
  alignas(nlmsghdr) std::array<std::byte, 8192> answer{};
  const ssize_t size = ::recv(diag_, answer.data(), answer.size(), 0);
  if (size < static_cast<ssize_t>(sizeof(nlmsghdr))) give_up("sock_diag's answer");
  nlmsghdr header{};
  std::memcpy(&header, answer.data(), sizeof(header));
  if (header.nlmsg_type == NLMSG_ERROR) return kTcpClosed;
  inet_diag_msg found{};
  std::memcpy(&found, answer.data() + NLMSG_HDRLEN, sizeof(found));
  const bool is_it = found.id.idiag_dport == htons(remote.port);
  return is_it ? found.idiag_state : kTcpClosed;
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
