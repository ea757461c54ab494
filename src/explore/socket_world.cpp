#include "explore/socket_world.hpp"

#include <optional>
#include <utility>

#include "explore/socket_side.hpp"
#include "io/packet_ref.hpp"
#include "link/link.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::explore {
namespace {

using socket::Fd;
using socket::OpenSocket;

host::Config config_for(std::size_t i, const Bounds& bounds) {
  host::Config config;
  config.addresses = {{SocketSide::place_of(i).address, 24}};
  config.settings = tcp::SettingsPtr(settings_for(bounds));
  return config;
}

}  // namespace

// --- a side

host::Endpoint SocketSide::place_of(std::size_t i) {
  constexpr std::uint16_t kPorts[] = {4000, 80};
  return {wire::IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(i + 1)), kPorts[i]};
}

SocketSide::SocketSide(std::uint8_t i, const Bounds& bounds)
    : index(i),
      host(std::make_unique<host::Host>(config_for(i, bounds), Random(i + 1U))),
      sockets(*host),
      opens_left(bounds.opens[i]),
      calls_left(bounds.calls[i]),
      octets_left(bounds.octets[i]) {
  host->advance(now);
}

SocketSide::SocketSide(const SocketSide& other)
    : index(other.index),
      now(other.now),
      host(other.host->copy()),
      sockets(other.sockets, *host),
      listeners(other.listeners),
      copies(other.copies),
      opens_left(other.opens_left),
      calls_left(other.calls_left),
      octets_left(other.octets_left),
      sent(other.sent),
      read(other.read),
      reads_all(other.reads_all),
      iss(other.iss) {}

TimePoint SocketSide::next_deadline() const {
  TimePoint next = kNever;
  host->each([&](const host::View& v) {
    if (v.entry != nullptr) next = std::min(next, v.entry->connection.next_deadline());
    if (v.handshake != nullptr) next = std::min(next, v.handshake->record.next_deadline());
    if (v.time_wait != nullptr) next = std::min(next, v.time_wait->record.next_deadline());
  });
  return next;
}

// --- the world

SocketWorld::SocketWorld(const Bounds& bounds)
    : bounds_(bounds), losses_left_(bounds.losses), duplicates_left_(bounds.duplicates) {
  for (std::uint8_t i = 0; i < 2; ++i) {
    sides_[i] = std::make_unique<SocketSide>(i, bounds);
    SocketSide& side = *sides_[i];
    if (bounds.listens[i]) {
      side.listeners = {*side.sockets.socket()};
      (void)side.sockets.bind(side.listeners.front(), side.place());
      (void)side.sockets.listen(side.listeners.front(), 0, side.now);
    }
    if (bounds.opens[i] > 0) {
      side.copies = {*side.sockets.socket()};
      (void)side.sockets.bind(side.copies.front(), side.place());
    }
  }
}

SocketWorld::SocketWorld(const SocketWorld& other)
    : bounds_(other.bounds_),
      wire_(other.wire_),
      losses_left_(other.losses_left_),
      duplicates_left_(other.duplicates_left_),
      violation_(other.violation_) {
  for (std::size_t i = 0; i < 2; ++i) sides_[i] = std::make_unique<SocketSide>(*other.sides_[i]);
}

SocketWorld::SocketWorld(SocketWorld&&) noexcept = default;
SocketWorld& SocketWorld::operator=(SocketWorld&&) noexcept = default;
SocketWorld::~SocketWorld() = default;

SocketSide& SocketWorld::peer_of(const SocketSide& side) const { return *sides_[1 - side.index]; }

void SocketWorld::wrong(std::string what) {
  if (violation_.empty()) violation_ = std::move(what);
}

bool SocketWorld::waits_for_user() const {
  return std::ranges::any_of(sides_, [](const auto& side) {
    const OpenSocket* s = side->held();
    return s != nullptr && s->has_flow() && side->host->readable(s->flow()) > 0;
  });
}

bool SocketWorld::is_final() const {
  return wire_.empty() && std::ranges::all_of(sides_, [](const auto& side) {
           return side->next_deadline() == kNever && side->listeners.empty() &&
                  side->copies.empty();
         });
}

void SocketWorld::note_rows(std::array<bool, tcp::kTable.size()>& rows) const {
  for (const auto& side : sides_) {
    const auto& taken = side->host->counters().transitions;
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = rows[i] || taken[i] > 0;
  }
}

// --- what may happen

std::vector<SocketAction> SocketWorld::actions() const {
  std::vector<SocketAction> all;
  const auto packets = static_cast<std::uint8_t>(wire_.size());
  for (std::uint8_t i = 0; i < packets; ++i) {
    all.push_back({Kind::deliver, i});
    if (losses_left_ > 0) all.push_back({Kind::lose, i});
    if (duplicates_left_ > 0) all.push_back({Kind::duplicate, i});
  }
  for (std::uint8_t i = 0; i < 2; ++i) {
    if (sides_[i]->next_deadline() != kNever) all.push_back({Kind::timer, i});
    add_listener_actions(all, i);
    add_socket_actions(all, i);
  }
  return all;
}

