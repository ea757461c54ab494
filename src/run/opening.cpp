// Calls that make sockets and connections.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "run/loopbacks.hpp"
#include "run/supervisor.hpp"

namespace lastack::run {

using socket::Errno;

namespace {

constexpr int kTypeMask = 0xf;

/// What a program may have of the kernel's own: talk within the machine, and asking how it is.
bool is_the_kernels(int domain, int protocol) {
  constexpr int kRoutes = 0;  // NETLINK_ROUTE
  return domain == AF_UNIX || domain == AF_ALG || (domain == AF_NETLINK && protocol == kRoutes);
}

/// Whether a descriptor of the caller's is closed by exec().
bool closes_on_exec(pid_t thread, int descriptor) {
  const std::string path =
      "/proc/" + std::to_string(thread) + "/fdinfo/" + std::to_string(descriptor);
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return false;
  unsigned flags = 0;
  const bool read = std::fscanf(file, "pos: %*u flags: %o", &flags) == 1;
  std::fclose(file);
  return read && (flags & O_CLOEXEC) != 0;
}

}  // namespace

std::expected<GivenAddress, std::int64_t> given_address(const Caller& caller, std::uint64_t at,
                                                        std::uint64_t size) {
  GivenAddress given;
  given.size = static_cast<socklen_t>(size);
  if (given.size > sizeof given.octets) return std::unexpected(failed(Errno::einval));
  if (!caller.read(at, std::as_writable_bytes(std::span(&given.octets, 1)).first(given.size))) {
    return std::unexpected(-EFAULT);
  }
  return given;
}

std::expected<host::Endpoint, std::int64_t> GivenAddress::endpoint() const {
  const auto end = io::endpoint_of(reinterpret_cast<const sockaddr*>(&octets), size);
  if (!end) return std::unexpected(failed(end.error()));
  return *end;
}

std::expected<host::Endpoint, std::int64_t> address_argument(const Caller& caller, std::uint64_t at,
                                                             std::uint64_t size) {
  const auto given = given_address(caller, at, size);
  if (!given) return std::unexpected(given.error());
  return given->endpoint();
}

host::Endpoint meant(const host::Endpoint& end) {
  if (!end.address.is_unspecified()) return end;
  return {loopbacks().like(end.address), end.port};
}

bool write_address(const Caller& caller, const host::Endpoint& end, bool inet6, std::uint64_t at,
                   std::uint64_t size_at, socklen_t room) {
  const auto made = io::socket_address(end, inet6);
  const auto octets = std::as_bytes(std::span(&made.octets, 1));
  return caller.write({at, octets.first(std::min(room, made.size))},
                      {size_at, std::as_bytes(std::span(&made.size, 1))});
}

Supervisor::Answer Supervisor::socket(const Call& call) {
  const int domain = call.integer(0);
  const int type = call.integer(1) & kTypeMask;
  const int protocol = call.integer(2);
  if (is_the_kernels(domain, protocol)) {
    notifier_->pass(call);
    return std::nullopt;
  }
  if (domain != AF_INET && domain != AF_INET6) return failed(Errno::eafnosupport);
  if (type == SOCK_RAW) return -EPERM;
  const auto fd = sockets_->socket(domain, type, protocol);
  if (!fd) return failed(fd.error());
  auto pair = make_stand_in((call.integer(1) & SOCK_NONBLOCK) != 0, type == SOCK_DGRAM);
  if (!pair) {
    (void)sockets_->close(*fd, io::monotonic_now());
    return -pair.error();
  }
  auto guest = std::make_unique<Guest>(*fd, std::move(pair->near), domain == AF_INET6);
  guest->datagrams = type == SOCK_DGRAM;
  const int number = notifier_->give(call, pair->far.get(), (call.integer(1) & SOCK_CLOEXEC) != 0);
  guest->holder = {call.thread, number};
  if (number >= 0) {
    take_in(std::move(guest));
    return std::nullopt;
  }
  (void)sockets_->close(*fd, io::monotonic_now());
  if (number == -ENOENT) return std::nullopt;
  return number;
}

Supervisor::Answer Supervisor::bind(const Asked& asked) {
  const auto local =
      address_argument(asked.caller, asked.call.arguments[1], asked.call.arguments[2]);
  if (!local) return local.error();
  if (!notifier_->waits(asked.call)) return std::nullopt;
  auto done = sockets_->bind(asked.guest.fd, *local);
  const bool taken = !done && done.error() == Errno::eaddrinuse;
  if (taken && let_go_of(local->port, asked.now)) done = sockets_->bind(asked.guest.fd, *local);
  return answer_of(done);
}

Supervisor::Answer Supervisor::listen(const Asked& asked) {
  if (!notifier_->waits(asked.call)) return std::nullopt;
  const int backlog = asked.call.integer(1);
  const auto most = static_cast<std::uint32_t>(backlog < 0 ? SOMAXCONN : backlog);
  Guest& guest = asked.guest;
  auto done = sockets_->listen(guest.fd, most, asked.now);
  if (!done && done.error() == Errno::eaddrinuse) {
    const auto local = sockets_->local_name(guest.fd);
    if (local && let_go_of(local->port, asked.now)) {
      done = sockets_->listen(guest.fd, most, asked.now);
    }
  }
  if (!done || std::exchange(guest.listening, true)) return answer_of(done);
  const bool spent =
      !guest.stand_in.open() || guest.stand_in.reading_ended() || guest.stand_in.writing_ended();
  const OwnedFd anew = spent && is_callers_only(asked) ? renew(asked) : OwnedFd();
  guest.stand_in.stuff(anew ? anew.get() : asked.far);
  return answer_of(done);
}

// --- connect

Supervisor::Answer Supervisor::connect(const Asked& asked) {
  Guest& guest = asked.guest;
  const auto given = given_address(asked.caller, asked.call.arguments[1], asked.call.arguments[2]);
  if (!given) return given.error();
  if (!notifier_->waits(asked.call)) return std::nullopt;
  if (given->size < sizeof(sa_family_t)) return failed(Errno::einval);
  hear_error_told(asked);
  if (given->family() == AF_UNSPEC) return disconnect(asked);
  auto remote = given->endpoint();
  if (!remote) return remote.error();
  *remote = meant(*remote);
  if (guest.datagrams) return connect_datagrams(asked, *remote);
  const bool was_spent = is_spent(guest);
  const auto done = sockets_->connect(guest.fd, *remote, asked.now);
  const bool under_way =
      !done && (done.error() == Errno::einprogress || done.error() == Errno::ealready);
  OwnedFd anew;  // the far end, where it is not `asked.far` any more
  if (was_spent && (under_way || !is_connected(guest))) {
    anew = renew(asked);
    if (!anew) {
      (void)sockets_->disconnect(guest.fd, asked.now);
      return notifier_->waits(asked.call) ? Answer(failed(Errno::econnaborted)) : Answer();
    }
  }
  if (done && !asked.non_blocking()) {
    tell_connected(asked.call, asked.now);
    return std::nullopt;
  }
  if (!under_way) return answer_of(done);
  if (!guest.connecting && !network_.within(*remote)) {
    if (const auto begun = network_.goes_out(*remote); !begun) {
      (void)sockets_->disconnect(guest.fd, asked.now);
      return -begun.error();
    }
  }
  guest.connecting = true;
  if (asked.non_blocking()) {
    if (done.error() != Errno::einprogress) return answer_of(done);
    const int far = anew ? anew.get() : asked.far;
    network_.settle_device();
    const bool there =
        tcp::traits(sockets_->state(guest.fd).value_or(tcp::State::closed)).synchronized;
    there ? StandIn::touch(far) : guest.stand_in.stuff(far);
    return answer_of(done);
  }
  const bool again = done.error() == Errno::ealready;
  wait(guest, {.call = asked.call, .again = again}, socket::Call::connect, asked.now);
  return std::nullopt;
}

/// Nothing is left of what was connected, or listened.
Supervisor::Answer Supervisor::disconnect(const Asked& asked) {
  Guest& guest = asked.guest;
  const auto done = sockets_->disconnect(guest.fd, asked.now);
  if (!done || guest.datagrams) return answer_of(done);
  if (!guest.calls.empty()) act(guest, asked.now);
  guest.listening = guest.connecting = false;
  if (guest.stand_in.clear(asked.far)) {
    guest.backlog.clear();
    guest.urgent = guest.shut_write = false;
  } else if (is_callers_only(asked)) {
    (void)renew(asked);
  }
  return answer_of(done);
}

/// Whether no other process has it: there its stand-in would stay the old one.
bool Supervisor::is_callers_only(const Asked& asked) {
  const std::uint64_t inode = asked.guest.stand_in.inode();
  const Holders all = holders_of([inode](std::uint64_t other) { return other == inode; });
  const auto found = all.find(inode);
  const pid_t process = process_of(asked.call.thread);
  return found != all.end() && std::ranges::all_of(found->second, [process](const Holder& holder) {
           return holder.process == process;
         });
}

/// Whether what has ended of its stand-in has not ended of the socket: there it can begin again.
bool Supervisor::is_spent(const Guest& guest) const {
  const socket::OpenSocket* open = sockets_->find(guest.fd);
  return !guest.stand_in.open() ||
         (!open->has_flow() && ((guest.stand_in.reading_ended() && !open->shut_read) ||
                                (guest.stand_in.writing_ended() && !open->shut_write)));
}

/// Those that lack may be about to be closed.
std::expected<StandIn::Pair, int> Supervisor::make_stand_in(bool non_blocking, bool datagrams) {
  auto pair = StandIn::make(non_blocking, datagrams);
  if (pair || (pair.error() != ENFILE && pair.error() != EMFILE)) return pair;
  errands_->finish();
  return StandIn::make(non_blocking, datagrams);
}

/// A stand-in whose ends have hung up can't be opened again: the caller's descriptors get another
/// one.
OwnedFd Supervisor::renew(const Asked& asked) {
  Guest& guest = asked.guest;
  auto pair = make_stand_in(asked.non_blocking());
  if (!pair) return OwnedFd();
  for (const int copy : descriptors_of(asked.call.thread, guest.stand_in.inode())) {
    const bool closes = closes_on_exec(asked.call.thread, copy);
    const int done = notifier_->replace(asked.call, pair->far.get(), copy, closes);
    if (done < 0 && copy == asked.call.descriptor()) return OwnedFd();
  }
  pass_options_on(guest, pair->far.get(), asked.now);
  auto kept = std::move(by_inode_.at(guest.stand_in.inode()));
  by_inode_.erase(guest.stand_in.inode());
  kept->stand_in = std::move(pair->near);
  kept->readable = kept->has_stops = kept->hung_up = kept->ended = kept->unread = false;
  kept->urgent = kept->shut_write = false;
  kept->writable = true;
  kept->backlog.clear();
  take_in(std::move(kept));
  return std::move(pair->far);
}

// --- accept

Supervisor::Answer Supervisor::accept(const Asked& asked) {
  Guest& guest = asked.guest;
  forget_gone_calls(guest, asked.now);
  const Answer answer = accept_now(guest, asked.call, asked.far, asked.now);
  if (!answer) return answer;
  show_waiting(guest, asked.far);
  if (answer != failed(Errno::eagain) || asked.non_blocking()) return answer;
  wait(guest, {.call = asked.call}, socket::Call::accept, asked.now);
  return std::nullopt;
}

Supervisor::Answer Supervisor::accept_for(Guest& guest, WaitingCall& waiting, TimePoint now) {
  return accept_now(guest, waiting.call, -1, now);
}

/// The next connection with its stand-in, which is not the caller's yet.
std::unique_ptr<Guest> Supervisor::next_child(Guest& guest, OwnedFd& far, bool non_blocking,
                                              std::int64_t& error, TimePoint now) {
  socket::Fd fd = -1;
  if (!guest.returned.empty()) {
    fd = guest.returned.front();
    guest.returned.erase(guest.returned.begin());
  } else {
    const auto accepted = sockets_->accept(guest.fd);
    if (!accepted) {
      error = failed(accepted.error());
      return nullptr;
    }
    fd = *accepted;
  }
  auto pair = make_stand_in(non_blocking);
  if (!pair) {
    error = -pair.error();
    (void)sockets_->close(fd, io::monotonic_now());
    return nullptr;
  }
  far = std::move(pair->far);
  auto child = std::make_unique<Guest>(fd, std::move(pair->near), guest.inet6);
  child->urgent_in_place = guest.urgent_in_place;
  child->low_at = guest.low_at;
  child->limited = guest.limited;
  if (sockets_->find(fd)->shut_write) child->stand_in.end_writing(far.get());
  if (sockets_->find(fd)->shut_read) child->stand_in.end_reading();
  pass_options_on(*child, far.get(), now);
  return child;
}

/// Who has its connection goes on at once, and may look at the listener: so that shows before what
/// waits then.
Supervisor::Answer Supervisor::accept_now(Guest& guest, const Call& call, int listeners_far,
                                          TimePoint now) {
  const int flags = call.number == __NR_accept4 ? call.integer(3) : 0;
  if ((flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != 0) return failed(Errno::einval);
  const bool any =
      !guest.returned.empty() || (sockets_->poll(guest.fd).value_or(0) & socket::kPollIn) != 0;
  const Caller caller(call.thread);
  std::optional<socklen_t> room(0);
  if (any && call.arguments[1] != 0) room = caller.value<socklen_t>(call.arguments[2]);
  if (any && !notifier_->waits(call)) return std::nullopt;
  OwnedFd far;
  std::int64_t error = 0;
  auto child = next_child(guest, far, (flags & SOCK_NONBLOCK) != 0, error, now);
  if (!child) return error;
  const auto peer = sockets_->peer_name(child->fd);
  const auto [at, size_at] = std::pair(call.arguments[1], call.arguments[2]);
  if (at != 0 && peer &&
      (!room || !write_address(caller, *peer, guest.inet6, at, size_at, *room))) {
    (void)sockets_->close(child->fd, now);
    return -EFAULT;
  }
  show_waiting(guest, listeners_far);
  const int number = notifier_->give(call, far.get(), (flags & SOCK_CLOEXEC) != 0);
  if (number < 0) {
    guest.returned.insert(guest.returned.begin(), child->fd);
    show_waiting(guest, listeners_far);
    return number == -ENOENT ? Answer() : Answer(number);
  }
  child->holder = {call.thread, number};
  Guest& taken = take_in(std::move(child));
  settle(taken);
  act(taken, now);
  return std::nullopt;
}

void Supervisor::show_waiting(Guest& guest, int far) {
  const socket::OpenSocket* open = sockets_->find(guest.fd);
  if (open == nullptr || open->kind != socket::OpenSocket::Kind::listening) return;
  const std::size_t wait = sockets_->host().waiting(open->listener()) + guest.returned.size();
  if (guest.stand_in.show_waiting(wait, far)) return;
  const OwnedFd borrowed = borrow(guest);
  (void)guest.stand_in.show_waiting(wait, borrowed.get());
}

}  // namespace lastack::run
