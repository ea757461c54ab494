#include "run/leg.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "run/edges.hpp"

namespace lastack::run {

using socket::Errno;

void Leg::has_news(std::uint32_t events) {
  writable_ = writable_ || (events & EPOLLOUT) != 0;
  readable_ = readable_ || (events & (EPOLLIN | kStops)) != 0;
  has_stops_ = has_stops_ || (events & (EPOLLERR | EPOLLPRI)) != 0;
  has_end_ = has_end_ || (events & (EPOLLRDHUP | EPOLLHUP)) != 0;
  has_error_ = has_error_ || (events & EPOLLERR) != 0;
}

Leg::Fate Leg::carry(socket::Sockets& sockets, std::span<std::byte> scratch, TimePoint now) {
  inward(sockets, now);
  outward(sockets, scratch, now);
  if (in_ended_ && !outside_failed_ && (has_error_ || out_ended_)) {
    has_error_ = false;
    outside_failed_ = error_of(outside_.get()) != 0;
  }
  if (outside_failed_) inward(sockets, now);  // what had come before that
  const bool no_peer = out_ended_ && (sockets.poll(*inside_).value_or(0) & socket::kPollErr) != 0;
  inside_failed_ = inside_failed_ || no_peer;
  const bool failed = inside_failed_ || outside_failed_;
  if (out_ended_ && in_ended_ && !failed) return Fate::complete;  // to close it tells the end, too
  if (std::exchange(owes_end_, false)) ::shutdown(outside_.get(), SHUT_WR);
  if (failed) return on_its_way(sockets) ? Fate::fails : Fate::reset;
  return Fate::goes_on;
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
  while (inside_readable_ && writable_ && !out_ended_ && !inside_failed_ && !outside_failed_) {
    const auto ready = look(sockets, *inside_, scratch, now);
    if (!ready) {
      inside_readable_ = false;
      inside_failed_ = ready.error() != Errno::eagain;
      return;
    }
    if (ready->count == 0) {
      out_ended_ = owes_end_ = true;
      return;
    }
    const ssize_t sent = ready->send_to(outside_.get());
    if (sent < 0) {
      writable_ = false;
      outside_failed_ = errno != EAGAIN;
      return;
    }
    carried_ += static_cast<std::uint64_t>(sent);
    (void)sockets.discard(*inside_, static_cast<std::size_t>(sent), now);
  }
}

/// To the program. The world's end is its end, but for one that comes with a failure.
void Leg::inward(socket::Sockets& sockets, TimePoint now) {
  while (!in_ended_ && !inside_failed_) {
    inside_failed_ = !left_.send(sockets, *inside_, now);
    if (!left_.empty()) return;
    if (read_all_) {
      in_ended_ = true;
      if (!outside_failed_) (void)sockets.shutdown(*inside_, socket::kShutWr, now);
      return;
    }
    if (!readable_ || !read_some(sockets)) return;
  }
}

/// What has come from outside, as much as there is room for; false where nothing has.
bool Leg::read_some(socket::Sockets& sockets) {
  Room room(sockets, *inside_);
  const auto octets = room.octets();
  const ssize_t came = ::recv(outside_.get(), octets.data(), octets.size(), MSG_DONTWAIT);
  if (came < 0 && errno == EAGAIN) {
    readable_ = false;
    return false;
  }
  const bool less = came < static_cast<ssize_t>(octets.size());
  outside_failed_ = outside_failed_ || came < 0;
  read_all_ = came <= 0 || (less && has_end_ && !has_stops_);
  readable_ = !less || has_end_ || has_stops_;
  if (came <= 0) return true;
  left_.add(std::move(room).filled(static_cast<std::size_t>(came)));
  carried_ += static_cast<std::uint64_t>(came);
  return true;
}

void Leg::close(socket::Sockets& sockets, Errands& errands, Fate fate, TimePoint now) {
  const bool reset = fate != Fate::complete;
  if (inside_) {
    if (reset) (void)sockets.set_linger_zero(*inside_, true);
    (void)sockets.close(*inside_, now);
    inside_.reset();
  }
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  if (reset) (void)::setsockopt(outside_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  errands.close(std::move(outside_));
}

int error_of(int descriptor) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace lastack::run
