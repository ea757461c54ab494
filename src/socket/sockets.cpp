#include "socket/sockets.hpp"

#include <algorithm>
#include <utility>

namespace lastack::socket {
namespace {

Errno errno_of(host::Refusal refusal) {
  switch (refusal) {
    case host::Refusal::address_in_use: return Errno::eaddrinuse;
    case host::Refusal::address_not_available: return Errno::eaddrnotavail;
    case host::Refusal::unreachable:
    case host::Refusal::bad_address: return Errno::enetunreach;
    case host::Refusal::too_many: break;
  }
  return Errno::enobufs;
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
    index = static_cast<std::uint32_t>(open_.push_back({}));
  } else {
    free_open_ = open_[index].index;
  }
  open_[index] = OpenSocket{};
  open_[index].kind = kind;
  ++open_sockets_;
  return index;
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

Result<Fd> Sockets::socket() {
  if (no_descriptor_left()) return std::unexpected(Errno::emfile);
  return install(make(OpenSocket::Kind::fresh));
}

Result<Fd> Sockets::dup(Fd fd) {
  if (get(fd) == nullptr) return std::unexpected(Errno::ebadf);
  return install(descriptors_[static_cast<std::size_t>(fd)]);
}

Result<void> Sockets::close(Fd fd, TimePoint now) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  const std::uint32_t index = std::exchange(descriptors_[static_cast<std::size_t>(fd)], kFree);
  free_descriptors_.push(fd);
  if (--s->references == 0) let_go(index, now);
  return {};
}

/// The last reference is gone: only now does TCP hear of it.
void Sockets::let_go(std::uint32_t index, TimePoint now) {
  OpenSocket& s = open_[index];
  if (s.kind == OpenSocket::Kind::listening) host_->close_listener(s.listener(), now);
  if (s.has_flow()) {
    if (s.linger_zero) host_->abort(s.flow(), now);
    host_->orphan(s.flow(), now);
  }
  if (s.choices && s.choices->bound) host_->unbind(s.choices->local);
  s = OpenSocket{};
  s.index = std::exchange(free_open_, index);
  --open_sockets_;
}

// --- opening

Result<void> Sockets::bind(Fd fd, const host::Endpoint& local) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (s->kind != OpenSocket::Kind::fresh) return std::unexpected(Errno::einval);
  if (s->choices && s->choices->bound) return std::unexpected(Errno::einval);
  auto& choices = s->choices.ensure();
  const auto bound = host_->bind(local, choices.reuse_address);
  if (!bound) return std::unexpected(errno_of(bound.error()));
  choices.local = *bound;
  choices.bound = true;
  return {};
}

Result<void> Sockets::listen(Fd fd, std::uint32_t backlog, TimePoint now) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (s->kind == OpenSocket::Kind::listening) {
    host_->set_backlog(s->listener(), backlog);
    return {};
  }
  if (s->kind != OpenSocket::Kind::fresh) return std::unexpected(Errno::einval);
  const auto& choices = s->choices.ensure();
  const auto id = host_->listen(choices.local, backlog, choices.settings, now);
  if (!id) return std::unexpected(errno_of(id.error()));
  s->kind = OpenSocket::Kind::listening;
  s->index = id->index;
  s->generation = id->generation;
  return {};
}

Result<Fd> Sockets::accept(Fd fd) {
  const OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (s->kind != OpenSocket::Kind::listening) return std::unexpected(Errno::einval);
  if (no_descriptor_left()) return std::unexpected(Errno::emfile);
  const auto flow = host_->accept(s->listener());
  if (!flow) return std::unexpected(Errno::eagain);
  const std::uint32_t made = make(OpenSocket::Kind::connected);
  open_[made].index = flow->index;
  open_[made].generation = flow->generation;
  open_[made].linger_zero = s->linger_zero;
  return install(made);
}

Result<void> Sockets::connect(Fd fd, const host::Endpoint& remote, TimePoint now) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  switch (s->kind) {
    case OpenSocket::Kind::listening:
    case OpenSocket::Kind::connected: return std::unexpected(Errno::eisconn);
    case OpenSocket::Kind::connecting: return answer_of_connect(*s, now);
    case OpenSocket::Kind::fresh: break;
  }
  std::optional<host::Endpoint> local;
  host::SettingsPtr settings;
  if (s->choices) {
    if (s->choices->bound) local = s->choices->local;
    settings = s->choices->settings;
  }
  const auto flow = host_->connect(local, remote, settings, now);
  if (!flow) return std::unexpected(errno_of(flow.error()));
  s->index = flow->index;
  s->generation = flow->generation;
  s->kind = OpenSocket::Kind::connecting;
  s->shut_read = s->shut_write = s->error_told = false;
  return std::unexpected(Errno::einprogress);
}

