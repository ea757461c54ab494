#include "insight/stage.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "insight/label.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::insight {
namespace {

using Kind = LadderEvent::Kind;
using socket::Errno;

constexpr std::uint16_t kPort = 80;
constexpr std::uint16_t kPortOfA = 40001;
constexpr std::string_view kClosed = "CLOSED";

Side side_of(std::size_t i) { return i == Stage::kA ? Side::left : Side::right; }

std::string how_text(int how) {
  constexpr std::array<std::string_view, 3> kHow{"SHUT_RD", "SHUT_WR", "SHUT_RDWR"};
  return std::string(kHow[static_cast<std::size_t>(how)]);
}

std::vector<std::byte> some(std::size_t octets) { return std::vector<std::byte>(octets); }

}  // namespace

Stage::Stage(Language language, sim::TwoHostsConfig config)
    : language_(language),
      as_linux_(config.settings.shut_rd_keeps_buffered),
      world_(config),
      drop_(std::move(config.drop)) {
  ladder_.begin = world_.now();
  world_.on_sent = [this](const sim::Flight& flight) { sent(flight); };
  world_.on_arrived = [this](const sim::Flight& flight) {
    record(Kind::arrived, 1 - flight.from, {}, flight.number);
  };
  states_.fill(std::string(kClosed));
  flows_[kA] = host::Flow{{world_.address(kA), kPortOfA}, {world_.address(kB), kPort}};
  flows_[kB] = host::Flow{flows_[kA]->remote, flows_[kA]->local};
}

// --- recording

void Stage::record(Kind kind, std::size_t side, std::string text, std::uint64_t segment) {
  if (hidden_) return;
  ladder_.events.push_back({.at = world_.now(),
                            .kind = kind,
                            .side = side_of(side),
                            .segment = segment,
                            .text = std::move(text)});
}

void Stage::say(const Text& text) { record(Kind::note, kA, std::string(text.in(language_))); }

void Stage::call(std::size_t side, std::string text) { record(Kind::call, side, std::move(text)); }

template <typename Result>
void Stage::answered(std::size_t side, const std::string& text, const Result& result) {
  last_error_.clear();
  if (!result) last_error_ = std::string(to_string(result.error()));
  const bool worth = !result && result.error() != Errno::einprogress;
  call(side, worth ? text + " " + last_error_ : text);
  look();
}

std::string Stage::state_of_flow(std::size_t side) {
  std::string found(kClosed);
  world_.host(side).each([&](const host::View& view) {
    if (view.state == tcp::State::listen) {
      const bool mine = listener_ >= 0 && side == kB && found == kClosed;
      if (mine) found = to_string(view.state);
    } else if (view.flow == *flows_[side]) {
      found = to_string(view.state);
    }
  });
  return found;
}

/// Notes what has changed at either side since the last look.
void Stage::look() {
  look_at(kA);
  look_at(kB);
}

void Stage::look_at(std::size_t side) {
  std::string state = state_of_flow(side);
  if (state != states_[side]) {
    states_[side] = state;
    paths_[side].push_back(state);
    record(Kind::state, side, std::move(state));
  }
  look_at_drops(side);
}

void Stage::look_at_drops(std::size_t side) {
  const auto& dropped = world_.host(side).counters().dropped;
  for (std::size_t i = 1; i < tcp::kDropCount; ++i) {
    const auto drop = static_cast<tcp::Drop>(i);
    const bool told = drop == tcp::Drop::discarded || drop == tcp::Drop::old_duplicate ||
                      drop == tcp::Drop::rst_in_time_wait || drop == tcp::Drop::unreadable ||
                      drop == tcp::Drop::no_connection;
    if (std::exchange(drops_[side][i], dropped[i]) != dropped[i] && told) {
      record(Kind::remark, side, "(" + std::string(to_string(drop)) + ")");
    }
  }
}

