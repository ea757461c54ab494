// The C face: lastack.h over the sockets, without another meaning anywhere.
#include "lastack/lastack.h"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/socket_address.hpp"
#include "io/waits.hpp"
#include "lastack/lastack.hpp"
#include "socket/stack_core.hpp"

using lastack::socket::Errno;
using namespace std::chrono_literals;

struct lastack_stack {
  lastack_stack(const lastack::StackOptions& options, const lastack::Seed& seed)
      : stack(options, seed), core(*lastack::socket::StackAccess::core(stack)) {}
  [[nodiscard]] lastack::socket::Sockets& sockets() const { return core.sockets; }

  lastack::Stack stack;
  lastack::socket::StackCore& core;
  std::deque<pollfd> ready;                        ///< for lastack_next_ready()
  std::map<int, lastack::socket::Waiter> watched;  ///< by descriptor
};

struct lastack_loop {
  lastack::Loop loop;
};

namespace {

thread_local std::string last_error;

int failed(Errno error) {
  last_error.clear();
  return -static_cast<int>(error);
}

int failed(int number, std::string what) {
  last_error = std::move(what);
  return -number;
}

template <typename T>
int number_of(const lastack::socket::Result<T>& result) {
  return result ? static_cast<int>(*result) : failed(result.error());
}
int number_of(const lastack::socket::Result<void>& result) {
  return result ? 0 : failed(result.error());
}

std::span<const std::byte> octets_at(const void* at, std::size_t size) {
  return {static_cast<const std::byte*>(at), size};
}
std::span<std::byte> octets_at(void* at, std::size_t size) {
  return {static_cast<std::byte*>(at), size};
}

/// What a call that waits has brought, or why its loop could not go on.
template <typename T>
T unless_stuck(const lastack::io::Waits& waits, T answer) {
  if (waits.problem() == 0) return answer;
  return failed(waits.problem(),
                "the loop can't go on: a device was deleted, or it is the loop that called");
}

/// Who watched it is told, and of nothing else any more.
void is_closed(lastack_stack& stack, int fd) {
  std::erase_if(stack.ready, [fd](const pollfd& told) { return told.fd == fd; });
  if (stack.watched.erase(fd) > 0)
    stack.ready.push_back({.fd = fd, .events = 0, .revents = POLLNVAL});
}

std::vector<std::span<std::byte>> parts_of(const msghdr& message) {
  std::vector<std::span<std::byte>> parts;
  parts.reserve(message.msg_iovlen);
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
    parts.push_back(octets_at(message.msg_iov[i].iov_base, message.msg_iov[i].iov_len));
  }
  return parts;
}

ssize_t size_of(const lastack::socket::Result<std::size_t>& result) {
  return result ? static_cast<ssize_t>(*result) : failed(result.error());
}

/// In the layout of the socket's family: an IPv4 address is a mapped one for an AF_INET6 socket.
void write_address(const lastack_stack& stack, int fd, const lastack::Endpoint& end, sockaddr* into,
                   socklen_t* size) {
  if (into == nullptr || size == nullptr) return;
  const auto* const open = stack.sockets().find(fd);
  const bool mapped = open != nullptr && open->domain == lastack::socket::OpenSocket::Domain::inet6;
  const auto made = lastack::io::socket_address(end, mapped);
  std::memcpy(into, &made.octets, std::min(*size, made.size));
  *size = made.size;
}

/// What bind() is given. As Linux has it the socket's family says how long that is to be; of no
/// family the unspecified address is IPv4's.
lastack::socket::Result<lastack::Endpoint> place_of(const lastack_stack& stack, int fd,
                                                    const sockaddr* address, socklen_t size) {
  const auto* const open = stack.sockets().find(fd);
  if (open == nullptr) return std::unexpected(Errno::ebadf);
  const bool v6 = open->domain == lastack::socket::OpenSocket::Domain::inet6;
  if (address == nullptr || size < (v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in))) {
    return std::unexpected(Errno::einval);
  }
  if (address->sa_family == (v6 ? AF_INET6 : AF_INET)) {
    return lastack::io::endpoint_of(address, size);
  }
  sockaddr_in v4{};
  std::memcpy(&v4, address, sizeof v4);
  if (v6 || v4.sin_family != AF_UNSPEC || v4.sin_addr.s_addr != INADDR_ANY) {
    return std::unexpected(Errno::eafnosupport);
  }
  return lastack::Endpoint{{}, ntohs(v4.sin_port)};
}

