#include "worlds/plain_sockets.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace lastack::worlds {
namespace {

int answered(ssize_t result) { return result < 0 ? -errno : static_cast<int>(result); }

volatile std::sig_atomic_t sigpipe_came = 0;

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

/// What sendmsg() and recvmsg() take: octets in three buffers, one of them empty.
struct Message {
  explicit Message(std::vector<std::byte>& octets) {
    const auto parts = three_parts(std::span(octets));
    for (std::size_t i = 0; i < parts.size(); ++i) vectors[i] = {parts[i].data(), parts[i].size()};
    header.msg_iov = vectors.data();
    header.msg_iovlen = vectors.size();
  }
  void name(SocketAddress& at) {
    header.msg_name = at.plain();
    header.msg_namelen = at.size;
  }

  std::array<iovec, 3> vectors{};
  msghdr header{};
};

}  // namespace

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "worlds: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(2);
}

PlainSockets::PlainSockets() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  (void)std::signal(SIGPIPE, [](int) { sigpipe_came = 1; });
}
PlainSockets::~PlainSockets() { ::close(epoll_); }

int PlainSockets::open(bool v6, bool stream) {
  const int type = stream ? SOCK_STREAM : SOCK_DGRAM;
  return answered(::socket(v6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK, 0));
}
int PlainSockets::dup(int fd) { return answered(::fcntl(fd, F_DUPFD, 0)); }
int PlainSockets::bind(int fd, const End& at) {
  const SocketAddress a(fd, at);
  return answered(::bind(fd, a.plain(), a.size));
}
int PlainSockets::listen(int fd, int backlog) { return answered(::listen(fd, backlog)); }
int PlainSockets::connect(int fd, const End& to) {
  SocketAddress a(fd, to);
  if (to == End{}) a.storage.ss_family = AF_UNSPEC;
  return answered(::connect(fd, a.plain(), a.size));
}
int PlainSockets::accept(int fd) {
  return answered(::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK));
}

int PlainSockets::send(int fd, const std::vector<std::byte>& octets, int flags,
                       const std::optional<End>& to) {
  if (in_several(octets.size())) {
    std::vector<std::byte> copy(octets);
    SocketAddress at = to ? SocketAddress(fd, *to) : SocketAddress();
    Message message(copy);
    if (to) message.name(at);
    return answered(::sendmsg(fd, &message.header, flags));
  }
  if (!to) return answered(::send(fd, octets.data(), octets.size(), flags));
  const SocketAddress a(fd, *to);
  return answered(::sendto(fd, octets.data(), octets.size(), flags, a.plain(), a.size));
}
bool PlainSockets::raised() {
  const bool came = sigpipe_came != 0;
  sigpipe_came = 0;
  return came;
}

int PlainSockets::recv(int fd, std::vector<std::byte>& into, int flags, End& from) {
  SocketAddress a;
  int n = 0;
  if (in_several(into.size())) {
    Message message(into);
    message.name(a);
    n = answered(::recvmsg(fd, &message.header, flags));
  } else {
    n = answered(::recvfrom(fd, into.data(), into.size(), flags, a.plain(), &a.size));
  }
  from = a.end();
  return n;
}
int PlainSockets::shutdown(int fd, int how) { return answered(::shutdown(fd, how)); }
/// A descriptor that is closed while copies of it are not would stay in the set.
int PlainSockets::close(int fd) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  edges_.erase(fd);
  return answered(::close(fd));
}
int PlainSockets::set(int fd, int level, int name, const std::vector<std::byte>& value) {
  return answered(
      ::setsockopt(fd, level, name, value.data(), static_cast<socklen_t>(value.size())));
}

int PlainSockets::get(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof(value);
  return ::getsockopt(fd, level, name, &value, &size) < 0 ? -errno : value;
}

int PlainSockets::name(int fd, bool peer, End& end) {
  SocketAddress a;
  const int result =
      peer ? ::getpeername(fd, a.plain(), &a.size) : ::getsockname(fd, a.plain(), &a.size);
  if (result < 0) return -errno;
  end = a.end();
  return 0;
}

int PlainSockets::poll(int fd) {
  pollfd p{.fd = fd, .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP, .revents = 0};
  return ::poll(&p, 1, 0) < 0 ? -errno : p.revents;
}

int PlainSockets::state(int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ? -errno : info.tcpi_state;
}

int PlainSockets::edges(int fd) {
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

int PlainSockets::ioctl(int fd, unsigned request) {
  int value = 0;
  return ::ioctl(fd, request, &value) < 0 ? -errno : value;
}

SocketDiag::SocketDiag()
    : descriptor_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)) {
  if (descriptor_ < 0) give_up("sock_diag");
}
SocketDiag::~SocketDiag() { ::close(descriptor_); }

/// Asks for just this connection; a listener at its port is not it.
int SocketDiag::state_of(const End& local, const End& remote) const {
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
  if (::send(descriptor_, &ask, sizeof(ask), 0) < 0) give_up("sock_diag");
  alignas(nlmsghdr) std::array<std::byte, 8192> answer{};
  const ssize_t size = ::recv(descriptor_, answer.data(), answer.size(), 0);
  if (size < static_cast<ssize_t>(sizeof(nlmsghdr))) give_up("sock_diag's answer");
  nlmsghdr header{};
  std::memcpy(&header, answer.data(), sizeof(header));
  if (header.nlmsg_type == NLMSG_ERROR) return kTcpClosed;
  inet_diag_msg found{};
  std::memcpy(&found, answer.data() + NLMSG_HDRLEN, sizeof(found));
  // It tells of a listener at that port where there is no connection.
  const bool is_it = found.id.idiag_dport == htons(remote.port) && found.idiag_state != kTcpListen;
  return is_it ? found.idiag_state : kTcpClosed;
}

}  // namespace lastack::worlds
