#include "fuzz/user.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "fuzz/content.hpp"
#include "fuzz/must.hpp"

namespace lastack::fuzz {

using socket::Errno;
using socket::Fd;

namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Call::count)> kNames{
    "socket",    "bind",       "listen",   "accept",    "connect",    "send",        "send_urgent",
    "recv",      "peek",       "shutdown", "dup",       "close",      "linger_zero", "no_delay",
    "keepalive", "take_error", "poll",     "listen_at", "connect_to", "drain"};

template <typename T>
void show(std::string_view call, Fd fd, const socket::Result<T>& answer) {
  if (!shows()) return;
  const std::string_view what = answer ? "fine" : to_string(answer.error());
  std::fprintf(stderr, "  %s(%d) = %s", call.data(), fd, what.data());
  if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    if (answer) std::fprintf(stderr, " %lld", static_cast<long long>(*answer));
  }
  std::fputc('\n', stderr);
}

bool is(const auto& answer, Errno error) { return !answer && answer.error() == error; }

}  // namespace

// --- the ledger

void Ledger::sent(Seq iss, Offset upto) { sent_[iss.raw()] = upto; }

void Ledger::ended(Seq iss, Offset read) const {
  const auto at = sent_.find(iss.raw());
  must(read == (at == sent_.end() ? 0 : at->second), "the end of a stream before all was read");
}

// --- descriptors

/// One of those that are open, or now and then one that is not.
Fd User::choose(std::uint8_t which) const {
  const std::size_t i = which % (descriptors_.size() + 1);
  return i < descriptors_.size() ? descriptors_[i] : Fd{which} - 100;
}

const host::Endpoint& User::local(std::uint8_t which) const {
  return places_.local[which % places_.local.size()];
}

const host::Endpoint& User::remote(std::uint8_t which) const {
  return places_.remote[which % places_.remote.size()];
}

const tcp::Tcb* User::tcb(Fd fd) const {
  const socket::OpenSocket* s = sockets_.find(fd);
  if (s == nullptr || !s->has_flow()) return nullptr;
  return &sockets_.host().connection(s->flow())->tcb();
}

User::Reading* User::reading(Fd fd) {
  const socket::OpenSocket* s = sockets_.find(fd);
  return s == nullptr || !s->has_flow() ? nullptr : &readings_[{s->index, s->generation}];
}

void User::opened(const socket::Result<Fd>& fd) {
  if (!fd) return;
  must(std::ranges::find(descriptors_, *fd) == descriptors_.end(), "a descriptor given out twice");
  must(*fd <= static_cast<Fd>(descriptors_.size()), "not the lowest descriptor");
  descriptors_.push_back(*fd);
  // Each octet is compared with what was sent, urgent ones too (RFC 6093 §4).
  (void)sockets_.set_option(*fd, socket::kSolSocket, socket::kSoOobInline, 1, TimePoint{});
}

void User::call(Call call, const Step& step, TimePoint now) {
  const Fd fd = choose(step[1]);
  const std::uint8_t argument = step[2];
  const bool full = descriptors_.size() >= kMostDescriptors;
  switch (call) {
    case Call::socket:
      if (!full) opened(sockets_.socket());
      break;
    case Call::accept: {
      const auto accepted = full ? std::unexpected(Errno::emfile) : sockets_.accept(fd);
      show("accept", fd, accepted);
      opened(accepted);
      break;
    }
    case Call::dup:
      if (!full) opened(sockets_.dup(fd));
      break;
    case Call::bind: show("bind", fd, sockets_.bind(fd, local(argument))); break;
    case Call::listen:
      show("listen", fd, sockets_.listen(fd, argument % (kMostBacklog + 1), now));
      break;
    case Call::listen_at: {
      if (full) break;
      const auto fresh = sockets_.socket();
      opened(fresh);
      (void)sockets_.bind(*fresh, local(step[1]));
      show("listen", *fresh, sockets_.listen(*fresh, argument % (kMostBacklog + 1), now));
      break;
    }
    case Call::connect: connect(fd, argument, now); break;
    case Call::connect_to: {
      if (full) break;
      const auto fresh = sockets_.socket();
      opened(fresh);
      connect(*fresh, step[1], now);
      break;
    }
    case Call::send:
    case Call::send_urgent: send(fd, step.amount(), call == Call::send_urgent, now); break;
    case Call::recv:
    case Call::peek: receive(fd, step.amount(), call == Call::peek, now); break;
    case Call::drain:
      while (receive(fd, 65536, false, now) > 0) {
      }
      break;
    case Call::shutdown: shutdown(fd, argument, now); break;
    case Call::close: close(fd, now); break;
    case Call::poll: poll(fd); break;
    default: options(call, fd, argument % 2 != 0, now);
  }
}

