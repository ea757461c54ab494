#include "worlds/lastack_world.hpp"

#include <algorithm>
#include <utility>

#include "io/packet_ref.hpp"
#include "link/link.hpp"

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

/// Times that scripts do not wait for are far away, and no ACK is delayed: the kernel's are not
/// either (quickack of its route).
tcp::Settings settings_for(bool as_linux) {
  tcp::Settings settings;
  settings.close_as_linux(as_linux);
  settings.syn_retries = 6;  // the kernel's default; RFC 9293 asks for 3 minutes in all
  settings.quick_acks = true;
  settings.delayed_ack = 20s;
  settings.rto_min = settings.rto_initial = 20s;
  return settings;
}

host::Config config_for(int which, bool as_linux) {
  host::Config config;
  config.addresses = {{World::address(which, false), 24}, {World::address(which, true), 64}};
  config.settings = tcp::SettingsPtr(settings_for(as_linux));
  return config;
}

}  // namespace

int LastackSide::open(bool v6, bool stream) {
  return number(sockets_->socket(v6 ? socket::kAfInet6 : socket::kAfInet,
                                 stream ? socket::kSockStream : socket::kSockDgram));
}
int LastackSide::dup(int fd) { return number(sockets_->dup(fd)); }
int LastackSide::bind(int fd, const End& to) { return number(sockets_->bind(fd, to)); }
int LastackSide::listen(int fd, int backlog) {
  return number(sockets_->listen(fd, static_cast<std::uint32_t>(backlog), now_()));
}
int LastackSide::connect(int fd, const End& to) {
  if (to == End{}) return number(sockets_->disconnect(fd, now_()));
  return number(sockets_->connect(fd, to, now_()));
}
int LastackSide::accept(int fd) { return number(sockets_->accept(fd)); }

int LastackSide::send(int fd, const std::vector<std::byte>& octets, int flags,
                      const std::optional<End>& to) {
  const std::span<const std::byte> whole(octets);
  const auto parts = three_parts(whole);
  const bool several = in_several(octets.size());
  const auto sent = sockets_->sendmsg(
      fd, several ? socket::PartsIn(parts) : socket::PartsIn(&whole, 1), now_(), flags, to);
  const bool stream = *sockets_->get_option(fd, socket::kSolSocket, socket::kSoType, {}) == 1;
  raised_ = stream && !sent && socket::raises_sigpipe(sent.error(), flags);
  return number(sent);
}
bool LastackSide::raised() { return std::exchange(raised_, false); }

int LastackSide::recv(int fd, std::vector<std::byte>& into, int flags, End& from) {
  const std::span<std::byte> whole(into);
  const auto parts = three_parts(whole);
  const bool several = in_several(into.size());
  const auto got = sockets_->recvmsg(
      fd, several ? socket::PartsOut(parts) : socket::PartsOut(&whole, 1), now_(), flags);
  if (!got) return -static_cast<int>(got.error());
  from = got->from;
  return static_cast<int>(got->octets);
}
int LastackSide::shutdown(int fd, int how) { return number(sockets_->shutdown(fd, how, now_())); }
int LastackSide::close(int fd) {
  pull_wakes();
  watches_.erase(fd);
  const auto closed = sockets_->close(fd, now_());
  return closed ? 0 : -static_cast<int>(closed.error());
}
int LastackSide::set(int fd, int level, int name, const std::vector<std::byte>& value) {
  return number(sockets_->set_option(fd, level, name, value, now_()));
}
int LastackSide::get(int fd, int level, int name) {
  return number(sockets_->get_option(fd, level, name, now_()));
}

int LastackSide::name(int fd, bool peer, End& end) {
  const auto found = peer ? sockets_->peer_name(fd) : sockets_->local_name(fd);
  if (!found) return -static_cast<int>(found.error());
  end = *found;
  return 0;
}

int LastackSide::poll(int fd) { return number(sockets_->poll(fd)); }
int LastackSide::state(int fd) {
  const auto state = sockets_->state(fd);
  if (!state) return -static_cast<int>(state.error());
  return socket::linux_number(*state == tcp::State::time_wait ? tcp::State::closed : *state);
}
/// Each wake goes to all that watch the open socket.
void LastackSide::pull_wakes() {
  while (const auto wake = sockets_->next_wake()) {
    for (auto& [fd, watch] : watches_) {
      watch.woken |= watch.open == wake->open;
    }
  }
}

int LastackSide::edges(int fd) {
  pull_wakes();
  if (!watches_.contains(fd)) watches_[fd] = {.open = *sockets_->open_of(fd)};
  return std::exchange(watches_[fd].woken, false) ? poll(fd) : 0;
}

int LastackSide::ioctl(int fd, unsigned request) { return number(sockets_->ioctl(fd, request)); }
int LastackSide::state_of(const End& local, const End& remote) {
  const host::Flow flow{local, remote};
  return socket::linux_number(host_->state_of(flow));
}

void LastackWorld::begin() {
  held_ = false;
  hosts_ = std::make_unique<sim::TwoHosts>(
      sim::TwoHostsConfig{.both = true, .delay = 1ms, .settings = settings_for(as_linux_)});
  for (std::size_t i = 0; i < 2; ++i) {
    sides_[i] = std::make_unique<LastackSide>(hosts_->host(i), hosts_->sockets(i),
                                              [this] { return hosts_->now(); });
  }
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

// --- one host, its packets carried by hand

LastackAlone::LastackAlone(int which, bool as_linux)
    : LastackAlone(std::make_unique<Core>(config_for(which, as_linux), Random(7))) {}

LastackAlone::LastackAlone(std::unique_ptr<Core> core)
    : LastackSide(core->host, core->sockets, [c = core.get()] { return c->now; }),
      core_(std::move(core)) {
  core_->host.advance(core_->now);
}

void LastackAlone::tell_events() {
  for (host::HostEvent event; core_->host.next_event(event);) core_->sockets.heard(event);
}

bool LastackAlone::transmit(Packet& packet) {
  tell_events();
  const bool any = core_->host.transmit(core_->out, core_->now);
  tell_events();
  if (!any) return false;
  const auto octets = link::copy_of(io::ref_to(core_->out), core_->now).octets;
  packet.assign(octets.bytes().begin(), octets.bytes().end());
  return true;
}

void LastackAlone::arrives(const Packet& packet) {
  core_->now += 1ms;
  core_->host.advance(core_->now);
  core_->host.packet_arrives(Slice::adopt(Packet(packet)), core_->now);
  tell_events();
}

void LastackAlone::advance(TimePoint to) {
  core_->now = std::max(core_->now, to);
  core_->host.advance(core_->now);
  tell_events();
}

}  // namespace lastack::worlds
