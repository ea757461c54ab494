// Octets out and in, of streams.
#include <algorithm>
#include <array>
#include <utility>

#include "base/flat.hpp"
#include "socket/sockets.hpp"
#include "tcp/mutant.hpp"

namespace lastack::socket {
namespace {

std::size_t size_of(PartsIn parts) {
  std::size_t all = 0;
  for (const auto& part : parts) all += part.size();
  return all;
}

/// Octets that have not gone out yet, a FIN counted as one.
std::size_t not_sent(const tcp::Connection& c) {
  const tcp::Tcb& t = c.tcb();
  const Offset end = t.snd.end + (t.fin_queued ? 1 : 0);
  return static_cast<std::size_t>(std::max<Offset>(end - std::max<Offset>(t.snd.max, 0), 0));
}

std::size_t size_of(PartsOut parts) {
  std::size_t all = 0;
  for (const auto& part : parts) all += part.size();
  return all;
}

}  // namespace

// --- errors

/// What Linux keeps in sk_err: due to whoever asks first.
std::optional<Errno> Sockets::error_of(const OpenSocket& s) const {
  if (s.error != Errno::none) return s.error;
  const tcp::Connection* c = connection(s);
  if (c == nullptr || s.error_told || c->state() != tcp::State::closed) return std::nullopt;
  switch (c->tcb().error) {
    case tcp::Error::none:
    case tcp::Error::aborted:
    case tcp::Error::closing: return std::nullopt;
    default: break;
  }
  const tcp::Transition& last = host_->find(s.flow())->history.last(0).transition;
  // Both have opened at once: to Linux what answers a SYN with another is there, and resets.
  if (last.from == tcp::State::syn_rcvd && last.event == tcp::Event::rst) return Errno::econnreset;
  return errno_of(c->tcb().error, last.from == tcp::State::close_wait);
}

std::optional<Errno> Sockets::tell_error(OpenSocket& s) {
  const auto error = error_of(s);
  if (std::exchange(s.error, Errno::none) == Errno::none && error) {
    s.error_told = !tcp::mutated(tcp::Mutant::error_told_again);
  }
  return error;
}

Result<std::optional<Errno>> Sockets::take_error(Fd fd) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (s->kind != OpenSocket::Kind::datagram) return tell_error(*s);
  const udp::Error error = host_->udp_take_error(s->udp());
  if (error == udp::Error::none || error == udp::Error::not_open) return std::nullopt;
  return errno_of(error);
}

// --- out

/// Why nothing can be sent, now or ever.
std::optional<Errno> Sockets::may_send(OpenSocket& s) {
  if (const auto error = tell_error(s)) return error;
  const tcp::State state = state_of(s);
  if (state == tcp::State::syn_sent || state == tcp::State::syn_rcvd) return Errno::eagain;
  const bool open = state == tcp::State::established || state == tcp::State::close_wait;
  if (!open || s.shut_write) return Errno::epipe;
  return std::nullopt;
}

/// Octets that there is room for, as who waits is told: none while half of TCP_NOTSENT_LOWAT or
/// more have not gone out yet.
std::size_t Sockets::room_to_send(const OpenSocket& s) const {
  const std::size_t room = host_->writable(s.flow());
  const tcp::Connection* c = connection(s);
  if (c == nullptr || c->settings().not_sent_low_at == 0) return room;
  return std::uint64_t{not_sent(*c)} * 2 < c->settings().not_sent_low_at ? room : 0;
}

