#include "run/stand_in.hpp"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "run/caller.hpp"

namespace lastack::run {
namespace {

constexpr int kQuietly = MSG_DONTWAIT | MSG_NOSIGNAL;
constexpr std::size_t kMostShown = 256;  // connections; some 278 octets fit, each in a block
constexpr std::array<std::byte, 4096> kStuffing{};
constexpr std::size_t kPieces = 16;  // of it at once: who sends more than a quarter of his room
                                     // (212,992 octets if nobody has changed that) is not writable
constexpr int kBuffer = 1 << 20;     // octets asked for; the system halves what it does not grant

bool takes_more(int far) {
  pollfd asked{.fd = far, .events = POLLOUT, .revents = 0};
  return ::poll(&asked, 1, 0) == 1 && (asked.revents & POLLOUT) != 0;
}

/// Some are kept for what is borrowed while calls are answered, and for whoever asks us questions.
bool nearly_out_of_descriptors(int latest) {
  constexpr rlim_t kReserve = 32;
  static rlim_t known = 0;  // it is asked for anew where that was not enough
  const rlim_t needed = static_cast<rlim_t>(latest) + kReserve;
  if (needed <= known) return false;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) known = limit.rlim_cur;
  return needed > known;
}

/// Octets thrown away, at most `most`: all of them go to the same few.
std::size_t throw_away(int descriptor, std::size_t most) {
  std::array<std::byte, kStuffing.size()> octets;  // NOLINT: nobody reads them
  std::array<iovec, kPieces> pieces{};
  msghdr message{};
  message.msg_iov = pieces.data();
  std::size_t gone = 0;
  while (gone < most) {
    std::size_t wanted = most - gone;
    for (message.msg_iovlen = 0; message.msg_iovlen < kPieces && wanted > 0; ++message.msg_iovlen) {
      pieces[message.msg_iovlen] = {octets.data(), std::min(octets.size(), wanted)};
      wanted -= pieces[message.msg_iovlen].iov_len;
    }
    const ssize_t n = ::recvmsg(descriptor, &message, MSG_DONTWAIT);
    if (n <= 0) break;
    gone += static_cast<std::size_t>(n);
  }
  return gone;
}

/// As many octets as make an end that was empty unwritable; how many it has taken.
std::size_t stuff_into(int far) {
  std::array<iovec, kPieces> pieces{};
  pieces.fill({const_cast<std::byte*>(kStuffing.data()), kStuffing.size()});  // NOLINT: only read
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  const ssize_t n = ::sendmsg(far, &message, kQuietly);
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

}  // namespace

std::size_t unread_at(int descriptor) {
  int octets = 0;
  return ::ioctl(descriptor, SIOCINQ, &octets) == 0 ? static_cast<std::size_t>(octets) : 0;
}

std::expected<StandIn::Pair, int> StandIn::make(bool non_blocking, bool datagrams) {
  std::array<int, 2> ends{};
  const int type = datagrams ? SOCK_SEQPACKET : SOCK_STREAM;  // SOCK_DGRAM tells of no last close
  const int how =
      SOCK_CLOEXEC | (non_blocking ? SOCK_NONBLOCK : 0);  // whatever we do does not wait
  if (::socketpair(AF_UNIX, type | how, 0, ends.data()) != 0) return std::unexpected(errno);
  OwnedFd near(ends[0]);
  OwnedFd far(ends[1]);
  if (nearly_out_of_descriptors(near.get())) return std::unexpected(ENFILE);
  const int on = 1;  // an urgent octet that was not taken for one is an octet still
  (void)::setsockopt(near.get(), SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
  const std::uint64_t inode = inode_of(far.get());
  return Pair{StandIn(std::move(near), inode), std::move(far)};
}

Taken StandIn::take(std::span<std::byte> into) {
  Taken taken;
  if (writing_ended_) return taken;  // what lies there is the mark
  for (;;) {
    const ssize_t n = ::recv(near_.get(), into.data(), into.size(), MSG_DONTWAIT);
    if (n > 0) taken.octets = static_cast<std::size_t>(n);
    if (n == 0) taken.ended = last_closed_ = true;
    if (n >= 0 || errno != ECONNRESET) return taken;
    taken.unread = true;
  }
}

std::size_t StandIn::give(const Readable& octets) {
  const std::size_t all = octets.octets();
  const auto sent = [&] {
    const ssize_t n = octets.send_to(near_.get());
    return n > 0 ? static_cast<std::size_t>(n) : 0;
  };
  const std::size_t given = sent();
  if (given == all || std::exchange(roomy_, true)) return given;
  // Most connections never fill what they have: so more is asked for only here.
  (void)::setsockopt(near_.get(), SOL_SOCKET, SO_SNDBUF, &kBuffer, sizeof kBuffer);
  return given > 0 ? given : sent();
}

bool StandIn::at_urgent() const {
  int at = 0;
  return !writing_ended_ && ::ioctl(near_.get(), SIOCATMARK, &at) == 0 && at != 0;
}

bool StandIn::give_urgent(std::byte octet) {
  return ::send(near_.get(), &octet, 1, kQuietly | MSG_OOB) == 1;
}

std::optional<std::size_t> StandIn::take_message(std::span<std::byte> into) {
  const ssize_t n = ::recv(near_.get(), into.data(), into.size(), MSG_DONTWAIT);
  if (n < 0) return std::nullopt;
  pollfd asked{.fd = near_.get(), .events = 0, .revents = 0};
  const bool hung_up = ::poll(&asked, 1, 0) == 1 && (asked.revents & POLLHUP) != 0;
  if (n == 0 && hung_up) return std::nullopt;  // there is no other difference to an empty one
  return static_cast<std::size_t>(n);
}

bool StandIn::give_message(std::span<const std::byte> octets) {
  return ::send(near_.get(), octets.data(), octets.size(), kQuietly) >= 0;
}

bool StandIn::was_read() const {
  int octets = 0;
  return ::ioctl(near_.get(), SIOCOUTQ, &octets) == 0 && octets == 0;
}

bool StandIn::left_unread() const {
  if (last_closed_) return false;
  int error = 0;
  socklen_t size = sizeof error;
  (void)::getsockopt(near_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == ECONNRESET;
}

std::size_t StandIn::waiting() const {
  return writing_ended_ || stuffed() ? 0 : unread_at(near_.get());
}

void StandIn::end_reading() {
  reading_ended_ = true;
  ::shutdown(near_.get(), SHUT_WR);
}

void StandIn::end_writing(int far) {
  (void)::send(far, kStuffing.data(), 1, kQuietly);
  writing_ended_ = true;
  ::shutdown(near_.get(), SHUT_RD);
}

/// The kernel tells a reset where one end goes while octets lie there that nobody has read.
void StandIn::reset(int far) {
  if (reading_ended_) throw_away(near_.get(), SIZE_MAX);
  if (far >= 0 && !reading_ended_) (void)::send(far, kStuffing.data(), 1, kQuietly);
  near_.close();
}

bool StandIn::clear(int far) {
  std::byte urgent{};
  (void)::recv(far, &urgent, 1, MSG_OOB | MSG_DONTWAIT);  // which the others do not take with them
  throw_away(far, unread_at(far));  // and not what the kernel has to say after them
  if (!open() || reading_ended_ || writing_ended_) return false;
  throw_away(near_.get(), SIZE_MAX);
  stuffing_ = shown_ = 0;
  return true;
}

/// The kernel tells it whenever it is said how much room there is, though it be the same.
void StandIn::touch(int far) {
  int room = 0;
  socklen_t size = sizeof room;
  if (::getsockopt(far, SOL_SOCKET, SO_SNDBUF, &room, &size) != 0) return;
  room /= 2;  // the kernel doubles what it is told
  (void)::setsockopt(far, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

void StandIn::stuff(int far) {
  do {
    const std::size_t n = stuff_into(far);
    if (n == 0) return;
    stuffing_ += n;
  } while (takes_more(far));
}

void StandIn::unstuff() {
  throw_away(near_.get(), stuffing_);
  stuffing_ = 0;
}

bool StandIn::show_waiting(std::size_t connections, int far) {
  const std::size_t wanted = std::min(connections, kMostShown);
  if (shown_ > wanted) {
    if (far < 0) return false;
    shown_ -= throw_away(far, shown_ - wanted);
  }
  while (shown_ < wanted && ::send(near_.get(), kStuffing.data(), 1, kQuietly) == 1) ++shown_;
  return true;
}

void discard_unread(int far) { throw_away(far, SIZE_MAX); }

}  // namespace lastack::run