void Stage::sent(const sim::Flight& flight) {
  look();
  const bool again = flight.why == tcp::Why::timeout;
  if (again) record(Kind::remark, flight.from, "RTO " + std::to_string(flight.attempt));
  if (flight.why == tcp::Why::fast_retransmit) record(Kind::remark, flight.from, "fast rexmit");
  if (flight.why == tcp::Why::too_big) record(Kind::remark, flight.from, "too big for the path");
  if (flight.why == tcp::Why::probe) record(Kind::remark, flight.from, "window probe");
  if (flight.why == tcp::Why::keepalive) record(Kind::remark, flight.from, "keepalive");
  record(Kind::sent, flight.from, label(flight), flight.number);
  if (flight.lost) record(Kind::lost, flight.from, {}, flight.number);
}

/// Flags, and sequence numbers relative to each side's first.
std::string Stage::label(const sim::Flight& flight) {
  const auto ip = wire::parse_ip(flight.packet.bytes());
  const auto tcp = ip ? wire::parse_tcp(ip->payload) : std::unexpected(ip.error());
  if (!tcp) return "?";
  const wire::TcpHeader& h = tcp->header;
  if (h.flags.has(wire::Flag::syn)) first_[flight.from] = h.seq.raw();
  return segment_label(h, tcp->payload.size(), first_[flight.from].value_or(0),
                       first_[1 - flight.from].value_or(0));
}

// --- calls

void Stage::listen() {
  auto& b = world_.sockets(kB);
  listener_ = *b.socket();
  (void)b.set_reuse_address(listener_, reuse_address_);
  (void)b.bind(listener_, {world_.address(kB), kPort});
  answered(kB, "listen()", b.listen(listener_, 16, world_.now()));
}

void Stage::listen_anew(bool reuse_address) {
  auto& b = world_.sockets(kB);
  const socket::Fd anew = *b.socket();
  if (reuse_address) answered(kB, "SO_REUSEADDR", b.set_reuse_address(anew, true));
  const auto bound = b.bind(anew, {world_.address(kB), kPort});
  answered(kB, "bind()", bound);
  if (!bound) {
    (void)b.close(anew, world_.now());
    return;
  }
  listener_ = anew;
  answered(kB, "listen()", b.listen(anew, 16, world_.now()));
}

void Stage::shutdown_listener(int how) {
  answered(kB, how_text(how), world_.sockets(kB).shutdown(listener_, how, world_.now()));
  world_.flush();
  look();
}

void Stage::close_listener() {
  const auto closed = world_.sockets(kB).close(std::exchange(listener_, -1), world_.now());
  answered(kB, "close()", closed);
  world_.flush();
  look();
}

void Stage::connect(std::size_t side) {
  auto& s = world_.sockets(side);
  fds_[side] = *s.socket();
  (void)s.set_reuse_address(fds_[side], true);
  (void)s.bind(fds_[side], flows_[side]->local);
  answered(side, "connect()", s.connect(fds_[side], flows_[side]->remote, world_.now()));
  world_.flush();
}

void Stage::accept() {
  const auto fd = world_.sockets(kB).accept(listener_);
  if (fd) fds_[kB] = *fd;
  answered(kB, "accept()", fd);
}

void Stage::establish(bool keep_listening) {
  hidden_ = true;
  world_.drop_none();
  listen();
  connect();
  world_.run(50ms);
  accept();
  (void)world_.sockets(kA).connect(fds_[kA], flows_[kA]->remote, world_.now());
  if (!keep_listening) {
    (void)world_.sockets(kB).close(listener_, world_.now());
    listener_ = -1;
  }
  world_.run(100ms);
  look();
  for (const std::uint64_t n : drop_) lose(n);
  hidden_ = false;
  paths_ = {};
  ladder_.begin = world_.now();
  record(Kind::state, kA, states_[kA]);
  record(Kind::state, kB, states_[kB]);
}

void Stage::send(std::size_t side, std::size_t octets) {
  const auto n = world_.sockets(side).send(fd(side), some(octets), world_.now());
  answered(side, "send " + std::to_string(octets), n);
  world_.flush();
  look();
}