/// connect() called again: what has become of the first call. After a failure the socket is fresh
/// and may try another address.
Result<void> Sockets::answer_of_connect(OpenSocket& s, TimePoint now) {
  const tcp::State state = state_of(s);
  if (state == tcp::State::syn_sent || state == tcp::State::syn_rcvd) {
    return std::unexpected(Errno::ealready);
  }
  if (tcp::traits(state).synchronized) {
    s.kind = OpenSocket::Kind::connected;
    return {};
  }
  const auto error = tell_error(s);
  back_to_fresh(s, now);
  return std::unexpected(error.value_or(Errno::econnaborted));
}

void Sockets::back_to_fresh(OpenSocket& s, TimePoint now) {
  host_->orphan(s.flow(), now);
  s.kind = OpenSocket::Kind::fresh;
  s.error_told = false;
}

// --- octets

std::optional<Errno> Sockets::error_of(const OpenSocket& s) const {
  const tcp::Connection* c = connection(s);
  if (c == nullptr || s.error_told || c->state() != tcp::State::closed) return std::nullopt;
  switch (c->tcb().error) {
    case tcp::Error::none:
    case tcp::Error::aborted:
    case tcp::Error::closing: return std::nullopt;
    default: break;
  }
  return socket::errno_of(c->tcb().error, host_->find(s.flow())->history.last(0).transition.from ==
                                              tcp::State::close_wait);
}

std::optional<Errno> Sockets::tell_error(OpenSocket& s) {
  const auto error = error_of(s);
  if (error) s.error_told = true;
  return error;
}

Result<std::size_t> Sockets::put(Fd fd, std::span<const std::byte> octets, TimePoint now,
                                 bool urgent) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  const tcp::State state = state_of(*s);
  if (state == tcp::State::closed) {
    if (const auto error = tell_error(*s)) return std::unexpected(*error);
  }
  if (s->shut_write || !tcp::traits(state).may_send_data) return std::unexpected(Errno::epipe);
  if (!tcp::traits(state).synchronized) return std::unexpected(Errno::eagain);
  const auto sent = host_->send(s->flow(), octets, now, urgent);
  if (!sent) return std::unexpected(Errno::epipe);
  if (*sent == 0 && !octets.empty()) return std::unexpected(Errno::eagain);
  return *sent;
}

Result<std::size_t> Sockets::send(Fd fd, std::span<const std::byte> octets, TimePoint now) {
  return put(fd, octets, now, false);
}

Result<std::size_t> Sockets::send_urgent(Fd fd, std::span<const std::byte> octets, TimePoint now) {
  return put(fd, octets, now, true);
}

/// Whether the peer's stream has ended for the reader, buffered octets aside.
bool Sockets::at_end(const OpenSocket& s) const {
  const tcp::State state = state_of(s);
  return s.shut_read || tcp::traits(state).fin_received || state == tcp::State::closed;
}

/// The peer's FIN has come behind all it sent: whatever ended the connection later, nothing is
/// missing for the reader.
bool Sockets::has_all(const OpenSocket& s) const {
  const tcp::Connection* c = connection(s);
  return c != nullptr && c->tcb().rcv.nxt > c->tcb().rcv.fin;
}

/// What a reader who got nothing is told. An error that came after the peer's FIN is the writer's.
Result<std::size_t> Sockets::nothing_to_read(OpenSocket& s) {
  if (!s.has_flow()) return std::unexpected(Errno::enotconn);
  if (has_all(s) || host_->readable(s.flow()) > 0) return 0;  // the latter: none were asked for
  if (const auto error = tell_error(s)) return std::unexpected(*error);
  if (at_end(s)) return 0;
  return std::unexpected(Errno::eagain);
}

Result<std::size_t> Sockets::recv(Fd fd, std::span<std::byte> into, TimePoint now) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  const std::size_t n = s->has_flow() ? host_->receive(s->flow(), into, now) : 0;
  return n > 0 ? Result<std::size_t>(n) : nothing_to_read(*s);
}

Result<std::size_t> Sockets::peek(Fd fd, std::span<std::byte> into) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  const std::size_t n = s->has_flow() ? host_->peek(s->flow(), into) : 0;
  return n > 0 ? Result<std::size_t>(n) : nothing_to_read(*s);
}

// --- ending

