// A full SYN queue: handshakes that the peer keeps for us.
#include "host/host.hpp"

namespace lastack::host {

/// Answers a SYN with a SYN,ACK that nothing here remembers.
/// DEVIATES: RFC 1122 4.2.2.13 wants a number beyond the last connection's where the SYN took over
/// from TIME_WAIT; a cookie's can't be chosen.
void Host::send_cookie(std::uint32_t owner, const Flow& flow, const wire::TcpHeader& syn,
                       TimePoint now) {
  if (!may_reply()) return;
  ListenerEntry& listener = listeners_[owner];
  const tcp::Settings& settings = settings_of(listener.settings);
  tcp::Open how = how_to_open(flow, listener.settings, now);
  const bool stamped = settings.timestamps && syn.options.has(wire::TcpOptions::kTimestamps);
  wire::TcpHeader said = syn;
  said.options = SynCookies::kept(syn.options, stamped, how.default_mss);
  how.iss = cookies_.number(flow, syn.seq, said.options, now);
  auto step = listener.listener.segment_arrives(said, 0, how, now);
  auto syn_ack = step.child->transmit(settings, now);
  if (stamped) {
    auto& options = syn_ack->header.options;
    options.ts_val = SynCookies::stamp(options.ts_val, said.options);
  }
  reply(flow, *syn_ack);
  listener.cookies_until = now + 2 * SynCookies::kSlot;
  ++counters_.cookies_sent;
}

/// Whether a segment completes such a handshake. Asked only where one can be under way: else every
/// stray ACK would be a guess at a number.
bool Host::takes_cookie(std::uint32_t owner, const Flow& flow, std::uint32_t hash,
                        const wire::ParsedTcp& tcp, const Slice& packet, TimePoint now) {
  using wire::Flag;
  ListenerEntry& listener = listeners_[owner];
  const wire::Flags flags = tcp.header.flags;
  const bool may_be = flags.has(Flag::ack) && !flags.has(Flag::syn) && !flags.has(Flag::rst);
  if (!may_be || now >= listener.cookies_until) return false;
  const auto syn = cookies_.syn_of(flow, tcp.header, now);
  if (!syn) {
    ++counters_.cookies_failed;
    return false;
  }
  ++counters_.cookies_received;
  if (!may_wait_for(listener)) return true;
  tcp::Open how = how_to_open(flow, listener.settings, now);
  how.iss = tcp.header.ack - 1;
  auto step = listener.listener.segment_arrives(*syn, 0, how, now);
  note(flow, step.fx, now);
  step.child->syn_ack_due = false;
  step.child->sent = {};  // nobody remembers when: the round trip is not measured
  const std::uint32_t grown = grow(*step.child, flow, owner, now);
  enter_table(grown, hash);
  has_grown(grown, tcp, packet, now);
  return true;
}

}  // namespace lastack::host