void SocketWorld::add_listener_actions(std::vector<SocketAction>& all, std::uint8_t i) const {
  const SocketSide& side = *sides_[i];
  const OpenSocket* s = side.held_listener();
  if (s == nullptr) return;
  const auto may = [&](Kind kind) { all.push_back({kind, i}); };
  const bool waits = (*side.sockets.poll(side.listeners.front()) & socket::kPollIn) != 0;
  if (s->kind == OpenSocket::Kind::listening && waits && side.copies.empty()) may(Kind::accept);
  may(Kind::close_listener);
  if (side.listeners.size() < bounds_.listener_holders) may(Kind::dup_listener);
  if (side.calls_left == 0) return;
  if (s->kind != OpenSocket::Kind::listening) return may(Kind::listen);
  may(Kind::shut_listener_rd);
  may(Kind::shut_listener_wr);
}

void SocketWorld::add_socket_actions(std::vector<SocketAction>& all, std::uint8_t i) const {
  const SocketSide& side = *sides_[i];
  const OpenSocket* s = side.held();
  if (s == nullptr) return;
  const auto may = [&](Kind kind) { all.push_back({kind, i}); };
  const Fd fd = side.copies.front();
  const bool answered = (*side.sockets.poll(fd) & socket::kPollOut) != 0;
  const bool again = s->kind == OpenSocket::Kind::connecting && answered;
  if (again || (s->kind == OpenSocket::Kind::fresh && side.opens_left > 0)) may(Kind::connect);
  may(Kind::close);
  if (side.copies.size() < bounds_.holders) may(Kind::dup);
  if (side.octets_left > 0 && tcp::traits(*side.sockets.state(fd)).may_send_data &&
      !s->shut_write) {
    may(Kind::send);
  }
  if (s->has_flow() && side.host->readable(s->flow()) > 0) may(Kind::receive);
  if (side.calls_left == 0) return;
  for (const Kind kind : {Kind::shut_rd, Kind::shut_wr, Kind::shut_rdwr, Kind::disconnect}) {
    may(kind);
  }
  if (s->linger) return;
  may(Kind::linger_zero);
  may(Kind::linger_timed);
}

void SocketWorld::act(const SocketAction& action) {
  violation_.clear();
  sent_ = resets_ = 0;
  if (action.kind <= Kind::duplicate) {
    const Packet packet = wire_[action.which];
    if (action.kind != Kind::duplicate) wire_.erase(wire_.begin() + action.which);
    if (action.kind == Kind::lose) --losses_left_;
    if (action.kind == Kind::duplicate) --duplicates_left_;
    if (action.kind != Kind::lose) deliver(packet);
  } else if (action.kind == Kind::timer) {
    fire(*sides_[action.which]);
    send_all(*sides_[action.which]);
  } else {
    SocketSide& side = *sides_[action.which];
    const Before what_was = before(side, action.kind);
    call(side, action.kind);
    send_all(side);
    check_call(side, action.kind, what_was);
  }
  for (const auto& side : sides_) {
    check_books(*side);
    check_holders(*side);
    check_pair(*side);
  }
}

void SocketWorld::deliver(const Packet& packet) {
  SocketSide& side = *sides_[packet.to];
  const Before what_was = before(side, Kind::deliver);
  const auto tcp = wire::parse_tcp(wire::parse_ip(packet.octets.bytes())->payload);
  // Initial sequence numbers are of a clock (RFC 6528 §3): no two connections have the same.
  if (tcp->header.flags.has(wire::Flag::syn)) side.now += 1ms;
  side.host->packet_arrives(packet.octets, side.now);
  send_all(side);
  if (tcp->header.flags.has(wire::Flag::rst)) check_reset(side, what_was);
}

/// The next timer that is due for something.
void SocketWorld::fire(SocketSide& side) {
  constexpr int kMostTicks = 64;
  const TimePoint due = side.next_deadline();
  side.now = std::max(side.now, due);
  for (int i = 0; i < kMostTicks; ++i) {
    side.host->advance(side.now);
    if (side.next_deadline() != due) return;
    side.now = std::max(side.now + 1ms, side.host->next_deadline());
  }
  wrong("a timer is due and does not expire");
}

