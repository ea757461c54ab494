#include "run/leg.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace lastack::run {

using socket::Errno;

Leg::Fate Leg::carry(socket::Sockets& sockets, std::span<std::byte> scratch, TimePoint now) {
  inward(sockets, scratch, now);
  outward(sockets, scratch, now);
  if (in_ended_ && !outside_failed_) outside_failed_ = error_of(outside_.get()) != 0;
  if (outside_failed_) inward(sockets, scratch, now);  // what had come before that
  const bool no_peer = out_ended_ && (sockets.poll(*inside_).value_or(0) & socket::kPollErr) != 0;
  inside_failed_ = inside_failed_ || no_peer;
  if (inside_failed_ || outside_failed_) return on_its_way(sockets) ? Fate::fails : Fate::reset;
  return out_ended_ && in_ended_ ? Fate::complete : Fate::goes_on;
}

/// Whether the side that has not failed lacks something of what the other had sent: a reset would
/// overtake it.
bool Leg::on_its_way(const socket::Sockets& sockets) const {
  int queued = 0;
  if (inside_failed_) return ::ioctl(outside_.get(), SIOCOUTQ, &queued) == 0 && queued > 0;
  return !left_.empty() || sockets.ioctl(*inside_, socket::kSiocOutq).value_or(0) > 0;
}

/// To the world. What it does not take stays with TCP.
void Leg::outward(socket::Sockets& sockets, std::span<std::byte> scratch, TimePoint now) {
  while (!out_ended_ && !inside_failed_ && !outside_failed_) {
    const auto ready = sockets.peek(*inside_, scratch, now);
    if (!ready) {
      inside_failed_ = ready.error() != Errno::eagain;
      return;
    }
    if (*ready == 0) {
      out_ended_ = true;
      ::shutdown(outside_.get(), SHUT_WR);
      return;
    }
    const ssize_t sent =
        ::send(outside_.get(), scratch.data(), *ready, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      outside_failed_ = errno != EAGAIN;
      return;
    }
    const auto octets = static_cast<std::size_t>(sent);
    carried_ += octets;
    (void)sockets.recv(*inside_, scratch.first(octets), now, socket::kMsgTrunc);
  }
}

void Leg::give_left(socket::Sockets& sockets, TimePoint now) {
  const auto waiting = std::span(left_).subspan(left_from_);
  if (waiting.empty()) return;
  const auto sent = sockets.send(*inside_, waiting, now);
  inside_failed_ = inside_failed_ || (!sent && sent.error() != Errno::eagain);
  left_from_ += sent.value_or(0);
  if (left_from_ < left_.size()) return;
  left_.clear();
  left_from_ = 0;
}

/// To the program. The world's end is its end, but for one that comes with a failure.
void Leg::inward(socket::Sockets& sockets, std::span<std::byte> scratch, TimePoint now) {
  while (!in_ended_ && !inside_failed_) {
    give_left(sockets, now);
    if (!left_.empty()) return;
    const ssize_t came = ::recv(outside_.get(), scratch.data(), scratch.size(), MSG_DONTWAIT);
    if (came < 0 && errno == EAGAIN) return;
    if (came <= 0) {
      in_ended_ = true;
      outside_failed_ = outside_failed_ || came < 0;
      if (!outside_failed_) (void)sockets.shutdown(*inside_, socket::kShutWr, now);
      return;
    }
    left_.assign(scratch.begin(), scratch.begin() + came);
    carried_ += left_.size();
  }
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

int error_of(int descriptor) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace lastack::run
