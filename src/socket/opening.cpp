// Where open sockets are and whom they talk to: bound, listening, accepted, connected.
#include <utility>

#include "socket/sockets.hpp"
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

// --- addresses and ports

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

/// How it has what is bound, or connected, which may have an address since.
host::Claim Sockets::claim_to(const OpenSocket& s, const wire::IpAddress& address) {
  const bool v6 = s.domain == OpenSocket::Domain::inet6;
  return {.address = s.reuse_address,
          .port = s.reuse_port,
          .both = v6 && !s.only_v6 && !address.is_v4(),
          .mapped = v6 && address.is_v4()};
}

/// What bind() took is free for others.
void Sockets::forget_place(OpenSocket& s) {
  const bool keeps = tcp::mutated(tcp::Mutant::bound_port_kept);
  if (s.bound && s.kind != OpenSocket::Kind::datagram && !keeps) {
    host_->unbind(s.choices->local, claim_to(s, s.choices->local.address));
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
    host_->rebind(before, claim_to(s, before.address), s.choices->local, claim_to(s, address));
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
  host::Claim claim = claim_to(*s, local.address);
  claim.both = takes_both(*s, local.address);
  const auto bound = host_->bind(local, claim);
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

/// Whether bind() to it is more than leaving it open. Linux takes the mapped unspecified address
/// for a choice.
bool Sockets::is_choice(const OpenSocket& s, const wire::IpAddress& address) {
  const bool v6 = s.domain == OpenSocket::Domain::inet6;
  return !address.is_unspecified() || (v6 && address.is_v4());
}

/// Linux has a socket that is bound to an IPv6 address be of IPv6 only.
void Sockets::choose_address(OpenSocket& s, const wire::IpAddress& address) {
  if (!is_choice(s, address)) return;
  s.address_chosen = true;
  const bool v6 = s.domain == OpenSocket::Domain::inet6;
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
  host::Claim claim = claim_to(*s, local.address);
  claim.both = takes_both(*s, local.address);
  const auto id = host_->listen(
      local, backlog, s->choices ? s->choices->settings : host::SettingsPtr{}, now, claim);
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
  child.broadcast = s->broadcast;
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
  const bool v4_here = (local || s.address_chosen) && own_name(s).address.is_v4();
  if (v4_here && !remote.address.is_v4()) {
    return std::unexpected(Errno::eafnosupport);
  }
  const auto flow =
      host_->connect(local, remote, s.choices ? s.choices->settings : host::SettingsPtr{}, now,
                     claim_to(s, local ? local->address : unspecified(s.domain)));
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
  if (s.shut_read) host_->discard_receive(*flow, now);  // said before: what will come is discarded
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

// --- names

/// What it was bound to, or what is left of that and of connections.
host::Endpoint Sockets::own_name(const OpenSocket& s) {
  if (s.choices && (s.address_chosen || s.choices->local != host::Endpoint{})) {
    return s.choices->local;
  }
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
    const bool named = e != nullptr && e->endpoint.remote().port != 0;  // port 0 is no peer's
    if (!named) return std::unexpected(Errno::enotconn);
    return e->endpoint.remote();
  }
  const tcp::State state = state_of(*s);
  const bool known = s->has_flow() && !is_over(*s) && state != tcp::State::syn_sent;
  if (!known) return std::unexpected(Errno::enotconn);
  return host_->find(s->flow())->flow.remote;
}

}  // namespace lastack::socket