/// Octets that a call takes at once. As in Linux TCP_NOTSENT_LOWAT is looked at where a buffer
/// begins, and one that has begun and has not gone out is filled; urgent octets have buffers of a
/// segment.
std::size_t Sockets::room_in_buffer(const OpenSocket& s, bool urgent) const {
  constexpr std::size_t kLargest = 65536;
  const std::size_t room = host_->writable(s.flow());
  const tcp::Connection* c = connection(s);
  if (c == nullptr || c->settings().not_sent_low_at == 0) return room;
  const std::size_t segment = c->smss();
  const std::size_t half = std::max<std::size_t>(c->tcb().snd.max_wnd / 2, segment);
  const std::size_t buffer = urgent ? segment : std::min(half, kLargest);
  const std::size_t out = not_sent(*c);
  if (out < buffer) return std::min(room, buffer - out);
  return out < c->settings().not_sent_low_at ? std::min(room, buffer) : 0;
}

/// One buffer of a call, the `last` or not. Where not all of the call fits, what does ends in the
/// urgent octet and waits for no more, as in Linux.
Result<std::size_t> Sockets::send_part(OpenSocket& s, std::span<const std::byte> part,
                                       TimePoint now, bool last, int flags) {
  const bool urgent = (flags & kMsgOob) != 0;
  std::size_t sent = 0;
  while (sent < part.size()) {
    const std::size_t room = room_in_buffer(s, urgent);
    const auto piece = part.subspan(sent, std::min(room, part.size() - sent));
    if (piece.empty()) break;
    const bool at_end = last && sent + piece.size() == part.size();
    const bool more = at_end ? (flags & kMsgMore) != 0 : piece.size() < room;
    const auto n = host_->send(s.flow(), piece, now, urgent, more);
    if (!n) return std::unexpected(Errno::epipe);
    sent += *n;
  }
  return sent;
}

Result<std::size_t> Sockets::send_stream(OpenSocket& s, PartsIn parts, TimePoint now, int flags) {
  if (const auto error = may_send(s)) return std::unexpected(*error);
  const std::size_t all = size_of(parts);
  std::size_t sent = 0;
  for (const auto& part : parts) {
    const auto n = send_part(s, part, now, sent + part.size() == all, flags);
    if (!n) return n;
    sent += *n;
    if (*n < part.size()) break;
  }
  if (sent < all) s.no_room = true;
  if (sent == 0 && all > 0) return std::unexpected(Errno::eagain);
  return sent;
}

Result<std::size_t> Sockets::sendmsg(Fd fd, PartsIn parts, TimePoint now, int flags,
                                     const std::optional<host::Endpoint>& to) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (s->kind == OpenSocket::Kind::datagram) return send_datagram(fd, *s, parts, now, flags, to);
  return send_stream(*s, parts, now, flags);
}

/// The usual call, and the quick one: one look at the connection says that nothing is in the way.
LASTACK_FLAT Result<std::size_t> Sockets::send(Fd fd, std::span<const std::byte> octets,
                                               TimePoint now, int flags) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  const bool usual =
      flags == 0 && s->has_flow() && !s->shut_write && s->error == Errno::none && !octets.empty();
  const auto n = usual ? host_->send_plain(s->flow(), octets, now) : std::nullopt;
  if (!n) return sendmsg(fd, PartsIn(&octets, 1), now, flags);
  if (*n < octets.size()) s->no_room = true;
  if (*n == 0) return std::unexpected(Errno::eagain);
  return *n;
}

/// Where anything is out of the ordinary the octets are copied.
Result<std::size_t> Sockets::send(Fd fd, Slice slice, TimePoint now) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  const tcp::Connection* c = connection(*s);
  const bool usual = c != nullptr && c->state() == tcp::State::established &&
                     c->settings().not_sent_low_at == 0 && !s->shut_write &&
                     s->error == Errno::none && !slice.empty();
  if (!usual) return send(fd, slice.bytes(), now);
  const auto n = host_->send(s->flow(), std::move(slice), now);
  if (!n) return std::unexpected(Errno::epipe);
  if (*n > 0) return *n;
  s->no_room = true;
  return std::unexpected(Errno::eagain);
}

// --- in

/// The peer's FIN has come behind all it sent: whatever ended the connection later, nothing is
/// missing for the reader.
bool Sockets::has_all(const OpenSocket& s) const {
  const tcp::Connection* c = connection(s);
  return c != nullptr && c->tcb().rcv.nxt > c->tcb().rcv.fin;
}