void Stage::read(std::size_t side) {
  auto& s = world_.sockets(side);
  std::vector<std::byte> into(1U << 20U);
  const auto n = s.recv(fd(side), into, world_.now());
  answered(side, n ? "recv = " + std::to_string(*n) : std::string("recv"), n);
  world_.flush();
  look();
}

void Stage::shutdown(std::size_t side, int how) {
  const auto result = world_.sockets(side).shutdown(fd(side), how, world_.now());
  answered(side, how_text(how), result);
  world_.flush();
  look();
}

void Stage::close(std::size_t side) {
  answered(side, "close()", world_.sockets(side).close(fd(side), world_.now()));
  world_.flush();
  look();
}

void Stage::close_and_wait(std::size_t side) {
  auto& s = world_.sockets(side);
  const auto closed = s.close(fd(side), world_.now());
  answered(side, "close()", closed);
  const auto waits = [&] { return closed && world_.now() < closed->until && s.lingers(*closed); };
  while (waits()) {
    world_.step(closed->until);
    look();
  }
  call(side, "close() returns");
}

void Stage::dup(std::size_t side) {
  const auto copy = world_.sockets(side).dup(fd(side));
  if (copy) copies_[side].push_back(*copy);
  answered(side, "dup()", copy);
}

void Stage::close_copy(std::size_t side) {
  const socket::Fd copy = copies_[side].back();
  copies_[side].pop_back();
  answered(side, "close() a copy", world_.sockets(side).close(copy, world_.now()));
  world_.flush();
  look();
}

void Stage::shutdown_copy(std::size_t side, int how) {
  const socket::Fd copy = copies_[side].back();
  answered(side, how_text(how) + " by copy",
           world_.sockets(side).shutdown(copy, how, world_.now()));
  world_.flush();
  look();
}

void Stage::set_linger(std::size_t side, std::chrono::seconds time) {
  const std::array<int, 2> linger{1, static_cast<int>(time.count())};
  const std::string shown = "SO_LINGER " + std::to_string(time.count());
  answered(side, time == 0s ? shown : shown + " s",
           world_.sockets(side).set_option(fd(side), socket::kSolSocket, socket::kSoLinger,
                                           std::as_bytes(std::span(linger)), world_.now()));
}

void Stage::set_keepalive(std::size_t side) {
  answered(side, "SO_KEEPALIVE", world_.sockets(side).set_keepalive(fd(side), true, world_.now()));
}

void Stage::connect_to_each_other() {
  for (const std::size_t side : {kA, kB}) {
    auto& s = world_.sockets(side);
    fds_[side] = *s.socket();
    (void)s.set_reuse_address(fds_[side], true);
    (void)s.bind(fds_[side], flows_[side]->local);
    answered(side, "connect()", s.connect(fds_[side], flows_[side]->remote, world_.now()));
  }
  world_.flush();
}

void Stage::connect_to_itself() {
  flows_[kA] = host::Flow{flows_[kA]->local, flows_[kA]->local};
  connect(kA);
  look();
}

void Stage::run(Duration span) {
  const TimePoint until = world_.now() + span;
  while (world_.step(until)) look();
  look();
}

void Stage::settle() {
  constexpr Duration kStep = 100ms;
  constexpr Duration kSoon = 5s;
  for (bool busy = true; busy;) {
    const std::uint64_t before = world_.packets();
    run(kStep);
    const TimePoint next =
        std::min(world_.host(kA).next_deadline(), world_.host(kB).next_deadline());
    busy = world_.packets() != before || next < world_.now() + kSoon;
  }
}

void Stage::lose(std::uint64_t n) { world_.drop(world_.packets() + n); }

Ladder Stage::finish(std::string title) {
  ladder_.title = std::move(title);
  const auto name = [this](std::size_t side, std::string_view letter) {
    const host::Endpoint& e = flows_[side]->local;
    const std::string address = e.address.to_string();
    return std::string(letter) + " " + (e.address.is_v4() ? address : "[" + address + "]") + ":" +
           std::to_string(e.port);
  };
  ladder_.left = name(kA, "A");
  ladder_.right = name(kB, "B");
  return std::move(ladder_);
}

}  // namespace lastack::insight
