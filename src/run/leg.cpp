#include "run/leg.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace lastack::run {

using socket::Errno;

Leg::Fate Leg::carry(socket::Sockets& sockets, std::span<std::byte> scratch, TimePoint now) {
  if (!outward(sockets, scratch, now) || !inward(sockets, scratch, now)) return Fate::reset;
  return out_ended_ && in_ended_ ? Fate::complete : Fate::goes_on;
}

/// To the world. What it does not take stays with TCP. False where a side has failed.
bool Leg::outward(socket::Sockets& sockets, std::span<std::byte> scratch, TimePoint now) {
  while (!out_ended_) {
    const auto ready = sockets.peek(*inside_, scratch, now);
    if (!ready) return ready.error() == Errno::eagain;
    if (*ready == 0) {
      out_ended_ = true;
      return ::shutdown(outside_.get(), SHUT_WR) == 0 || errno == ENOTCONN;
    }
    const ssize_t sent =
        ::send(outside_.get(), scratch.data(), *ready, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return errno == EAGAIN;
    const auto octets = static_cast<std::size_t>(sent);
    (void)sockets.recv(*inside_, scratch.first(octets), now, socket::kMsgTrunc);
  }
  return true;
}

bool Leg::give_left(socket::Sockets& sockets, TimePoint now) {
  const auto waiting = std::span(left_).subspan(left_from_);
  if (waiting.empty()) return true;
  const auto sent = sockets.send(*inside_, waiting, now);
  if (!sent) return sent.error() == Errno::eagain;
  left_from_ += *sent;
  if (left_from_ < left_.size()) return true;
  left_.clear();
  left_from_ = 0;
  return true;
}

bool Leg::inward(socket::Sockets& sockets, std::span<std::byte> scratch, TimePoint now) {
  while (!in_ended_) {
    if (!give_left(sockets, now)) return false;
    if (!left_.empty()) return true;
    const ssize_t came = ::recv(outside_.get(), scratch.data(), scratch.size(), MSG_DONTWAIT);
    if (came < 0) return errno == EAGAIN;
    if (came == 0) {
      in_ended_ = true;
      return sockets.shutdown(*inside_, socket::kShutWr, now).has_value();
    }
    const auto octets = scratch.first(static_cast<std::size_t>(came));
    const auto sent = sockets.send(*inside_, octets, now);
    if (!sent && sent.error() != Errno::eagain) return false;
    const auto rest = octets.subspan(sent.value_or(0));
    left_.assign(rest.begin(), rest.end());
  }
  return true;
}

void Leg::close(socket::Sockets& sockets, Fate fate, TimePoint now) {
  const bool reset = fate != Fate::complete;
  if (inside_) {
    if (reset) (void)sockets.set_linger_zero(*inside_, true);
    (void)sockets.close(*inside_, now);
    inside_.reset();
  }
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  if (reset) (void)::setsockopt(outside_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  outside_.close();
}

}  // namespace lastack::run