/// Whether the peer's stream has ended for the reader, buffered octets aside.
bool Sockets::no_more_to_read(const OpenSocket& s) const {
  const tcp::State state = state_of(s);
  if (s.shut_read || tcp::traits(state).fin_received) return true;
  return s.has_flow() && state == tcp::State::closed;
}

/// What a reader who got nothing is told. An error that came after the peer's FIN is the writer's.
Result<std::size_t> Sockets::nothing_to_read(OpenSocket& s, bool asked_for_none) {
  if (s.kind == OpenSocket::Kind::listening) return std::unexpected(Errno::enotconn);
  if (asked_for_none && readable(s) > 0) return 0;
  if (has_all(s)) return 0;
  if (const auto error = tell_error(s)) return std::unexpected(*error);
  if (no_more_to_read(s)) return 0;
  return std::unexpected(s.has_flow() ? Errno::eagain : Errno::enotconn);
}

std::size_t Sockets::readable(const OpenSocket& s) const {
  return s.has_flow() ? host_->readable(s.flow()) : 0;
}

/// How many octets lie before the urgent one (RFC 6093 §3.2 calls it the last of the urgent data);
/// nothing where there is none, or it was passed.
std::optional<std::size_t> Sockets::urgent_in(const OpenSocket& s) const {
  const tcp::Connection* c = connection(s);
  if (c == nullptr || !c->tcb().urgent) return std::nullopt;
  const Offset at = c->tcb().urgent->receive - 1;
  if (at < c->tcb().rcv.read) return std::nullopt;
  return static_cast<std::size_t>(at - c->tcb().rcv.read);
}

/// The reader stands at the urgent octet, which is not read in its place.
void Sockets::pass_urgent(OpenSocket& s, TimePoint now) {
  std::array<std::byte, 1> octet{};
  host_->receive(s.flow(), octet, now);
}

/// SO_OOBINLINE: it is an octet like any other.
bool Sockets::urgent_in_place(const OpenSocket& s) const {
  const tcp::Connection* c = connection(s);
  return c != nullptr && c->settings().oob_inline;
}

Result<Received> Sockets::recv_urgent(OpenSocket& s, PartsOut parts, int flags) {
  const auto before = urgent_in(s);
  if (s.kind == OpenSocket::Kind::listening) return std::unexpected(Errno::enotconn);
  if (!before || urgent_in_place(s)) return std::unexpected(Errno::einval);
  const std::int16_t octet = connection(s)->tcb().urgent->octet;
  if (octet == tcp::Urgent::kTaken) return std::unexpected(Errno::einval);
  const bool cut = state_of(s) == tcp::State::closed;
  if (cut && !has_all(s)) return std::unexpected(Errno::enotconn);
  if (octet == tcp::Urgent::kNotThere) {
    if (cut || s.shut_read) return Received{};
    return std::unexpected(Errno::eagain);
  }
  Received got{.octets = 0, .flags = kMsgOob, .from = {}};
  for (const auto& part : parts) {
    if (part.empty()) continue;
    part.front() = static_cast<std::byte>(octet);
    got.octets = 1;
    break;
  }
  if (got.octets == 0) got.flags |= kMsgTrunc;
  if ((flags & kMsgPeek) == 0) host_->take_urgent(s.flow());
  return got;
}

/// Up to `most` octets behind the first `skip` into the buffers; all stay where they are.
std::size_t Sockets::peek_stream(const OpenSocket& s, PartsOut parts, std::size_t skip,
                                 std::size_t most, int flags) const {
  if (parts.size() == 1 && skip == 0 && (flags & kMsgTrunc) == 0) {
    return host_->peek(s.flow(), parts[0].first(std::min(parts[0].size(), most)));
  }
  std::vector<std::byte> all(skip + std::min({size_of(parts), most, readable(s) - skip}));
  const std::size_t end = host_->peek(s.flow(), all);
  if ((flags & kMsgTrunc) != 0) return end - skip;
  std::size_t at = skip;
  for (const auto& part : parts) {
    const auto n = std::min(part.size(), end - at);
    std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(at), n, part.begin());
    at += n;
  }
  return end - skip;
}

