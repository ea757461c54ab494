// Calls on sockets that are there: shutdown, options, names, ioctl.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "run/supervisor.hpp"

namespace lastack::run {

using socket::Errno;

namespace {

constexpr std::size_t kMostOption = 4096;  // octets of an option's value

/// The kernel does the waiting, so it has to know as well.
bool is_of_waiting(int level, int name) {
  return level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO || name == SO_RCVLOWAT);
}

/// glibc's resolver asks for errors so, and does without where it is never told one: the queue is
/// always empty, and the next call tells the error (ip(7), RFC 1122 §4.1.3.3).
bool asks_for_error_queue(int level, int name) {
  return (level == IPPROTO_IP && name == IP_RECVERR) ||
         (level == IPPROTO_IPV6 && name == IPV6_RECVERR);
}

}  // namespace

Supervisor::Answer Supervisor::shutdown(const Asked& asked) {
  Guest& guest = asked.guest;
  const int how = asked.call.integer(1);
  if (how < SHUT_RD || how > SHUT_RDWR) return failed(Errno::einval);
  if (!notifier_->waits(asked.call)) return std::nullopt;
  if (guest.datagrams) return shut_datagrams(asked, how);
  if (!guest.stand_in.open()) return answer_of(sockets_->shutdown(guest.fd, how, asked.now));
  const bool stream = !guest.listening && !guest.connecting;
  if (stream && how != SHUT_RD) take_all(guest);
  const bool later = stream && how != SHUT_RD && !guest.backlog.empty();
  std::int64_t answer = 0;
  if (!later || how == SHUT_RDWR) {
    const int now_how = later ? SHUT_RD : how;
    answer = answer_of(sockets_->shutdown(guest.fd, now_how, asked.now));
  }
  if (answer < 0 && answer != failed(Errno::enotconn)) return answer;
  if (stream && how != SHUT_RD && !guest.stand_in.writing_ended()) {
    guest.shut_write = later;
    end_writing(guest, asked.far);
  }
  const bool keeps = sockets_->host().config().settings->shut_rd_keeps_buffered;
  if (how != SHUT_WR && stream && !keeps) discard_unread(asked.far);
  if (how != SHUT_WR && !guest.stand_in.reading_ended()) {
    if (std::exchange(guest.listening, false)) {
      answer_waiting(guest, asked.now, &Supervisor::accept_for);
      (void)guest.stand_in.clear(asked.far);
    }
    end_reading(guest);
  }
  act(guest, asked.now);
  return answer;
}

/// What a socket for a stream has of options that are its stand-in's alone: an urgent octet lies
/// there with the others, or beside them, and so many octets a read waits for.
std::optional<int> Supervisor::kept_by_stand_in(const Guest& guest, int level, int name) {
  if (guest.datagrams || level != SOL_SOCKET) return std::nullopt;
  if (name == SO_OOBINLINE) return guest.urgent_in_place ? 1 : 0;
  return name == SO_RCVLOWAT ? std::optional(guest.low_at) : std::nullopt;
}

/// TCP says what it may be, and keeps nothing back for it: who asks for less is to find it.
Supervisor::Answer Supervisor::set_low_at(const Asked& asked, std::span<const std::byte> value) {
  Guest& guest = asked.guest;
  const auto [level, name] = std::pair(SOL_SOCKET, SO_RCVLOWAT);
  const auto done = sockets_->set_option(guest.fd, level, name, value, asked.now);
  if (!done) return failed(done.error());
  guest.low_at = sockets_->get_option(guest.fd, level, name, asked.now).value_or(1);
  (void)sockets_->set_option(guest.fd, level, name, 1, asked.now);
  (void)::setsockopt(asked.far, level, name, &guest.low_at, sizeof guest.low_at);
  return 0;
}

