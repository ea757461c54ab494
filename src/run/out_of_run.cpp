// The gateway's way out: a program's SYN waits at the gate until the machine knows whether there is
// somebody to connect to.
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "io/socket_address.hpp"
#include "run/gateway.hpp"

namespace lastack::run {

namespace {

constexpr std::uint32_t kDoorBacklog = 1024;

bool is_connected(int descriptor) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  return ::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

}  // namespace

std::expected<void, int> Gateway::begin(const host::Endpoint& to) {
  const host::Endpoint there = in_the_machine(to);
  OwnedFd machines = machine_stream(there);
  if (!machines && errno == EMFILE) {  // those that lack may be about to be closed
    errands_->finish();
    machines = machine_stream(there);
  }
  if (!machines) return std::unexpected(errno);
  const auto address = io::socket_address(there, !there.address.is_v4());
  const auto* const octets = reinterpret_cast<const sockaddr*>(&address.octets);
  if (::connect(machines.get(), octets, address.size) != 0 && errno != EINPROGRESS) {
    return std::unexpected(errno);
  }
  const Id id = take_in({.leg = Leg(std::move(machines)), .to = to});
  unclaimed_.emplace(to, id);
  Passage& passage = passages_.at(id);
  // Whoever is on this machine has answered by now. What went wrong is told by an event.
  if (is_connected(passage.leg.outside())) expect(id, passage, io::monotonic_now());
  return {};
}

/// Programs' SYNs, and those that are sent again.
link::Gate::Answer Gateway::knocked(const link::Knock& knock) {
  using enum link::Gate::Answer;
  if (const auto known = by_knock_.find(knock); known != by_knock_.end()) return passes;
  auto found = unclaimed_.find(knock.to);
  if (found == unclaimed_.end()) {
    if (const auto begun = begin(knock.to); !begun) {
      return begun.error() == ECONNREFUSED ? passes : is_lost;
    }
    found = unclaimed_.find(knock.to);
    if (found == unclaimed_.end()) return is_lost;
  }
  const Id id = found->second;
  unclaimed_.erase(found);
  by_knock_.emplace(knock, id);
  Passage& passage = passages_.at(id);
  passage.knock = knock;
  return passage.stage == Stage::is_expected ? passes : is_kept;
}

void Gateway::give_up_expecting(TimePoint now) {
  while (!expected_.empty() && expected_.front().first <= now) {
    const Id id = expected_.front().second;
    expected_.pop_front();
    const auto found = passages_.find(id);
    if (found == passages_.end() || found->second.stage != Stage::is_expected) continue;
    leave_door(host::Endpoint(found->second.to), now);
    end(id, Leg::Fate::reset, now);
  }
}

void Gateway::machine_answers(Id id, Passage& passage, TimePoint now) {
  if (is_connected(passage.leg.outside())) return expect(id, passage, now);
  const int error = error_of(passage.leg.outside());
  if (error != 0) not_connected(id, passage, error);
}

/// The program's connection, with the machine's in place.
void Gateway::expect(Id id, Passage& passage, TimePoint now) {
  if (!open_door(passage.to, now)) return not_connected(id, passage, ENOMEM);
  passage.stage = Stage::is_expected;
  expected_.emplace_back(now + kExpects, id);
  if (passage.knock) gate_.let_in(*passage.knock);
}

/// Where the machine was refused so is the program: its SYN finds nobody. All else looks to it as
/// if nothing came back.
void Gateway::not_connected(Id id, Passage& passage, int error) {
  if (passage.knock) {
    const bool nobody = error == ECONNREFUSED && !doors_.contains(passage.to);
    (void)(nobody ? gate_.let_in(*passage.knock) : gate_.lose(*passage.knock));
  }
  forget(id);
}

bool Gateway::open_door(const host::Endpoint& at, TimePoint now) {
  Door& door = doors_[at];
  ++door.expected;
  if (door.listener >= 0) return true;
  const auto fd = sockets_.socket();
  const bool open = fd && sockets_.set_reuse_address(*fd, true) && sockets_.bind(*fd, at) &&
                    sockets_.listen(*fd, kDoorBacklog, now);
  if (open) {
    door.listener = *fd;
    doors_by_open_.emplace(*sockets_.open_of(*fd), at);
    return true;
  }
  if (fd) (void)sockets_.close(*fd, now);
  doors_.erase(at);
  return false;
}

void Gateway::leave_door(const host::Endpoint& at, TimePoint now) {
  const auto found = doors_.find(at);
  if (found == doors_.end() || --found->second.expected > 0) return;
  doors_by_open_.erase(*sockets_.open_of(found->second.listener));
  (void)sockets_.close(found->second.listener, now);
  doors_.erase(found);
}

void Gateway::accept_inside(const host::Endpoint& at, TimePoint now) {
  for (;;) {
    const auto door = doors_.find(at);
    if (door == doors_.end()) return;
    const auto fd = sockets_.accept(door->second.listener);
    if (!fd) return;
    const auto peer = sockets_.peer_name(*fd).value_or(host::Endpoint{});
    const auto known = by_knock_.find({peer, at});
    const auto found = known == by_knock_.end() ? passages_.end() : passages_.find(known->second);
    if (found == passages_.end()) {  // its passage was given up
      (void)sockets_.set_linger_zero(*fd, true);
      (void)sockets_.close(*fd, now);
      continue;
    }
    found->second.stage = Stage::open;
    have_end(found->first, found->second, *fd);
    leave_door(at, now);
    act(found->first, now);
  }
}

}  // namespace lastack::run
