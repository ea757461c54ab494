// What must hold for open sockets: in every state, for every call, and in the end.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "explore/socket_side.hpp"
#include "socket/tcp_info.hpp"

namespace lastack::explore {

using socket::Errno;
using socket::Fd;
using socket::OpenSocket;
using tcp::State;

namespace {

bool waits(State state) {
  return state == State::syn_sent || state == State::syn_rcvd || state == State::established ||
         state == State::fin_wait_1 || state == State::fin_wait_2 || state == State::close_wait;
}

}  // namespace

SocketSide::Before SocketSide::before(Kind kind) const {
  Before b;
  if (const OpenSocket* s = held()) {
    b.state = *sockets_.state(copies_.front());
    b.has_flow = s->has_flow();
    b.unread = b.has_flow && host_->readable(s->flow()) > 0;
    b.linger_zero = s->resets_at_close();
    const host::ConnectionEntry* ours = entry();
    b.no_fin_wait = ours != nullptr && ours->connection.settings().fin_timeout < Duration(0);
  }
  const bool nothing_changes = kind == Kind::dup || kind == Kind::dup_listener ||
                               kind == Kind::shut_listener_wr || kind == Kind::linger_zero ||
                               kind == Kind::linger_timed ||
                               (kind == Kind::close && copies_.size() > 1) ||
                               (kind == Kind::close_listener && listeners_.size() > 1);
  if (!nothing_changes) return b;
  Encoder out(b.form);
  encode_host(out);
  b.form.push_back(0);  // there is a form
  return b;
}

// --- what a call does

void SocketSide::check_call(Kind kind, const Before& before) {
  if (!before.form.empty()) {
    std::vector<std::uint8_t> form;
    Encoder out(form);
    encode_host(out);
    form.push_back(0);
    if (!sent_.empty() || form != before.form) {
      wrong(to_string(kind) + " changes the connection, and must not");
    }
  }
  if (kind >= Kind::quick_acks && kind <= Kind::defer_no_more) check_option(kind, before);
  if (kind == Kind::close && copies_.empty()) check_last_close(before);
  if (kind >= Kind::shut_rd && kind <= Kind::shut_rdwr) check_shutdown(kind, before);
  if (kind == Kind::disconnect && before.has_flow) {
    const State after = left_of(before);
    const bool stays = before.state == State::time_wait && after == State::time_wait;
    if (!stays && after != State::closed) wrong("connect() with AF_UNSPEC aborts nothing");
  }
}

/// It says how things go on from here, and does nothing by itself; more room is offered at once.
void SocketSide::check_option(Kind kind, const Before& before) {
  const State now = held() != nullptr ? *sockets_.state(copies_.front()) : State::closed;
  const bool offers = kind == Kind::receive_room && bounds_->window < kLeastReceiveBuffer;
  if (now != before.state || (!sent_.empty() && !offers)) {
    wrong(to_string(kind) + " does something at once");
  }
}

/// What the connection of that moment has become. A handshake that came later, with an old SYN, is
/// none of it.
State SocketSide::left_of(const Before& before) const {
  if (before.state == State::closed) return State::closed;
  const State now = host_->state_of(flow());
  const bool another = now == State::syn_rcvd && before.state != State::syn_rcvd;
  return another ? State::closed : now;
}

/// DESIGN's table: RST where octets are unread or SO_LINGER is 0, else FIN.
void SocketSide::check_last_close(const Before& before) {
  if (!before.has_flow) return;
  const State after = left_of(before);
  const bool resets = (before.unread || before.linger_zero) && before.state != State::time_wait;
  const bool never_began = before.state == State::closed || before.state == State::syn_sent;
  if (before.no_fin_wait && before.state == State::fin_wait_2) {
    if (after != State::closed || resets_ == 0) wrong("TCP_LINGER2 below 0 waits for a FIN");
    return;
  }
  if (resets || never_began) {
    if (after != State::closed) wrong("the last close() leaves something where it has to reset");
    const bool told =
        resets && !never_began && (waits(before.state) || before.unread) && resets_ == 0;
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

void SocketSide::check_shutdown(Kind kind, const Before& before) {
  const Fd fd = copies_.front();
  State expected = before.state;
  if (before.state == State::syn_sent) expected = State::closed;
  if (kind != Kind::shut_rd) {
    if (before.state == State::established) {  // in SYN_RCVD it waits for the handshake
      expected = State::fin_wait_1;
    }
    if (before.state == State::close_wait) expected = State::last_ack;
  }
  if (*sockets_.state(fd) != expected) wrong("shutdown() leads to a wrong state");
  if (resets_ > 0) wrong("shutdown() resets");
  const bool discards = kind != Kind::shut_wr && !bounds_->linux_profile && waits(before.state);
  const OpenSocket* s = held();
  if (discards && s->has_flow() && host_->readable(s->flow()) > 0) {
    wrong("shutdown() for reading discards nothing");
  }
}

/// A RST has come: what its holders are told depends on the state that it found.
void SocketSide::check_reset(const Before& before) {
  // To its holders TIME_WAIT is over.
  const bool over = before.state == State::closed || before.state == State::time_wait;
  if (!before.has_flow || over) return;
  const host::ConnectionEntry* ours = entry();
  if (ours == nullptr || ours->connection.state() != State::closed) return;
  Errno expected = Errno::econnreset;
  if (before.state == State::syn_sent) expected = Errno::econnrefused;
  if (before.state == State::close_wait) expected = Errno::epipe;  // as Linux has it
  SocketSide told(*this);
  const auto error = told.sockets_.take_error(told.copies_.front());
  if (!error || *error != expected)
    wrong("a RST is not told as " + std::string(to_string(expected)));
}

// --- what holds in every state

/// Each connection and record has one place in the table, one timer, and somebody who answers for
/// it: a holder, a listener, or the count of orphans. Its port is taken as long as it is there.
void SocketSide::check_books() {
  const host::Host& host = *host_;
  const host::ConnectionEntry* ours = entry();
  const bool ended = ours != nullptr && ours->connection.state() == State::closed;
  std::size_t records = 0;
  std::size_t alive = 0;
  std::size_t uses = 0;
  std::size_t orphans = 0;
  std::size_t unread = ours != nullptr ? ours->in.held() : 0;
  std::size_t unsent = ours != nullptr ? ours->out.size() : 0;
  bool port = held() != nullptr && held()->bound;
  host.each([&](const host::View& v) {
    if (v.state == State::listen) {
      port = true;
      return;
    }
    (v.entry != nullptr ? alive : records) += 1;
    port |= v.handshake == nullptr;
    uses += v.handshake == nullptr ? 1 : 0;
    if (v.entry == nullptr) return;
    if (v.entry != ours) {
      unread += v.entry->in.held();
      unsent += v.entry->out.size();
    }
    orphans += v.entry->orphan ? 1 : 0;
    const tcp::SendVariables& snd = v.entry->connection.tcb().snd;
    const Offset out = snd.end - std::clamp<Offset>(snd.una, 0, snd.end);
    if (out < static_cast<Offset>(v.entry->out.size())) {
      wrong("octets are kept that were acknowledged");
    }
    if (v.entry->held != (v.entry == ours)) wrong("who holds a connection is not known");
    const bool known = v.entry->held || v.entry->orphan || v.entry->listener != host::kNobody;
    if (!known) wrong("a connection belongs to nobody");
    if (v.entry->orphan && v.entry->held) wrong("an orphan is held");
  });
  if (const OpenSocket* l = held_listener()) port |= l->bound;
  if (host.flows() != alive + records) wrong("the table has another number of flows");
  if (host.timers() != host.connections() + records) wrong("a timer too many or too few");
  if (host.uses_of(place().port) != uses) wrong("the uses of the port are counted wrong");
  if (host.orphans() != orphans) wrong("orphans are counted wrong");
  // One that has ended and waits for accept() stands in no row.
  const bool all = host.connections() == alive + (ended ? 1U : 0U);
  if (all && host.unread() != unread) wrong("unread octets are counted wrong");
  if (all && unread + unsent == 0 && host_->pool().in_use() > 0) wrong("a buffer is kept");
  port |= !others_.empty();
  const auto bound = host_->bind(place(), {});
  if (bound) host_->unbind(*bound, {});
  if (bound && port) wrong("the port is free though it is in use");
  if (!bound && !port) wrong("the port is taken by nobody");
}

/// A descriptor more or less is counted, and all of them are answered alike.
void SocketSide::check_holders() {
  const std::size_t open =
      (copies_.empty() ? 0U : 1U) + (listeners_.empty() ? 0U : 1U) + (others_.empty() ? 0U : 1U);
  if (sockets_.open_sockets() != open) wrong("open sockets are counted wrong");
  for (const auto* all : {&copies_, &listeners_}) {
    for (const Fd fd : *all) {
      const auto references = sockets_.references(fd);
      if (!references || *references != all->size()) wrong("references are counted wrong");
      if (sockets_.poll(fd) != sockets_.poll(all->front())) {
        wrong("holders of one socket are told different things");
      }
    }
  }
}

// --- what poll() promises

/// Bits, names, counts and TCP_INFO are of one and the same state.
std::string SocketSide::wrong_with_answers() {
  if (copies_.empty()) return {};
  const Fd fd = copies_.front();
  const State state = *sockets_.state(fd);
  const host::ConnectionEntry* ours = entry();
  const State expected = state == State::time_wait ? State::closed : state;  // to its holders
  socket::TcpInfo info{};
  (void)sockets_.get_option(fd, socket::kSolTcp, socket::kTcpInfo,
                            std::as_writable_bytes(std::span(&info, 1)), now_);
  if (info.state != socket::linux_number(expected)) return "TCP_INFO has another state";
  const auto name = sockets_.local_name(fd);
  const bool is_named = held()->bound || (ours != nullptr && state != State::closed);
  if (is_named && name != place()) return "getsockname() has another name";
  const auto peer = sockets_.peer_name(fd);
  const bool talks = waits(state) || tcp::traits(state).closing;
  const bool known = talks && state != State::syn_sent && state != State::time_wait;
  if (peer.has_value() != known) return "getpeername() knows nobody, or must not";
  if (peer && *peer != flow().remote) return "getpeername() has another name";
  const auto out = static_cast<std::size_t>(sockets_.ioctl(fd, socket::kSiocOutq).value_or(0));
  const std::size_t kept =
      ours != nullptr && known && state != State::syn_rcvd ? ours->out.size() : 0;
  if (out < kept) return "SIOCOUTQ leaves octets out";
  const bool due = (*sockets_.poll(fd) & socket::kPollErr) != 0;
  const auto error = sockets_.take_error(fd);
  if (error->has_value() != due) return "SO_ERROR and POLLERR do not say the same";
  if ((*sockets_.poll(fd) & socket::kPollErr) != 0) return "SO_ERROR tells an error twice";
  return {};
}

std::string SocketSide::wrong_with_calls() {
  if (!listeners_.empty()) {
    const Fd fd = listeners_.back();
    const bool promised = (*sockets_.poll(fd) & socket::kPollIn) != 0 &&
                          held_listener()->kind == OpenSocket::Kind::listening;
    const auto accepted = sockets_.accept(fd);
    if (accepted.has_value() != promised) return "accept() does not do what poll() says";
  }
  if (copies_.empty()) return {};
  const Fd fd = copies_.back();
  const std::uint16_t bits = *sockets_.poll(fd);
  const bool ended = (bits & (socket::kPollErr | socket::kPollHup)) != 0;
  std::array<std::byte, 1> octet{};
  std::array<std::byte, 1> ahead{};
  const int counted = sockets_.ioctl(fd, socket::kSiocInq).value_or(0);
  const auto peeked = sockets_.recv(fd, ahead, now_, socket::kMsgPeek);
  if (sockets_.ioctl(fd, socket::kSiocInq).value_or(0) != counted) return "MSG_PEEK takes octets";
  const bool lies = peeked && *peeked > 0;
  const bool at_mark = sockets_.ioctl(fd, socket::kSiocAtMark).value_or(0) == 1;  // SIOCINQ's end
  const int low = *sockets_.get_option(fd, socket::kSolSocket, socket::kSoRcvLowAt, now_);
  const bool enough =
      counted == 0 || counted >= low;  // who asks for more may have these all the same
  const bool marked = *sockets_.get_option(fd, socket::kSolTcp, socket::kTcpNotSentLowAt, now_) > 0;
  if (lies != (counted > 0) && !at_mark) return "MSG_PEEK and SIOCINQ do not say the same";
  const bool told = !peeked && peeked.error() != Errno::eagain;  // who looks ahead hears it, too
  const auto got = told ? peeked : sockets_.recv(fd, octet, now_, lies ? socket::kMsgWaitAll : 0);
  if (lies && (!got || octet != ahead)) return "MSG_PEEK saw another octet";
  const bool reads = (bits & socket::kPollIn) != 0 || ended;
  if ((reads || !enough) != (got || got.error() != Errno::eagain))
    return "recv() does not do what poll() says";
  const bool shut = sockets_.find(fd)->shut_write;
  const auto had_error = got || got.error() == Errno::eagain ? Errno::none : got.error();
  const auto sent = sockets_.send(fd, octet, now_);
  const bool writes = (bits & (socket::kPollOut | socket::kPollErr)) != 0;
  if ((!marked || writes) && writes != (sent || sent.error() != Errno::eagain))
    return "send() does not do what poll() says";
  if (shut && sent) return "send() goes on after SHUT_WR";
  const bool due = (bits & socket::kPollErr) != 0;
  if (due && had_error == Errno::none && (sent || sent.error() == Errno::none)) {
    return "an error is due and nobody is told";
  }
  const auto again = sockets_.send(fd, octet, now_);
  const bool begun = (bits & socket::kPollOut) != 0;  // no handshake is under way
  const bool over = begun && (shut || (ended && sockets_.find(fd)->has_flow()));
  if (over && (again || again.error() != Errno::epipe)) return "a second send() is not EPIPE";
  if ((*sockets_.poll(fd) & socket::kPollErr) != 0) return "an error is told twice";
  return {};
}

// --- in the end

std::string SocketSide::waits_for_ever() const {
  std::string what;
  host_->each([&](const host::View& v) {
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

std::string SocketSide::left() {
  const host::Host& host = *host_;
  if (sockets_.open_sockets() != 0) return "an open socket is left";
  if (host.flows() != 0) return "a connection or record is left in the table";
  if (host.connections() != 0) return "a connection is left";
  if (host.orphans() != 0) return "an orphan is counted";
  if (host.timers() != 0) return "a timer is left";
  if (host.unread() != 0) return "octets are counted as unread";
  if (host.events() != 0) return "an event is left";
  bool any = false;
  host.each([&any](const host::View&) { any = true; });
  if (any) return "a row is left";
  out_.clear();
  if (host_->pool().in_use() != 0) return "a buffer is left";
  const auto bound = host_->bind(place(), {});
  if (!bound) return "the port is not free";
  host_->unbind(*bound, {});
  return {};
}

}  // namespace lastack::explore
