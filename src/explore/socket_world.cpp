#include "explore/socket_world.hpp"

#include <algorithm>
#include <optional>

#include "host/host.hpp"
#include "io/packet_ref.hpp"
#include "link/link.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::explore {
namespace {

using Kind = SocketAction::Kind;
using socket::Fd;
using socket::OpenSocket;
using tcp::State;

constexpr std::uint16_t kPorts[] = {4000, 80};

wire::IpAddress address_of(std::size_t i) {
  return wire::IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(i + 1));
}

host::Config config_for(std::size_t i, const Bounds& bounds) {
  host::Config config;
  config.addresses = {{address_of(i), 24}};
  config.settings = tcp::SettingsPtr(settings_for(bounds));
  return config;
}

}  // namespace

struct SocketWorld::Side {
  Side(std::size_t i, const Bounds& bounds)
      : index(static_cast<std::uint8_t>(i)),
        host(config_for(i, bounds), Random(i + 1)),
        sockets(host),
        calls_left(bounds.calls[i]),
        octets_left(bounds.octets[i]),
        dups_left(static_cast<std::uint8_t>(bounds.holders - 1)) {
    host.advance(now);
  }

  [[nodiscard]] host::Endpoint place() const { return {address_of(index), kPorts[index]}; }
  /// The open socket of the connection, where somebody still has a descriptor of it.
  [[nodiscard]] const OpenSocket* held() const {
    return copies.empty() ? nullptr : sockets.find(copies.front());
  }
  /// Of its connections and records; the wheel may want to look earlier.
  [[nodiscard]] TimePoint next_deadline() const {
    TimePoint next = kNever;
    host.each([&](const host::View& v) {
      if (v.entry != nullptr) next = std::min(next, v.entry->connection.next_deadline());
      if (v.handshake != nullptr) next = std::min(next, v.handshake->record.next_deadline());
      if (v.time_wait != nullptr) next = std::min(next, v.time_wait->record.next_deadline());
    });
    return next;
  }

  std::uint8_t index;
  TimePoint now{std::chrono::seconds(1000)};
  host::Host host;
  socket::Sockets sockets;
  Fd listener = -1;
  std::vector<Fd> copies;  ///< descriptors of the connection's open socket
  std::uint8_t calls_left;
  std::uint8_t octets_left;
  std::uint8_t dups_left;
  Seq iss;  ///< of the last SYN that it sent
  host::PacketOut out;
};

SocketWorld::SocketWorld(const Bounds& bounds) : bounds_(bounds), losses_left_(bounds.losses) {
  for (std::size_t i = 0; i < 2; ++i) sides_[i] = std::make_unique<Side>(i, bounds);
  Side& b = *sides_[1];
  b.listener = *b.sockets.socket();
  (void)b.sockets.bind(b.listener, b.place());
  (void)b.sockets.listen(b.listener, 1, b.now);
  Side& a = *sides_[0];
  a.copies = {*a.sockets.socket()};
  (void)a.sockets.bind(a.copies.front(), a.place());
  (void)a.sockets.connect(a.copies.front(), b.place(), a.now);
  send_all(a);
}

SocketWorld::SocketWorld(SocketWorld&&) noexcept = default;
SocketWorld& SocketWorld::operator=(SocketWorld&&) noexcept = default;
SocketWorld::~SocketWorld() = default;

SocketWorld::Side& SocketWorld::peer_of(const Side& side) const { return *sides_[1 - side.index]; }

// --- what may happen

