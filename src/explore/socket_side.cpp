#include "explore/socket_side.hpp"

#include <array>
#include <utility>

#include "io/packet_ref.hpp"
#include "link/link.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::explore {

using socket::Fd;
using socket::OpenSocket;

namespace {

host::Endpoint place_of(std::size_t i) {
  constexpr std::uint16_t kPorts[] = {4000, 80};
  return {wire::IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(i + 1)), kPorts[i]};
}

host::Config config_for(std::size_t i, const Bounds& bounds) {
  host::Config config;
  config.addresses = {{place_of(i).address, 24}};
  config.settings = tcp::SettingsPtr(settings_for(bounds));
  return config;
}

}  // namespace

SocketSide::SocketSide(std::uint8_t i, const Bounds& bounds)
    : Side(i, bounds, config_for(i, bounds)) {
  if (bounds.listens[i]) {
    listeners_ = {*make_listener()};
    if (bounds.two_listeners) others_ = {*make_listener()};
  }
  if (bounds.opens[i] > 0) {
    copies_ = {*sockets_.socket()};
    (void)sockets_.bind(copies_.front(), place());
  }
}

SocketSide::SocketSide(const SocketSide& other)
    : Side(other),
      listeners_(other.listeners_),
      others_(other.others_),
      octets_in_(other.octets_in_),
      octets_out_(other.octets_out_),
      reads_all_(other.reads_all_),
      iss_(other.iss_) {}

// --- what there is

host::Endpoint SocketSide::place() const { return place_of(index_); }
host::Flow SocketSide::flow() const { return {place(), place_of(1U - index_)}; }

/// The open sockets, where somebody still has a descriptor of them.
const OpenSocket* SocketSide::held() const {
  return copies_.empty() ? nullptr : sockets_.find(copies_.front());
}
const OpenSocket* SocketSide::held_listener() const {
  return listeners_.empty() ? nullptr : sockets_.find(listeners_.front());
}

/// Of the open socket, ended or not.
const host::ConnectionEntry* SocketSide::entry() const {
  const OpenSocket* s = held();
  return s != nullptr && s->has_flow() ? host_->find(s->flow()) : nullptr;
}

/// Of its connections and records; the wheel may want to look earlier.
TimePoint SocketSide::next_deadline() const {
  TimePoint next = kNever;
  host_->each([&](const host::View& v) {
    if (v.entry != nullptr) next = std::min(next, v.entry->connection.next_deadline());
    if (v.handshake != nullptr) next = std::min(next, v.handshake->record.next_deadline());
    if (v.time_wait != nullptr) next = std::min(next, v.time_wait->record.next_deadline());
  });
  return next;
}

/// Octets that recv() gives: where the reader stands at the urgent one, those behind it.
bool SocketSide::can_receive() const {
  const host::ConnectionEntry* ours = entry();
  if (ours == nullptr) return false;
  const Offset passed = stands_at_urgent() ? 1 : 0;
  return ours->in.readable().size() > passed;
}

bool SocketSide::stands_at_urgent() const {
  const host::ConnectionEntry* ours = entry();
  return ours != nullptr && !ours->connection.settings().oob_inline &&
         sockets_.before_mark(copies_.front()) == std::size_t{0};
}

/// An urgent octet by itself is read by who asks for it.
bool SocketSide::can_read() const {
  if (held() == nullptr) return false;
  return can_receive() || (*sockets_.poll(copies_.front()) & socket::kPollPri) != 0;
}

bool SocketSide::is_over() const {
  return copies_.empty() && listeners_.empty() && others_.empty() && next_deadline() == kNever;
}

// --- what may happen

std::vector<SocketSide::Kind> SocketSide::actions() const {
  std::vector<Kind> all;
  if (next_deadline() != kNever) all.push_back(Kind::timer);
  add_listener_actions(all);
  add_socket_actions(all);
  if (calls_left_ > 0) add_options(all);
  return all;
}

void SocketSide::add_listener_actions(std::vector<Kind>& all) const {
  if (!others_.empty()) {
    const bool other_waits = (*sockets_.poll(others_.front()) & socket::kPollIn) != 0;
    if (other_waits && copies_.empty()) all.push_back(Kind::accept_other);
    all.push_back(Kind::close_other);
  }
  const OpenSocket* s = held_listener();
  if (s == nullptr) return;
  const bool waits = (*sockets_.poll(listeners_.front()) & socket::kPollIn) != 0;
  const bool listens = s->kind == OpenSocket::Kind::listening;
  if (listens && waits && copies_.empty()) all.push_back(Kind::accept);
  all.push_back(Kind::close_listener);
  if (listeners_.size() < bounds_->listener_holders) all.push_back(Kind::dup_listener);
  if (calls_left_ == 0 || !bounds_->shuts) return;
  if (!listens) return all.push_back(Kind::listen);
  all.push_back(Kind::shut_listener_rd);
  all.push_back(Kind::shut_listener_wr);
}

