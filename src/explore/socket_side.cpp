#include "explore/socket_side.hpp"

#include <array>
#include <utility>

#include "io/packet_ref.hpp"
#include "link/link.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::explore {
namespace {

using socket::Fd;
using socket::OpenSocket;

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
    : index_(i),
      holders_(bounds.holders),
      listener_holders_(bounds.listener_holders),
      linux_(bounds.linux_profile),
      marked_(bounds.marked),
      host_(std::make_unique<host::Host>(config_for(i, bounds), Random(i + 1U))),
      sockets_(*host_),
      opens_left_(bounds.opens[i]),
      calls_left_(bounds.calls[i]),
      octets_left_(bounds.octets[i]) {
  host_->advance(now_);
  if (bounds.listens[i]) {
    listeners_ = {*sockets_.socket()};
    (void)sockets_.bind(listeners_.front(), place());
    (void)sockets_.listen(listeners_.front(), 0, now_);
  }
  if (bounds.opens[i] > 0) {
    copies_ = {*sockets_.socket()};
    (void)sockets_.bind(copies_.front(), place());
  }
}

SocketSide::SocketSide(const SocketSide& other)
    : index_(other.index_),
      holders_(other.holders_),
      listener_holders_(other.listener_holders_),
      linux_(other.linux_),
      marked_(other.marked_),
      now_(other.now_),
      host_(other.host_->copy()),
      sockets_(other.sockets_, *host_),
      listeners_(other.listeners_),
      copies_(other.copies_),
      opens_left_(other.opens_left_),
      calls_left_(other.calls_left_),
      octets_left_(other.octets_left_),
      octets_in_(other.octets_in_),
      octets_out_(other.octets_out_),
      reads_all_(other.reads_all_),
      iss_(other.iss_) {}

void SocketSide::wrong(std::string what) {
  if (wrong_.empty()) wrong_ = std::move(what) + " at " + "AB"[index_];
}

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
  const Offset passed = sockets_.before_mark(copies_.front()) == std::size_t{0} ? 1 : 0;
  return ours->in.readable().size() > passed;
}

/// An urgent octet by itself is read by who asks for it.
bool SocketSide::can_read() const {
  if (held() == nullptr) return false;
  return can_receive() || (*sockets_.poll(copies_.front()) & socket::kPollPri) != 0;
}

bool SocketSide::is_over() const {
  return copies_.empty() && listeners_.empty() && next_deadline() == kNever;
}

// --- what may happen

std::vector<SocketSide::Kind> SocketSide::actions() const {
  std::vector<Kind> all;
  if (next_deadline() != kNever) all.push_back(Kind::timer);
  add_listener_actions(all);
  add_socket_actions(all);
  return all;
}

