#include "cli/bench_world.hpp"

#include <algorithm>
#include <ctime>

#include "base/flat.hpp"
#include "cli/command.hpp"
#include "wire/splitter.hpp"
#include "wire/tcp.hpp"

namespace lastack::cli {
namespace {

constexpr Duration kOnTheWay = Duration(1);  // a microsecond for each batch
/// Left free before a packet, as drivers do, so that TCP's header and, behind the usual options,
/// the octets stand where vectors are loaded from one line of the caches.
constexpr std::size_t kBefore = 12;
constexpr std::size_t kWorthSummingOnTheWay = 256;  // octets

}  // namespace

BenchWorld::BenchWorld(const BenchWire& wire)
    : wire_(wire), server_(address(true)), a_(config(false), 1), b_(config(true), 2) {
  batch_.reserve(kBenchBatch);
  advance();
}

host::Endpoint BenchWorld::server(std::size_t nth) const {
  return {server_, static_cast<std::uint16_t>(kFirstServer + nth)};
}

void BenchWorld::listen() {
  const auto fd = b().socket();
  const bool listening = fd && b().bind(*fd, server(listeners_.size())).has_value() &&
                         b().listen(*fd, wire_.listeners_backlog, now_).has_value();
  if (!listening) throw Failure{"the server can't listen", kFailed};
  listeners_.push_back(*fd);
}

wire::IpAddress BenchWorld::address(bool b) const {
  return *wire::IpAddress::parse(wire_.v6 ? (b ? "fd00::2" : "fd00::1")
                                          : (b ? "10.0.0.2" : "10.0.0.1"));
}

host::Config BenchWorld::config(bool b) const {
  tcp::Settings settings;
  settings.receive_buffer = settings.send_buffer = wire_.buffer;
  settings.msl = wire_.msl;
  host::Config config;
  config.addresses = {{address(b), static_cast<std::uint8_t>(wire_.v6 ? 64 : 8)}};
  config.mtu = wire_.mtu;
  config.super_segment = host::kMostSuperSegment;  // cut by the wire, where it takes less
  config.transmit_checksum = false;                // the wire sums what it copies
  config.verify_checksum = wire_.checksums;
  config.settings = tcp::SettingsPtr(settings);
  if (wire_.ethernet) {
    config.medium = host::Medium::ethernet;
    config.link.mac = wire::MacAddress::of(b ? 0x0200'0000'0002 : 0x0200'0000'0001);
    config.link.ask_first = false;
  }
  config.first_port = 1024;
  config.last_port = 65535;
  return config;
}

/// Room for a packet of the receiver's.
Slice BenchWorld::room_for(std::size_t octets, Side& to) {
  Slice packet = Slice::allocate(kBefore + octets, &to.host.pool());
  packet.grow(kBefore);
  packet.drop_front(kBefore);
  return packet;
}

/// The wire's one copy, into packets of the receiver's: of the largest size that the wire takes,
/// with the sender's checksum. Few octets are summed where they have arrived.
void BenchWorld::carry_copy(Side& to) {
  const bool cuts = out_.segment_size > 0 && !wire_.super_segments;
  const bool sums = out_.checksum_partial && wire_.checksums;
  const bool few = !sums || out_.payload_size < kWorthSummingOnTheWay;
  if (!cuts && few) return carry_whole(to, sums);
  wire::Splitter::Whole whole = out_.to_cut();
  if (whole.segment_size == 0) whole.segment_size = static_cast<std::uint16_t>(whole.payload_size);
  whole.checksums = wire_.checksums;
  wire::Splitter splitter(whole);
  while (!splitter.done()) {
    Slice packet = room_for(splitter.next_size(), to);
    packet.grow(splitter.next(packet.tail_room()));
    batch_.push_back(std::move(packet));
  }
}

void BenchWorld::carry_whole(Side& to, bool sums) {
  Slice packet = Slice::allocate(out_.size(), &to.host.pool());
  const auto room = packet.tail_room();
  const std::size_t size = out_.copy_to(room);
  if (sums) wire::finish_tcp_checksum(room.subspan(out_.tcp_at, size - out_.tcp_at));
  packet.grow(size);
  batch_.push_back(std::move(packet));
}

std::size_t BenchWorld::carry(Side& from, Side& to) {
  return from.host.transmit(out_, now_) ? carry_batch(from, to) : 0;
}

/// Of which the first packet is in `out_`.
LASTACK_FLAT std::size_t BenchWorld::carry_batch(Side& from, Side& to) {
  batch_.clear();
  do {
    carry_copy(to);
  } while (batch_.size() < kBenchBatch && from.host.transmit(out_, now_));
  now_ += kOnTheWay;
  if (to.host.next_deadline() <= now_) to.host.advance(now_);
  if (wire_.ethernet) {
    to.host.frames_arrive(batch_, now_);
  } else {
    to.host.packets_arrive(batch_, now_);
  }
  packets_ += batch_.size();
  hear(to);
  return batch_.size();
}

void BenchWorld::hear(Side& side) {
  if (!wire_.watched) {
    while (side.host.next_event(event_)) {
    }
    return;
  }
  while (side.host.next_event(event_)) side.sockets.heard(event_);
}

void BenchWorld::exchange() {
  while (carry(a_, b_) + carry(b_, a_) > 0) {
  }
}

void BenchWorld::advance() {
  a_.host.advance(now_);
  b_.host.advance(now_);
}

void BenchWorld::pass(Duration span) {
  const TimePoint until = now_ + span;
  for (;;) {
    const TimePoint next = std::min(a_.host.next_deadline(), b_.host.next_deadline());
    if (next > until) break;
    now_ = std::max(now_, next);
    advance();
    exchange();
  }
  now_ = std::max(now_, until);
}

socket::Fd BenchWorld::dial(std::size_t nth) {
  const std::size_t where = nth / kClientsPerServer;
  while (listeners_.size() <= where) listen();
  const auto client = a().socket();
  if (!client) throw Failure{"no descriptors left", kFailed};
  (void)a().connect(*client, server(where), now_);
  exchange();
  if (*a().state(*client) != tcp::State::established) {
    throw Failure{"a connection was not established: no port left, or too many in TIME_WAIT",
                  kFailed};
  }
  return *client;
}

socket::Fd BenchWorld::accept(std::size_t nth) {
  const auto accepted = b().accept(listeners_[nth / kClientsPerServer]);
  if (!accepted) throw Failure{"no connection waits to be accepted", kFailed};
  return *accepted;
}

BenchWorld::Pair BenchWorld::connect(std::size_t nth) {
  const socket::Fd client = dial(nth);
  return {client, accept(nth)};
}

std::int64_t cpu_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

}  // namespace lastack::cli