std::vector<SocketAction> SocketWorld::actions() const {
  std::vector<SocketAction> all;
  const auto packets = static_cast<std::uint8_t>(wire_.size());
  for (std::uint8_t i = 0; i < packets; ++i) {
    all.push_back({Kind::deliver, i});
    if (losses_left_ > 0) all.push_back({Kind::lose, i});
  }
  for (std::uint8_t i = 0; i < 2; ++i) {
    const Side& side = *sides_[i];
    const auto may = [&](Kind kind) { all.push_back({kind, i}); };
    if (side.next_deadline() != kNever) may(Kind::timer);
    if (side.listener >= 0) {
      const bool waits = (*side.sockets.poll(side.listener) & socket::kPollIn) != 0;
      if (waits && side.copies.empty()) may(Kind::accept);
      if (side.calls_left > 0) may(Kind::close_listener);
    }
    const OpenSocket* s = side.held();
    if (s == nullptr) continue;
    may(Kind::close);
    if (side.dups_left > 0) may(Kind::dup);
    const Fd fd = side.copies.front();
    const std::uint16_t bits = *side.sockets.poll(fd);
    const bool answered = (bits & socket::kPollOut) != 0;
    if (s->kind == OpenSocket::Kind::connecting && answered) may(Kind::connect);
    if (side.octets_left > 0 && tcp::traits(*side.sockets.state(fd)).may_send_data &&
        !s->shut_write) {
      may(Kind::send);
    }
    if (s->has_flow() && side.host.readable(s->flow()) > 0) may(Kind::receive);
    if (side.calls_left == 0) continue;
    for (const Kind kind : {Kind::shut_rd, Kind::shut_wr, Kind::shut_rdwr, Kind::disconnect}) {
      may(kind);
    }
    if (!s->linger) {
      may(Kind::linger_zero);
      may(Kind::linger_timed);
    }
  }
  return all;
}

void SocketWorld::act(const SocketAction& action) {
  if (action.kind == Kind::deliver) return deliver(action.which);
  if (action.kind == Kind::lose) {
    --losses_left_;
    wire_.erase(wire_.begin() + action.which);
    return;
  }
  Side& side = *sides_[action.which];
  action.kind == Kind::timer ? fire(side) : call(side, action.kind);
  send_all(side);
}

void SocketWorld::deliver(std::size_t at) {
  const Packet packet = std::move(wire_[at]);
  wire_.erase(wire_.begin() + static_cast<std::ptrdiff_t>(at));
  Side& side = *sides_[packet.to];
  side.host.packet_arrives(packet.octets, side.now);
  send_all(side);
}

/// The next timer that is due for something.
void SocketWorld::fire(Side& side) {
  constexpr int kMostTicks = 64;
  const TimePoint due = side.next_deadline();
  side.now = std::max(side.now, due);
  for (int i = 0; i < kMostTicks; ++i) {
    side.host.advance(side.now);
    if (side.next_deadline() != due) return;
    side.now = std::max(side.now + 1ms, side.host.next_deadline());
  }
}

void SocketWorld::call(Side& side, Kind kind) {
  socket::Sockets& sockets = side.sockets;
  const auto set_linger = [&](int seconds) {
    const std::array<int, 2> linger{1, seconds};
    (void)sockets.set_option(side.copies.front(), socket::kSolSocket, socket::kSoLinger,
                             std::as_bytes(std::span(linger)), side.now);
  };
  const bool counts =
      kind == Kind::close_listener || (kind >= Kind::shut_rd && kind <= Kind::disconnect);
  if (counts) --side.calls_left;
  std::array<std::byte, 8> octets{};
  const Fd fd = side.copies.empty() ? -1 : side.copies.front();
  switch (kind) {
    case Kind::connect: (void)sockets.connect(fd, peer_of(side).place(), side.now); break;
    case Kind::accept: side.copies = {*sockets.accept(side.listener)}; break;
    case Kind::dup:
      --side.dups_left;
      side.copies.push_back(*sockets.dup(fd));
      break;
    case Kind::close:
      (void)sockets.close(side.copies.back(), side.now);
      side.copies.pop_back();
      break;
    case Kind::close_listener:
      (void)sockets.close(std::exchange(side.listener, -1), side.now);
      break;
    case Kind::shut_rd: (void)sockets.shutdown(fd, socket::kShutRd, side.now); break;
    case Kind::shut_wr: (void)sockets.shutdown(fd, socket::kShutWr, side.now); break;
    case Kind::shut_rdwr: (void)sockets.shutdown(fd, socket::kShutRdwr, side.now); break;
    case Kind::linger_zero: set_linger(0); break;
    case Kind::linger_timed: set_linger(5); break;
    case Kind::disconnect: (void)sockets.disconnect(fd, side.now); break;
    case Kind::send:
      --side.octets_left;
      (void)sockets.send(fd, std::span(octets).first<1>(), side.now);
      break;
    case Kind::receive: (void)sockets.recv(fd, octets, side.now); break;
    default: break;
  }
}