void SocketSide::add_listener_actions(std::vector<Kind>& all) const {
  const OpenSocket* s = held_listener();
  if (s == nullptr) return;
  const bool waits = (*sockets_.poll(listeners_.front()) & socket::kPollIn) != 0;
  const bool listens = s->kind == OpenSocket::Kind::listening;
  if (listens && waits && copies_.empty()) all.push_back(Kind::accept);
  all.push_back(Kind::close_listener);
  if (listeners_.size() < listener_holders_) all.push_back(Kind::dup_listener);
  if (calls_left_ == 0) return;
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
  if (copies_.size() < holders_) all.push_back(Kind::dup);
  const bool sends = tcp::traits(*sockets_.state(fd)).may_send_data && !s->shut_write;
  if (octets_left_ > 0 && sends) {
    all.push_back(Kind::send);
    if (marked_) all.insert(all.end(), {Kind::send_more, Kind::send_urgent});
  }
  if (can_receive()) all.push_back(Kind::receive);
  if ((*sockets_.poll(fd) & socket::kPollPri) != 0) all.push_back(Kind::receive_urgent);
  if (calls_left_ == 0) return;
  for (const Kind kind : {Kind::shut_rd, Kind::shut_wr, Kind::shut_rdwr, Kind::disconnect}) {
    all.push_back(kind);
  }
  if (marked_) all.insert(all.end(), {Kind::cork, Kind::uncork, Kind::no_delay});
  if (s->linger) return;
  all.push_back(Kind::linger_zero);
  all.push_back(Kind::linger_timed);
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

void SocketSide::call(Kind kind) {
  const bool counts = (kind >= Kind::shut_rd && kind <= Kind::no_delay) || kind == Kind::listen ||
                      kind >= Kind::shut_listener_rd;
  if (counts && calls_left_ != Bounds::kNoLimit) --calls_left_;
  const Fd listener = listeners_.empty() ? -1 : listeners_.back();
  switch (kind) {
    case Kind::accept:
      copies_ = {*sockets_.accept(listener)};
      begin_stream();
      break;
    case Kind::listen: (void)sockets_.listen(listener, 0, now_); break;
    case Kind::dup_listener: listeners_.push_back(*sockets_.dup(listener)); break;
    case Kind::close_listener:
      (void)sockets_.close(listener, now_);
      listeners_.pop_back();
      break;
    case Kind::shut_listener_rd: (void)sockets_.shutdown(listener, socket::kShutRd, now_); break;
    case Kind::shut_listener_wr: (void)sockets_.shutdown(listener, socket::kShutWr, now_); break;
    default: call_on_socket(kind);
  }
}

void SocketSide::call_on_socket(Kind kind) {
  const Fd fd = copies_.back();
  const auto set_linger = [&](int seconds) {
    const std::array<int, 2> linger{1, seconds};
    (void)sockets_.set_option(fd, socket::kSolSocket, socket::kSoLinger,
                              std::as_bytes(std::span(linger)), now_);
  };
  const auto set = [&](int name, int value) {
    (void)sockets_.set_option(fd, socket::kSolTcp, name, value, now_);
  };
  switch (kind) {
    case Kind::connect:
      if (held()->kind == OpenSocket::Kind::fresh) {
        --opens_left_;
        begin_stream();
      }
      (void)sockets_.connect(fd, place_of(1U - index_), now_);
      break;
    case Kind::dup: copies_.push_back(*sockets_.dup(fd)); break;
    case Kind::close:
      (void)sockets_.close(fd, now_);
      copies_.pop_back();
      break;
    case Kind::shut_rd: (void)sockets_.shutdown(fd, socket::kShutRd, now_); break;
    case Kind::shut_wr: (void)sockets_.shutdown(fd, socket::kShutWr, now_); break;
    case Kind::shut_rdwr: (void)sockets_.shutdown(fd, socket::kShutRdwr, now_); break;
    case Kind::linger_zero: set_linger(0); break;
    case Kind::linger_timed: set_linger(5); break;
    case Kind::disconnect: (void)sockets_.disconnect(fd, now_); break;
    case Kind::cork: set(socket::kTcpCork, 1); break;
    case Kind::uncork: set(socket::kTcpCork, 0); break;
    case Kind::no_delay: set(socket::kTcpNoDelay, 1); break;
    case Kind::send: send(0); break;
    case Kind::send_more: send(socket::kMsgMore); break;
    case Kind::send_urgent: send(socket::kMsgOob); break;
    case Kind::receive: receive(); break;
    case Kind::receive_urgent: {
      std::array<std::byte, 1> octet{};
      const bool reset = *sockets_.state(fd) == tcp::State::closed;  // ENOTCONN, as in Linux
      const auto got = sockets_.recv(fd, octet, now_, socket::kMsgOob);
      if (got != 1U && !reset) wrong("POLLPRI and no octet");
      break;
    }
    default: break;
  }
  reads_all_ &= kind != Kind::shut_rd && kind != Kind::shut_rdwr;
}

void SocketSide::begin_stream() {
  octets_in_ = octets_out_ = 0;
  reads_all_ = true;
}

void SocketSide::send(int flags) {
  --octets_left_;
  const std::array octet{static_cast<std::byte>(++octets_in_)};
  (void)sockets_.send(copies_.back(), octet, now_, flags);
}

/// The n-th octet of a stream is n: none is missing, none comes twice. An urgent one at which the
/// reader stands is passed over.
void SocketSide::receive() {
  std::array<std::byte, 8> octets{};
  if (sockets_.before_mark(copies_.back()) == std::size_t{0}) ++octets_out_;
  const auto n = sockets_.recv(copies_.back(), octets, now_);
  if (!n) return wrong("what could be read is not read");
  for (std::size_t i = 0; i < *n; ++i) {
    if (octets[i] != static_cast<std::byte>(++octets_out_) && reads_all_) {
      return wrong("an octet is missing, or comes twice");
    }
  }
}

void SocketSide::send_all() {
  const auto hear = [this] {
    for (host::HostEvent event; host_->next_event(event);) sockets_.heard(event);
    while (sockets_.next_wake()) {
    }
  };
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

std::string to_string(SocketAction::Kind kind) {
  constexpr std::array<const char*, 27> kNames{"deliver",
                                               "lose",
                                               "deliver and keep",
                                               "a timer expires",
                                               "connect()",
                                               "accept()",
                                               "dup()",
                                               "close()",
                                               "shutdown(SHUT_RD)",
                                               "shutdown(SHUT_WR)",
                                               "shutdown(SHUT_RDWR)",
                                               "SO_LINGER 0",
                                               "SO_LINGER 5",
                                               "connect() with AF_UNSPEC",
                                               "TCP_CORK",
                                               "TCP_CORK off",
                                               "TCP_NODELAY",
                                               "send()",
                                               "send() with MSG_MORE",
                                               "send() with MSG_OOB",
                                               "recv()",
                                               "recv() with MSG_OOB",
                                               "listen()",
                                               "dup() of the listener",
                                               "close() of the listener",
                                               "shutdown(SHUT_RD) of the listener",
                                               "shutdown(SHUT_WR) of the listener"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace lastack::explore
