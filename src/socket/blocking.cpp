#include "socket/blocking.hpp"

#include <algorithm>
#include <utility>

#include "socket/numbers.hpp"
#include "socket/options.hpp"

namespace lastack::socket {

Wait Blocking::begin(Fd fd, Call call) const {
  return sockets_->waits_for(fd, call, now_).value_or(Wait{.bits = 0, .until = now_});
}

/// False when the time is over. A descriptor that was closed meanwhile counts as ready: the call
/// says what has become of it.
bool Blocking::wait(Fd fd, const Wait& wait) {
  for (;;) {
    const auto bits = sockets_->poll(fd);
    if (!bits || (*bits & wait.bits) != 0) return true;
    if (now_ >= wait.until) return false;
    now_ = pass_(wait.until);
  }
}

Result<Fd> Blocking::accept(Fd fd) {
  const Wait until = begin(fd, Call::accept);
  for (;;) {
    const auto accepted = sockets_->accept(fd);
    if (accepted || accepted.error() != Errno::eagain) return accepted;
    if (!wait(fd, until)) return accepted;
  }
}

Result<void> Blocking::connect(Fd fd, const host::Endpoint& remote) {
  const Wait until = begin(fd, Call::connect);
  const auto begun = sockets_->connect(fd, remote, now_);
  if (begun || (begun.error() != Errno::einprogress && begun.error() != Errno::ealready)) {
    return begun;
  }
  if (!wait(fd, until)) return begun;
  return sockets_->connect(fd, remote, now_);
}

/// An error that has come behind what was done is the next call's to tell: asking once more would
/// take it away.
bool Blocking::has_error(Fd fd) const {
  return (sockets_->poll(fd).value_or(kPollErr) & kPollErr) != 0;
}

Result<std::size_t> Blocking::send(Fd fd, std::span<const std::byte> octets, int flags) {
  const Wait until = begin(fd, Call::send);
  std::size_t sent = 0;
  for (;;) {
    const auto n = sockets_->send(fd, octets.subspan(sent), now_, flags);
    if (n) sent += *n;
    const auto so_far = sent > 0 ? Result<std::size_t>(sent) : n;
    const bool would_wait = n ? sent < octets.size() : n.error() == Errno::eagain;
    if (!would_wait || (flags & kMsgDontWait) != 0 || !wait(fd, until)) return so_far;
    if (sent > 0 && has_error(fd)) return so_far;
  }
}

/// A datagram is one, whatever its size.
std::size_t Blocking::enough(Fd fd, std::size_t room, int flags) const {
  const OpenSocket* s = sockets_->find(fd);
  if (s == nullptr || s->kind == OpenSocket::Kind::datagram) return 0;
  if ((flags & kMsgWaitAll) != 0) return room;
  const auto low_at = sockets_->get_option(fd, kSolSocket, kSoRcvLowAt, now_);
  return std::min(room, static_cast<std::size_t>(low_at.value_or(1)));
}

/// Each step of the world may have brought more: poll() would not say so, who counts what lies
/// there against SO_RCVLOWAT, and not what was taken already.
Result<std::size_t> Blocking::recv(Fd fd, std::span<std::byte> into, int flags) {
  const Wait until = begin(fd, Call::receive);
  const std::size_t least = enough(fd, into.size(), flags);
  const bool peeks = (flags & kMsgPeek) != 0;
  const bool waits = (flags & (kMsgDontWait | kMsgOob)) == 0;
  std::size_t got = 0;
  for (;;) {
    const auto n = sockets_->recv(fd, peeks ? into : into.subspan(got), now_, flags);
    if (n) got = peeks ? *n : got + *n;
    const bool more = n ? *n > 0 && got < least && sockets_->before_mark(fd) != (peeks ? got : 0)
                        : n.error() == Errno::eagain;
    const auto so_far = got > 0 ? Result<std::size_t>(got) : n;
    if (!more || !waits || (got > 0 && has_error(fd)) || now_ >= until.until) return so_far;
    now_ = pass_(until.until);
    const bool no_more = sockets_->ioctl(fd, kSiocInq).value_or(0) == 0;
    if (got > 0 && no_more && has_error(fd)) return so_far;
  }
}

Result<void> Blocking::close(Fd fd) {
  const auto closed = sockets_->close(fd, now_);
  if (!closed) return std::unexpected(closed.error());
  while (*closed && now_ < closed->until && sockets_->lingers(*closed)) {
    now_ = pass_(closed->until);
  }
  return {};
}

}  // namespace lastack::socket
