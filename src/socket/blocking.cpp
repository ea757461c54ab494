#include "socket/blocking.hpp"

#include <utility>

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

Result<std::size_t> Blocking::send(Fd fd, std::span<const std::byte> octets, int flags) {
  const Wait until = begin(fd, Call::send);
  std::size_t sent = 0;
  for (;;) {
    const auto n = sockets_->send(fd, octets.subspan(sent), now_, flags);
    if (n) sent += *n;
    const bool would_wait = n ? sent < octets.size() : n.error() == Errno::eagain;
    if (!would_wait || (flags & kMsgDontWait) != 0) {
      return sent > 0 ? Result<std::size_t>(sent) : n;
    }
    if (!wait(fd, until)) {
      return sent > 0 ? Result<std::size_t>(sent) : std::unexpected(Errno::eagain);
    }
  }
}

Result<std::size_t> Blocking::recv(Fd fd, std::span<std::byte> into, int flags) {
  const Wait until = begin(fd, Call::receive);
  const bool all = (flags & kMsgWaitAll) != 0 && (flags & (kMsgPeek | kMsgDontWait)) == 0;
  std::size_t got = 0;
  for (;;) {
    const auto n = sockets_->recv(fd, into.subspan(got), now_, flags);
    if (n) got += *n;
    const bool more = n ? all && *n > 0 && got < into.size() : n.error() == Errno::eagain;
    if (!more || (flags & kMsgDontWait) != 0) return got > 0 ? Result<std::size_t>(got) : n;
    if (!wait(fd, until)) {
      return got > 0 ? Result<std::size_t>(got) : std::unexpected(Errno::eagain);
    }
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