void User::options(Call call, Fd fd, bool on, TimePoint now) {
  const std::string_view name = kNames[static_cast<std::size_t>(call)];
  switch (call) {
    case Call::linger_zero: show(name, fd, sockets_.set_linger_zero(fd, on)); break;
    case Call::no_delay: show(name, fd, sockets_.set_no_delay(fd, on, now)); break;
    case Call::keepalive: show(name, fd, sockets_.set_keepalive(fd, on, now)); break;
    case Call::take_error: (void)sockets_.take_error(fd); break;
    default: break;
  }
}

void User::connect(Fd fd, std::uint8_t which, TimePoint now) {
  const auto answer = sockets_.connect(fd, remote(which), now);
  show("connect", fd, answer);
  if (answer) must(tcp::traits(*sockets_.state(fd)).synchronized, "connected, and no connection");
}

// --- octets

void User::send(Fd fd, std::size_t octets, bool urgent, TimePoint now) {
  const tcp::Tcb* t = tcb(fd);
  const Seq iss = t == nullptr ? Seq{} : t->iss;
  const Offset at = t == nullptr ? 0 : t->snd.end;
  room_.resize(octets);
  fill(iss + 1 + static_cast<std::uint32_t>(at), room_);
  const auto poll = sockets_.poll(fd);
  const auto answer = urgent ? sockets_.send_urgent(fd, room_, now) : sockets_.send(fd, room_, now);
  show(urgent ? "send_urgent" : "send", fd, answer);
  if (poll && (*poll & socket::kPollOut) != 0) {
    must(!is(answer, Errno::eagain), "POLLOUT, and send() would block");
  }
  if (!answer) return;
  must(t != nullptr && *answer <= octets, "more was sent than there is");
  must(t->snd.end == at + static_cast<Offset>(*answer), "what was sent stands in the stream");
  if (ledger_ != nullptr) ledger_->sent(iss, t->snd.end);
}

std::size_t User::receive(Fd fd, std::size_t octets, bool peek, TimePoint now) {
  const tcp::Tcb* t = tcb(fd);
  const tcp::Tcb before = t == nullptr ? tcp::Tcb{} : *t;
  room_.resize(octets);
  const auto poll = sockets_.poll(fd);
  const auto answer = peek ? sockets_.peek(fd, room_) : sockets_.recv(fd, room_, now);
  show(peek ? "peek" : "recv", fd, answer);
  if (poll && t != nullptr && octets > 0) {
    const bool ready = (*poll & socket::kPollIn) != 0;
    must(ready != is(answer, Errno::eagain), "POLLIN, and what recv() does");
  }
  if (!answer) return 0;
  must(*answer <= (t != nullptr ? octets : 0), "more was read than there is room");
  if (t == nullptr) return 0;  // the end of a connection that is gone
  if (*answer > 0) check_read(fd, before, std::span(room_).first(*answer), peek);
  if (*answer == 0 && octets > 0) check_end(fd);
  return *answer;
}

