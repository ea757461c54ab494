// Segments in: whose they are, and the door they go through.
#include <algorithm>
#include <utility>

#include "host/host.hpp"
#include "host/unread.hpp"
#include "wire/merger.hpp"

namespace lastack::host {
namespace {

/// Nearly always all of it is new, and goes on where all before it ends.
[[gnu::noinline]] void keep_run(tcp::ReceiveBuffer& in, const Run& run, const tcp::Effects& fx,
                                BufferPool* pool) {
  const bool all = fx.accepted_from == 0 && fx.accepted.size() == static_cast<Offset>(run.payload);
  if (all && in.append(fx.accepted.begin, run.packets, run.payload_at, pool)) return;
  std::size_t skip = fx.accepted_from;
  Offset at = fx.accepted.begin;
  for (const Slice& packet : run.packets) {
    const std::size_t held = packet.size() - run.payload_at;
    if (skip >= held) {
      skip -= held;
      continue;
    }
    const std::size_t octets =
        std::min(held - skip, static_cast<std::size_t>(fx.accepted.end - at));
    if (octets == 0) return;
    in.insert(at, packet.sub(run.payload_at + skip, octets), pool);
    at += static_cast<Offset>(octets);
    skip = 0;
  }
}

/// Whether a segment's checksum is right; `ends` is the sum of the addresses.
bool is_whole(wire::Sum ends, wire::Bytes segment) {
  ends.add_words(static_cast<std::uint32_t>(segment.size()) + wire::kProtocolTcp);
  ends.add(segment);
  return ends.checksum() == 0;
}

}  // namespace

Run Host::run_of(const wire::ParsedTcp& tcp, const Slice& packet) {
  if (tcp.payload.empty()) return {{&packet, 1}, packet.size(), 0};
  const auto at = static_cast<std::size_t>(tcp.payload.data() - packet.bytes().data());
  return {{&packet, 1}, at, tcp.payload.size()};
}

/// Takes the segment in the first of `packets`, and those that continue it; returns how many.
/// Packets come in runs of one flow: whether its addresses are those of the last one is known, and
/// if its ports are too, the table need not be asked.
std::size_t Host::tcp_arrives(const wire::ParsedIp& ip, std::span<const Slice> packets, bool verify,
                              bool of_last, TimePoint now) {
  const Slice& packet = packets[0];
  ++counters_.tcp.in_segments;
  const wire::IpHeader& from = ip.header;
  if (verify &&
      !is_whole(of_last ? of_last_.ends : wire::sum_of_ends(from.source, from.destination),
                ip.payload)) {
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
  const wire::TcpHeader& header = tcp->header;
  const bool same = of_last && last_->flow.local.port == header.destination_port &&
                    last_->flow.remote.port == header.source_port &&
                    last_->connection.state() != tcp::State::closed;
  const auto guess = [&](std::uint32_t index) { return is_of(index, ip.header, header); };
  if (!same && !guess(asked_) && !(heard_.steady() && guess(heard_.next()))) {
    const Flow flow{{ip.header.destination, header.destination_port},
                    {ip.header.source, header.source_port}};
    const std::uint32_t hash = arrived_.of(flow);
    const auto handle = living(flow, hash);
    if (!handle && is_anothers(flow)) {
      --counters_.tcp.in_segments;
      hand_over(packet, flow);
      return 1;
    }
    if (!handle || handle.kind() != Handle::Kind::connection) {
      if (trace_.on()) trace_arrival(flow, ip.payload, tcp->payload.size(), now);
      to_record(handle, flow, hash, *tcp, packet, now);
      return 1;
    }
  }
  if (trace_.on()) trace_arrival(last_->flow, ip.payload, tcp->payload.size(), now);
  return run_to_last(ip, *tcp, packets, now);
}

/// Whether it is for the connection that `index` names, if there is one. Who has sent is often the
/// next to be sent something; so is the next in turn, where one comes after another. Then neither
/// hash nor table is asked.
bool Host::is_of(std::uint32_t index, const wire::IpHeader& ip, const wire::TcpHeader& header) {
  const ConnectionEntry* const entry = connections_.find(index);
  const bool its =
      entry != nullptr && entry->in_table && entry->flow.local.port == header.destination_port &&
      entry->flow.remote.port == header.source_port &&
      entry->flow.local.address == ip.destination && entry->flow.remote.address == ip.source &&
      entry->connection.state() != tcp::State::closed;
  if (its) remember_last(index, std::nullopt);
  return its;
}

/// For no connection: a record, a listener, or nobody.
void Host::to_record(Handle handle, const Flow& flow, std::uint32_t hash,
                     const wire::ParsedTcp& tcp, const Slice& packet, TimePoint now) {
  if (!handle) {
    to_listener(flow, hash, tcp, packet, now);
  } else if (handle.kind() == Handle::Kind::syn_rcvd) {
    to_syn_rcvd(handle.index(), tcp, packet, now);
  } else {
    to_time_wait(handle.index(), flow, tcp, packet, now);
  }
}

/// Most of what arrives are runs of segments that continue each other: one look at the connection
/// does for all of them. Nothing continues a segment without octets.
std::size_t Host::run_to_last(const wire::ParsedIp& ip, const wire::ParsedTcp& tcp,
                              std::span<const Slice> packets, TimePoint now) {
  Run run = run_of(tcp, packets[0]);
  if (packets.size() > 1 && run.payload > 0) {
    wire::Merger merger(packets[0].bytes(), ip, tcp, config_.verify_checksum);
    std::size_t count = 1;
    while (count < packets.size() && merger.takes(packets[count].bytes())) {
      if (trace_.on()) {
        const wire::Bytes segment =
            packets[count].bytes().last(packets[count].size() - merger.ip_size());
        trace_arrival(last_->flow, segment, segment.size() - merger.tcp_size(), now);
      }
      ++count;
    }
    counters_.tcp.in_segments += count - 1;
    run.packets = packets.first(count);
    run.payload = merger.payload();
  }
  to_connection(*last_, of_last_.index, tcp, run, now);
  return run.packets.size();
}

/// Puts what was accepted where it waits to be read; it stays in the packets it came in.
void Host::keep(ConnectionEntry& entry, const Run& run, const tcp::Effects& fx) {
  const CountsUnread counts(unread_, entry.in);
  if (run.packets.size() > 1) return keep_run(entry.in, run, fx, &pool_);
  const auto octets = static_cast<std::size_t>(fx.accepted.size());  // there may be padding behind
  entry.in.insert(fx.accepted.begin, run.packets[0].sub(run.payload_at + fx.accepted_from, octets),
                  &pool_);
}

/// The urgent octet lies aside, too, once it has come: it is there for who asks, even where the
/// stream around it is refused since nobody will read it.
void Host::keep_urgent(ConnectionEntry& entry, const wire::ParsedTcp& tcp, const Run& run,
                       tcp::Drop drop) {
  const tcp::Tcb& tcb = entry.connection.tcb();
  const CountsUnread counts(unread_, entry.in);
  entry.in.skip_to(tcb.rcv.read, &pool_);  // another one may have let the reader step over the last
  const bool waits = tcb.urgent->receive > 0 && tcb.urgent->octet == tcp::Urgent::kNotThere;
  const bool valid = drop == tcp::Drop::none || drop == tcp::Drop::unreadable;
  if (!waits || !valid) return;
  const Seq octet = tcb.irs + static_cast<std::uint32_t>(tcb.urgent->receive);
  std::int64_t at = distance(tcp.header.seq, octet);
  if (at < 0 || at >= static_cast<std::int64_t>(run.payload)) return;
  for (const Slice& packet : run.packets) {
    const auto held = static_cast<std::int64_t>(
        run.packets.size() == 1 ? run.payload : packet.size() - run.payload_at);
    if (at < held) {
      const std::byte found = packet.bytes()[run.payload_at + static_cast<std::size_t>(at)];
      entry.connection.keep_urgent(std::to_integer<std::int16_t>(found));
      return;
    }
    at -= held;
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

/// RFC 2883 §4: a first block that lies below the acknowledgment, or within the second, names what
/// came twice. There is nothing to do about it but to count it.
[[gnu::noinline]] void Host::count_duplicate_sack(const wire::TcpHeader& header) {
  const auto& first = header.options.sack[0];
  const auto& second = header.options.sack[1];
  if (before(first.left, header.ack)) {
    ++counters_.tcp.duplicate_sacks;
  } else if (header.options.sack_count > 1 && !before(first.left, second.left) &&
             !after(first.right, second.right)) {
    ++counters_.tcp.duplicate_sacks_beyond;
  }
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

void Host::to_connection(ConnectionEntry& entry, std::uint32_t index, const wire::ParsedTcp& tcp,
                         const Run& run, TimePoint now) {
  const auto size = static_cast<std::uint32_t>(run.payload);
  entry.segments_in += static_cast<std::uint32_t>(run.packets.size());
  entry.out.expect_release();
  if (size > 0 && !may_keep_more(entry)) return;
  const bool listened =
      !tcp.header.flags.has(wire::Flag::syn) || listener_for(entry.flow).has_value();
  const tcp::Tcb& tcb = entry.connection.tcb();
  const tcp::ChallengeBudget challenges = tcb.challenges;
  const bool recovers = tcb.recovery.phase() == tcp::Recovery::Phase::fast;
  const tcp::Effects fx = entry.connection.segment_arrives(tcp.header, size, now, listened);
  if (size == 0) count_without_octets(tcp.header, fx.drop, tcb, recovers);
  count_challenge(tcp.header, fx.drop, challenges, tcb.challenges, now);
  const bool sacks = tcp.header.options.sack_count > 0 && tcb.sack;
  if (sacks && fx.drop == tcp::Drop::none) [[unlikely]]
    count_duplicate_sack(tcp.header);
  if (!fx.accepted.empty()) {
    counters_.octets_in += static_cast<std::size_t>(fx.accepted.size());
    keep(entry, run, fx);
  }
  if (tcb.urgent) [[unlikely]]
    keep_urgent(entry, tcp, run, fx.drop);
  apply(entry, index, fx, now);
  const bool over = fx.taken_count > 0 && fx.transitions().back().event == tcp::Event::reuse;
  if (over) reuse(entry, index, tcp, run.packets[0], now);
}

/// RFC 6191: the SYN that ended TIME_WAIT belongs to a new connection.
void Host::reuse(ConnectionEntry& entry, std::uint32_t index, const wire::ParsedTcp& tcp,
                 const Slice& packet, TimePoint now) {
  const tcp::Tcb& tcb = entry.connection.tcb();
  const Flow flow = entry.flow;
  const Seq snd_nxt = tcb.iss + 1 + static_cast<std::uint32_t>(tcb.snd.max);
  remove_from_table(entry, index);
  to_listener(flow, hash(flow), tcp, packet, now, snd_nxt);
}

/// Where no more may wait to be accepted, the ACK counts as lost: the peer's next segment asks
/// again.
void Host::to_syn_rcvd(std::uint32_t index, const wire::ParsedTcp& tcp, const Slice& packet,
                       TimePoint now) {
  SynRcvdEntry& entry = syn_rcvd_[index];
  if (entry.listener == kNobody) {  // it has gone: perhaps another has its place
    const Flow flow = entry.flow;
    const std::uint32_t hash = entry.hash;
    give_syn_rcvd_up(index, now);
    return to_listener(flow, hash, tcp, packet, now);
  }
  const auto& settings = settings_of(entry);
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
    const std::uint32_t grown = grow(entry.record, entry.flow, owner, now);
    take_place(grown, index);
    has_grown(grown, tcp, packet, now);
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
std::uint32_t Host::grow(const tcp::SynRcvd& record, const Flow& flow, std::uint32_t owner,
                         TimePoint now) {
  ++counters_.tcp.passive_opens;
  const std::uint32_t grown = make_connection(flow, listeners_[owner].claim, [&] {
    return tcp::Connection(record, listeners_[owner].settings, now);
  });
  ConnectionEntry& entry = connections_[grown];
  entry.history.add({tcp::State::listen, tcp::Event::syn, tcp::State::syn_rcvd}, now);
  entry.listener = owner;
  return grown;
}

/// It takes the segment that made it grow, and its listener's owner learns of it.
void Host::has_grown(std::uint32_t index, const wire::ParsedTcp& tcp, const Slice& packet,
                     TimePoint now) {
  ConnectionEntry& entry = connections_[index];
  const std::uint32_t owner = entry.listener;
  listeners_[owner].accept_queue.push_back(index);
  if (listeners_[owner].shut_receiving) (void)entry.connection.discard_receive(now);
  if (listeners_[owner].shut_sending) (void)entry.connection.close(now, true);
  entry.segments_in = 1;  // the SYN
  to_connection(entry, index, tcp, run_of(tcp, packet), now);
  if (std::exchange(listeners_[owner].told, true)) return;
  tell(now).listener = {owner, listeners_.generation(owner)};
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
    wheel_.set_earlier(entry.timer, entry.record.next_deadline());
    mark({Handle::Kind::time_wait, index});
    return;
  }
  const Seq snd_nxt = entry.record.snd_nxt();
  const std::uint32_t hash = entry.hash;
  end_time_wait(index);
  if (fx.transitions().back().event == tcp::Event::reuse) {
    to_listener(flow, hash, tcp, packet, now, snd_nxt);
  }
}

/// No connection: a listener may make one; else §3.10.7.1. `beyond` is where the connection it
/// takes over from stood: its old segments must never fit into the new one (RFC 1122 4.2.2.13).
void Host::to_listener(const Flow& flow, std::uint32_t hash, const wire::ParsedTcp& tcp,
                       const Slice& packet, TimePoint now, std::optional<Seq> beyond) {
  const auto size = static_cast<std::uint32_t>(tcp.payload.size());
  const auto owner = listener_for(flow);
  if (!owner) {
    tcp::Effects fx;
    fx.drop = tcp::Drop::no_connection;
    note(flow, fx, now);
    reply_reset(flow, tcp::reset_for(tcp.header, size));
    return;
  }
  if (takes_cookie(*owner, flow, hash, tcp, packet, now)) return;
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
                      .place = static_cast<std::uint32_t>(listener.handshakes.size()),
                      .hash = hash});
  const Handle handle{Handle::Kind::syn_rcvd, index};
  syn_rcvd_[index].timer = wheel_.create(handle.packed());
  listener.handshakes.push_back(index);
  table_.insert(hash, handle);
  mark(handle);
}

}  // namespace lastack::host
