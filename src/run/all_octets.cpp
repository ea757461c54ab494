// Reads that wait for all that they ask for (MSG_WAITALL). A stand-in's would take the error of a
// connection that is reset together with the octets before it, and the next read would find an end
// in order. So who waits does so here, and the octets wait with the kernel meanwhile: a signal
// loses none.
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "run/message.hpp"
#include "run/supervisor.hpp"

namespace lastack::run {

using socket::Errno;

namespace {

std::size_t room_of(const Message& message) {
  std::size_t all = 0;
  for (const iovec& part : message.parts) all += part.iov_len;
  return all;
}

/// What lies there, and no error with it.
std::int64_t read_some(const Caller& caller, const Call& call, Message message, int far) {
  std::vector<std::byte> octets(unread_at(far));
  const ssize_t n =
      ::recv(far, octets.data(), octets.size(), MSG_DONTWAIT | (flags_of(call) & MSG_PEEK));
  if (n < 0) return -errno;
  octets.resize(static_cast<std::size_t>(n));
  message.name = message.name_size_at = 0;  // TCP tells no address
  return scatter(caller, message, octets, {}, false, 0);
}

}  // namespace

Supervisor::Answer Supervisor::receive_all(const Asked& asked) {
  Guest& guest = asked.guest;
  forget_gone_calls(guest, asked.now);
  WaitingCall waiting{.call = asked.call};
  waiting.blocks = (flags_of(asked.call) & MSG_DONTWAIT) == 0 && !asked.non_blocking();
  if (!waiting.blocks) waiting.until = asked.now;
  const Answer answer = receive_all_for(guest, waiting, asked.now);
  if (answer != failed(Errno::eagain) || !waiting.blocks) return answer;
  wait(guest, waiting, socket::Call::receive, asked.now);
  return std::nullopt;
}

/// Whether more can come than lies in the stand-in.
bool Supervisor::more_can_come(const Guest& guest) const {
  if (!guest.stand_in.open() || guest.stand_in.reading_ended() || !is_connected(guest)) {
    return false;
  }
  const bool failed_is = (sockets_->poll(guest.fd).value_or(0) & socket::kPollErr) != 0;
  return !failed_is || has_unread(guest);
}

/// EAGAIN where it has to wait. The kernel does it where all lies there, or as much as fits.
Supervisor::Answer Supervisor::receive_all_for(Guest& guest, WaitingCall& waiting, TimePoint now) {
  const Call& call = waiting.call;
  const Caller caller(call.thread);
  const auto messages = messages_of(caller, call);
  const OwnedFd far = callers_.borrow(call.thread, call.descriptor());
  if (!notifier_->waits(call)) return std::nullopt;
  const bool ours = messages && far && inode_of(far.get()) == guest.stand_in.inode() &&
                    !guest.hung_up && !guest.listening && !guest.connecting;
  const std::size_t there = ours ? unread_at(far.get()) : 0;
  const bool kernels = !ours || there >= room_of(messages->front()) || has_urgent(far.get());
  const bool more = !kernels && more_can_come(guest);
  const bool full = more && !guest.writable && has_unread(guest);
  if (more && !full && waiting.until > now) return failed(Errno::eagain);
  if (more && there == 0 && waiting.blocks) return failed(Errno::eagain);  // its time is over
  if (kernels || full || there == 0) {
    notifier_->pass(call);
    return std::nullopt;
  }
  return read_some(caller, call, messages->front(), far.get());
}

}  // namespace lastack::run