void User::check_read(Fd fd, const tcp::Tcb& before, std::span<const std::byte> got, bool peek) {
  Reading& reading = *this->reading(fd);
  must(reading.shut || reading.read == before.rcv.read, "an octet was left out");
  if (content_is_known_) {
    const Seq first = before.irs + 1 + static_cast<std::uint32_t>(before.rcv.read);
    must(stands_at(first, got), "an octet that nobody sent there");
  }
  if (!peek) reading.read += static_cast<Offset>(got.size());
}

/// recv() gave 0: the peer has said that this is the end, or the user that it wants no more.
void User::check_end(Fd fd) const {
  const socket::OpenSocket& s = *sockets_.find(fd);
  const tcp::Tcb& t = *tcb(fd);
  if (s.shut_read || t.state == tcp::State::closed) return;
  must(tcp::traits(t.state).fin_received, "the end of a stream that has not ended");
  if (ledger_ != nullptr) ledger_->ended(t.irs, t.rcv.read);
}

// --- ending

void User::shutdown(Fd fd, std::uint8_t how, TimePoint now) {
  const auto answer = sockets_.shutdown(fd, how % 4, now);
  show("shutdown", fd, answer);
  if (!answer || how % 4 == socket::kShutWr) return;
  if (Reading* const reading = this->reading(fd)) reading->shut = true;
}

void User::close(Fd fd, TimePoint now) {
  const auto references = sockets_.references(fd);
  const auto open = sockets_.open_sockets();
  const auto answer = sockets_.close(fd, now);
  show("close", fd, answer);
  must(answer.has_value() == references.has_value(), "close() of what is open");
  if (!answer) return;
  must(sockets_.open_sockets() == open - (*references == 1 ? 1 : 0),
       "the last close, and no other");
  must(sockets_.find(fd) == nullptr, "a descriptor that was closed");
  std::erase(descriptors_, fd);
}

void User::finish(TimePoint now) {
  for (std::size_t i = 0; i < descriptors_.size(); ++i) {  // it grows by what is accepted
    const Fd fd = descriptors_[i];
    while (descriptors_.size() < 2 * kMostDescriptors) {
      const auto accepted = sockets_.accept(fd);
      if (!accepted) break;
      opened(accepted);
    }
    while (receive(fd, 65536, false, now) > 0) {
    }
    const tcp::State state = *sockets_.state(fd);
    if (tcp::traits(state).synchronized) shutdown(fd, socket::kShutWr, now);
  }
}

/// FIN_WAIT_2 may wait for ever: the peer's RST may have been lost.
bool User::finished() const {
  return std::ranges::all_of(descriptors_, [this](Fd fd) {
    const tcp::State state = *sockets_.state(fd);
    return state == tcp::State::closed || state == tcp::State::listen ||
           state == tcp::State::time_wait || state == tcp::State::fin_wait_2;
  });
}

void User::close_all(TimePoint now) {
  while (!descriptors_.empty()) close(descriptors_.back(), now);
}

// --- looking

void User::poll(Fd fd) const {
  const auto bits = sockets_.poll(fd);
  show("poll", fd, bits);
  must(bits.has_value() == (sockets_.find(fd) != nullptr), "poll() of what is open");
}

void User::look() const {
  for (const Fd fd : descriptors_) {
    must(*sockets_.references(fd) >= 1, "a descriptor that refers to nothing");
    must(sockets_.poll(fd).has_value(), "poll()");
    must(sockets_.local_name(fd).has_value(), "getsockname()");
    const tcp::State state = *sockets_.state(fd);
    // Linux forgets it with the connection, which for the socket is over before TIME_WAIT is.
    const bool known = tcp::traits(state).synchronized || state == tcp::State::syn_rcvd;
    const bool told = sockets_.peer_name(fd).has_value();
    must(told ? known : state != tcp::State::established, "getpeername()");
  }
}

}  // namespace lastack::fuzz