Supervisor::Answer Supervisor::set_in_place(const Asked& asked, std::span<const std::byte> value) {
  int on = 0;
  if (value.size() < sizeof on) return failed(Errno::einval);
  std::memcpy(&on, value.data(), sizeof on);
  asked.guest.urgent_in_place = on != 0;
  (void)::setsockopt(asked.far, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
  return 0;
}

/// A read may have told the error of what was reset already: the kernel knows, where it had it.
void Supervisor::hear_error_told(const Asked& asked) {
  if (asked.guest.stand_in.open() || asked.guest.stand_in.reading_ended()) return;
  int told = 0;
  socklen_t size = sizeof told;
  (void)::getsockopt(asked.far, SOL_SOCKET, SO_ERROR, &told, &size);
  if (told == 0) (void)sockets_->take_error(asked.guest.fd);
}

Supervisor::Answer Supervisor::set_option(const Asked& asked) {
  const auto& arguments = asked.call.arguments;
  const int level = asked.call.integer(1);
  const int name = asked.call.integer(2);
  const auto size = static_cast<std::uint32_t>(arguments[4]);
  if (asked.call.integer(4) < 0) return failed(Errno::einval);
  std::array<std::byte, kMostOption> value{};
  const auto used = std::span(value).first(std::min<std::size_t>(size, kMostOption));
  if (!asked.caller.read(arguments[3], used)) return -EFAULT;
  if (!notifier_->waits(asked.call)) return std::nullopt;
  if (asked.guest.datagrams && asks_for_error_queue(level, name)) return 0;
  if (kept_by_stand_in(asked.guest, level, name)) {
    return name == SO_OOBINLINE ? set_in_place(asked, used) : set_low_at(asked, used);
  }
  const auto done = sockets_->set_option(asked.guest.fd, level, name, used, asked.now);
  if (done && is_of_waiting(level, name)) {
    (void)::setsockopt(asked.far, level, name, value.data(), size);
  }
  if (done && level == IPPROTO_TCP && name == TCP_NOTSENT_LOWAT) {
    limit(asked.guest, asked.far, asked.now);
  }
  return answer_of(done);
}

/// What is written and not sent lies with TCP, and then in the stand-in: that has less room.
void Supervisor::limit(Guest& guest, int far, TimePoint now) {
  constexpr int kUsual = 212992 / 2;  // net.core.wmem_default; the kernel doubles what it is told
  if (guest.datagrams) return;
  const int low_at =
      sockets_->get_option(guest.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, now).value_or(0);
  guest.limited = low_at > 0;
  const int room = guest.limited ? std::min(low_at / 2, kUsual) : kUsual;
  (void)::setsockopt(far, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

/// What the socket has of options that its stand-in has to mind, for one that is new.
void Supervisor::pass_options_on(Guest& guest, int far, TimePoint now) {
  const int on = 1;
  if (guest.urgent_in_place) (void)::setsockopt(far, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
  if (guest.low_at != 1) {
    (void)::setsockopt(far, SOL_SOCKET, SO_RCVLOWAT, &guest.low_at, sizeof guest.low_at);
  }
  if (guest.limited) limit(guest, far, now);
  for (const int name : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    timeval time{};
    const auto into = std::as_writable_bytes(std::span(&time, 1));
    (void)sockets_->get_option(guest.fd, SOL_SOCKET, name, into, now);
    const bool any = time.tv_sec != 0 || time.tv_usec != 0;
    if (any) (void)::setsockopt(far, SOL_SOCKET, name, &time, sizeof time);
  }
}

Supervisor::Answer Supervisor::get_option(const Asked& asked) {
  const auto& arguments = asked.call.arguments;
  const int level = asked.call.integer(1);
  const int name = asked.call.integer(2);
  const auto size = asked.caller.value<std::int32_t>(arguments[4]);
  if (!size) return -EFAULT;
  if (*size < 0) return failed(Errno::einval);
  if (!notifier_->waits(asked.call)) return std::nullopt;
  std::array<std::byte, kMostOption> value{};
  auto into =
      std::span(value).first(std::min<std::size_t>(static_cast<std::size_t>(*size), kMostOption));
  if (level == SOL_SOCKET && name == SO_ERROR) hear_error_told(asked);
  if (const auto kept = kept_by_stand_in(asked.guest, level, name)) {
    const auto octets = std::as_bytes(std::span(&*kept, 1));
    return tell_option(asked, octets.first(std::min(octets.size(), into.size())));
  }
  if (level == SOL_SOCKET && name == SO_ERROR && asked.guest.error) {
    const int error = static_cast<int>(tell_error(asked.guest, asked.far));
    lend_datagrams(asked.guest, asked.now);
    const auto octets = std::as_bytes(std::span(&error, 1));
    return tell_option(asked, octets.first(std::min(octets.size(), into.size())));
  }
  const auto written = sockets_->get_option(asked.guest.fd, level, name, into, asked.now);
  if (!written) return failed(written.error());
  return tell_option(asked, into.first(*written));
}

Supervisor::Answer Supervisor::tell_option(const Asked& asked, std::span<const std::byte> value) {
  const auto& arguments = asked.call.arguments;
  const auto size = static_cast<std::int32_t>(value.size());
  const bool done =
      asked.caller.write({arguments[3], value}, {arguments[4], std::as_bytes(std::span(&size, 1))});
  return done ? 0 : -EFAULT;
}

Supervisor::Answer Supervisor::name(const Asked& asked) {
  const auto& arguments = asked.call.arguments;
  const auto end = asked.call.number == __NR_getsockname ? sockets_->local_name(asked.guest.fd)
                                                         : sockets_->peer_name(asked.guest.fd);
  if (!end) return failed(end.error());
  const auto room = asked.caller.value<socklen_t>(arguments[2]);
  if (!room) return -EFAULT;
  if (!notifier_->waits(asked.call)) return std::nullopt;
  const bool written =
      write_address(asked.caller, *end, asked.guest.inet6, arguments[1], arguments[2], *room);
  return written ? 0 : -EFAULT;
}

Supervisor::Answer Supervisor::ioctl(const Asked& asked) {
  if (static_cast<unsigned>(asked.call.integer(1)) != socket::kSiocOutq) {
    notifier_->pass(asked.call);
    return std::nullopt;
  }
  const auto queued = sockets_->ioctl(asked.guest.fd, socket::kSiocOutq);
  if (!queued) return failed(queued.error());
  if (!notifier_->waits(asked.call)) return std::nullopt;
  const int all =
      *queued + static_cast<int>(asked.guest.backlog.size() + asked.guest.stand_in.waiting());
  return asked.caller.write(asked.call.arguments[2], std::as_bytes(std::span(&all, 1))) ? 0
                                                                                        : -EFAULT;
}

}  // namespace lastack::run
