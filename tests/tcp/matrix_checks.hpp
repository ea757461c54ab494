// Compares what happened with a cell's words. A check returns what is wrong, or "".
#pragma once

#include <chrono>
#include <concepts>
#include <optional>
#include <string>

#include "tcp/rfc9293_transitions.hpp"
#include "tcp/world.hpp"

namespace lastack_test {

inline std::string story(const World& world, std::size_t reached) {
  std::string text = "\n  what happened:";
  for (std::size_t i = 0; i < world.steps.size(); ++i) {
    if (i == reached) text += "\n    ---- the event:";
    text += "\n    " + world.steps[i];
  }
  return text;
}

/// Whether `out` is what the timer of a "not armed" cell would have done.
inline bool is_doing_of(const std::string& timer, const Outcome& out) {
  const auto sent = [&](tcp::Why why) {
    return std::ranges::any_of(out.sent, [why](const Outgoing& o) { return o.why == why; });
  };
  const auto took = [&](tcp::Event event) {
    return std::ranges::any_of(out.fx.transitions(),
                               [event](const tcp::Transition& t) { return t.event == event; });
  };
  if (timer == "timer retransmission") return sent(tcp::Why::timeout);
  if (timer == "timer persist") return sent(tcp::Why::probe);
  if (timer == "timer delayed ack") return sent(tcp::Why::acknowledgment);
  if (timer.starts_with("timer keepalive")) return sent(tcp::Why::keepalive);
  if (timer == "timer user timeout") return took(tcp::Event::gave_up);
  if (timer == "timer orphan") return took(tcp::Event::orphan_timeout);
  if (timer == "timer 2MSL") return took(tcp::Event::time_wait_over);
  return true;  // a timer this file does not know
}

/// Whether the value that holds the state offers a call at all. Orphans are connections: theirs is
/// that nobody has them.
inline bool has_user_door(const World& world, const std::string& event) {
  return std::visit(
      [&]<typename T>(const T& value) {
        if constexpr (std::same_as<T, Connection>) {
          if (value.tcb().orphan) return false;
        }
        const TimePoint t{};
        const bool text = requires(T v) { v.send(1U, t); } || requires(T v) { v.receive(1U, t); };
        const bool ends = requires(T v) { v.close(t); } || requires(T v) { v.orphan(t); } ||
                          requires(T v) { v.discard_receive(t); };
        if (event == "passive open") return requires(T v) { v.open(); };
        if (event == "active open") return requires(T v, tcp::Open o) { v.open(o, t); };
        if (event == "ICMP hard") return requires(T v, tcp::IcmpError i) { v.icmp_arrives(i, t); };
        return event == "send" || event == "receive" ? text : ends;
      },
      world.self);
}

/// Every change of state is a row of the hand-typed table, and they make one path.
inline std::string check_rows(State from, const Outcome& out, State to) {
  State at = from;
  for (const auto& [before, event, after] : out.fx.transitions()) {
    if (before != at) return "transitions do not make a path";
    const bool known = std::ranges::any_of(rfc9293::kTransitions, [&](const rfc9293::Row& row) {
      return rfc9293::name(row.from) == tcp::to_string(before) &&
             row.event == tcp::to_string(event) && rfc9293::name(row.to) == tcp::to_string(after);
    });
    if (!known) return "no row of RFC 9293: " + std::string(tcp::to_string(event));
    at = after;
  }
  const bool child = from == State::listen && at == State::syn_rcvd;  // the listener stays
  return at == to || child ? "" : "the state changed without a row";
}

namespace reply {

inline bool is_ack(const World& w, const Outgoing& o) {
  return o.header.flags == Flags(Flag::ack) && o.payload.empty() && o.header.seq == w.snd_nxt() &&
         o.header.ack == w.rcv_nxt();
}

/// The one segment of `out`, if it is what `kind` says.
inline bool is_segment(const std::string& kind, const World& w, const Outgoing& o) {
  const auto& h = o.header;
  const Seq first = w.iss + 1;  // of data, or of the FIN: nothing was sent before
  if (kind == "ACK" || kind == "challenge") return is_ack(w, o);
  if (kind == "SYN") return h.flags == Flags(Flag::syn) && h.seq == w.iss;
  const bool acks = h.flags.has(Flag::ack) && h.ack == w.rcv_nxt();
  if (kind == "SYN+ACK") return h.flags == (Flag::syn | Flag::ack) && h.seq == w.iss && acks;
  if (kind == "FIN") {
    return acks && h.flags == (Flag::fin | Flag::ack) && h.seq == first && o.payload.empty();
  }
  if (kind == "data") return acks && h.seq == first && o.payload == Range{0, 100};
  if (kind == "probe" && o.why == tcp::Why::keepalive) {
    return acks && h.seq == w.snd_nxt() - 1 && o.payload.empty();
  }
  if (kind == "probe") return acks && h.seq == first && o.payload.size() <= 1;
  return false;
}

inline std::string reset(const std::string& wanted, const World& before, const Outcome& out,
                         const std::optional<Segment>& segment) {
  const auto& rst = out.fx.reset;
  if (!rst.wanted) return "no RST";
  if (!out.sent.empty()) return "a segment beside the RST";
  if (wanted == "RST seq=SND.NXT") {
    return rst.seq == before.snd_nxt() ? "" : "RST not at SND.NXT";
  }
  if (!segment) return "a RST of this kind answers a segment";
  if (wanted == "RST seq=SEG.ACK") {
    return !rst.with_ack && rst.seq == segment->ack ? "" : "RST not at SEG.ACK, or with ACK";
  }
  const std::uint32_t octets = segment->payload + (segment->flags.has(Flag::syn) ? 1 : 0) +
                               (segment->flags.has(Flag::fin) ? 1 : 0);
  const bool right = rst.with_ack && rst.seq == Seq(0) && rst.ack == segment->seq + octets;
  return right ? "" : "RST not <SEQ=0><ACK=SEG.SEQ+SEG.LEN>";
}

/// An ACK that is owed: it comes within half a second (MUST-59).
inline std::string later(World world, const Outcome& out) {
  if (!out.sent.empty()) return "sent at once";
  const TimePoint start = world.now;
  const Outcome ack = world.expire();
  if (world.now - start > 500ms) return "the ACK is late";
  return ack.sent.size() == 1 && is_ack(world, ack.sent[0]) ? "" : "no ACK when its time came";
}

}  // namespace reply

inline std::string check_reply(const std::string& wanted, const World& world, const World& before,
                               const Outcome& out, const std::optional<Segment>& segment) {
  if (wanted.starts_with("RST")) return reply::reset(wanted, before, out, segment);
  if (out.fx.reset.wanted) return "a RST";
  if (wanted == "ACK later") return reply::later(world, out);
  if (wanted == "none") return out.sent.empty() ? "" : "an answer";
  if (out.sent.size() != 1) return std::to_string(out.sent.size()) + " segments";
  return reply::is_segment(wanted, world, out.sent[0]) ? "" : "not " + wanted;
}

/// The TCB without what an ignored segment may leave behind: one challenge ACK more is counted,
/// keepalive knows when the peer was last heard, and the window (compared) comes from a later
/// segment.
inline tcp::Tcb canonical(const Connection& connection) {
  tcp::Tcb tcb = connection.tcb();
  tcb.challenges = {};
  tcb.heard = {};
  tcb.snd.wl1 = tcb.snd.wl2 = Seq(0);
  return tcb;
}

inline bool unchanged(const World& world, const World& before) {
  if (world.self.index() != before.self.index()) return false;
  if (const auto* c = std::get_if<Connection>(&world.self)) {
    return canonical(*c) == canonical(before.connection());
  }
  if (const auto* record = std::get_if<SynRcvd>(&world.self)) {
    SynRcvd a = *record;
    SynRcvd b = std::get<SynRcvd>(before.self);
    a.challenges = b.challenges = {};
    return a == b;
  }
  if (const auto* wait = std::get_if<TimeWait>(&world.self)) {
    const auto& b = std::get<TimeWait>(before.self);  // its challenge count is nobody's to see
    return wait->state() == b.state() && wait->next_deadline() == b.next_deadline() &&
           wait->snd_nxt() == b.snd_nxt();
  }
  return std::get<Listener>(world.self) == std::get<Listener>(before.self);
}

/// The same but for the count of duplicate ACKs.
inline bool only_counted(const World& world, const World& before) {
  tcp::Tcb a = canonical(world.connection());
  tcp::Tcb b = canonical(before.connection());
  const bool one_more = a.recovery.duplicates() == b.recovery.duplicates() + 1;
  a.recovery = b.recovery;
  return one_more && a == b;
}

/// The same but for a soft error.
inline bool only_remembered(const World& world, const World& before) {
  tcp::Tcb a = canonical(world.connection());
  const bool told = a.error == tcp::Error::refused;
  a.error = tcp::Error::none;
  return told && a == canonical(before.connection());
}

inline std::optional<tcp::Error> error_of(const std::string& name) {
  if (name == "ECONNREFUSED") return tcp::Error::refused;
  if (name == "ECONNRESET") return tcp::Error::reset;
  if (name == "ETIMEDOUT") return tcp::Error::timed_out;
  if (name == "EPIPE") return tcp::Error::closing;
  if (name == "ENOTCONN") return tcp::Error::not_open;
  if (name == "EISCONN" || name == "EALREADY") return tcp::Error::exists;
  return std::nullopt;
}

inline std::string check_error(const std::string& name, const World& world, const World& before,
                               const Outcome& out) {
  const auto wanted = error_of(name);
  if (!wanted) return "unknown error " + name;
  const bool call_failed = *wanted == tcp::Error::closing || *wanted == tcp::Error::not_open ||
                           *wanted == tcp::Error::exists;
  if (call_failed) {
    if (out.refused != wanted) return "the call was not refused with " + name;
    return unchanged(world, before) ? "" : "the refused call changed something";
  }
  const bool told = out.fx.error == *wanted && (out.fx.ready & tcp::kFailed) != 0;
  return told ? "" : "the user is not told " + name;
}

/// delivers N, keeps N, reads N, discards N, queues N, sends N.
inline std::string check_octets(const std::string& verb, Offset octets, const World& world,
                                const World& before, const Outcome& out) {
  const auto& fx = out.fx;
  const auto& now = world.connection().tcb();
  if (verb == "delivers") {
    const bool right = fx.accepted.size() == octets && fx.readable == fx.accepted &&
                       now.rcv.nxt == fx.accepted.end && (fx.ready & tcp::kReadable) != 0;
    return right ? "" : "took " + std::to_string(fx.accepted.size());
  }
  if (verb == "keeps") {
    const bool right = fx.accepted.size() == octets && fx.readable.empty() &&
                       fx.accepted.begin == now.rcv.nxt + 200 && now.out_of_order;
    return right ? "" : "kept " + std::to_string(fx.accepted.size());
  }
  if (verb == "reads" || verb == "discards") {
    const Offset unread = before.connection().unread();
    const bool right = unread == octets && world.connection().unread() == 0 &&
                       now.discarding == (verb == "discards");
    return right ? "" : "unread before: " + std::to_string(unread);
  }
  if (verb == "queues" || verb == "sends") {
    const Offset gone_out = verb == "sends" ? octets : 0;
    return now.snd.end == octets && now.snd.nxt == gone_out ? "" : "not queued, or not sent";
  }
  return "unknown effect " + verb;
}

/// The single words.
inline std::string check_word(const std::string& word, const World& world, const World& before,
                              const Outcome& out) {
  const auto when = [](bool right, const char* wrong) { return right ? "" : wrong; };
  const auto ready = [&](std::uint8_t bits) { return (out.fx.ready & bits) == bits; };
  if (word == "eof") return when(ready(tcp::kPeerClosed | tcp::kReadable), "no end of stream");
  if (word == "dupack") return when(only_counted(world, before), "more than a count changed");
  if (word == "remembers") return when(only_remembered(world, before), "not just remembered");
  if (word == "keeps FIN") {
    const auto& rcv = world.connection().tcb().rcv;
    return when(rcv.nxt == before.connection().tcb().rcv.nxt && rcv.fin == rcv.nxt + 200 &&
                    out.fx.ready == 0,
                "the FIN is not held, or was taken");
  }
  if (word == "orphaned") return when(world.connection().tcb().orphan, "no orphan");
  if (word == "established") return when(ready(tcp::kConnected), "not told that it is open");
  if (word == "fin acked") {
    return when(world.snd_una() == world.iss + 2, "SND.UNA is not behind the FIN");
  }
  if (word == "restarts 2MSL") {
    return when(world.deadline() == world.now + 60s && before.deadline() == before.now + 50s,
                "2 MSL was not restarted");
  }
  if (word == "again") return when(world.deadline() > world.now, "no timer for the next one");
  if (word == "opens" || word == "acked") return "";  // state and reply say it all
  if (word == "child") {
    return when(world.state() == State::syn_rcvd || world.child.has_value(), "no child");
  }
  if (word == "reuse") {
    const auto rows = out.fx.transitions();
    return when(rows.size() == 1 && rows[0].event == tcp::Event::reuse, "not by reuse");
  }
  if (word == "gone") {
    return when(world.deadline() == kNever, "a timer still runs");
  }
  if (word == "no unread") return "";  // as close, which has its own cell
  return "unknown effect " + word;
}

inline std::string check_effect(const std::string& effect, const World& world, const World& before,
                                const Outcome& out) {
  if (effect == "ignored") return unchanged(world, before) ? "" : "something changed";
  const std::size_t space = effect.rfind(' ');
  if (effect.starts_with("error ")) {
    return check_error(effect.substr(space + 1), world, before, out);
  }
  if (effect == "delivers RCV.WND") {
    return check_octets("delivers", before.rcv_wnd(), world, before, out);
  }
  const bool number = space != std::string::npos &&
                      effect.find_first_not_of("0123456789", space + 1) == std::string::npos;
  if (number) {
    return check_octets(effect.substr(0, space), std::stoll(effect.substr(space + 1)), world,
                        before, out);
  }
  return check_word(effect, world, before, out);
}

}  // namespace lastack_test
