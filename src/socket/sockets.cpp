// Descriptors and open sockets: made, opened, shut, closed.
#include "socket/sockets.hpp"

#include <algorithm>
#include <utility>

#include "tcp/mutant.hpp"

namespace lastack::socket {
namespace {

wire::IpAddress unspecified(OpenSocket::Domain domain) {
  const bool v6 = domain == OpenSocket::Domain::inet6;
  return v6 ? *wire::IpAddress::parse("::") : wire::IpAddress{};
}

/// Somebody waits for the handshake.
bool in_handshake(tcp::State state) {
  return state == tcp::State::syn_sent || state == tcp::State::syn_rcvd;
}

}  // namespace

// --- descriptors and open sockets

/// POSIX: the lowest number that is free.
Result<Fd> Sockets::install(std::uint32_t index) {
  if (no_descriptor_left()) return std::unexpected(Errno::emfile);
  ++open_[index].references;
  if (free_descriptors_.empty()) {
    descriptors_.push_back(index);
    return static_cast<Fd>(descriptors_.size() - 1);
  }
  const Fd fd = free_descriptors_.top();
  free_descriptors_.pop();
  descriptors_[static_cast<std::size_t>(fd)] = index;
  return fd;
}

bool Sockets::no_descriptor_left() const {
  return free_descriptors_.empty() && descriptors_.size() == kMostDescriptors;
}

std::uint32_t Sockets::make(OpenSocket::Kind kind) {
  std::uint32_t index = free_open_;
  if (index == kFree) {
    index = static_cast<std::uint32_t>(open_.push_back(OpenSocket{}));
  } else {
    free_open_ = open_[index].index;
  }
  const bool queued = open_[index].queued;
  open_[index] = OpenSocket{};
  open_[index].kind = kind;
  open_[index].queued = queued;
  open_[index].index = kFree;
  ++open_sockets_;
  return index;
}

void Sockets::own(Owners& owners, std::uint32_t thing, std::uint32_t open) {
  while (owners.size() <= thing) owners.push_back(kFree);
  owners[thing] = open;
}

OpenSocket* Sockets::get(Fd fd) {
  const auto at = static_cast<std::size_t>(fd);
  if (fd < 0 || at >= descriptors_.size() || descriptors_[at] == kFree) return nullptr;
  return &open_[descriptors_[at]];
}

const OpenSocket* Sockets::find(Fd fd) const { return const_cast<Sockets*>(this)->get(fd); }

const tcp::Connection* Sockets::connection(const OpenSocket& s) const {
  return s.has_flow() ? host_->connection(s.flow()) : nullptr;
}

tcp::State Sockets::state_of(const OpenSocket& s) const {
  if (s.kind == OpenSocket::Kind::listening) return tcp::State::listen;
  const tcp::Connection* c = connection(s);
  return c != nullptr ? c->state() : tcp::State::closed;
}

/// No connection any more, or none yet: to its holders TIME_WAIT is over, too.
bool Sockets::is_over(const OpenSocket& s) const {
  const tcp::State state = state_of(s);
  return state == tcp::State::closed || state == tcp::State::time_wait;
}

Result<Fd> Sockets::socket() {
  if (no_descriptor_left()) return std::unexpected(Errno::emfile);
  return install(make(OpenSocket::Kind::fresh));
}

Result<Fd> Sockets::socket(int domain, int type, int protocol) {
  constexpr int kTcp = 6;
  constexpr int kUdp = 17;
  if (domain != kAfInet && domain != kAfInet6) return std::unexpected(Errno::eafnosupport);
  if (type != kSockStream && type != kSockDgram) return std::unexpected(Errno::esocktnosupport);
  const bool stream = type == kSockStream;
  if (protocol != 0 && protocol != (stream ? kTcp : kUdp)) {
    return std::unexpected(Errno::eprotonosupport);
  }
  if (no_descriptor_left()) return std::unexpected(Errno::emfile);
  const std::uint32_t made = make(stream ? OpenSocket::Kind::fresh : OpenSocket::Kind::datagram);
  open_[made].domain = domain == kAfInet ? OpenSocket::Domain::inet : OpenSocket::Domain::inet6;
  return install(made);
}

/// Whether the socket can have, or talk to, such an address. To one of IPv6 those of IPv4 are the
/// IPv4-mapped ones (RFC 3493 §3.7); IPV6_V6ONLY is the calls' own to mind.
bool Sockets::fits(const OpenSocket& s, const host::Endpoint& end) const {
  return s.domain != OpenSocket::Domain::inet || end.address.is_v4();
}

/// "::" of a socket of IPv6 is IPv4's addresses, too, unless IPV6_V6ONLY is on (RFC 3493 §5.3).
bool Sockets::takes_both(const OpenSocket& s, const wire::IpAddress& address) {
  return s.domain == OpenSocket::Domain::inet6 && !s.only_v6 && !address.is_v4() &&
         address.is_unspecified();
}

/// The same of what is bound, which may have an address since.
bool Sockets::keeps_both(const OpenSocket& s, const wire::IpAddress& address) {
  return s.domain == OpenSocket::Domain::inet6 && !s.only_v6 && !address.is_v4();
}

Result<Fd> Sockets::dup(Fd fd) {
  if (get(fd) == nullptr) return std::unexpected(Errno::ebadf);
  if (tcp::mutated(tcp::Mutant::dup_not_counted)) --get(fd)->references;
  return install(descriptors_[static_cast<std::size_t>(fd)]);
}

Result<Lingering> Sockets::close(Fd fd, TimePoint now) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  const std::uint32_t index = std::exchange(descriptors_[static_cast<std::size_t>(fd)], kFree);
  free_descriptors_.push(fd);
  if (tcp::mutated(tcp::Mutant::any_close_sends_fin)) (void)shut_flow(*s, kShutWr, now);
  if (--s->references > 0) return {};
  return let_go(index, now);
}