/// A full wire drops.
void SocketWorld::send_all(Side& side) {
  const auto hear = [&side] {
    for (host::HostEvent event; side.host.next_event(event);) side.sockets.heard(event);
    while (side.sockets.next_wake()) {
    }
  };
  hear();
  while (side.host.transmit(side.out, side.now)) {
    Slice octets = link::copy_of(io::ref_to(side.out), side.now).octets;
    const auto tcp = wire::parse_tcp(wire::parse_ip(octets.bytes())->payload);
    if (tcp->header.flags.has(wire::Flag::syn)) side.iss = tcp->header.seq;
    if (wire_.size() < bounds_.in_flight) {
      wire_.push_back({static_cast<std::uint8_t>(1 - side.index), std::move(octets)});
    }
  }
  hear();
}

// --- the form in which states are compared

void SocketWorld::canonical(std::vector<std::uint8_t>& into) const {
  into.clear();
  Encoder out(into);
  out.byte(losses_left_);
  for (const auto& side : sides_) encode_side(out, *side, peer_of(*side));
  encode_packets(out);
}

void SocketWorld::encode_side(Encoder& out, const Side& side, const Side& peer) const {
  out.byte(side.calls_left);
  out.byte(side.octets_left);
  out.byte(side.dups_left);
  out.byte(side.listener >= 0);
  if (side.listener >= 0) out.byte(*side.sockets.poll(side.listener));
  side.host.each([&](const host::View& v) {
    out.byte(static_cast<std::uint64_t>(v.state));
    if (v.entry != nullptr) {
      encode(out, v.entry->connection.tcb(), side.now, peer.now);
      out.byte(std::uint64_t{v.entry->held} | std::uint64_t{v.entry->orphan} << 1U);
      out.byte(v.receive_queue);
      out.byte(v.send_queue);
    }
    if (v.handshake != nullptr) {
      const tcp::SynRcvd& record = v.handshake->record;
      out.byte(record.retransmissions);
      out.byte(record.syn_ack_due);
      out.deadline(record.next_deadline(), side.now);
      out.byte(record.challenges.spent(side.now));
    }
    if (v.time_wait != nullptr) {
      const tcp::TimeWait& record = v.time_wait->record;
      out.deadline(record.next_deadline(), side.now);
      out.seq(record.snd_nxt(), side.iss);
      out.seq(record.rcv_nxt(), peer.iss);
      out.byte(record.challenges().spent(side.now));
    }
  });
  const OpenSocket* s = side.held();
  out.byte(s != nullptr ? s->references : 0);
  if (s == nullptr) return;
  out.byte(static_cast<std::uint64_t>(s->kind));
  out.byte(std::uint64_t{s->shut_read} | std::uint64_t{s->shut_write} << 1U |
           std::uint64_t{s->error_told} << 2U | std::uint64_t{s->bound} << 3U |
           std::uint64_t{s->linger} << 4U | std::uint64_t{s->resets_at_close()} << 5U);
  out.byte(static_cast<std::uint64_t>(s->error));
  if (!s->has_flow()) return;
  const tcp::Connection* c = side.host.connection(s->flow());
  out.byte(c == nullptr ? 0 : 1 + static_cast<std::uint64_t>(c->state()));
  if (c == nullptr) return;
  out.byte(static_cast<std::uint64_t>(c->tcb().error));
  out.byte(side.host.readable(s->flow()));
}