Result<void> Sockets::shutdown(Fd fd, int how, TimePoint now) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (how < kShutRd || how > kShutRdwr) return std::unexpected(Errno::einval);
  if (s->kind == OpenSocket::Kind::listening) return shut_listener(*s, how, now);
  const tcp::State state = state_of(*s);
  if (state == tcp::State::closed) return std::unexpected(Errno::enotconn);
  if (state == tcp::State::syn_sent) {  // there is nothing to shut but the attempt itself
    host_->abort(s->flow(), now);
    back_to_fresh(*s, now);
    return {};
  }
  if (how != kShutWr && !s->shut_read) {
    s->shut_read = true;
    host_->discard_receive(s->flow(), now);
  }
  if (how != kShutRd && !s->shut_write) {
    s->shut_write = true;
    (void)host_->close(s->flow(), now);
  }
  return {};
}

/// SHUT_RD and SHUT_RDWR end listening, as Linux has it; SHUT_WR has no effect.
Result<void> Sockets::shut_listener(OpenSocket& s, int how, TimePoint now) {
  if (how == kShutWr) return {};
  host_->close_listener(s.listener(), now);
  s.kind = OpenSocket::Kind::fresh;
  return {};
}

// --- options, names, readiness

Result<void> Sockets::set_reuse_address(Fd fd, bool on) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  s->choices.ensure().reuse_address = on;
  return {};
}

Result<void> Sockets::set_linger_zero(Fd fd, bool on) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  s->linger_zero = on;
  return {};
}

Result<void> Sockets::change_settings(Fd fd, bool tcp::Settings::* field, bool on, TimePoint now) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  const tcp::Connection* c = connection(*s);
  tcp::Settings settings;
  if (c != nullptr) {
    settings = c->settings();
  } else if (s->choices && s->choices->settings) {
    settings = *s->choices->settings;
  } else if (host_->config().settings) {
    settings = *host_->config().settings;
  }
  settings.*field = on;
  const tcp::SettingsPtr changed = shared(settings);
  if (c != nullptr) {
    host_->set_settings(s->flow(), changed, now);
    return {};
  }
  s->choices.ensure().settings = changed;
  if (s->kind == OpenSocket::Kind::listening) host_->set_settings(s->listener(), changed);
  return {};
}

/// Sockets whose options are the same share one value: a server that sets TCP_NODELAY on each of
/// its connections pays for it once.
tcp::SettingsPtr Sockets::shared(const tcp::Settings& settings) {
  for (const tcp::SettingsPtr& known : lately_) {
    if (known && *known == settings) return known;
  }
  next_lately_ = (next_lately_ + 1) % lately_.size();
  return lately_[next_lately_] = tcp::SettingsPtr(settings);
}

Result<void> Sockets::set_no_delay(Fd fd, bool on, TimePoint now) {
  return change_settings(fd, &tcp::Settings::nagle, !on, now);
}

Result<void> Sockets::set_keepalive(Fd fd, bool on, TimePoint now) {
  return change_settings(fd, &tcp::Settings::keepalive, on, now);
}

Result<std::optional<Errno>> Sockets::take_error(Fd fd) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  return tell_error(*s);
}

Result<host::Endpoint> Sockets::local_name(Fd fd) const {
  const OpenSocket* s = find(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (s->kind == OpenSocket::Kind::listening) return *host_->local_of(s->listener());
  if (s->has_flow()) return host_->find(s->flow())->flow.local;
  return s->choices ? s->choices->local : host::Endpoint{};
}

Result<host::Endpoint> Sockets::peer_name(Fd fd) const {
  const OpenSocket* s = find(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  const tcp::State state = state_of(*s);
  const bool known = tcp::traits(state).synchronized || state == tcp::State::syn_rcvd;
  if (!known) return std::unexpected(Errno::enotconn);
  return host_->find(s->flow())->flow.remote;
}

Result<std::uint16_t> Sockets::poll(Fd fd) const {
  const OpenSocket* s = find(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (s->kind == OpenSocket::Kind::listening) {
    return static_cast<std::uint16_t>(host_->waiting(s->listener()) > 0 ? kPollIn : 0);
  }
  if (s->kind == OpenSocket::Kind::fresh) return kPollOut | kPollHup;
  return poll_flow(*s);
}

std::uint16_t Sockets::poll_flow(const OpenSocket& s) const {
  const tcp::State state = state_of(s);
  std::uint32_t bits = 0;
  const bool over = state == tcp::State::closed;
  const bool no_more_in = at_end(s);
  if (over || (no_more_in && s.shut_write)) bits |= kPollHup;
  if (no_more_in) bits |= kPollIn | kPollRdHup;
  if (host_->readable(s.flow()) > 0) bits |= kPollIn;
  const bool handshake = state == tcp::State::syn_sent || state == tcp::State::syn_rcvd;
  const bool room = s.shut_write || over || host_->writable(s.flow()) > 0;
  if (!handshake && room) bits |= kPollOut;
  if (error_of(s)) bits |= kPollErr;
  return static_cast<std::uint16_t>(bits);
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