/// The last reference is gone: only now does TCP hear of it.
Lingering Sockets::let_go(std::uint32_t index, TimePoint now) {
  OpenSocket& s = open_[index];
  Lingering lingering;
  if (s.kind == OpenSocket::Kind::listening) host_->close_listener(s.listener(), now);
  if (s.kind == OpenSocket::Kind::datagram) host_->udp_close(s.udp());
  if (s.has_flow()) {
    const bool unread = readable(s) > 0;
    const bool resets = s.resets_at_close() && !tcp::mutated(tcp::Mutant::linger_zero_sends_fin);
    if (resets && !unread && !is_over(s)) host_->abort(s.flow(), now);
    if (s.linger && !s.resets_at_close() && !unread && !is_over(s)) {
      lingering = {host_->find(s.flow())->flow, now + s.choices->linger};
    }
    host_->orphan(s.flow(), now);
  }
  forget_place(s);
  const bool queued = s.queued;
  s = OpenSocket{};
  s.queued = queued;
  s.index = std::exchange(free_open_, index);
  --open_sockets_;
  return lingering;
}

bool Sockets::lingers(const Lingering& closed) const {
  const tcp::State state = host_->state_of(closed.flow);
  return state == tcp::State::fin_wait_1 || state == tcp::State::closing ||
         state == tcp::State::last_ack;
}

/// What bind() took is free for others.
void Sockets::forget_place(OpenSocket& s) {
  const bool keeps = tcp::mutated(tcp::Mutant::bound_port_kept);
  if (s.bound && s.kind != OpenSocket::Kind::datagram && !keeps) {
    host_->unbind(s.choices->local, s.reuse_address || s.reuse_port,
                  keeps_both(s, s.choices->local.address));
  }
  s.bound = false;
}

/// A port that bind() was left to pick is the connection's: it is free once that is over.
void Sockets::give_port_back(OpenSocket& s) {
  const bool of_connection = s.bound && !s.port_chosen && !s.renamed;
  if (of_connection && s.has_flow() && is_over(s)) forget_place(s);
}