void SocketWorld::call(SocketSide& side, Kind kind) {
  socket::Sockets& sockets = side.sockets;
  const bool counts = (kind >= Kind::shut_rd && kind <= Kind::disconnect) ||
                      kind == Kind::listen || kind >= Kind::shut_listener_rd;
  if (counts && side.calls_left != Bounds::kNoLimit) --side.calls_left;
  const Fd listener = side.listeners.empty() ? -1 : side.listeners.back();
  switch (kind) {
    case Kind::accept:
      side.copies = {*sockets.accept(listener)};
      side.sent = side.read = 0;
      side.reads_all = true;
      break;
    case Kind::listen: (void)sockets.listen(listener, 0, side.now); break;
    case Kind::dup_listener: side.listeners.push_back(*sockets.dup(listener)); break;
    case Kind::close_listener:
      (void)sockets.close(listener, side.now);
      side.listeners.pop_back();
      break;
    case Kind::shut_listener_rd: (void)sockets.shutdown(listener, socket::kShutRd, side.now); break;
    case Kind::shut_listener_wr: (void)sockets.shutdown(listener, socket::kShutWr, side.now); break;
    default: call_on_socket(side, kind);
  }
}

void SocketWorld::call_on_socket(SocketSide& side, Kind kind) {
  socket::Sockets& sockets = side.sockets;
  const Fd fd = side.copies.back();
  const auto set_linger = [&](int seconds) {
    const std::array<int, 2> linger{1, seconds};
    (void)sockets.set_option(fd, socket::kSolSocket, socket::kSoLinger,
                             std::as_bytes(std::span(linger)), side.now);
  };
  switch (kind) {
    case Kind::connect:
      if (side.held()->kind == OpenSocket::Kind::fresh) {
        --side.opens_left;
        side.sent = side.read = 0;
        side.reads_all = true;
      }
      (void)sockets.connect(fd, peer_of(side).place(), side.now);
      break;
    case Kind::dup: side.copies.push_back(*sockets.dup(fd)); break;
    case Kind::close:
      (void)sockets.close(fd, side.now);
      side.copies.pop_back();
      break;
    case Kind::shut_rd: (void)sockets.shutdown(fd, socket::kShutRd, side.now); break;
    case Kind::shut_wr: (void)sockets.shutdown(fd, socket::kShutWr, side.now); break;
    case Kind::shut_rdwr: (void)sockets.shutdown(fd, socket::kShutRdwr, side.now); break;
    case Kind::linger_zero: set_linger(0); break;
    case Kind::linger_timed: set_linger(5); break;
    case Kind::disconnect: (void)sockets.disconnect(fd, side.now); break;
    case Kind::send: {
      --side.octets_left;
      const std::array octet{static_cast<std::byte>(++side.sent)};
      (void)sockets.send(fd, octet, side.now);
      break;
    }
    case Kind::receive: receive(side); break;
    default: break;
  }
  side.reads_all &= kind != Kind::shut_rd && kind != Kind::shut_rdwr;
}

/// The n-th octet of a stream is n: none is missing, none comes twice.
void SocketWorld::receive(SocketSide& side) {
  std::array<std::byte, 8> octets{};
  const auto n = side.sockets.recv(side.copies.back(), octets, side.now);
  if (!n) return wrong("what could be read is not read");
  for (std::size_t i = 0; i < *n; ++i) {
    if (octets[i] != static_cast<std::byte>(++side.read) && side.reads_all) {
      return wrong("an octet is missing, or comes twice");
    }
  }
}

/// A full wire drops.
void SocketWorld::send_all(SocketSide& side) {
  const auto hear = [&side] {
    for (host::HostEvent event; side.host->next_event(event);) side.sockets.heard(event);
    while (side.sockets.next_wake()) {
    }
  };
  hear();
  while (side.host->transmit(side.out, side.now)) {
    Slice octets = link::copy_of(io::ref_to(side.out), side.now).octets;
    const auto tcp = wire::parse_tcp(wire::parse_ip(octets.bytes())->payload);
    const wire::Flags flags = tcp->header.flags;
    if (flags.has(wire::Flag::syn)) side.iss = tcp->header.seq;
    if (flags.has(wire::Flag::rst)) ++resets_;
    if (++sent_ == 64) return wrong("it does not stop sending");
    if (wire_.size() < bounds_.in_flight) {
      wire_.push_back({static_cast<std::uint8_t>(1 - side.index), std::move(octets)});
    }
  }
  hear();
}

std::string to_string(const SocketAction& action) {
  constexpr std::array<const char*, 21> kNames{"deliver packet",
                                               "lose packet",
                                               "duplicate packet",
                                               "timer of side",
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
                                               "send()",
                                               "recv()",
                                               "listen()",
                                               "dup() of the listener",
                                               "close() of the listener",
                                               "shutdown(SHUT_RD) of the listener",
                                               "shutdown(SHUT_WR) of the listener"};
  const std::string name = kNames[static_cast<std::size_t>(action.kind)];
  if (action.kind <= SocketAction::Kind::duplicate) {
    return name + " " + std::to_string(action.which);
  }
  const std::string who(1, "AB"[action.which]);
  return action.kind == SocketAction::Kind::timer ? name + " " + who : who + ": " + name;
}

}  // namespace lastack::explore
