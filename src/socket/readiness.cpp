// What poll() says, whom it wakes, and what a call that can't go on waits for.
#include <algorithm>
#include <utility>

#include "base/flat.hpp"
#include "socket/sockets.hpp"
#include "tcp/mutant.hpp"

namespace lastack::socket {

using Wake = OpenSocket::Wake;

Result<std::uint16_t> Sockets::poll(Fd fd) const {
  const OpenSocket* s = find(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (s->kind == OpenSocket::Kind::listening) {
    return static_cast<std::uint16_t>(host_->waiting(s->listener()) > 0 ? kPollIn : 0);
  }
  if (s->kind == OpenSocket::Kind::datagram) return poll_datagrams(*s);
  return poll_stream(*s);
}

/// Not while more is queued than there is room: who is woken shall have something to do.
bool Sockets::has_room(const OpenSocket& s) const {
  if (!s.has_flow()) return true;
  const std::size_t room = room_to_send(s);
  const host::ConnectionEntry* entry = host_->find(s.flow());
  const std::size_t queued = entry != nullptr ? entry->out.size() : 0;
  return room > 0 && room >= queued / 2;
}

/// The usual answer, and the quick one: one look says that both directions are open, and nothing is
/// urgent.
LASTACK_FLAT std::optional<std::uint16_t> Sockets::poll_open(const OpenSocket& s) const {
  const tcp::Connection* c = connection(s);
  const bool usual = c != nullptr && c->state() == tcp::State::established && !c->tcb().urgent &&
                     !s.shut_read && !s.shut_write && s.error == Errno::none;
  if (!usual) return std::nullopt;
  const bool writable = has_room(s);
  s.no_room |= !writable;
  const unsigned in = readable(s) >= c->settings().receive_low_at ? kPollIn : 0;
  return static_cast<std::uint16_t>(in | (writable ? kPollOut : 0));
}

/// Bit by bit what Linux's tcp_poll() says.
std::uint16_t Sockets::poll_stream(const OpenSocket& s) const {
  if (const auto bits = poll_open(s)) return *bits;
  const tcp::State state = state_of(s);
  const bool over = is_over(s);
  const bool no_more_in = no_more_to_read(s) && !tcp::mutated(tcp::Mutant::fin_not_polled);
  const bool no_more_out = s.shut_write || (over && s.has_flow());
  unsigned bits = 0;
  if (over || (no_more_in && no_more_out)) bits |= kPollHup;
  if (no_more_in) bits |= kPollIn | kPollRdHup;
  if (state != tcp::State::syn_sent && state != tcp::State::syn_rcvd) {
    const auto before_urgent = urgent_in(s);
    const bool at_urgent = before_urgent == std::size_t{0} && !urgent_in_place(s);
    const std::size_t enough = low_at(s) + (at_urgent ? 1 : 0);
    if (readable(s) >= enough) bits |= kPollIn;
    const bool writable = has_room(s);
    if (no_more_out || over || writable) bits |= kPollOut;
    if (!no_more_out && !over && !writable) s.no_room = true;
    if (before_urgent && connection(s)->tcb().urgent->octet >= 0) bits |= kPollPri;
  }
  if (error_of(s)) bits |= kPollErr;
  return static_cast<std::uint16_t>(bits);
}

/// How many octets make it readable: SO_RCVLOWAT.
std::size_t Sockets::low_at(const OpenSocket& s) const {
  if (const tcp::Connection* c = connection(s)) return c->settings().receive_low_at;
  return s.choices && s.choices->settings ? s.choices->settings->receive_low_at : 1;
}

Result<int> Sockets::ioctl(Fd fd, unsigned request) const {
  const OpenSocket* s = find(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  if (request == kSiocAtMark && s->kind != OpenSocket::Kind::datagram) {
    return urgent_in(*s) == std::size_t{0} ? 1 : 0;
  }
  if (request != kSiocInq && request != kSiocOutq) return std::unexpected(Errno::enotty);
  if (s->kind == OpenSocket::Kind::listening) return std::unexpected(Errno::einval);
  if (s->kind == OpenSocket::Kind::datagram) {
    const host::UdpEntry* entry = host_->udp(s->udp());
    const bool waits = entry != nullptr && entry->endpoint.front() != nullptr;
    if (request != kSiocInq || !waits) return 0;
    return static_cast<int>(entry->endpoint.front()->payload.size());
  }
  const tcp::Connection* c = connection(*s);
  const tcp::State state = state_of(*s);
  if (c == nullptr || state == tcp::State::syn_sent || state == tcp::State::syn_rcvd) return 0;
  if (request == kSiocInq) {
    const auto before = urgent_in_place(*s) ? std::nullopt : urgent_in(*s);
    const std::size_t in = readable(*s);
    return static_cast<int>(before && *before < in ? *before : in);
  }
  const auto& t = c->tcb();
  return static_cast<int>(t.snd.end + (t.fin_queued ? 1 : 0) - t.snd.una);
}

std::optional<std::size_t> Sockets::before_mark(Fd fd) const {
  const OpenSocket* s = find(fd);
  return s != nullptr ? urgent_in(*s) : std::nullopt;
}

Result<Wait> Sockets::waits_for(Fd fd, Call call, TimePoint now) const {
  const OpenSocket* s = find(fd);
  if (s == nullptr) return std::unexpected(Errno::ebadf);
  const bool in = call == Call::accept || call == Call::receive;
  Duration most{0};
  if (s->choices) most = in ? s->choices->receive_timeout : s->choices->send_timeout;
  const unsigned bits = (in ? kPollIn | kPollRdHup : unsigned{kPollOut}) | kPollErr | kPollHup;
  return Wait{.bits = static_cast<std::uint16_t>(bits),
              .until = most == Duration(0) ? kNever : now + most};
}

// --- edges

void Sockets::wake(std::uint32_t open, unsigned wakes) {
  OpenSocket& s = open_[open];
  s.woken = (s.woken | wakes) & 15U;
  if (s.woken == 0 || s.queued) return;
  s.queued = true;
  woken_.push_back(open);
}

void Sockets::heard(const host::HostEvent& event) {
  const auto owner = [this](const Owners& owners, std::uint32_t thing) -> OpenSocket* {
    const std::uint32_t open = thing < owners.size() ? owners[thing] : kFree;
    return open != kFree && open_[open].references > 0 ? &open_[open] : nullptr;
  };
  if (const OpenSocket* s = owner(listener_owners_, event.listener.index);
      s != nullptr && s->kind == OpenSocket::Kind::listening && s->listener() == event.listener) {
    wake(listener_owners_[event.listener.index], Wake::wake_in);
  }
  if (const OpenSocket* s = owner(udp_owners_, event.udp.index);
      s != nullptr && s->kind == OpenSocket::Kind::datagram && s->udp() == event.udp) {
    unsigned wakes = Wake::wake_in;
    if (s->no_room) wakes |= Wake::wake_out;
    s->no_room = false;
    wake(udp_owners_[event.udp.index], wakes);
  }
  OpenSocket* s = owner(flow_owners_, event.flow.index);
  if (s == nullptr || !s->has_flow() || s->flow() != event.flow) return;
  constexpr unsigned kState = tcp::kConnected | tcp::kPeerClosed | tcp::kClosed | tcp::kFailed;
  unsigned wakes = 0;
  const bool in = (event.news.ready & tcp::kReadable) != 0 && readable(*s) >= low_at(*s);
  if (in) wakes |= Wake::wake_in;
  if ((event.news.ready & tcp::kUrgent) != 0) wakes |= Wake::wake_urgent;
  if ((event.news.ready & kState) != 0) {
    give_port_back(*s);
    wakes |= Wake::wake_all;
  }
  for (const tcp::Transition& t : event.news.transitions()) {
    if (t.event == tcp::Event::acks_fin) wakes |= Wake::wake_all;  // who lingers is told
    // SHUT_WR was said before connect(): Linux minds it where both open at once.
    const bool crossed = t.to == tcp::State::syn_rcvd && s->shut_write;
    if (crossed) (void)host_->close(event.flow, event.at, true);
  }
  if (s->no_room && has_room(*s)) {
    s->no_room = false;
    wakes |= Wake::wake_out;
  }
  wake(flow_owners_[event.flow.index], wakes);
}

std::optional<Wakeup> Sockets::next_wake() {
  while (!woken_.empty()) {
    const std::uint32_t open = woken_.pop_front();
    OpenSocket& s = open_[open];
    s.queued = false;
    const std::uint8_t wakes = s.woken;
    s.woken = 0;
    if (s.references > 0 && wakes != 0) return Wakeup{open, wakes};
  }
  return std::nullopt;
}

Result<std::uint32_t> Sockets::open_of(Fd fd) const {
  if (find(fd) == nullptr) return std::unexpected(Errno::ebadf);
  return descriptors_[static_cast<std::size_t>(fd)];
}

}  // namespace lastack::socket