void SocketWorld::encode_packets(Encoder& out) const {
  std::vector<std::vector<std::uint8_t>> packets;
  for (const Packet& packet : wire_) {
    const Side& to = *sides_[packet.to];
    const Side& from = peer_of(to);
    const auto tcp = wire::parse_tcp(wire::parse_ip(packet.octets.bytes())->payload);
    Encoder one(packets.emplace_back());
    one.byte(packet.to);
    one.byte(tcp->header.flags.bits());
    one.seq(tcp->header.seq, from.iss);
    one.seq(tcp->header.ack, to.iss);
    one.window(tcp->header.window);
    one.byte(tcp->payload.size());
  }
  std::ranges::sort(packets);
  for (const auto& packet : packets) {
    for (const std::uint8_t octet : packet) out.byte(octet);
  }
}

// --- what is left in the end

bool SocketWorld::is_final() const {
  return wire_.empty() && std::ranges::all_of(sides_, [](const auto& side) {
           return side->next_deadline() == kNever && side->listener < 0 && side->copies.empty();
         });
}

std::string SocketWorld::left_over() {
  for (const auto& side : sides_) {
    while (!side->copies.empty()) call(*side, Kind::close);
    if (side->listener >= 0) {
      (void)side->sockets.close(std::exchange(side->listener, -1), side->now);
    }
    send_all(*side);
  }
  constexpr int kMost = 10'000;
  for (int i = 0; i < kMost && !is_final(); ++i) {
    if (!wire_.empty()) {
      deliver(0);
      continue;
    }
    for (const auto& side : sides_) {
      if (side->next_deadline() != kNever) fire(*side);
      send_all(*side);
    }
  }
  if (!is_final()) return "it does not come to an end when nobody holds anything";
  for (const auto& side : sides_) {
    if (std::string left = left_at(*side); !left.empty()) return left;
  }
  return {};
}

std::string SocketWorld::left_at(Side& side) const {
  const std::string who(1, "AB"[side.index]);
  const host::Host& host = side.host;
  if (side.sockets.open_sockets() != 0) return "an open socket is left at " + who;
  if (host.flows() != 0) return "a connection or record is left in the table of " + who;
  if (host.connections() != 0) return "a connection is left at " + who;
  if (host.orphans() != 0) return "an orphan is counted at " + who;
  if (host.timers() != 0) return "a timer is left at " + who;
  if (host.unread() != 0) return "octets are counted as unread at " + who;
  side.out.clear();
  if (side.host.pool().in_use() != 0) return "a buffer is left at " + who;
  const auto bound = side.host.bind(side.place(), false);
  if (!bound) return "the port is not free at " + who;
  side.host.unbind(*bound, false);
  return {};
}

std::string to_string(const SocketAction& action) {
  constexpr std::array<const char*, 16> kNames{"deliver packet",
                                               "lose packet",
                                               "timer of side",
                                               "connect() again",
                                               "accept()",
                                               "dup()",
                                               "close()",
                                               "close() of the listener",
                                               "shutdown(SHUT_RD)",
                                               "shutdown(SHUT_WR)",
                                               "shutdown(SHUT_RDWR)",
                                               "SO_LINGER 0",
                                               "SO_LINGER 5",
                                               "connect() with AF_UNSPEC",
                                               "send()",
                                               "recv()"};
  const std::string name = kNames[static_cast<std::size_t>(action.kind)];
  if (action.kind <= Kind::lose) return name + " " + std::to_string(action.which);
  const std::string who(1, "AB"[action.which]);
  return action.kind == Kind::timer ? name + " " + who : who + ": " + name;
}

}  // namespace lastack::explore
