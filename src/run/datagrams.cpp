// Sockets for UDP. What a program writes into its stand-in goes out, one datagram each. Of those
// that came in some lie there to be read: few enough that it is known who has sent which, should
// the program ask.
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "run/message.hpp"
#include "run/supervisor.hpp"

namespace lastack::run {

using socket::Errno;

namespace {

constexpr std::size_t kMostDatagram = 65535;
constexpr std::size_t kIpHeader = 20;  // IPv4's, which counts in a packet's length
constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kMostLent = 128;
constexpr std::size_t kMostLentOctets = std::size_t{64} << 10U;  // without the last of them

/// Than a datagram can be, so that a stand-in's would be nobody's.
bool too_long(const Message& message, bool inet6) {
  std::size_t room = kMostDatagram - kUdpHeader - (inet6 ? 0 : kIpHeader);
  for (const iovec& part : message.parts) {
    if (part.iov_len > room) return true;
    room -= part.iov_len;
  }
  return false;
}

std::optional<Duration> duration_of(const timespec& time) {
  constexpr long kNanoseconds = 1'000'000'000;
  constexpr Duration kMost = std::chrono::hours(24 * 365);
  if (time.tv_sec < 0 || time.tv_nsec < 0 || time.tv_nsec >= kNanoseconds) return std::nullopt;
  if (time.tv_sec > kMost / 1s) return kMost;
  const std::chrono::nanoseconds part(time.tv_nsec);
  return std::chrono::ceil<Duration>(std::chrono::seconds(time.tv_sec) + part);
}

}  // namespace

void Supervisor::act_datagrams(Guest& guest, TimePoint now) {
  send_datagrams(guest, now);
  if (guest.hung_up) return forget(guest, now);
  if ((guest.error_shown || !guest.lent.empty()) && guest.stand_in.was_read()) {
    if (std::exchange(guest.error_shown, false)) guest.error.reset();
    guest.lent = {};
  }
  answer_waiting(guest, now, &Supervisor::receive_for);
  lend_datagrams(guest, now);
}

/// What the program has written without saying to whom. An error that is due is kept for it: its
/// write is over.
void Supervisor::send_datagrams(Guest& guest, TimePoint now) {
  while (guest.readable && (sockets_->poll(guest.fd).value_or(0) & socket::kPollOut) != 0) {
    const auto size = guest.stand_in.take_message(scratch_);
    if (!size) {
      guest.readable = false;
      return;
    }
    keep_error(guest);
    const std::span<const std::byte> octets = std::span(scratch_).first(*size);
    (void)sockets_->sendmsg(guest.fd, std::span(&octets, 1), now);
  }
}

void Supervisor::keep_error(Guest& guest) {
  const auto error = sockets_->take_error(guest.fd);
  if (error && *error) guest.error = *error;
}

/// The error that was kept: a call tells it, and what shows it is no more.
Errno Supervisor::tell_error(Guest& guest, int far) {
  if (std::exchange(guest.error_shown, false)) {
    std::byte nothing{};
    (void)::recv(far, &nothing, 1, MSG_DONTWAIT);
  }
  return *std::exchange(guest.error, {});
}

/// Those that the program has read by itself are gone: the octets that lie there are of the others.
/// An empty one lies there alone.
void Supervisor::forget_read(Guest& guest, int far) {
  int unread = 0;
  if (guest.lent.empty() || ::ioctl(far, FIONREAD, &unread) != 0) return;
  std::size_t all = 0;
  for (std::size_t i = 0; i < guest.lent.size(); ++i) all += guest.lent[i].octets;
  while (!guest.lent.empty() && all > static_cast<std::size_t>(unread)) {
    all -= guest.lent.front().octets;
    (void)guest.lent.pop_front();
  }
  if (all == 0 && guest.stand_in.was_read()) guest.lent = {};
}

/// Whether another one may lie there, of so many octets.
bool Supervisor::may_lend(Guest& guest, std::size_t octets) {
  const auto fits = [&] {
    if (guest.lent.empty()) return true;
    std::size_t all = 0;
    for (std::size_t i = 0; i < guest.lent.size(); ++i) all += guest.lent[i].octets;
    return octets > 0 && all > 0 && all < kMostLentOctets && guest.lent.size() < kMostLent;
  };
  if (fits()) return true;
  const OwnedFd far = borrow(guest);
  if (far) forget_read(guest, far.get());
  guest.writable = fits();  // or until the program has read some
  return guest.writable;
}

/// Those that wait are readable for the program; so is an error, which read() takes for an empty
/// one.
void Supervisor::lend_datagrams(Guest& guest, TimePoint now) {
  while (!guest.error_shown && !guest.stand_in.reading_ended()) {
    keep_error(guest);
    if (guest.error) {
      if (guest.lent.empty()) guest.error_shown = guest.stand_in.give_message({});
      return;
    }
    if ((sockets_->poll(guest.fd).value_or(0) & socket::kPollIn) == 0) return;
    const int next = sockets_->ioctl(guest.fd, socket::kSiocInq).value_or(0);
    if (!guest.writable || !may_lend(guest, static_cast<std::size_t>(next))) return;
    const std::span<std::byte> into = scratch_;
    const auto received = sockets_->recvmsg(guest.fd, std::span(&into, 1), now);
    if (!received || !guest.stand_in.give_message(into.first(received->octets))) return;
    guest.lent.push_back(Guest::Lent{received->from, received->octets});
  }
}

// --- calls that name an address, or ask for one

/// 0 where datagrams get there, else -errno.
std::int64_t Supervisor::way_to(const host::Endpoint& end) const {
  if (network_.within(end)) return 0;
  const auto way = network_.has_way(end);
  return way ? 0 : -way.error();
}

/// Who has not set SO_BROADCAST sends to no broadcast address.
bool Supervisor::may_not(const Guest& guest, const host::Endpoint& end) const {
  return end.address.is_broadcast() && !sockets_->find(guest.fd)->broadcast;
}

Supervisor::Answer Supervisor::connect_datagrams(const Asked& asked, const host::Endpoint& remote) {
  if (may_not(asked.guest, remote)) return -EACCES;
  if (const std::int64_t refused = way_to(remote); refused != 0) return refused;
  return answer_of(sockets_->connect(asked.guest.fd, remote, asked.now));
}

Supervisor::Answer Supervisor::send_messages(const Asked& asked) {
  const auto messages = messages_of(asked.caller, asked.call);
  if (!messages) return messages.error();
  const bool inet6 = asked.guest.inet6;
  const bool named = std::ranges::any_of(*messages, [](const Message& m) { return m.name != 0; });
  const bool fits =
      std::ranges::none_of(*messages, [inet6](const Message& m) { return too_long(m, inet6); });
  const bool urgent = (flags_of(asked.call) & MSG_OOB) != 0;
  const bool more = (flags_of(asked.call) & socket::kMsgMore) != 0;
  const socket::OpenSocket* open = sockets_->find(asked.guest.fd);
  const bool has_peer = sockets_->peer_name(asked.guest.fd).has_value();
  if (!named && fits && !urgent && !more && has_peer && !open->shut_write) {
    keep_error(asked.guest);
    if (asked.guest.error) return failed(tell_error(asked.guest, asked.far));
    // the kernel's, and the stand-in's
    notifier_->pass(asked.call);
    return std::nullopt;
  }
  std::int64_t sent = 0;
  for (const Message& message : *messages) {
    const std::int64_t answer = send_one(asked, message);
    network_.settle();  // who reads after this has it
    if (message.written_to_at == 0) return answer;
    const auto size = static_cast<std::uint32_t>(answer);
    if (answer < 0) return sent > 0 ? sent : answer;
    if (!asked.caller.write(message.written_to_at, std::as_bytes(std::span(&size, 1)))) break;
    ++sent;
  }
  return sent > 0 ? sent : -EFAULT;
}

std::int64_t Supervisor::send_one(const Asked& asked, const Message& message) {
  std::optional<host::Endpoint> to;
  if (message.name != 0) {
    const auto named = address_argument(asked.caller, message.name, message.name_size);
    if (!named) return named.error();
    to = meant(*named);
    if (may_not(asked.guest, *to)) return -EACCES;
    if (const std::int64_t refused = way_to(*to); refused != 0) return refused;
  }
  const int urgent = flags_of(asked.call) & socket::kMsgOob;
  const auto octets = gather(asked.caller, message, kMostDatagram);
  if (!octets) return octets.error();
  if (!notifier_->waits(asked.call)) return -EINTR;
  const bool v6 = asked.guest.inet6;
  const socket::OpenSocket& open = *sockets_->find(asked.guest.fd);
  const bool goes_on = open.choices && open.choices->begun;  // it minds neither
  const bool good =
      !goes_on && (urgent == 0 || v6) && (!to || (to->port != 0 && (v6 || to->address.is_v4())));
  if (good) keep_error(asked.guest);  // which is told before anything else but what is wrong
  if (good && asked.guest.error) return failed(tell_error(asked.guest, asked.far));
  const std::span<const std::byte> whole = *octets;
  return answer_of(sockets_->sendmsg(asked.guest.fd, std::span(&whole, 1), asked.now,
                                     flags_of(asked.call) & (socket::kMsgOob | socket::kMsgMore),
                                     to));
}

Supervisor::Answer Supervisor::receive_messages(const Asked& asked) {
  Guest& guest = asked.guest;
  forget_gone_calls(guest, asked.now);
  WaitingCall waiting{.call = asked.call};
  waiting.blocks = (flags_of(asked.call) & MSG_DONTWAIT) == 0 && !asked.non_blocking();
  if (asked.call.number == __NR_recvmmsg && asked.call.arguments[4] != 0) {
    const auto time = asked.caller.value<timespec>(asked.call.arguments[4]);
    if (!time) return -EFAULT;
    const auto most = duration_of(*time);
    if (!most) return failed(Errno::einval);
    waiting.no_more_from = asked.now + *most;
  }
  const Answer answer =
      guest.calls.empty() ? receive_for(guest, waiting, asked.now) : failed(Errno::eagain);
  lend_datagrams(guest, asked.now);
  if (answer != failed(Errno::eagain) || !waiting.blocks) return answer;
  wait(guest, waiting, socket::Call::receive, asked.now);
  return std::nullopt;
}

/// EAGAIN where it has to wait. recvmmsg() does so for all that it was asked for.
Supervisor::Answer Supervisor::receive_for(Guest& guest, WaitingCall& waiting, TimePoint now) {
  const Call& call = waiting.call;
  const Caller caller(call.thread);
  const auto messages = messages_of(caller, call);
  if (!notifier_->waits(call)) return std::nullopt;
  if (!messages) return messages.error();
  const int flags = flags_of(call);
  const OwnedFd far = callers_.borrow(call.thread, call.descriptor());
  std::int64_t& received = waiting.received;
  const bool for_all = waiting.blocks && (flags & MSG_WAITFORONE) == 0;
  const std::size_t done = std::min(static_cast<std::size_t>(received), messages->size());
  for (const Message& message : std::span(*messages).subspan(done)) {
    host::Endpoint from;
    const std::int64_t size = next_datagram(guest, far.get(), (flags & MSG_PEEK) != 0, from, now);
    const bool waits = size == failed(Errno::eagain) && for_all && waiting.until > now;
    if (size < 0) return received > 0 && !waits ? received : size;
    const auto octets = std::span(scratch_).first(static_cast<std::size_t>(size));
    const std::int64_t answer = scatter(caller, message, octets, from, guest.inet6, flags);
    if (message.written_to_at == 0) return answer;
    const auto told = static_cast<std::uint32_t>(answer);
    if (answer < 0) return received > 0 ? received : answer;
    (void)caller.write(message.written_to_at, std::as_bytes(std::span(&told, 1)));
    ++received;
    if (waiting.no_more_from <= now) break;
  }
  return received;
}

/// Into scratch_: the first that lies in the stand-in, else the next of the endpoint; an error
/// comes before both. Its size, or -errno.
std::int64_t Supervisor::next_datagram(Guest& guest, int far, bool peek, host::Endpoint& from,
                                       TimePoint now) {
  keep_error(guest);
  if (guest.error) return failed(tell_error(guest, far));
  forget_read(guest, far);
  if (!guest.lent.empty()) {
    const int flags = MSG_DONTWAIT | (peek ? MSG_PEEK : 0);
    const ssize_t size = ::recv(far, scratch_.data(), scratch_.size(), flags);
    from = guest.lent.front().from;
    if (!peek || size < 0) (void)guest.lent.pop_front();
    if (size >= 0) return size;
  }
  const std::span<std::byte> into = scratch_;
  const auto received =
      sockets_->recvmsg(guest.fd, std::span(&into, 1), now, peek ? socket::kMsgPeek : 0);
  if (!received) return failed(received.error());
  from = received->from;
  return static_cast<std::int64_t>(received->octets);
}

Supervisor::Answer Supervisor::shut_datagrams(const Asked& asked, int how) {
  const std::int64_t answer = answer_of(sockets_->shutdown(asked.guest.fd, how, asked.now));
  if (how != SHUT_WR && !asked.guest.stand_in.reading_ended()) {
    asked.guest.stand_in.end_reading();
  }
  return answer;
}

}  // namespace lastack::run