/// connect() chooses the address of what is bound to any, and it is any again once that is over.
void Sockets::set_address(OpenSocket& s, const wire::IpAddress& address) {
  const host::Endpoint before = std::exchange(s.choices->local, {address, s.choices->local.port});
  if (s.bound) {
    host_->rebind(before, keeps_both(s, before.address), s.choices->local, keeps_both(s, address),
                  s.reuse_address || s.reuse_port);
  }
}

// --- opening

Result<void> Sockets::bind(Fd fd, const host::Endpoint& local) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (!fits(*s, local)) return std::unexpected(Errno::eafnosupport);
  if (s->only_v6 && local.address.is_v4()) return std::unexpected(Errno::einval);
  if (s->kind == OpenSocket::Kind::datagram) {
    if (has_port(*s)) return std::unexpected(Errno::einval);
    const auto opened = open_datagrams(fd, *s, local, {});
    if (opened) choose_address(*s, local.address);
    return opened;
  }
  const bool may = s->kind == OpenSocket::Kind::fresh || (s->has_flow() && is_over(*s));
  give_port_back(*s);
  if (!may || s->bound) return std::unexpected(Errno::einval);
  const host::Endpoint before = name_of(*s);
  const auto bound = host_->bind(local, s->reuse_address || s->reuse_port, s->reuse_port,
                                 takes_both(*s, local.address));
  if (!bound && bound.error() != host::Refusal::address_in_use) {
    return std::unexpected(errno_of(bound.error()));
  }
  s->renamed = s->has_flow();
  s->choices.ensure().local = bound.value_or(host::Endpoint{unspecified(s->domain), before.port});
  if (!bound) return std::unexpected(Errno::eaddrinuse);  // and the address that it had is lost
  s->bound = true;
  s->port_chosen |= local.port != 0;
  choose_address(*s, local.address);
  return {};
}

/// Linux has a socket that is bound to an IPv6 address be of IPv6 only, and takes the mapped
/// unspecified address for a choice.
void Sockets::choose_address(OpenSocket& s, const wire::IpAddress& address) {
  const bool v6 = s.domain == OpenSocket::Domain::inet6;
  if (address.is_unspecified() && !(v6 && address.is_v4())) return;
  s.address_chosen = true;
  if (v6 && !address.is_v4()) s.only_v6 = true;
}

Result<void> Sockets::listen(Fd fd, std::uint32_t backlog, TimePoint now) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (s->kind == OpenSocket::Kind::datagram) return std::unexpected(Errno::eopnotsupp);
  if (s->kind == OpenSocket::Kind::listening) {
    host_->set_backlog(s->listener(), backlog);
    return {};
  }
  if (s->kind != OpenSocket::Kind::fresh) return std::unexpected(Errno::einval);
  host::Endpoint local = own_name(*s);
  if (!s->bound) local.port = 0;
  const auto id = host_->listen(
      local, backlog, s->choices ? s->choices->settings : host::SettingsPtr{}, now,
      s->reuse_address || s->reuse_port, s->reuse_port, takes_both(*s, local.address));
  if (!id) return std::unexpected(errno_of(id.error()));
  s->kind = OpenSocket::Kind::listening;
  s->index = id->index;
  s->generation = id->generation;
  host_->shut_children(*id, s->shut_read, s->shut_write);
  own(listener_owners_, id->index, descriptors_[static_cast<std::size_t>(fd)]);
  return {};
}

Result<Fd> Sockets::accept(Fd fd) {
  const OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (s->kind == OpenSocket::Kind::datagram) return std::unexpected(Errno::eopnotsupp);
  if (s->kind != OpenSocket::Kind::listening) return std::unexpected(Errno::einval);
  if (no_descriptor_left()) return std::unexpected(Errno::emfile);
  const auto flow = host_->accept(s->listener());
  if (!flow) return std::unexpected(Errno::eagain);
  const std::uint32_t made = make(OpenSocket::Kind::connected);
  OpenSocket& child = open_[made];
  child.index = flow->index;
  child.generation = flow->generation;
  child.domain = s->domain;
  child.linger = s->linger;
  child.reuse_address = s->reuse_address;
  child.reuse_port = s->reuse_port;
  child.only_v6 = s->only_v6;
  child.address_chosen = s->address_chosen;
  child.shut_read = s->shut_read;  // said before listen(): Linux's copy of the listener has it
  child.shut_write = s->shut_write;
  if (s->choices) {
    OpenSocket::Choices habits = *s->choices;
    habits.local = {};
    habits.settings = {};
    if (habits != OpenSocket::Choices{}) child.choices.ensure() = habits;
  }
  own(flow_owners_, flow->index, made);
  return install(made);
}

