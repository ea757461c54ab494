// The gateway's way in: who connects to a published port of the machine is connected with a program
// that listens.
#include <sys/socket.h>

#include <cerrno>
#include <ranges>
#include <utility>

#include "io/socket_address.hpp"
#include "run/gateway.hpp"

namespace lastack::run {

std::expected<void, int> Gateway::publish(const host::Endpoint& outside, std::uint16_t port) {
  auto published = std::make_unique<Published>();
  published->listener = machine_stream(outside);
  published->port = port;
  const int listener = published->listener.get();
  if (listener < 0) return std::unexpected(errno);
  const int on = 1;
  const auto address = io::socket_address(outside, !outside.address.is_v4());
  const auto* const octets = reinterpret_cast<const sockaddr*>(&address.octets);
  (void)::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listener, octets, address.size) != 0 || ::listen(listener, SOMAXCONN) != 0) {
    return std::unexpected(errno);
  }
  const Published* const here = published.get();
  loop_->add(listener, [this, here] { accept_outside(*here); });
  published_.push_back(std::move(published));
  return {};
}

void Gateway::accept_outside(const Published& published) {
  constexpr int kHow = SOCK_NONBLOCK | SOCK_CLOEXEC;
  for (;;) {
    sockaddr_storage octets{};
    socklen_t size = sizeof octets;
    auto* const address = reinterpret_cast<sockaddr*>(&octets);
    OwnedFd machines(::accept4(published.listener.get(), address, &size, kHow));
    if (!machines) return;
    const auto peer = io::endpoint_of(address, size);
    if (!peer) continue;
    const TimePoint now = io::monotonic_now();
    Passage passage{.leg = Leg(std::move(machines)), .stage = Stage::program_answers};
    passage.to.port = published.port;
    passage.from = in_the_run(*peer);
    // The last first: at the run's address, at another, else on its loopback only.
    passage.left.push_back(loopbacks().like(peer->address));
    for (const wire::IpAddress& other : around_.hosts | std::views::reverse) {
      if (other.family() == peer->address.family()) passage.left.push_back(other);
    }
    passage.left.push_back(around_.run.like(peer->address));
    const Id id = take_in(std::move(passage));
    seek_program(id, passages_.at(id), now);
  }
}

/// At the next address where it may listen.
void Gateway::seek_program(Id id, Passage& passage, TimePoint now) {
  while (!passage.left.empty()) {
    passage.to.address = passage.left.back();
    passage.left.pop_back();
    const auto fd = sockets_.socket();
    if (!fd) break;
    const host::Endpoint& from = passage.from;
    (void)sockets_.set_reuse_address(*fd, true);
    if (!sockets_.bind(*fd, from)) (void)sockets_.bind(*fd, {from.address, 0});
    const auto begun = sockets_.connect(*fd, passage.to, now);
    if (!begun && begun.error() == socket::Errno::einprogress) {
      return have_end(id, passage, *fd);
    }
    (void)sockets_.close(*fd, now);
  }
  end(id, Leg::Fate::reset, now);
}

void Gateway::program_answers(Id id, Passage& passage, TimePoint now) {
  if (!passage.leg.inside()) return;
  const socket::Fd fd = *passage.leg.inside();
  const auto answer = sockets_.connect(fd, passage.to, now);
  if (!answer && answer.error() == socket::Errno::ealready) return;
  if (answer || answer.error() == socket::Errno::eisconn) {
    passage.stage = Stage::open;
    return act(id, now);
  }
  by_open_.erase(passage.open);
  (void)sockets_.close(fd, now);
  seek_program(id, passage, now);
}

}  // namespace lastack::run