/// Linux has lengths as int.
bool is_negative(socklen_t size) { return static_cast<int>(size) < 0; }

int read_prefixes(const char* const* texts, std::vector<lastack::Prefix>& into) {
  for (; texts != nullptr && *texts != nullptr; ++texts) {
    const auto prefix = lastack::Prefix::parse(*texts);
    if (!prefix) {
      return failed(EINVAL, std::string(*texts) + " is no address: 10.9.0.2/24, fd00::2/64");
    }
    into.push_back(*prefix);
  }
  return 0;
}

template <typename T>
void choose(T& option, std::uint32_t value) {
  if (value != 0) option = static_cast<T>(value);
}

int outcome(const std::expected<void, lastack::SystemError>& done) {
  return done ? 0 : failed(done.error().number, done.error().what);
}

int accepted_of(const lastack_stack& stack, const lastack::socket::Result<int>& accepted,
                sockaddr* address, socklen_t* size) {
  if (!accepted) return failed(accepted.error());
  if (const auto peer = stack.sockets().peer_name(*accepted)) {
    write_address(stack, *accepted, *peer, address, size);
  }
  return *accepted;
}

}  // namespace

extern "C" {

const char* lastack_version(void) { return lastack::version(); }

const char* lastack_error(void) { return last_error.c_str(); }

// --- The stack

int lastack_stack_new(lastack_stack** made, const lastack_options* options) {
  if (made == nullptr || options == nullptr || options->size < sizeof *options) {
    return failed(EINVAL, "options.size is not sizeof(struct lastack_options)");
  }
  lastack::StackOptions chosen;
  if (const int problem = read_prefixes(options->addresses, chosen.addresses); problem != 0) {
    return problem;
  }
  choose(chosen.mtu, options->mtu);
  choose(chosen.receive_buffer, options->receive_buffer);
  choose(chosen.send_buffer, options->send_buffer);
  if (options->msl_ms != 0) chosen.msl = std::chrono::milliseconds(options->msl_ms);
  chosen.offload = options->offload != 0;
  if (options->profile == LASTACK_PROFILE_LINUX) chosen.profile = lastack::Profile::linux_kernel;
  const lastack::Seed seed =
      options->seed != 0 ? lastack::Seed::fixed(options->seed) : lastack::system_seed();
  *made = new lastack_stack(chosen, seed);
  return 0;
}

void lastack_stack_free(lastack_stack* stack) { delete stack; }

void lastack_advance(lastack_stack* stack, int64_t now) {
  stack->stack.advance(lastack::TimePoint(lastack::Duration(now)));
}

int64_t lastack_next_deadline(const lastack_stack* stack) {
  const lastack::TimePoint next = stack->stack.next_deadline();
  return next == lastack::kNever ? INT64_MAX : next.time_since_epoch().count();
}

void lastack_packet_arrives(lastack_stack* stack, const void* packet, size_t octets) {
  stack->stack.packet_arrives(octets_at(packet, octets));
}

size_t lastack_transmit(lastack_stack* stack, void* into, size_t octets) {
  return stack->stack.transmit(octets_at(into, octets));
}

// --- Sockets

int lastack_socket(lastack_stack* stack, int domain, int type, int protocol) {
  return number_of(stack->sockets().socket(domain, type, protocol));
}

int lastack_dup(lastack_stack* stack, int fd) { return number_of(stack->sockets().dup(fd)); }

int lastack_close(lastack_stack* stack, int fd) {
  is_closed(*stack, fd);
  const auto closed = stack->sockets().close(fd, stack->core.time());
  return closed ? 0 : failed(closed.error());
}

int lastack_bind(lastack_stack* stack, int fd, const sockaddr* address, socklen_t size) {
  const auto local = place_of(*stack, fd, address, size);
  return local ? number_of(stack->sockets().bind(fd, *local)) : failed(local.error());
}

int lastack_listen(lastack_stack* stack, int fd, int backlog) {
  const auto most = static_cast<std::uint32_t>(backlog < 0 ? SOMAXCONN : backlog);
  return number_of(stack->sockets().listen(fd, most, stack->core.time()));
}

int lastack_accept(lastack_stack* stack, int fd, sockaddr* address, socklen_t* size) {
  return accepted_of(*stack, stack->sockets().accept(fd), address, size);
}

int lastack_connect(lastack_stack* stack, int fd, const sockaddr* address, socklen_t size) {
  lastack::socket::Sockets& sockets = stack->sockets();
  if (address != nullptr && size >= sizeof address->sa_family && address->sa_family == AF_UNSPEC) {
    return number_of(sockets.disconnect(fd, stack->core.time()));
  }
  const auto remote = lastack::io::endpoint_of(address, size);
  return remote ? number_of(sockets.connect(fd, *remote, stack->core.time()))
                : failed(remote.error());
}

ssize_t lastack_send(lastack_stack* stack, int fd, const void* octets, size_t size, int flags) {
  return size_of(stack->sockets().send(fd, octets_at(octets, size), stack->core.time(), flags));
}

ssize_t lastack_recv(lastack_stack* stack, int fd, void* into, size_t size, int flags) {
  return size_of(stack->sockets().recv(fd, octets_at(into, size), stack->core.time(), flags));
}

ssize_t lastack_sendmsg(lastack_stack* stack, int fd, const msghdr* message, int flags) {
  std::optional<lastack::Endpoint> remote;
  if (message->msg_name != nullptr) {
    const auto read = lastack::io::endpoint_of(static_cast<const sockaddr*>(message->msg_name),
                                               message->msg_namelen);
    if (!read) return failed(read.error());
    remote = *read;
  }
  const auto parts = parts_of(*message);
  const std::vector<std::span<const std::byte>> all(parts.begin(), parts.end());
  return size_of(stack->sockets().sendmsg(fd, all, stack->core.time(), flags, remote));
}

ssize_t lastack_recvmsg(lastack_stack* stack, int fd, msghdr* message, int flags) {
  const auto received = stack->sockets().recvmsg(fd, parts_of(*message), stack->core.time(), flags);
  if (!received) return failed(received.error());
  message->msg_flags = received->flags;
  message->msg_controllen = 0;
  if (received->from.port != 0) {
    write_address(*stack, fd, received->from, static_cast<sockaddr*>(message->msg_name),
                  &message->msg_namelen);
  } else {
    message->msg_namelen = 0;
  }
  return static_cast<ssize_t>(received->octets);
}

ssize_t lastack_sendto(lastack_stack* stack, int fd, const void* octets, size_t size, int flags,
                       const sockaddr* to, socklen_t to_size) {
  std::optional<lastack::Endpoint> remote;
  if (to != nullptr) {
    const auto read = lastack::io::endpoint_of(to, to_size);
    if (!read) return failed(read.error());
    remote = *read;
  }
  const std::span<const std::byte> part = octets_at(octets, size);
  return size_of(stack->sockets().sendmsg(fd, {&part, 1}, stack->core.time(), flags, remote));
}

ssize_t lastack_recvfrom(lastack_stack* stack, int fd, void* into, size_t size, int flags,
                         sockaddr* from, socklen_t* from_size) {
  const std::span<std::byte> part = octets_at(into, size);
  const auto received = stack->sockets().recvmsg(fd, {&part, 1}, stack->core.time(), flags);
  if (!received) return failed(received.error());
  if (received->from.port != 0) {
    write_address(*stack, fd, received->from, from, from_size);
  } else if (from_size != nullptr) {
    *from_size = 0;
  }
  return static_cast<ssize_t>(received->octets);
}

int lastack_shutdown(lastack_stack* stack, int fd, int how) {
  return number_of(stack->sockets().shutdown(fd, how, stack->core.time()));
}

int lastack_setsockopt(lastack_stack* stack, int fd, int level, int name, const void* value,
                       socklen_t size) {
  if (is_negative(size)) return failed(Errno::einval);
  return number_of(
      stack->sockets().set_option(fd, level, name, octets_at(value, size), stack->core.time()));
}

int lastack_getsockopt(lastack_stack* stack, int fd, int level, int name, void* value,
                       socklen_t* size) {
  if (size == nullptr || is_negative(*size)) return failed(Errno::einval);
  const auto written =
      stack->sockets().get_option(fd, level, name, octets_at(value, *size), stack->core.time());
  if (!written) return failed(written.error());
  *size = static_cast<socklen_t>(*written);
  return 0;
}

int lastack_getsockname(lastack_stack* stack, int fd, sockaddr* address, socklen_t* size) {
  const auto local = stack->sockets().local_name(fd);
  if (!local) return failed(local.error());
  write_address(*stack, fd, *local, address, size);
  return 0;
}

int lastack_getpeername(lastack_stack* stack, int fd, sockaddr* address, socklen_t* size) {
  const auto remote = stack->sockets().peer_name(fd);
  if (!remote) return failed(remote.error());
  write_address(*stack, fd, *remote, address, size);
  return 0;
}

int lastack_ioctl(lastack_stack* stack, int fd, unsigned long request) {
  return number_of(stack->sockets().ioctl(fd, static_cast<unsigned>(request)));
}

// --- Readiness

int lastack_poll(lastack_stack* stack, pollfd* descriptors, size_t count) {
  int ready = 0;
  for (pollfd& wanted : std::span(descriptors, count)) {
    wanted.revents = 0;
    if (wanted.fd < 0) continue;
    const auto bits = stack->sockets().poll(wanted.fd);
    const int always = POLLERR | POLLHUP;
    wanted.revents = static_cast<short>(bits ? *bits & (wanted.events | always) : POLLNVAL);
    ready += wanted.revents != 0 ? 1 : 0;
  }
  return ready;
}

int lastack_watch(lastack_stack* stack, int fd, short events) {
  stack->watched.erase(fd);
  if (events == 0) return 0;
  if (stack->sockets().find(fd) == nullptr) return failed(Errno::ebadf);
  const auto bits = static_cast<std::uint16_t>(events | POLLERR | POLLHUP);
  const auto [at, fresh] = stack->watched.try_emplace(fd, fd, bits, [stack, fd, events] {
    pollfd told{.fd = fd, .events = events, .revents = 0};
    lastack_poll(stack, &told, 1);
    stack->ready.push_back(told);
    stack->watched.erase(fd);
  });
  stack->core.waiters.add(at->second);
  return 0;
}

int lastack_next_ready(lastack_stack* stack, pollfd* ready) {
  if (stack->ready.empty()) stack->stack.dispatch();
  if (stack->ready.empty()) return 0;
  *ready = stack->ready.front();
  stack->ready.pop_front();
  return 1;
}

// --- Looking in

const char* lastack_state(const lastack_stack* stack, int fd) {
  const auto state = stack->sockets().state(fd);
  return state ? to_string(*state).data() : nullptr;
}

int lastack_references(const lastack_stack* stack, int fd) {
  return number_of(stack->sockets().references(fd));
}

ssize_t lastack_history(const lastack_stack* stack, int fd, char* into, size_t size) {
  const auto* const open = stack->sockets().find(fd);
  if (open == nullptr) return failed(Errno::ebadf);
  std::string text;
  for (const lastack::Transition& t : lastack::socket::history_of(stack->core, *open)) {
    char line[100];
    const double seconds = std::chrono::duration<double>(t.at.time_since_epoch()).count();
    std::snprintf(line, sizeof line, "%.2f %s %s %s\n", seconds, to_string(t.from).data(),
                  to_string(t.to).data(), t.cause.data());
    text += line;
  }
  if (size > 0) {
    const std::size_t fits = std::min(text.size(), size - 1);
    std::memcpy(into, text.data(), fits);
    into[fits] = '\0';
  }
  return static_cast<ssize_t>(text.size());
}

// --- The loop

int lastack_loop_new(lastack_loop** made) {
  *made = new lastack_loop;
  return 0;
}

void lastack_loop_free(lastack_loop* loop) { delete loop; }

int lastack_loop_attach(lastack_loop* loop, lastack_stack* stack, const char* name,
                        const char* const* kernel) {
  lastack::TunOptions options{.name = name, .kernel = {}};
  const int problem = read_prefixes(kernel, options.kernel);
  return problem != 0 ? problem : outcome(loop->loop.attach(stack->stack, options));
}

int lastack_loop_join(lastack_loop* loop, lastack_stack* a, lastack_stack* b, int64_t delay) {
  loop->loop.join(a->stack, b->stack, lastack::Duration(delay));
  return 0;
}

int lastack_loop_descriptor(lastack_loop* loop) { return loop->loop.descriptor(); }

int lastack_loop_turn(lastack_loop* loop) { return outcome(loop->loop.turn()); }

int lastack_loop_poll(lastack_loop* loop, lastack_stack* stack, pollfd* descriptors, size_t count,
                      int timeout) {
  const lastack::TimePoint until =
      timeout < 0 ? lastack::kNever : lastack::monotonic_now() + std::chrono::milliseconds(timeout);
  pollfd wanted{.fd = loop->loop.descriptor(), .events = POLLIN, .revents = 0};
  for (;;) {
    if (const int problem = lastack_loop_turn(loop); problem != 0) return problem;
    const int ready = lastack_poll(stack, descriptors, count);
    const lastack::TimePoint now = lastack::monotonic_now();
    if (ready > 0 || now >= until) return ready;
    const std::int64_t left = (until - now + 999us) / 1ms;
    ::poll(&wanted, 1,
           until == lastack::kNever ? -1 : static_cast<int>(std::min<std::int64_t>(left, INT_MAX)));
  }
}

int lastack_loop_connect(lastack_loop* loop, lastack_stack* stack, int fd, const sockaddr* address,
                         socklen_t size) {
  const auto remote = lastack::io::endpoint_of(address, size);
  if (!remote) return lastack_connect(stack, fd, address, size);  // AF_UNSPEC waits for nobody
  lastack::io::Waits waits(loop->loop, stack->core);
  return unless_stuck(waits, number_of(waits.calls.connect(fd, *remote)));
}

int lastack_loop_accept(lastack_loop* loop, lastack_stack* stack, int fd, sockaddr* address,
                        socklen_t* size) {
  lastack::io::Waits waits(loop->loop, stack->core);
  return unless_stuck(waits, accepted_of(*stack, waits.calls.accept(fd), address, size));
}

ssize_t lastack_loop_send(lastack_loop* loop, lastack_stack* stack, int fd, const void* octets,
                          size_t size, int flags) {
  lastack::io::Waits waits(loop->loop, stack->core);
  return unless_stuck(waits, size_of(waits.calls.send(fd, octets_at(octets, size), flags)));
}

ssize_t lastack_loop_recv(lastack_loop* loop, lastack_stack* stack, int fd, void* into, size_t size,
                          int flags) {
  lastack::io::Waits waits(loop->loop, stack->core);
  return unless_stuck(waits, size_of(waits.calls.recv(fd, octets_at(into, size), flags)));
}

int lastack_loop_close(lastack_loop* loop, lastack_stack* stack, int fd) {
  is_closed(*stack, fd);
  lastack::io::Waits waits(loop->loop, stack->core);
  return unless_stuck(waits, number_of(waits.calls.close(fd)));
}

}  // extern "C"