Result<void> Sockets::connect(Fd fd, const host::Endpoint& remote, TimePoint now) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  switch (s->kind) {
    case OpenSocket::Kind::listening:
    case OpenSocket::Kind::connected: return std::unexpected(Errno::eisconn);
    case OpenSocket::Kind::disconnecting: return std::unexpected(Errno::einval);
    case OpenSocket::Kind::connecting: {
      const auto answer = answer_of_connect(*s, now);
      if (s->kind == OpenSocket::Kind::fresh) wake(fd, OpenSocket::wake_all);
      return answer;
    }
    case OpenSocket::Kind::datagram: return connect_datagrams(fd, *s, remote, now);
    case OpenSocket::Kind::fresh: break;
  }
  return start_connecting(fd, *s, remote, now);
}

Result<void> Sockets::start_connecting(Fd fd, OpenSocket& s, const host::Endpoint& remote,
                                       TimePoint now) {
  if (!fits(s, remote)) return std::unexpected(Errno::eafnosupport);
  if (s.only_v6 && remote.address.is_v4()) return std::unexpected(Errno::enetunreach);
  std::optional<host::Endpoint> local;
  if (s.bound || !own_name(s).address.is_unspecified()) local = own_name(s);
  if (local && !s.bound) local->port = 0;
  if (local && local->address.is_v4() && !remote.address.is_v4()) {
    return std::unexpected(Errno::eafnosupport);
  }
  const auto flow =
      host_->connect(local, remote, s.choices ? s.choices->settings : host::SettingsPtr{}, now,
                     s.reuse_address || s.reuse_port);
  if (!flow && flow.error() == host::Refusal::address_in_use) {
    return std::unexpected(Errno::eaddrnotavail);
  }
  if (!flow) return std::unexpected(errno_of(flow.error()));
  s.index = flow->index;
  s.generation = flow->generation;
  s.kind = OpenSocket::Kind::connecting;
  s.error_told = s.renamed = false;
  s.error = Errno::none;
  if (s.bound && s.choices->local.address.is_unspecified()) {
    set_address(s, host_->find(*flow)->flow.local.address);
  }
  own(flow_owners_, flow->index, descriptors_[static_cast<std::size_t>(fd)]);
  return std::unexpected(Errno::einprogress);
}

/// connect() called again: what has become of the first call. After a failure the socket is fresh
/// and may try another address.
Result<void> Sockets::answer_of_connect(OpenSocket& s, TimePoint now) {
  if (in_handshake(state_of(s))) return std::unexpected(Errno::ealready);
  if (!is_over(s)) {
    s.kind = OpenSocket::Kind::connected;
    return {};
  }
  const auto error = tell_error(s);
  back_to_fresh(s, now);
  return std::unexpected(error.value_or(Errno::econnaborted));
}

/// What Linux's disconnect does once the connection is over: nothing of it is left.
void Sockets::back_to_fresh(OpenSocket& s, TimePoint now) {
  if (s.kind != OpenSocket::Kind::fresh) {  // its port's name stays, chosen or not
    const host::Endpoint had = name_of(s);
    s.choices.ensure().local = had;
    if (const tcp::Connection* c = connection(s)) s.choices->settings = c->tcb().settings;
    if (!s.address_chosen) set_address(s, unspecified(s.domain));
    if (s.bound && !s.port_chosen && !s.renamed) forget_place(s);
  }
  if (s.has_flow()) host_->orphan(s.flow(), now);
  if (s.kind == OpenSocket::Kind::listening) host_->close_listener(s.listener(), now);
  s.kind = OpenSocket::Kind::fresh;
  s.error_told = s.shut_read = s.shut_write = s.renamed = false;
}

