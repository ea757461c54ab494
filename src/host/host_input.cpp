// Segments in: whose they are, and the door they go through.
#include <algorithm>
#include <utility>

#include "host/host.hpp"
#include "wire/merger.hpp"

namespace lastack::host {
Host::Run Host::run_of(const wire::ParsedTcp& tcp, const Slice& packet) {
  if (tcp.payload.empty()) return {{&packet, 1}, packet.size(), 0};
  const auto at = static_cast<std::size_t>(tcp.payload.data() - packet.bytes().data());
  return {{&packet, 1}, at, tcp.payload.size()};
}

/// Takes the segment in the first of `packets`, and those that continue it; returns how many.
std::size_t Host::tcp_arrives(const wire::ParsedIp& ip, std::span<const Slice> packets, bool verify,
                              TimePoint now) {
  const Slice& packet = packets[0];
  ++counters_.tcp.in_segments;
  if (verify &&
      wire::tcp_sum(ip.header.source, ip.header.destination, ip.payload).checksum() != 0) {
    ++counters_.tcp_checksum;
    ++counters_.tcp.in_errors;
    return 1;
  }
  const auto tcp = wire::parse_tcp(ip.payload);
  if (!tcp) {
    ++counters_.malformed[static_cast<std::size_t>(tcp.error())];
    ++counters_.tcp.in_errors;
    return 1;
  }
  const Flow flow{{ip.header.destination, tcp->header.destination_port},
                  {ip.header.source, tcp->header.source_port}};
  if (trace_.on()) trace_arrival(flow, ip.payload, tcp->payload.size(), now);
  const auto handle = living(flow);
  if (!handle) {
    to_listener(flow, *tcp, packet, now);
    return 1;
  }
  switch (handle->kind) {
    case Handle::Kind::connection: return run_to_connection(handle->index, ip, *tcp, packets, now);
    case Handle::Kind::syn_rcvd: to_syn_rcvd(handle->index, *tcp, packet, now); break;
    case Handle::Kind::time_wait: to_time_wait(handle->index, flow, *tcp, packet, now); break;
  }
  return 1;
}

/// Most of what arrives are runs of segments that continue each other: one look at the connection
/// does for all of them.
std::size_t Host::run_to_connection(std::uint32_t index, const wire::ParsedIp& ip,
                                    const wire::ParsedTcp& tcp, std::span<const Slice> packets,
                                    TimePoint now) {
  Run run = run_of(tcp, packets[0]);
  if (packets.size() > 1) {
    wire::Merger merger(packets[0].bytes(), ip, tcp, config_.verify_checksum);
    std::size_t count = 1;
    while (count < packets.size() && merger.takes(packets[count].bytes())) {
      if (trace_.on()) {
        const wire::Bytes segment =
            packets[count].bytes().last(packets[count].size() - merger.ip_size());
        trace_arrival(connections_[index].flow, segment, segment.size() - merger.tcp_size(), now);
      }
      ++count;
    }
    counters_.tcp.in_segments += count - 1;
    run.packets = packets.first(count);
    run.payload = merger.payload();
  }
  to_connection(index, tcp, run, now);
  return run.packets.size();
}

/// Puts what was accepted of a run where it waits to be read; it stays in the packets it came in.
void Host::keep(ConnectionEntry& entry, const Run& run, const tcp::Effects& fx) {
  std::size_t skip = fx.accepted_from;
  Offset at = fx.accepted.begin;
  for (const Slice& packet : run.packets) {
    const bool alone = run.packets.size() == 1;  // there may be padding behind it
    const std::size_t held = alone ? run.payload : packet.size() - run.payload_at;
    if (skip >= held) {
      skip -= held;
      continue;
    }
    const std::size_t octets =
        std::min(held - skip, static_cast<std::size_t>(fx.accepted.end - at));
    if (octets == 0) return;
    entry.in.insert(at, packet.sub(run.payload_at + skip, octets), &pool_);
    at += static_cast<Offset>(octets);
    skip = 0;
  }
}

/// Of a segment without octets: whether it was an ACK and no more, and whether it was the one that
/// began a recovery.
void Host::count_without_octets(const wire::TcpHeader& header, tcp::Drop drop, const tcp::Tcb& tcb,
                                bool recovered_before) {
  const wire::Flags flags = header.flags;
  const bool more =
      flags.has(wire::Flag::syn) || flags.has(wire::Flag::fin) || flags.has(wire::Flag::rst);
  if (more || drop != tcp::Drop::none) return;
  ++counters_.tcp.pure_acks;
  if (recovered_before || tcb.recovery.phase() != tcp::Recovery::Phase::fast) return;
  ++(tcb.sack ? counters_.tcp.sack_recoveries : counters_.tcp.plain_recoveries);
}

/// Not every ACK that the budget paid for is one of RFC 5961's: it pays for those to old ACKs, too.
void Host::count_challenge(const wire::TcpHeader& header, tcp::Drop drop,
                           const tcp::ChallengeBudget& before, const tcp::ChallengeBudget& after,
                           TimePoint now) {
  using tcp::Drop;
  if (drop == Drop::none || after.spent(now) == before.spent(now)) return;
  const bool blind = drop == Drop::rst_not_exact || drop == Drop::ack_unsent ||
                     drop == Drop::ack_too_old || header.flags.has(wire::Flag::syn);
  if (blind) ++counters_.tcp.challenge_acks;
}

void Host::to_connection(std::uint32_t index, const wire::ParsedTcp& tcp, const Run& run,
                         TimePoint now) {
  ConnectionEntry& entry = connections_[index];
  const auto size = static_cast<std::uint32_t>(run.payload);
  if (size > 0 && !may_keep_more(entry)) return;
  const bool listened =
      !tcp.header.flags.has(wire::Flag::syn) || listener_for(entry.flow).has_value();
  const tcp::Tcb& tcb = entry.connection.tcb();
  const tcp::ChallengeBudget challenges = tcb.challenges;
  const bool recovers = tcb.recovery.phase() == tcp::Recovery::Phase::fast;
  const tcp::Effects fx = entry.connection.segment_arrives(tcp.header, size, now, listened);
  if (size == 0) count_without_octets(tcp.header, fx.drop, tcb, recovers);
  count_challenge(tcp.header, fx.drop, challenges, tcb.challenges, now);
  if (!fx.accepted.empty()) {
    counters_.octets_in += static_cast<std::size_t>(fx.accepted.size());
    keep(entry, run, fx);
  }
  apply(index, fx, now);
  const bool over = fx.taken_count > 0 && fx.transitions().back().event == tcp::Event::reuse;
  if (!over) return;
  // RFC 6191: the SYN belongs to a new connection.
  const Flow flow = entry.flow;
  const Seq snd_nxt = tcb.iss + 1 + static_cast<std::uint32_t>(tcb.snd.max);
  remove_from_table(entry, index);
  to_listener(flow, tcp, run.packets[0], now, snd_nxt);
}

/// Where no more may wait to be accepted, the ACK counts as lost: the peer's next segment asks
/// again.
void Host::to_syn_rcvd(std::uint32_t index, const wire::ParsedTcp& tcp, const Slice& packet,
                       TimePoint now) {
  SynRcvdEntry& entry = syn_rcvd_[index];
  const auto& settings = settings_of(listeners_[entry.listener].settings);
  const auto size = static_cast<std::uint32_t>(tcp.payload.size());
  const tcp::ChallengeBudget challenges = entry.record.challenges;
  const auto step = entry.record.segment_arrives(tcp.header, size, settings, now);
  count_challenge(tcp.header, step.fx.drop, challenges, entry.record.challenges, now);
  note(entry.flow, step.fx, now);
  if (step.fx.reset.wanted) reply_reset(entry.flow, step.fx.reset);
  const bool deferred = step.grows && size == 0 && !tcp.header.flags.has(wire::Flag::fin) &&
                        settings.defer_accept > Duration(0) &&
                        now < entry.record.sent + settings.defer_accept;
  if (deferred) return;  // what it acknowledges is sent again until octets come
  if (!step.grows) {
    go_on_with_syn_rcvd(index);
  } else if (const std::uint32_t owner = entry.listener; may_wait_for(listeners_[owner])) {
    const tcp::SynRcvd record = entry.record;
    const Flow flow = entry.flow;
    end_syn_rcvd(index);
    grow(record, flow, owner, tcp, packet, now);
  }
}

/// Many who send what nobody reads must not use up the memory: what they send counts as lost. Who
/// holds little may go on, so that they keep nobody else from being read.
bool Host::may_keep_more(const ConnectionEntry& entry) {
  constexpr std::size_t kSpared = 16384;
  if (unread_ < config_.most_unread || entry.in.held() < kSpared) return true;
  ++counters_.unread_full;
  return false;
}

/// Whether one more connection may wait to be accepted; counts the refusal.
bool Host::may_wait_for(const ListenerEntry& listener) {
  if (listener.accept_queue.size() > listener.backlog) {  // one more than that, as Linux has it
    ++counters_.accept_queue_full;
    return false;
  }
  if (connections_.size() >= config_.most_connections) {
    ++counters_.too_many;
    return false;
  }
  return true;
}

/// The handshake is complete: what was kept of it becomes a connection that waits to be accepted.
void Host::grow(const tcp::SynRcvd& record, const Flow& flow, std::uint32_t owner,
                const wire::ParsedTcp& tcp, const Slice& packet, TimePoint now) {
  ++counters_.tcp.passive_opens;
  tcp::Connection connection(record, listeners_[owner].settings, now);
  const std::uint32_t grown =
      make_connection(flow, std::move(connection), listeners_[owner].shares);
  connections_[grown].history.add({tcp::State::listen, tcp::Event::syn, tcp::State::syn_rcvd}, now);
  connections_[grown].listener = owner;
  listeners_[owner].accept_queue.push_back(grown);
  to_connection(grown, tcp, run_of(tcp, packet), now);
  if (std::exchange(listeners_[owner].told, true)) return;
  tell({.at = now, .flow = {}, .listener = {owner, listeners_.generation(owner)}, .news = {}});
}

void Host::to_time_wait(std::uint32_t index, const Flow& flow, const wire::ParsedTcp& tcp,
                        const Slice& packet, TimePoint now) {
  TimeWaitEntry& entry = time_wait_[index];
  const auto size = static_cast<std::uint32_t>(tcp.payload.size());
  const bool listened = !tcp.header.flags.has(wire::Flag::syn) || listener_for(flow).has_value();
  const tcp::ChallengeBudget challenges = entry.record.challenges();
  const auto fx =
      entry.record.segment_arrives(tcp.header, size, settings_of(entry.settings), now, listened);
  count_challenge(tcp.header, fx.drop, challenges, entry.record.challenges(), now);
  note(flow, fx, now);
  if (entry.record.state() == tcp::State::time_wait) {
    minds_deadline(entry.timer, entry.record.next_deadline());
    mark({Handle::Kind::time_wait, index});
    return;
  }
  const Seq snd_nxt = entry.record.snd_nxt();
  end_time_wait(index);
  if (fx.transitions().back().event == tcp::Event::reuse) {
    to_listener(flow, tcp, packet, now, snd_nxt);
  }
}

/// No connection: a listener may make one; else §3.10.7.1. `beyond` is where the connection it
/// takes over from stood: its old segments must never fit into the new one (RFC 1122 4.2.2.13).
void Host::to_listener(const Flow& flow, const wire::ParsedTcp& tcp, const Slice& packet,
                       TimePoint now, std::optional<Seq> beyond) {
  const auto size = static_cast<std::uint32_t>(tcp.payload.size());
  const auto owner = listener_for(flow);
  if (!owner) {
    tcp::Effects fx;
    fx.drop = tcp::Drop::no_connection;
    note(flow, fx, now);
    reply_reset(flow, tcp::reset_for(tcp.header, size));
    return;
  }
  if (takes_cookie(*owner, flow, tcp, packet, now)) return;
  ListenerEntry& listener = listeners_[*owner];
  tcp::Open how = how_to_open(flow, listener.settings, now);
  if (beyond && !after(how.iss, *beyond)) how.iss = *beyond + 1;
  auto step = listener.listener.segment_arrives(tcp.header, size, how, now);
  if (step.child && !may_wait_for(listener)) return;
  if (step.child && listener.handshakes.size() >= config_.syn_queue) {
    ++counters_.syn_queue_full;
    if (config_.syn_cookies) send_cookie(*owner, flow, tcp.header, now);
    return;
  }
  note(flow, step.fx, now);
  if (step.fx.reset.wanted) reply_reset(flow, step.fx.reset);
  if (!step.child) return;
  const std::uint32_t index =
      syn_rcvd_.make({.flow = flow,
                      .record = *step.child,
                      .listener = *owner,
                      .place = static_cast<std::uint32_t>(listener.handshakes.size())});
  const Handle handle{Handle::Kind::syn_rcvd, index};
  syn_rcvd_[index].timer = wheel_.create(handle.packed());
  listener.handshakes.push_back(index);
  table_.insert(hash(flow), handle);
  mark(handle);
}

}  // namespace lastack::host