void SocketSide::add_socket_actions(std::vector<Kind>& all) const {
  const OpenSocket* s = held();
  if (s == nullptr) return;
  const Fd fd = copies_.front();
  const bool answered = (*sockets_.poll(fd) & socket::kPollOut) != 0;
  const bool again = s->kind == OpenSocket::Kind::connecting && answered;
  if (again || (s->kind == OpenSocket::Kind::fresh && opens_left_ > 0)) {
    all.push_back(Kind::connect);
  }
  all.push_back(Kind::close);
  if (copies_.size() < bounds_->holders[index_]) all.push_back(Kind::dup);
  const bool sends = tcp::traits(*sockets_.state(fd)).may_send_data && !s->shut_write;
  if (octets_left_ > 0 && sends) all.push_back(Kind::send);
  if (can_receive()) all.push_back(Kind::receive);
  for (const Kind kind : bounds_->also) {
    const std::uint8_t octets = kind == Kind::send_two ? 2 : 1;
    const bool out = kind >= Kind::send && kind <= Kind::send_two;
    const bool in = kind == Kind::receive_one || kind == Kind::receive_cut;
    if ((out && sends && octets_left_ >= octets) || (in && can_receive())) all.push_back(kind);
  }
  const bool in_line = entry() != nullptr && entry()->connection.settings().oob_inline;
  if ((*sockets_.poll(fd) & socket::kPollPri) != 0 && !in_line) {
    all.push_back(Kind::receive_urgent);
  }
  if (calls_left_ == 0 || !bounds_->shuts) return;
  for (const Kind kind : {Kind::shut_rd, Kind::shut_wr, Kind::shut_rdwr, Kind::disconnect}) {
    all.push_back(kind);
  }
  if (s->linger) return;
  all.push_back(Kind::linger_zero);
  all.push_back(Kind::linger_timed);
}

/// Those of the bounds, of whoever there is to have them.
void SocketSide::add_options(std::vector<Kind>& all) const {
  for (const Kind kind : bounds_->also) {
    if (kind < Kind::cork || kind > Kind::restart) continue;
    const bool of_listener = kind == Kind::defer_accept || kind == Kind::defer_no_more;
    const bool may = kind == Kind::restart ? bounds_->listens[index_] && listeners_.empty()
                     : of_listener         ? held_listener() != nullptr
                                           : held() != nullptr;
    if (may) all.push_back(kind);
  }
}

// --- what happens

void SocketSide::deliver(const Slice& packet) {
  const Before what_was = before(Kind::deliver);
  const auto tcp = wire::parse_tcp(wire::parse_ip(packet.bytes())->payload);
  // Initial sequence numbers are of a clock (RFC 6528 §3): no two connections have the same.
  if (tcp->header.flags.has(wire::Flag::syn)) now_ += 1ms;
  host_->packet_arrives(packet, now_);
  send_all();
  if (tcp->header.flags.has(wire::Flag::rst)) check_reset(what_was);
  check_books();
  check_holders();
}

void SocketSide::act(Kind kind) {
  const Before what_was = before(kind);
  kind == Kind::timer ? fire() : call(kind);
  send_all();
  check_call(kind, what_was);
  check_books();
  check_holders();
}

/// The next timer that is due for something.
void SocketSide::fire() {
  constexpr int kMostTicks = 64;
  const TimePoint due = next_deadline();
  now_ = std::max(now_, due);
  for (int i = 0; i < kMostTicks; ++i) {
    host_->advance(now_);
    if (next_deadline() != due) return;
    now_ = std::max(now_ + 1ms, host_->next_deadline());
  }
  wrong("a timer is due and does not expire");
}

void SocketSide::send_all() {
  hear();
  while (host_->transmit(out_, now_)) {
    Slice octets = link::copy_of(io::ref_to(out_), now_).octets;
    const auto tcp = wire::parse_tcp(wire::parse_ip(octets.bytes())->payload);
    const wire::Flags flags = tcp->header.flags;
    if (flags.has(wire::Flag::syn)) iss_ = tcp->header.seq;
    if (flags.has(wire::Flag::rst)) ++resets_;
    sent_.push_back(std::move(octets));
    if (sent_.size() == 64) return wrong("it does not stop sending");
  }
  out_.clear();
  hear();
}

}  // namespace lastack::explore
