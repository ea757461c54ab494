// The calls of whoever holds a descriptor of an explored socket.
#include <algorithm>
#include <array>

#include "explore/socket_side.hpp"

namespace lastack::explore {

using socket::Fd;
using socket::OpenSocket;

/// Another socket at the side's place that listens; nothing where it may not.
std::optional<Fd> SocketSide::make_listener() {
  const Fd fd = *sockets_.socket();
  const auto set = [&](int name) {
    (void)sockets_.set_option(fd, socket::kSolSocket, name, 1, now_);
  };
  if (bounds_->reuses_address) set(socket::kSoReuseAddr);
  if (bounds_->two_listeners) set(socket::kSoReusePort);
  if (sockets_.bind(fd, place()) && sockets_.listen(fd, 0, now_)) return fd;
  (void)sockets_.close(fd, now_);
  return std::nullopt;
}

void SocketSide::call(Kind kind) {
  if (is_counted(kind) && calls_left_ != Bounds::kNoLimit) --calls_left_;
  if (kind == Kind::accept || kind >= Kind::listen) return call_on_listener(kind);
  if (kind == Kind::restart) return restart();
  if (kind >= Kind::cork && kind <= Kind::defer_no_more) return set_option(kind);
  if (kind >= Kind::send && kind <= Kind::receive_urgent) return transfer(kind);
  call_on_socket(kind);
}

void SocketSide::call_on_listener(Kind kind) {
  const Fd listener = listeners_.empty() ? -1 : listeners_.back();
  switch (kind) {
    case Kind::accept:
    case Kind::accept_other:
      copies_ = {*sockets_.accept(kind == Kind::accept ? listener : others_.back())};
      begin_stream();
      break;
    case Kind::listen: (void)sockets_.listen(listener, 0, now_); break;
    case Kind::dup_listener: listeners_.push_back(*sockets_.dup(listener)); break;
    case Kind::close_listener:
      (void)sockets_.close(listener, now_);
      listeners_.pop_back();
      break;
    case Kind::close_other:
      (void)sockets_.close(others_.back(), now_);
      others_.pop_back();
      break;
    case Kind::shut_listener_rd: (void)sockets_.shutdown(listener, socket::kShutRd, now_); break;
    case Kind::shut_listener_wr: (void)sockets_.shutdown(listener, socket::kShutWr, now_); break;
    default: break;
  }
}

/// A server that was closed and is started again: what is left of its connections keeps the port,
/// unless all of them and it say SO_REUSEADDR.
void SocketSide::restart() {
  const OpenSocket* s = held();
  const bool used = (s != nullptr && s->bound) || host_->uses_of(place().port) > 0;
  const auto fd = make_listener();
  const bool may = bounds_->reuses_address || bounds_->two_listeners || !used;
  if (fd.has_value() != may) wrong("another listener may not be there, or must not");
  if (fd) listeners_ = {*fd};
}

/// Any holder may call: not always the same one does.
void SocketSide::call_on_socket(Kind kind) {
  const Fd fd = copies_[static_cast<std::size_t>(kind) % copies_.size()];
  const auto set_linger = [&](int seconds) {
    const std::array<int, 2> linger{1, seconds};
    (void)sockets_.set_option(fd, socket::kSolSocket, socket::kSoLinger,
                              std::as_bytes(std::span(linger)), now_);
  };
  switch (kind) {
    case Kind::connect:
      if (held()->kind == OpenSocket::Kind::fresh) {
        --opens_left_;
        begin_stream();
      }
      (void)sockets_.connect(fd, flow().remote, now_);
      break;
    case Kind::dup: copies_.push_back(*sockets_.dup(fd)); break;
    case Kind::close:
      (void)sockets_.close(fd, now_);
      std::erase(copies_, fd);
      break;
    case Kind::shut_rd: (void)sockets_.shutdown(fd, socket::kShutRd, now_); break;
    case Kind::shut_wr: (void)sockets_.shutdown(fd, socket::kShutWr, now_); break;
    case Kind::shut_rdwr: (void)sockets_.shutdown(fd, socket::kShutRdwr, now_); break;
    case Kind::linger_zero: set_linger(0); break;
    case Kind::linger_timed: set_linger(5); break;
    case Kind::disconnect: (void)sockets_.disconnect(fd, now_); break;
    default: break;
  }
  reads_all_ &= kind != Kind::shut_rd && kind != Kind::shut_rdwr;
}

void SocketSide::set_option(Kind kind) {
  const bool of_listener = kind == Kind::defer_accept || kind == Kind::defer_no_more;
  const Fd fd = of_listener ? listeners_.front() : copies_.front();
  const auto set = [&](int level, int name, int value) {
    if (!sockets_.set_option(fd, level, name, value, now_)) wrong("an option can't be set");
  };
  switch (kind) {
    case Kind::cork: set(socket::kSolTcp, socket::kTcpCork, 1); break;
    case Kind::uncork: set(socket::kSolTcp, socket::kTcpCork, 0); break;
    case Kind::no_delay: set(socket::kSolTcp, socket::kTcpNoDelay, 1); break;
    case Kind::quick_acks: set(socket::kSolTcp, socket::kTcpQuickAck, 1); break;
    case Kind::in_line: set(socket::kSolSocket, socket::kSoOobInline, 1); break;
    case Kind::low_mark: set(socket::kSolSocket, socket::kSoRcvLowAt, 2); break;
    case Kind::unsent_mark: set(socket::kSolTcp, socket::kTcpNotSentLowAt, 1); break;
    case Kind::keepalive: set(socket::kSolSocket, socket::kSoKeepAlive, 1); break;
    case Kind::user_timeout: set(socket::kSolTcp, socket::kTcpUserTimeout, 500); break;
    case Kind::no_fin_wait: set(socket::kSolTcp, socket::kTcpLinger2, -1); break;
    case Kind::receive_room: set(socket::kSolSocket, socket::kSoRcvBuf, 1); break;
    case Kind::send_room: set(socket::kSolSocket, socket::kSoSndBuf, 1); break;
    case Kind::small_parts: set(socket::kSolTcp, socket::kTcpMaxSeg, 88); break;
    case Kind::another_syn: set(socket::kSolTcp, socket::kTcpSynCnt, 2); break;
    case Kind::defer_accept: set(socket::kSolTcp, socket::kTcpDeferAccept, 1); break;
    case Kind::defer_no_more: set(socket::kSolTcp, socket::kTcpDeferAccept, 0); break;
    default: break;
  }
}

void SocketSide::transfer(Kind kind) {
  switch (kind) {
    case Kind::send: return send(0, 1);
    case Kind::send_more: return send(socket::kMsgMore, 1);
    case Kind::send_urgent: return send(socket::kMsgOob, 1);
    case Kind::send_two: return send(0, 2);
    case Kind::receive_urgent: return receive_urgent();
    default: return receive(kind);
  }
}

void SocketSide::begin_stream() {
  octets_in_ = octets_out_ = 0;
  reads_all_ = true;
}

/// One octet of each buffer; the n-th of a stream is n.
void SocketSide::send(int flags, std::size_t buffers) {
  octets_left_ -= static_cast<std::uint8_t>(buffers);
  const std::array octets{static_cast<std::byte>(octets_in_ + 1),
                          static_cast<std::byte>(octets_in_ + 2)};
  const std::span all(octets);
  const std::array<std::span<const std::byte>, 2> parts{all.first(1), all.last(1)};
  const Fd fd = copies_.back();
  const auto sent = buffers == 1 ? sockets_.send(fd, all.first(1), now_, flags)
                                 : sockets_.sendmsg(fd, parts, now_, flags);
  octets_in_ += static_cast<std::uint8_t>(sent.value_or(0));
}

/// None is missing, none comes twice. An urgent one at which the reader stands is passed over.
void SocketSide::receive(Kind kind) {
  std::array<std::byte, 8> octets{};
  const std::span all(octets);
  const std::array<std::span<std::byte>, 2> parts{all.first(1), all.subspan(1)};
  if (stands_at_urgent()) ++octets_out_;
  const Fd fd = copies_.front();
  const int flags = kind == Kind::receive_cut ? int{socket::kMsgTrunc} : 0;
  socket::Result<std::size_t> n = 0;
  if (kind == Kind::receive) {
    const auto got = sockets_.recvmsg(fd, parts, now_);
    if (got) n = got->octets;
  } else {
    n = sockets_.recv(fd, all.first(1), now_, flags);
  }
  if (!n || *n == 0) return wrong("what could be read is not read");
  for (std::size_t i = 0; i < *n; ++i) {
    const bool read = kind != Kind::receive_cut;
    const auto next =
        static_cast<std::uint8_t>(read ? std::to_integer<unsigned>(octets[i]) : octets_out_ + 1U);
    // The next urgent one has thrown it away where the reader stood, before SO_OOBINLINE.
    const bool may_miss = !reads_all_ || mixes_urgent();
    if (next <= octets_out_ || (next != octets_out_ + 1 && !may_miss)) {
      return wrong("an octet is missing, or comes twice");
    }
    octets_out_ = next;
  }
}

bool SocketSide::mixes_urgent() const {
  return std::ranges::find(bounds_->also, Kind::in_line) != bounds_->also.end();
}

void SocketSide::receive_urgent() {
  const Fd fd = copies_.front();
  std::array<std::byte, 1> octet{};
  const bool reset = *sockets_.state(fd) == tcp::State::closed;  // ENOTCONN, as in Linux
  const auto got = sockets_.recv(fd, octet, now_, socket::kMsgOob);
  if (got != 1U && !reset) wrong("POLLPRI and no octet");
}

}  // namespace lastack::explore
