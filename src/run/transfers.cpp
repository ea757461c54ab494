// Calls that move octets of a stream and come here since they name an address, carry messages or
// are urgent. The kernel does most of them, on the stand-in; what TCP alone knows is said here.
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "run/message.hpp"
#include "run/supervisor.hpp"

namespace lastack::run {

using socket::Errno;

namespace {

constexpr std::size_t kMostAtOnce = std::size_t{64} << 10U;  // octets of a sendto()

bool receives(const Call& call) {
  return call.number == __NR_recvfrom || call.number == __NR_recvmsg ||
         call.number == __NR_recvmmsg;
}

bool waits_for_all(const Call& call) {
  const bool one = call.number == __NR_recvfrom || call.number == __NR_recvmsg;
  return one && (flags_of(call) & MSG_WAITALL) != 0 && (flags_of(call) & MSG_OOB) == 0;
}

bool has_octets(int far) {
  int octets = 0;
  return ::ioctl(far, FIONREAD, &octets) == 0 && octets > 0;
}

}  // namespace

bool has_urgent(int far) {
  pollfd asked{.fd = far, .events = POLLPRI, .revents = 0};
  return ::poll(&asked, 1, 0) == 1 && (asked.revents & POLLPRI) != 0;
}

Supervisor::Answer Supervisor::transfer(const Asked& asked) {
  const bool sends = !receives(asked.call);
  const Answer said = sends ? why_not_sent(asked) : why_not_received(asked);
  if (said) return said;
  if (asked.call.number == __NR_sendto) return send_to(asked);
  if (asked.call.number == __NR_sendmsg && (flags_of(asked.call) & MSG_OOB) != 0) {
    return send_urgent(asked);
  }
  if (waits_for_all(asked.call)) return receive_all(asked);
  notifier_->pass(asked.call);
  return std::nullopt;
}

/// The stand-in has an error of its own after a reset: it is told as well.
void Supervisor::hear_error(const Asked& asked) {
  int ignored = 0;
  socklen_t size = sizeof ignored;
  (void)::getsockopt(asked.far, SOL_SOCKET, SO_ERROR, &ignored, &size);
}

/// What TCP says to a reader while there is no connection, or none any more. What the stand-in has
/// comes first.
Supervisor::Answer Supervisor::why_not_received(const Asked& asked) {
  const Guest& guest = asked.guest;
  if (guest.stand_in.open() && is_connected(guest)) return std::nullopt;
  const int urgent = flags_of(asked.call) & socket::kMsgOob;
  if (urgent != 0 && has_urgent(asked.far)) return failed(Errno::enotconn);
  if (!guest.listening && has_octets(asked.far)) return std::nullopt;
  hear_error_told(asked);
  std::array<std::byte, 1> octet{};
  const int flags = urgent | socket::kMsgPeek;
  const auto received = sockets_->recv(guest.fd, octet, asked.now, flags);
  if (received || received.error() == Errno::eagain) return std::nullopt;
  if (!guest.stand_in.open()) hear_error(asked);
  return failed(received.error());
}

/// The error of a connection comes first. EPIPE is left to the kernel, which sends SIGPIPE.
Supervisor::Answer Supervisor::why_not_sent(const Asked& asked) {
  if (asked.guest.stand_in.open() && is_connected(asked.guest)) return std::nullopt;
  hear_error_told(asked);
  const auto error = sockets_->take_error(asked.guest.fd);
  if (!error || !*error || **error == Errno::none || **error == Errno::epipe) return std::nullopt;
  if (!asked.guest.stand_in.open()) hear_error(asked);
  return failed(**error);
}

/// TCP does not mind an address, and a stand-in does: so its octets are written without.
Supervisor::Answer Supervisor::send_to(const Asked& asked) {
  const auto& arguments = asked.call.arguments;
  const int flags = asked.call.integer(3);
  if ((flags & MSG_FASTOPEN) != 0) return failed(Errno::eopnotsupp);
  if ((flags & MSG_OOB) != 0) return send_urgent(asked);
  if (arguments[4] == 0) {  // MSG_MORE, which a pair takes as it is
    notifier_->pass(asked.call);
    return std::nullopt;
  }
  const auto size = std::min<std::uint64_t>(arguments[2], kMostAtOnce);
  std::vector<std::byte> octets(static_cast<std::size_t>(size));
  if (!asked.caller.read(arguments[1], octets)) return -EFAULT;
  if (!notifier_->waits(asked.call)) return std::nullopt;
  const ssize_t sent = ::send(asked.far, octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 ? -errno : sent;
}

/// To TCP itself: a pair has one mark, and where it stands is the kernel's. What was written before
/// must be there already; where it is not, and where one waits for room, it is the pair's.
Supervisor::Answer Supervisor::send_urgent(const Asked& asked) {
  Guest& guest = asked.guest;
  const auto messages = messages_of(asked.caller, asked.call);
  if (!messages) return messages.error();
  const auto octets = gather(asked.caller, messages->front(), kMostAtOnce);
  if (!octets && octets.error() != -EMSGSIZE) return octets.error();
  if (!notifier_->waits(asked.call)) return std::nullopt;
  if (octets && octets->empty()) {  // which a pair refuses
    return answer_of(sockets_->send_urgent(guest.fd, {}, asked.now));
  }
  const bool in_order = octets && guest.stand_in.open() && !guest.stand_in.stuffed() &&
                        guest.backlog.empty() && guest.stand_in.waiting() == 0;
  if (in_order) {
    const auto sent = sockets_->send_urgent(guest.fd, *octets, asked.now);
    const bool all = sent && *sent == octets->size();
    if (all || (sent && asked.non_blocking())) return static_cast<std::int64_t>(*sent);
    if (!sent && sent.error() == Errno::eagain && asked.non_blocking()) return -EAGAIN;
    if (sent) {
      guest.backlog.add(Slice::copy_of(std::span(*octets).subspan(*sent)), true);
      return static_cast<std::int64_t>(octets->size());
    }
  }
  notifier_->pass(asked.call);
  return std::nullopt;
}

}  // namespace lastack::run
