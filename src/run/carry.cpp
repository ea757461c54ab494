// What goes between a stand-in and its connection: octets, ends, resets.
#include <algorithm>
#include <utility>

#include "run/supervisor.hpp"

namespace lastack::run {

using socket::Errno;

void Supervisor::act(Guest& guest, TimePoint now) {
  if (guest.datagrams) return act_datagrams(guest, now);
  if (guest.listening) return act_listening(guest, now);
  if (guest.connecting) return act_connecting(guest, now);
  if (!guest.stand_in.open()) {
    if (guest.hung_up) close(guest, now);
    return;
  }
  take_from_program(guest, now);
  if (guest.hung_up) {
    answer_waiting(guest, now, &Supervisor::receive_all_for);
    if (guest.ended && guest.backlog.empty()) close(guest, now);
    return;
  }
  give_to_program(guest, now);
  answer_waiting(guest, now, &Supervisor::receive_all_for);
  const auto bits = sockets_->poll(guest.fd).value_or(0);
  const bool will_read = !guest.stand_in.reading_ended() && has_unread(guest);
  if ((bits & socket::kPollErr) == 0 || will_read) return;
  if (is_connected(guest)) reset(guest);  // or disconnect() has left an error behind
}

/// A call that waits learns what has become of it. Nobody waits where the socket does not block:
/// the stand-in shows it.
void Supervisor::act_connecting(Guest& guest, TimePoint now) {
  const auto state = sockets_->state(guest.fd).value_or(tcp::State::closed);
  const bool under_way = state == tcp::State::syn_sent || state == tcp::State::syn_rcvd;
  if (guest.hung_up) return close(guest, now);
  if (under_way) {
    std::erase_if(guest.calls, [&](const WaitingCall& waiting) {
      return waiting.until <= now &&
             (give_answer(waiting.call,
                          failed(waiting.again ? Errno::ealready : Errno::einprogress), now),
              true);
    });
    return;
  }
  guest.connecting = false;
  const bool failed_to = (sockets_->poll(guest.fd).value_or(0) & socket::kPollErr) != 0;
  for (const WaitingCall& waiting : std::exchange(guest.calls, {})) {
    if (!notifier_->waits(waiting.call)) continue;
    const auto done = sockets_->connect(guest.fd, {}, now);
    done ? tell_connected(waiting.call, now) : give_answer(waiting.call, answer_of(done), now);
  }
  if (!guest.stand_in.stuffed()) return act(guest, now);
  if (failed_to) return reset(guest);
  guest.stand_in.unstuff();
  act(guest, now);
}

void Supervisor::act_listening(Guest& guest, TimePoint now) {
  if (guest.hung_up) return forget(guest, now);
  answer_waiting(guest, now, &Supervisor::accept_for);
  show_waiting(guest, -1);
}

// --- from the program

bool Supervisor::send_left(Guest& guest, TimePoint now) {
  if (!guest.backlog.send(*sockets_, guest.fd, now)) guest.backlog.clear();  // nobody will have it
  return guest.backlog.empty();
}

/// Octets that the program has written, behind those that wait for TCP's room: up to an urgent one,
/// or just that.
Supervisor::Some Supervisor::take_some(Guest& guest) {
  const bool urgent = guest.urgent && guest.stand_in.at_urgent();
  if (urgent) guest.urgent = false;
  Room room(*sockets_, guest.fd);
  const auto octets = room.octets().first(urgent ? 1 : room.octets().size());
  const Taken taken = guest.stand_in.take(octets);
  guest.unread |= taken.unread;
  guest.ended |= taken.ended;
  if (taken.octets == 0) return Some::none;
  guest.backlog.add(std::move(room).filled(taken.octets), urgent);
  return taken.octets == octets.size() ? Some::full : Some::less;
}

/// What the program has written before it shuts writing, TCP's room or not: behind that the mark
/// will lie.
void Supervisor::take_all(Guest& guest) {
  while (!guest.stand_in.stuffed() && !guest.ended && take_some(guest) != Some::none) {
  }
}

/// All that the program has written, as far as TCP has room; with TCP_NOTSENT_LOWAT it has none
/// while it has enough that is not sent.
void Supervisor::take_from_program(Guest& guest, TimePoint now) {
  if (guest.stand_in.stuffed()) return;
  const auto has_room = [&] {
    return !guest.limited || guest.hung_up ||
           (sockets_->poll(guest.fd).value_or(0) & socket::kPollOut) != 0;
  };
  while (send_left(guest, now) && guest.readable && !guest.ended && has_room()) {
    const Some some = take_some(guest);
    guest.readable = some == Some::full || (some == Some::less && guest.has_stops);
    guest.ended |= guest.stand_in.writing_ended();
  }
  if (guest.shut_write && guest.backlog.empty()) {
    guest.shut_write = false;
    (void)sockets_->shutdown(guest.fd, socket::kShutWr, now);
  }
}

// --- to the program

/// Or was.
bool Supervisor::is_connected(const Guest& guest) const {
  const socket::OpenSocket* open = sockets_->find(guest.fd);
  return open != nullptr && open->has_flow();
}

/// Octets that a read would bring; those behind an urgent one, which is not read in its place, too.
bool Supervisor::has_unread(const Guest& guest) const {
  const auto before_urgent = sockets_->ioctl(guest.fd, socket::kSiocInq).value_or(0);
  if (before_urgent > 0 || !is_connected(guest)) return before_urgent > 0;
  return sockets_->host().readable(sockets_->find(guest.fd)->flow()) > 1;
}

/// Whether there is room for what stands next, should that be urgent.
bool Supervisor::give_urgent(Guest& guest, TimePoint now) {
  if (sockets_->ioctl(guest.fd, socket::kSiocInq).value_or(0) > 0) return true;
  std::byte octet{};
  const std::span into(&octet, 1);
  if (!sockets_->recv(guest.fd, into, now, socket::kMsgOob | socket::kMsgPeek)) return true;
  if (!guest.stand_in.give_urgent(octet)) return false;
  (void)sockets_->recv(guest.fd, into, now, socket::kMsgOob);
  return true;
}

/// What TCP has stays there until the program has room for it: so it counts as unread.
void Supervisor::give_to_program(Guest& guest, TimePoint now) {
  constexpr unsigned kAnything =
      socket::kPollIn | socket::kPollPri | socket::kPollRdHup | socket::kPollErr;
  while (guest.writable && !guest.stand_in.reading_ended()) {
    const unsigned bits = sockets_->poll(guest.fd).value_or(0);
    if ((bits & kAnything) == 0) return;
    if ((bits & socket::kPollPri) != 0 && !give_urgent(guest, now)) return has_no_room(guest);
    if (!has_unread(guest)) {  // an error is for the program: a read of ours would take it
      const bool over = (bits & socket::kPollRdHup) != 0 && (bits & socket::kPollErr) == 0;
      if (over && is_connected(guest)) end_reading(guest);
      return;
    }
    const auto ready = look(*sockets_, guest.fd, scratch_, now);
    if (!ready || ready->count == 0) return;
    const std::size_t given = guest.stand_in.give(*ready);
    if (given > 0) (void)sockets_->discard(guest.fd, given, now);
    if (given < ready->octets()) has_no_room(guest);
  }
}

/// Whatever the program reads makes room, and would be news each time: most connections never want
/// to know.
void Supervisor::has_no_room(Guest& guest) {
  guest.writable = false;
  if (std::exchange(guest.room_told, true)) return;
  loop_->watch_anew(ends_, guest.stand_in.descriptor(), guest.stand_in.inode(),
                    kNewsOfEnds | EPOLLOUT);
}

void Supervisor::end_reading(Guest& guest) {
  const OwnedFd far = guest.stand_in.writing_ended() ? borrow(guest) : OwnedFd();
  guest.stand_in.end_reading();
  settle(guest);
}

void Supervisor::end_writing(Guest& guest, int far) {
  guest.stand_in.end_writing(far);
  settle(guest);
}

/// Once both directions have ended the kernel has news of that, and later of the last close, and
/// they look the same (so does, from then on, any other). So the first is heard here, while a
/// borrowed end keeps the second away.
void Supervisor::settle(Guest& guest) {
  if (!guest.stand_in.both_ended()) return;
  loop_->watch_anew(ends_, guest.stand_in.descriptor(), guest.stand_in.inode(), EPOLLET);
  settling_ = &guest;
  loop_->look();
  settling_ = nullptr;
}

/// The last holder is gone. Octets that it did not read make it a reset (RFC 1122 4.2.2.13).
void Supervisor::close(Guest& guest, TimePoint now) {
  guest.unread |= guest.stand_in.open() && guest.stand_in.left_unread();
  if (guest.unread) (void)sockets_->set_linger_zero(guest.fd, true);
  forget(guest, now);
}

}  // namespace lastack::run