Result<void> Sockets::disconnect(Fd fd, TimePoint now) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (s->kind == OpenSocket::Kind::datagram) {
    disconnect_datagrams(*s);
    return {};
  }
  const tcp::State state = state_of(*s);
  if (s->has_flow() && !is_over(*s)) host_->abort(s->flow(), now);
  const auto error = error_of(*s);
  back_to_fresh(*s, now);
  const bool reset = state != tcp::State::listen && state != tcp::State::closed &&
                     state != tcp::State::time_wait && state != tcp::State::closing &&
                     state != tcp::State::last_ack;
  s->error = reset ? Errno::econnreset : error.value_or(Errno::none);
  wake(fd, OpenSocket::wake_all);
  return {};
}

// --- ending

Result<void> Sockets::shutdown(Fd fd, int how, TimePoint now) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (how < kShutRd || how > kShutRdwr) return std::unexpected(Errno::einval);
  if (s->kind == OpenSocket::Kind::datagram) {
    wake(fd, OpenSocket::wake_all);
    return shut_datagrams(*s, how);
  }
  if (s->kind == OpenSocket::Kind::connecting) {
    const bool nothing = in_handshake(state_of(*s)) || is_over(*s);
    s->kind = nothing ? OpenSocket::Kind::disconnecting : OpenSocket::Kind::connected;
  }
  const auto result = shut_flow(*s, how, now);
  wake(fd, OpenSocket::wake_all);
  return result;
}

Result<void> Sockets::shut_flow(OpenSocket& s, int how, TimePoint now) {
  const tcp::State state = state_of(s);
  if (state == tcp::State::listen) {
    if (how != kShutWr) back_to_fresh(s, now);  // as Linux has it
    return {};
  }
  if (state == tcp::State::syn_sent) {  // there is nothing to shut but the attempt itself
    host_->abort(s.flow(), now);
    back_to_fresh(s, now);
    s.error = Errno::econnreset;
    return {};
  }
  s.shut_read |= how != kShutWr;
  s.shut_write |= how != kShutRd;
  if (is_over(s)) return std::unexpected(Errno::enotconn);
  if (how != kShutWr) host_->discard_receive(s.flow(), now);
  if (how != kShutRd) (void)host_->close(s.flow(), now, true);
  return {};
}

// --- names

/// What it was bound to, or what is left of that and of connections.
host::Endpoint Sockets::own_name(const OpenSocket& s) {
  if (s.choices && s.choices->local != host::Endpoint{}) return s.choices->local;
  return {.address = unspecified(s.domain), .port = 0};
}

host::Endpoint Sockets::name_of(const OpenSocket& s) const {
  if (s.bound || s.renamed) return s.choices->local;
  if (s.kind == OpenSocket::Kind::listening) return *host_->local_of(s.listener());
  return s.has_flow() ? host_->find(s.flow())->flow.local : own_name(s);
}

Result<host::Endpoint> Sockets::local_name(Fd fd) const {
  const OpenSocket* s = find(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (s->kind != OpenSocket::Kind::datagram) return name_of(*s);
  return has_port(*s) ? host_->udp(s->udp())->endpoint.local() : own_name(*s);
}

Result<host::Endpoint> Sockets::peer_name(Fd fd) const {
  const OpenSocket* s = find(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (s->kind == OpenSocket::Kind::datagram) {
    const host::UdpEntry* e = host_->udp(s->udp());
    if (e == nullptr || !e->endpoint.connected()) return std::unexpected(Errno::enotconn);
    return e->endpoint.remote();
  }
  const tcp::State state = state_of(*s);
  const bool known = s->has_flow() && !is_over(*s) && state != tcp::State::syn_sent;
  if (!known) return std::unexpected(Errno::enotconn);
  return host_->find(s->flow())->flow.remote;
}

Result<tcp::State> Sockets::state(Fd fd) const {
  const OpenSocket* s = find(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  return state_of(*s);
}

Result<std::uint32_t> Sockets::references(Fd fd) const {
  const OpenSocket* s = find(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  return s->references;
}

}  // namespace lastack::socket
