// What must hold for open sockets: in every state, for every call, and in the end.
#include <algorithm>
#include <optional>
#include <utility>

#include "explore/socket_side.hpp"
#include "explore/socket_world.hpp"

namespace lastack::explore {

using socket::Errno;
using socket::Fd;
using socket::OpenSocket;
using tcp::State;

namespace {

std::string at(const SocketSide& side) { return std::string(" at ") + "AB"[side.index]; }

bool waits(State state) {
  return state == State::syn_sent || state == State::syn_rcvd || state == State::established ||
         state == State::fin_wait_1 || state == State::fin_wait_2 || state == State::close_wait;
}

}  // namespace

SocketWorld::Before SocketWorld::before(const SocketSide& side, Kind kind) const {
  Before b;
  if (const OpenSocket* s = side.held()) {
    b.state = *side.sockets.state(side.copies.front());
    b.has_flow = s->has_flow();
    b.unread = b.has_flow && side.host->readable(s->flow()) > 0;
    b.linger_zero = s->resets_at_close();
  }
  const bool nothing_changes =
      kind == Kind::dup || kind == Kind::dup_listener || kind == Kind::shut_listener_wr ||
      kind == Kind::linger_zero || kind == Kind::linger_timed ||
      (kind == Kind::close && side.copies.size() > 1) ||
      (kind == Kind::close_listener && side.listeners.size() > 1);
  if (!nothing_changes) return b;
  Encoder out(b.form);
  encode_host(out, side);
  b.form.push_back(0);  // there is a form
  return b;
}

// --- what a call does

void SocketWorld::check_call(const SocketSide& side, Kind kind, const Before& before) {
  if (!before.form.empty()) {
    std::vector<std::uint8_t> form;
    Encoder out(form);
    encode_host(out, side);
    form.push_back(0);
    if (sent_ > 0 || form != before.form) {
      wrong(to_string(SocketAction{kind, side.index}) + " changes the connection, and must not");
    }
  }
  if (kind == Kind::close && side.copies.empty()) check_last_close(side, before);
  if (kind >= Kind::shut_rd && kind <= Kind::shut_rdwr) check_shutdown(side, kind, before);
  if (kind == Kind::disconnect && before.has_flow) {
    const State after = left_of(side, before);
    const bool stays = before.state == State::time_wait && after == State::time_wait;
    if (!stays && after != State::closed) wrong("connect() with AF_UNSPEC aborts nothing");
  }
}

/// What the connection of that moment has become. A handshake that came later, with an old SYN, is
/// none of it.
State SocketWorld::left_of(const SocketSide& side, const Before& before) {
  const State now = side.host->state_of(side.flow());
  const bool another = now == State::syn_rcvd && before.state != State::syn_rcvd;
  return another ? State::closed : now;
}

/// DESIGN's table: RST where octets are unread or SO_LINGER is 0, else FIN.
void SocketWorld::check_last_close(const SocketSide& side, const Before& before) {
  if (!before.has_flow) return;
  const State after = left_of(side, before);
  const bool resets = (before.unread || before.linger_zero) && before.state != State::time_wait;
  const bool never_began = before.state == State::closed || before.state == State::syn_sent;
  if (resets || never_began) {
    if (after != State::closed) wrong("the last close() leaves something where it has to reset");
    const bool told = resets && !never_began &&
                      (waits(before.state) || before.unread) && resets_ == 0;
    if (told) wrong("the last close() has to reset and sends no RST");
    return;
  }
  if (resets_ > 0) wrong("the last close() resets without a reason");
  State expected = before.state;
  if (before.state == State::established || before.state == State::syn_rcvd) {
    expected = State::fin_wait_1;
  }
  if (before.state == State::close_wait) expected = State::last_ack;
  if (after != expected) wrong("the last close() leads to a wrong state");
}

void SocketWorld::check_shutdown(const SocketSide& side, Kind kind, const Before& before) {
  const Fd fd = side.copies.front();
  State expected = before.state;
  if (before.state == State::syn_sent) expected = State::closed;
  if (kind != Kind::shut_rd) {
    if (before.state == State::established || before.state == State::syn_rcvd) {
      expected = State::fin_wait_1;
    }
    if (before.state == State::close_wait) expected = State::last_ack;
  }
  if (*side.sockets.state(fd) != expected) wrong("shutdown() leads to a wrong state");
  if (resets_ > 0) wrong("shutdown() resets");
  const bool discards = kind != Kind::shut_wr && !bounds_.linux_profile && waits(before.state);
  const OpenSocket* s = side.held();
  if (discards && s->has_flow() && side.host->readable(s->flow()) > 0) {
    wrong("shutdown() for reading discards nothing");
  }
}

/// A RST has come: what its holders are told depends on the state that it found.
void SocketWorld::check_reset(const SocketSide& side, const Before& before) {
  if (!before.has_flow || before.state == State::closed) return;
  const host::ConnectionEntry* entry = side.entry();
  if (entry == nullptr || entry->connection.state() != State::closed) return;
  Errno expected = Errno::econnreset;
  if (before.state == State::syn_sent || before.state == State::syn_rcvd) {
    expected = Errno::econnrefused;
  }
  if (before.state == State::close_wait) expected = Errno::epipe;  // as Linux has it
  SocketSide told(side);
  const auto error = told.sockets.take_error(told.copies.front());
  if (!error || *error != expected) wrong("a RST is not told as " + std::string(to_string(expected)));
}

// --- what holds in every state

/// Each connection and record has one place in the table, one timer, and somebody who answers for
/// it: a holder, a listener, or the count of orphans. Its port is taken as long as it is there.
void SocketWorld::check_books(SocketSide& side) {
  const host::Host& host = *side.host;
  const host::ConnectionEntry* ours = side.entry();
  const bool ended = ours != nullptr && ours->connection.state() == State::closed;
  std::size_t records = 0;
  std::size_t alive = 0;
  std::size_t orphans = 0;
  std::size_t unread = ours != nullptr ? ours->in.held() : 0;
  std::size_t unsent = ours != nullptr ? ours->out.size() : 0;
  bool port = side.held() != nullptr && side.held()->bound;
  host.each([&](const host::View& v) {
    if (v.state == State::listen) {
      port = true;
      return;
    }
    (v.entry != nullptr ? alive : records) += 1;
    port |= v.handshake == nullptr;
    if (v.entry == nullptr) return;
    if (v.entry != ours) {
      unread += v.entry->in.held();
      unsent += v.entry->out.size();
    }
    orphans += v.entry->orphan ? 1 : 0;
    if (v.entry->held != (v.entry == ours)) wrong("who holds a connection is not known" + at(side));
    const bool known = v.entry->held || v.entry->orphan || v.entry->listener != host::kNobody;
    if (!known) wrong("a connection belongs to nobody" + at(side));
    if (v.entry->orphan && v.entry->held) wrong("an orphan is held" + at(side));
  });
  if (const OpenSocket* l = side.held_listener()) port |= l->bound;
  if (host.flows() != alive + records) wrong("the table has another number of flows" + at(side));
  if (host.timers() != host.connections() + records) wrong("a timer too many or too few" + at(side));
  if (host.orphans() != orphans) wrong("orphans are counted wrong" + at(side));
  // One that has ended and waits for accept() stands in no row.
  const bool all = host.connections() == alive + (ended ? 1U : 0U);
  if (all && host.unread() != unread) wrong("unread octets are counted wrong" + at(side));
  if (all && unread + unsent == 0 && side.host->pool().in_use() > 0) wrong("a buffer is kept" + at(side));
  const auto bound = side.host->bind(side.place(), false);
  if (bound) side.host->unbind(*bound, false);
  if (bound && port) wrong("the port is free though it is in use" + at(side));
  if (!bound && !port) wrong("the port is taken by nobody" + at(side));
}

/// A descriptor more or less is counted, and all of them are answered alike.
void SocketWorld::check_holders(const SocketSide& side) {
  const std::size_t open = (side.copies.empty() ? 0U : 1U) + (side.listeners.empty() ? 0U : 1U);
  if (side.sockets.open_sockets() != open) wrong("open sockets are counted wrong" + at(side));
  for (const auto* all : {&side.copies, &side.listeners}) {
    for (const Fd fd : *all) {
      const auto references = side.sockets.references(fd);
      if (!references || *references != all->size()) wrong("references are counted wrong" + at(side));
      if (side.sockets.poll(fd) != side.sockets.poll(all->front())) {
        wrong("holders of one socket are told different things" + at(side));
      }
    }
  }
}

/// What one end knows of the other's FIN is true, as long as the other is there to be asked.
void SocketWorld::check_pair(const SocketSide& side) {
  const SocketSide& peer = peer_of(side);
  const State ours = side.host->state_of(side.flow());
  const State theirs = peer.host->state_of(peer.flow());
  const bool there = tcp::traits(theirs).synchronized;
  const bool fin_acked = ours == State::fin_wait_2 || ours == State::time_wait;
  if (there && tcp::traits(ours).fin_received && !tcp::traits(theirs).closing) {
    wrong("a FIN was received that nobody has sent" + at(side));
  }
  if (there && fin_acked && !tcp::traits(theirs).fin_received) {
    wrong("a FIN is acknowledged that nobody has received" + at(side));
  }
  if (tcp::traits(ours).synchronized && theirs == State::syn_sent && bounds_.opens[peer.index] < 2) {
    wrong("a handshake is over that the other end has only begun" + at(side));
  }
}

// --- what poll() promises

std::string SocketWorld::wrong_with_calls() {
  for (const auto& side : sides_) {
    if (std::string what = wrong_with_calls_of(*side); !what.empty()) return what + at(*side);
  }
  return {};
}

std::string SocketWorld::wrong_with_calls_of(SocketSide& side) {
  socket::Sockets& sockets = side.sockets;
  if (!side.listeners.empty()) {
    const Fd fd = side.listeners.back();
    const bool promised = (*sockets.poll(fd) & socket::kPollIn) != 0 &&
                          side.held_listener()->kind == OpenSocket::Kind::listening;
    const auto accepted = sockets.accept(fd);
    if (accepted.has_value() != promised) return "accept() does not do what poll() says";
  }
  if (side.copies.empty()) return {};
  const Fd fd = side.copies.back();
  const std::uint16_t bits = *sockets.poll(fd);
  const bool ended = (bits & (socket::kPollErr | socket::kPollHup)) != 0;
  std::array<std::byte, 1> octet{};
  const auto got = sockets.recv(fd, octet, side.now);
  const bool reads = (bits & socket::kPollIn) != 0 || ended;
  if (reads != (got || got.error() != Errno::eagain)) return "recv() does not do what poll() says";
  const bool shut = sockets.find(fd)->shut_write;
  const auto had_error = got || got.error() == Errno::eagain ? Errno::none : got.error();
  const auto sent = sockets.send(fd, octet, side.now);
  const bool writes = (bits & (socket::kPollOut | socket::kPollErr)) != 0;
  if (writes != (sent || sent.error() != Errno::eagain)) return "send() does not do what poll() says";
  if (shut && sent) return "send() goes on after SHUT_WR";
  const bool due = (bits & socket::kPollErr) != 0;
  if (due && had_error == Errno::none && (sent || sent.error() == Errno::none)) {
    return "an error is due and nobody is told";
  }
  const auto again = sockets.send(fd, octet, side.now);
  const bool begun = (bits & socket::kPollOut) != 0;  // no handshake is under way
  const bool over = begun && (shut || (ended && sockets.find(fd)->has_flow()));
  if (over && (again || again.error() != Errno::epipe)) return "a second send() is not EPIPE";
  if ((*sockets.poll(fd) & socket::kPollErr) != 0) return "an error is told twice";
  return {};
}

// --- in the end

std::string SocketWorld::wrong_when_quiet() {
  if (is_final()) {
    for (const auto& side : sides_) {
      if (std::string left = left_at(*side); !left.empty()) return left + at(*side);
    }
    return {};
  }
  for (const auto& side : sides_) {
    if (std::string what = waits_for_ever(*side); !what.empty()) return what + at(*side);
  }
  return {};
}

std::string SocketWorld::waits_for_ever(const SocketSide& side) const {
  std::string what;
  side.host->each([&](const host::View& v) {
    const bool handshake = v.state == State::syn_sent || v.state == State::syn_rcvd;
    if (handshake) what = "a handshake waits for ever";
    if (v.entry == nullptr) return;
    const tcp::Tcb& t = v.entry->connection.tcb();
    if (v.entry->orphan) what = "a connection that nobody holds stays for ever";
    if (t.snd.una < t.snd.end) what = "octets wait for ever";
    if (t.fin_queued && t.snd.una <= t.snd.end) what = "a FIN waits for ever";
  });
  return what;
}

std::string SocketWorld::left_at(SocketSide& side) {
  const host::Host& host = *side.host;
  if (side.sockets.open_sockets() != 0) return "an open socket is left";
  if (host.flows() != 0) return "a connection or record is left in the table";
  if (host.connections() != 0) return "a connection is left";
  if (host.orphans() != 0) return "an orphan is counted";
  if (host.timers() != 0) return "a timer is left";
  if (host.unread() != 0) return "octets are counted as unread";
  if (host.events() != 0) return "an event is left";
  bool any = false;
  host.each([&any](const host::View&) { any = true; });
  if (any) return "a row is left";
  side.out.clear();
  if (side.host->pool().in_use() != 0) return "a buffer is left";
  const auto bound = side.host->bind(side.place(), false);
  if (!bound) return "the port is not free";
  side.host->unbind(*bound, false);
  return {};
}

}  // namespace lastack::explore
