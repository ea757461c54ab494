// Descriptors and open sockets: made, shared, shut, closed.
#include "socket/sockets.hpp"

#include <algorithm>
#include <utility>

#include "tcp/mutant.hpp"

namespace lastack::socket {

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

/// In Linux's order: what can't be, what nobody has, what this type has not.
Result<Fd> Sockets::socket(int domain, int type, int protocol) {
  constexpr int kTcp = 6;
  constexpr int kUdp = 17;
  constexpr int kSockRaw = 3;
  constexpr int kSockPacket = 10;              // the largest; in Linux another family's
  constexpr int kNoMeaning = 0x800 | 0x80000;  // SOCK_NONBLOCK, SOCK_CLOEXEC: nothing blocks here
  constexpr int kMostProtocol = 262;           // IPPROTO_MPTCP
  type &= ~kNoMeaning;
  if (domain != kAfInet && domain != kAfInet6) return std::unexpected(Errno::eafnosupport);
  if (type < 0 || type > kSockPacket) return std::unexpected(Errno::einval);
  if (type == kSockPacket) return std::unexpected(Errno::esocktnosupport);
  if (protocol < 0 || protocol > kMostProtocol) return std::unexpected(Errno::einval);
  const bool stream = type == kSockStream;
  if (type == kSockRaw) return std::unexpected(Errno::eprotonosupport);
  if (!stream && type != kSockDgram) return std::unexpected(Errno::esocktnosupport);
  if (protocol != 0 && protocol != (stream ? kTcp : kUdp)) {
    return std::unexpected(Errno::eprotonosupport);
  }
  if (no_descriptor_left()) return std::unexpected(Errno::emfile);
  const std::uint32_t made = make(stream ? OpenSocket::Kind::fresh : OpenSocket::Kind::datagram);
  open_[made].domain = domain == kAfInet ? OpenSocket::Domain::inet : OpenSocket::Domain::inet6;
  return install(made);
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
  if (tcp::mutated(tcp::Mutant::begun_datagram_sent)) send_begun(s, now);
  if (s.kind == OpenSocket::Kind::datagram) host_->udp_close(s.udp());
  if (s.has_flow()) {
    const bool unread = readable(s) > 0;
    const bool resets = s.resets_at_close() && !tcp::mutated(tcp::Mutant::linger_zero_sends_fin);
    if (resets && !unread && !is_over(s)) host_->abort(s.flow(), now);
    if (s.linger && !s.resets_at_close() && !unread && !is_over(s)) {
      lingering = {host_->find(s.flow())->flow, now + s.choices->linger};
    }
    host_->orphan(s.flow(), now, lingering ? s.choices->linger : Duration(0));
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
    const tcp::State state = state_of(*s);
    const bool handshake = state == tcp::State::syn_sent || state == tcp::State::syn_rcvd;
    const bool nothing = handshake || is_over(*s);
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

// --- what there is

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