std::size_t Sockets::lend(Fd fd, std::span<std::span<const std::byte>> to) const {
  const OpenSocket* s = find(fd);
  const tcp::Connection* c = s != nullptr ? connection(*s) : nullptr;
  return c != nullptr && !c->tcb().urgent ? host_->lend(s->flow(), to) : 0;
}

std::size_t Sockets::discard(Fd fd, std::size_t octets, TimePoint now) {
  const OpenSocket* s = find(fd);
  const tcp::Connection* c = s != nullptr ? connection(*s) : nullptr;
  if (c == nullptr) return 0;
  if (!c->tcb().urgent) return host_->discard(s->flow(), octets, now);
  // Nothing is written to where they would go.
  const std::span<std::byte> nowhere(static_cast<std::byte*>(nullptr), octets);
  return recv(fd, nowhere, now, kMsgTrunc).value_or(0);
}

/// Up to `most` octets into the buffers.
std::size_t Sockets::take_stream(OpenSocket& s, PartsOut parts, std::size_t most, TimePoint now,
                                 int flags) {
  std::size_t taken = 0;
  for (const auto& part : parts) {
    const std::size_t n = std::min(part.size(), most - taken);
    if (n == 0) continue;
    taken += (flags & kMsgTrunc) != 0 ? host_->discard(s.flow(), n, now)
                                      : host_->receive(s.flow(), part.first(n), now);
  }
  return taken;
}

/// A read ends at the urgent octet, and the next begins behind it.
Result<Received> Sockets::recv_stream(OpenSocket& s, PartsOut parts, TimePoint now, int flags) {
  if ((flags & kMsgOob) != 0) return recv_urgent(s, parts, flags);
  std::size_t n = 0;
  if (s.has_flow()) {
    const bool stays = (flags & kMsgPeek) != 0;
    const auto before = urgent_in(s);
    const bool at_urgent = before == std::size_t{0} && !urgent_in_place(s) && readable(s) > 0;
    const bool passes = at_urgent && size_of(parts) > 0;
    if (passes && !stays) pass_urgent(s, now);
    const std::size_t most = before && *before > 0 ? *before : SIZE_MAX;
    n = stays ? peek_stream(s, parts, passes ? 1 : 0, most, flags)
              : take_stream(s, parts, most, now, flags);
  }
  if (n > 0) return Received{.octets = n, .flags = 0, .from = {}};
  const auto none = nothing_to_read(s, size_of(parts) == 0);
  if (!none) return std::unexpected(none.error());
  return Received{};
}

Result<Received> Sockets::recvmsg(Fd fd, PartsOut parts, TimePoint now, int flags) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if ((flags & kMsgErrQueue) != 0) return std::unexpected(Errno::eagain);
  if (s->kind == OpenSocket::Kind::datagram) return recv_datagram(*s, parts, flags);
  return recv_stream(*s, parts, now, flags);
}

/// The usual call, and the quick one.
LASTACK_FLAT Result<std::size_t> Sockets::recv(Fd fd, std::span<std::byte> into, TimePoint now,
                                               int flags) {
  OpenSocket* s = get(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  const bool usual = flags == 0 && s->has_flow();
  if (const auto n = usual ? host_->receive_plain(s->flow(), into, now) : std::nullopt) {
    if (*n > 0) return *n;
    return nothing_to_read(*s, into.empty());
  }
  const auto got = recvmsg(fd, PartsOut(&into, 1), now, flags);
  if (!got) return std::unexpected(got.error());
  return got->octets;
}

}  // namespace lastack::socket
