#include "worlds/lastack_world.hpp"

#include <utility>

#include "socket/tcp_info.hpp"

namespace lastack::worlds {
namespace {

template <typename T>
int number(const socket::Result<T>& result) {
  if (!result) return -static_cast<int>(result.error());
  if constexpr (std::is_convertible_v<T, int>) {
    return static_cast<int>(*result);
  } else {
    return 0;
  }
}
template <>
int number(const socket::Result<void>& result) {
  return result ? 0 : -static_cast<int>(result.error());
}

host::Endpoint endpoint(const End& end) {
  const auto octet = [&](unsigned shift) {
    return static_cast<std::uint8_t>(end.address >> shift);
  };
  return {wire::IpAddress::v4(octet(24), octet(16), octet(8), octet(0)), end.port};
}

}  // namespace

/// Times that scripts do not wait for are far away, and no ACK is delayed: the kernel's are not
/// either (quickack of its route).
void LastackWorld::begin(std::uint16_t) {
  tcp::Settings settings;
  settings.rst_ends_time_wait = as_linux_;
  settings.shut_rd_keeps_buffered = as_linux_;
  settings.shut_rdwr_resets_new_data = as_linux_;
  settings.syn_retries = 6;  // the kernel's default; RFC 9293 asks for 3 minutes in all
  settings.quick_acks = true;
  settings.rto_min = settings.rto_initial = 20s;
  held_ = false;
  watches_ = {};
  hosts_ = std::make_unique<sim::TwoHosts>(sim::TwoHostsConfig{.delay = 1ms, .settings = settings});
}

int LastackWorld::open(int side, bool stream) {
  return number(
      at(side).socket(socket::kAfInet, stream ? socket::kSockStream : socket::kSockDgram));
}
int LastackWorld::dup(int side, int fd) { return number(at(side).dup(fd)); }
int LastackWorld::bind(int side, int fd, const End& to) {
  return number(at(side).bind(fd, endpoint(to)));
}
int LastackWorld::listen(int side, int fd, int backlog) {
  return number(at(side).listen(fd, static_cast<std::uint32_t>(backlog), hosts_->now()));
}
int LastackWorld::connect(int side, int fd, const End& to) {
  if (to == End{}) return number(at(side).disconnect(fd, hosts_->now()));
  return number(at(side).connect(fd, endpoint(to), hosts_->now()));
}
int LastackWorld::accept(int side, int fd) { return number(at(side).accept(fd)); }

int LastackWorld::send(int side, int fd, const std::vector<std::byte>& octets, int flags,
                       const std::optional<End>& to) {
  const std::span<const std::byte> part(octets);
  std::optional<host::Endpoint> there;
  if (to) there = endpoint(*to);
  return number(at(side).sendmsg(fd, socket::PartsIn(&part, 1), hosts_->now(), flags, there));
}

int LastackWorld::recv(int side, int fd, std::vector<std::byte>& into, int flags) {
  return number(at(side).recv(fd, into, hosts_->now(), flags));
}
int LastackWorld::shutdown(int side, int fd, int how) {
  return number(at(side).shutdown(fd, how, hosts_->now()));
}
int LastackWorld::close(int side, int fd) {
  pull_wakes(side);
  watches_[static_cast<std::size_t>(side)].erase(fd);
  const auto closed = at(side).close(fd, hosts_->now());
  return closed ? 0 : -static_cast<int>(closed.error());
}
int LastackWorld::set(int side, int fd, int level, int name, const std::vector<std::byte>& value) {
  return number(at(side).set_option(fd, level, name, value, hosts_->now()));
}
int LastackWorld::get(int side, int fd, int level, int name) {
  return number(at(side).get_option(fd, level, name, hosts_->now()));
}

int LastackWorld::name(int side, int fd, bool peer, End& end) {
  const auto found = peer ? at(side).peer_name(fd) : at(side).local_name(fd);
  if (!found) return -static_cast<int>(found.error());
  end = {found->address.last_word(), found->port};
  return 0;
}

int LastackWorld::poll(int side, int fd) { return number(at(side).poll(fd)); }
int LastackWorld::state(int side, int fd) {
  const auto state = at(side).state(fd);
  if (!state) return -static_cast<int>(state.error());
  return socket::linux_number(*state == tcp::State::time_wait ? tcp::State::closed : *state);
}
/// Each wake goes to all that watch the open socket.
void LastackWorld::pull_wakes(int side) {
  while (const auto wake = at(side).next_wake()) {
    for (auto& [fd, watch] : watches_[static_cast<std::size_t>(side)]) {
      watch.woken |= watch.open == wake->open;
    }
  }
}

int LastackWorld::edges(int side, int fd) {
  pull_wakes(side);
  auto& watches = watches_[static_cast<std::size_t>(side)];
  if (!watches.contains(fd)) watches[fd] = {.open = *at(side).open_of(fd)};
  return std::exchange(watches[fd].woken, false) ? poll(side, fd) : 0;
}

int LastackWorld::ioctl(int side, int fd, unsigned request) {
  return number(at(side).ioctl(fd, request));
}
int LastackWorld::state_of(int side, const End& local, const End& remote) {
  const host::Flow flow{endpoint(local), endpoint(remote)};
  return socket::linux_number(hosts_->host(static_cast<std::size_t>(side)).state_of(flow));
}

void LastackWorld::settle() {
  constexpr Duration kThereAndBack = 2ms;
  hosts_->flush();
  for (std::uint64_t before = 0; !held_ && before != hosts_->packets();) {
    before = hosts_->packets();
    hosts_->run(kThereAndBack);
  }
}

void LastackWorld::hold(bool on) {
  held_ = on;
  hosts_->pause(on);
}

}  // namespace lastack::worlds
