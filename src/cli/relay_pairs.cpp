#include "cli/relay_pairs.hpp"

#include <algorithm>
#include <span>

namespace lastack::cli {
namespace {

constexpr std::size_t kRelayPart = 65536;
constexpr std::uint32_t kRelayBacklog = 1024;

}  // namespace

std::optional<std::string> RelayPairs::listen(std::uint16_t port, bool v4, bool v6, TimePoint now) {
  for (const bool six : {false, true}) {
    if (six ? !v6 : !v4) continue;
    const auto any = *wire::IpAddress::parse(six ? "::" : "0.0.0.0");
    const socket::Fd fd = *sockets_->socket();
    const auto bound = sockets_->bind(fd, {any, port});
    const auto result = bound ? sockets_->listen(fd, kRelayBacklog, now) : bound;
    if (!result) {
      (void)sockets_->close(fd, now);
      return "can't listen on port " + std::to_string(port) + ": " +
             std::string(to_string(result.error()));
    }
    listening_.push_back(fd);
  }
  return std::nullopt;
}

void RelayPairs::on_event(const host::HostEvent& event, TimePoint now) {
  if (event.listener.index != host::ListenerId{}.index) return accept_all(now);
  const auto found = legs_.find(key_of(event.flow));
  if (found == legs_.end()) return;
  const std::shared_ptr<Pair> pair = found->second;
  const bool full = pairs() >= most_;
  act(pair, now);
  if (full) accept_all(now);  // nobody tells again of those that wait
}

void RelayPairs::accept_all(TimePoint now) {
  for (const socket::Fd listener : listening_) {
    while (pairs() < most_) {
      const auto fd = sockets_->accept(listener);
      if (!fd) break;
      begin(*fd, now);
    }
  }
}

/// The second leg is begun at once; until it is open nothing is read from the first, so its sender
/// is held up by the window.
void RelayPairs::begin(socket::Fd accepted, TimePoint now) {
  ++tally_.accepted;
  auto pair = std::make_shared<Pair>();
  pair->legs[0] = {accepted, key_of(sockets_->find(accepted)->flow())};
  const auto second = sockets_->socket();
  const auto begun =
      second ? sockets_->connect(*second, to_, now) : std::unexpected(socket::Errno::emfile);
  if (begun || begun.error() != socket::Errno::einprogress) {
    ++tally_.refused;
    (void)sockets_->set_linger_zero(accepted, true);
    (void)sockets_->close(accepted, now);
    if (second) (void)sockets_->close(*second, now);
    return;
  }
  pair->legs[1] = {*second, key_of(sockets_->find(*second)->flow())};
  for (const Leg& leg : pair->legs) legs_[leg.key] = pair;
}

/// Ended by RST, or because nobody answers.
bool RelayPairs::failed(const Leg& leg) const {
  return (sockets_->poll(leg.fd).value_or(socket::kPollErr) & socket::kPollErr) != 0;
}

/// Whether the second leg is open. One that can't be opened resets the first.
bool RelayPairs::opened(Pair& pair, TimePoint now) {
  if (pair.connected) return true;
  const auto answer = sockets_->connect(pair.legs[1].fd, to_, now);
  if (!answer && answer.error() == socket::Errno::ealready) return false;
  pair.connected = answer.has_value();
  if (pair.connected) return true;
  ++tally_.refused;
  reset(pair, now);
  return false;
}

/// Moves what leg `from` has to the other, as much as that takes, and its FIN behind all of it.
/// False where a leg has failed.
bool RelayPairs::carry(Pair& pair, std::size_t from, TimePoint now) {
  Way& way = pair.ways[from];
  const socket::Fd in = pair.legs[from].fd;
  const socket::Fd out = pair.legs[1 - from].fd;
  std::array<std::byte, kRelayPart> octets;
  while (!way.ended) {
    if (!way.waiting.empty()) {
      const auto n = sockets_->send(out, way.waiting, now);
      if (!n) return n.error() == socket::Errno::eagain;
      way.waiting.erase(way.waiting.begin(), way.waiting.begin() + static_cast<std::ptrdiff_t>(*n));
      continue;
    }
    const auto n = sockets_->recv(in, octets, now);
    if (!n) return n.error() == socket::Errno::eagain;
    if (*n == 0) {
      way.ended = true;
      return sockets_->shutdown(out, socket::kShutWr, now).has_value();
    }
    auto left = std::span(octets).first(*n);
    left = left.subspan(sockets_->send(out, left, now).value_or(0));
    way.waiting.assign(left.begin(), left.end());
  }
  return true;
}

void RelayPairs::act(const std::shared_ptr<Pair>& pair, TimePoint now) {
  if (failed(pair->legs[0])) {
    ++tally_.reset;
    return reset(*pair, now);
  }
  if (!opened(*pair, now)) return;
  const bool well = !failed(pair->legs[1]) && carry(*pair, 0, now) && carry(*pair, 1, now);
  if (!well) {
    ++tally_.reset;
    return reset(*pair, now);
  }
  if (!pair->ways[0].ended || !pair->ways[1].ended) return;
  ++tally_.complete;  // TCP does the rest: what is queued, the FINs, TIME_WAIT
  forget(*pair);
  for (const Leg& leg : pair->legs) (void)sockets_->close(leg.fd, now);
}

void RelayPairs::reset(const Pair& pair, TimePoint now) {
  forget(pair);
  for (const Leg& leg : pair.legs) {
    (void)sockets_->set_linger_zero(leg.fd, true);
    (void)sockets_->close(leg.fd, now);
  }
}

void RelayPairs::forget(const Pair& pair) {
  for (const Leg& leg : pair.legs) legs_.erase(leg.key);
}

void RelayPairs::stop(TimePoint now) {
  for (const socket::Fd fd : listening_) (void)sockets_->close(fd, now);
  listening_.clear();
  while (!legs_.empty()) {
    const std::shared_ptr<Pair> pair = legs_.begin()->second;
    reset(*pair, now);
  }
}

}  // namespace lastack::cli
