#include "fuzz/checks.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <functional>
#include <numeric>
#include <type_traits>

#include "fuzz/must.hpp"
#include "fuzz/user.hpp"

namespace lastack::fuzz {
namespace {

using host::ConnectionEntry;
using host::Counters;

/// All that is counted, as one list: Counters has nothing else.
using Figures = std::array<std::uint64_t, sizeof(Counters) / sizeof(std::uint64_t)>;
static_assert(std::is_trivially_copyable_v<Counters> && sizeof(Figures) == sizeof(Counters));

Figures figures(const Counters& counters) { return std::bit_cast<Figures>(counters); }

/// A descriptor may still read what came before the end; nothing else of a closed connection
/// counts.
void buffers_follow(const ConnectionEntry& entry) {
  const tcp::Tcb& t = entry.connection.tcb();
  must(entry.out.end() == t.snd.end, "the send buffer ends where the stream does");
  must(entry.out.begin() == std::clamp<Offset>(t.snd.una, 0, t.snd.end),
       "the send buffer begins at snd.una");
  if (t.discarding) return;
  const Offset end = t.rcv.nxt - (tcp::traits(t.state).fin_received ? 1 : 0);
  must(entry.in.readable() == Range{t.rcv.read, std::max(end, t.rcv.read)},
       "the receive buffer holds rcv.read to rcv.nxt");
  const auto held = entry.in.ahead();
  const auto noted = t.out_of_order ? t.out_of_order->ranges() : std::span<const Range>{};
  must(std::ranges::equal(held, noted, {}, &tcp::Stretch::range),
       "the receive buffer holds the ranges ahead that the connection knows");
}

void offsets_in_order(const tcp::Tcb& t) {
  must(t.snd.una <= t.snd.nxt && t.snd.nxt <= t.snd.max, "snd.una <= snd.nxt <= snd.max");
  must(t.snd.max <= t.snd.end + (t.fin_queued ? 1 : 0), "snd.max <= snd.end, and a FIN");
  must(t.rcv.read <= t.rcv.nxt, "rcv.read <= rcv.nxt");
  must(t.rcv.nxt - 1 <= t.rcv.fin, "rcv.nxt <= the FIN, and the FIN itself");
  must(t.rcv.nxt <= t.rcv.edge + 1, "rcv.nxt <= the edge of the window, and a FIN");
  must(t.snd.mss >= 48, "a segment size that leaves room for options");
}

void buffers_within_limits(const ConnectionEntry& entry) {
  const tcp::Settings& settings = entry.connection.settings();
  must(entry.out.size() <= settings.send_buffer, "more to send than the limit");
  // A window is offered in units of its scale, and rounded up.
  const std::size_t unit = std::size_t{1} << entry.connection.tcb().rcv.scale;
  must(entry.in.held() < settings.receive_buffer + unit, "more to read than the limit");
}

/// Octets of memory for so many octets held: four for one, as tests/tcp/stream/memory_test.cpp has
/// it, and what each stretch may have at its ends.
std::size_t memory_for(std::size_t octets, std::size_t stretches) {
  return octets * 17 / 4 + 2 * BufferPool::kLarge + (stretches + 2) * 3 * BufferPool::kSmall;
}

}  // namespace

void Checks::take(const Slice& packet, TimePoint now) {
  before_ = host_.counters();
  host_.packet_arrives(packet, now);
  const Counters& after = host_.counters();
  must(after.packets_in == before_.packets_in + 1, "packets_in");
  const auto sum = [](Counters c) {
    c.packets_in = c.tcp.in_segments = 0;  // what counts any packet says nothing of this one
    for (host::IpCounters& ip : c.ip) ip.in_receives = ip.in_octets = ip.in_delivers = 0;
    for (host::IcmpCounters& icmp : c.icmp) {
      icmp.in_messages = 0;
      icmp.in = {};
    }
    const Figures all = figures(c);
    return std::accumulate(all.begin(), all.end(), std::uint64_t{0});
  };
  must(sum(after) > sum(before_), "a packet that nothing counts");
  events();
}

void Checks::counters_grow() {
  const auto were = figures(before_);
  const auto are = figures(host_.counters());
  must(std::ranges::equal(were, are, std::less_equal{}), "a counter went back");
  before_ = host_.counters();
}

void Checks::events() {
  host::HostEvent event;
  while (host_.next_event(event)) {
    must(!event.news.untabled, "a pair that is not in the table");
    for (const tcp::Transition& t : event.news.transitions()) {
      must(tcp::next(t.from, t.event) == t.to, "a transition that is not in the table");
    }
  }
}

void Checks::step(TimePoint now, bool rested) {
  events();
  counters_grow();
  Seen seen;
  host_.each([&](const host::View& view) { look_at(view, seen); });
  must(host_.next_deadline() > now, "a deadline that has passed already");
  if (!rested) return;
  limits(seen);
  // One that has passed while nobody asked is due with the next tick.
  const bool in_time =
      seen.first_deadline == kNever ||
      host_.next_deadline() <= std::max(seen.first_deadline, now) + host::TimingWheel::kTick;
  must(in_time, "a connection's deadline that the host has forgotten");
}

void Checks::look_at(const host::View& view, Seen& seen) const {
  if (view.state == tcp::State::listen) {
    ++seen.listeners;
    // A second listen() may make the backlog less than what waits already.
    must(view.receive_queue <= User::kMostBacklog + 1, "an accept queue beyond its backlog");
  }
  if (view.entry == nullptr) {
    seen.handshakes += view.state == tcp::State::syn_rcvd ? 1 : 0;
    seen.time_waits += view.state == tcp::State::time_wait ? 1 : 0;
    return;
  }
  const ConnectionEntry& entry = *view.entry;
  offsets_in_order(entry.connection.tcb());
  buffers_follow(entry);
  buffers_within_limits(entry);
  ++seen.connections;
  seen.first_deadline = std::min(seen.first_deadline, entry.connection.next_deadline());
  seen.octets_allowed += memory_for(entry.in.held() + entry.out.size(), entry.in.ahead().size());
}

void Checks::limits(const Seen& seen) const {
  const host::Config& config = host_.config();
  // Those whose listener has gone have a limit of their own.
  must(seen.handshakes <= (seen.listeners + 1) * config.syn_queue,
       "more handshakes than the limit");
  must(host_.connections() <= config.most_connections, "more connections than the limit");
  must(host_.orphans() <= config.most_orphans, "more orphans than the limit");
  must(seen.time_waits <= config.most_time_wait, "more TIME_WAIT records than the limit");
  must(host_.reassembly().packets() <= config.reassembly.packets, "more packets in pieces");
  must(host_.reassembly().octets() <= config.reassembly.octets, "more octets of pieces");
  // What has ended and is still held keeps what its holder has not read.
  const std::size_t ended = host_.connections() - seen.connections;
  const std::size_t of_one =
      memory_for(std::size_t{config.settings->receive_buffer} + config.settings->send_buffer, 64);
  const std::size_t pieces = config.reassembly.octets + 2 * BufferPool::kLarge;
  const host::UdpEndpoints& udp = host_.udp_endpoints();
  must(udp.unread <= config.most_udp_unread, "more unread datagrams than the limit");
  const std::size_t datagrams = 2 * udp.unread + memory_for(udp.outbox.octets(), 1);
  must(host_.pool().octets_in_use() <= seen.octets_allowed + ended * of_one + pieces + datagrams,
       "more memory than what is held may take");
}

void Checks::nothing_left(const socket::Sockets& sockets) {
  const auto none = [](std::size_t count, const char* what) {
    if (count > 0) std::fprintf(stderr, "left: %zu %s\n", count, what);
    must(count == 0, "something is left when all is closed and over");
  };
  none(host_.flows(), "flows");
  none(host_.connections(), "connections");
  none(host_.timers(), "timers");
  none(host_.orphans(), "orphans");
  none(host_.events(), "events");
  none(host_.udp_endpoints().size(), "UDP endpoints");
  none(host_.udp_endpoints().unread, "octets of datagrams");
  none(host_.reassembly().packets(), "packets in pieces");
  none(host_.pool().in_use(), "blocks of the pool");
  none(sockets.open_sockets(), "open sockets");
  must(host_.next_deadline() == kNever, "a deadline when all is over");
}

}  // namespace lastack::fuzz
