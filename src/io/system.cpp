// The public face of what the system gives: randomness, the clock, a TUN device.
#include "lastack/system.hpp"

#include <poll.h>
#include <sys/random.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "io/event_loop.hpp"
#include "io/packet_ref.hpp"
#include "io/tun_of_stack.hpp"
#include "link/tun.hpp"
#include "socket/stack_core.hpp"

namespace lastack {

using socket::StackAccess;
namespace {

SystemError error_of(const link::TunError& error) {
  return {error.what + ": " + std::strerror(error.error), error.error};
}

}  // namespace

Seed system_seed() {
  Seed seed;
  auto* at = reinterpret_cast<unsigned char*>(seed.words.data());
  std::size_t left = sizeof seed.words;
  while (left > 0) {  // 256 octets and less come whole once the system has any randomness
    const auto got = ::getrandom(at, left, 0);
    if (got <= 0) std::abort();  // a host whose numbers can be guessed is worse than none
    at += got;
    left -= static_cast<std::size_t>(got);
  }
  return seed;
}

TimePoint monotonic_now() { return io::monotonic_now(); }

struct TunDriver::Parts {
  std::shared_ptr<socket::StackCore> core;
  std::unique_ptr<link::Tun> tun;
  std::vector<link::Packet> batch;
  std::size_t events = 0;  ///< of the stack that waited at the last wait()
};

TunDriver::TunDriver(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TunDriver::TunDriver(TunDriver&&) noexcept = default;
TunDriver& TunDriver::operator=(TunDriver&&) noexcept = default;
TunDriver::~TunDriver() = default;

std::expected<std::unique_ptr<link::Tun>, SystemError> io::open_tun(const host::Config& config,
                                                                    const TunOptions& options) {
  auto tun = link::Tun::open(
      {.name = options.name, .mtu = config.mtu, .offload = config.super_segment > 0});
  if (!tun) return std::unexpected(error_of(tun.error()));
  for (const Prefix& address : options.kernel) {
    const auto given = (*tun)->give_address(address);
    if (!given) return std::unexpected(error_of(given.error()));
  }
  if (!options.kernel.empty()) {
    const auto up = (*tun)->bring_up();
    if (!up) return std::unexpected(error_of(up.error()));
    // Without anybody to ask (TUN) this is over in a few milliseconds.
    const TimePoint until = io::monotonic_now() + 2s;
    while (!(*tun)->kernel_is_settled() && io::monotonic_now() < until) ::poll(nullptr, 0, 1);
  }
  return std::move(*tun);
}

std::expected<TunDriver, SystemError> TunDriver::open(Stack& stack, const TunOptions& options) {
  auto tun = io::open_tun(StackAccess::core(stack)->host.config(), options);
  if (!tun) return std::unexpected(tun.error());
  stack.advance(io::monotonic_now());
  return TunDriver(
      std::make_unique<Parts>(Parts{StackAccess::core(stack), std::move(*tun), {}, 0}));
}

void TunDriver::turn() {
  auto& [core, tun, batch, told] = *parts_;
  core->now = std::max(core->now, io::monotonic_now());
  batch.clear();
  tun->receive(batch, core->now);
  for (const link::Packet& packet : batch) core->host.packet_arrives(packet.octets, core->now);
  batch.clear();
  core->host.advance(core->now);
  while (core->host.transmit(core->out, core->now)) {
    tun->send(io::ref_to(core->out), core->now);
  }
  tun->flush(core->now);
  core->out.clear();
}

void TunDriver::wait(Duration most) {
  // Who looks at sockets and never pulls events must not be woken by the same ones again.
  const std::size_t events = parts_->core->host.events();
  if (events > std::exchange(parts_->events, events)) return;
  const TimePoint now = io::monotonic_now();
  const Duration longest = std::clamp<Duration>(most, 0s, 1h);  // a sum that can't overflow
  const TimePoint deadline = std::min(parts_->core->host.next_deadline(), now + longest);
  const auto left = std::max(deadline - now, Duration(0));
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
  const timespec timeout{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  pollfd wanted{.fd = parts_->tun->descriptor(), .events = POLLIN, .revents = 0};
  ::ppoll(&wanted, 1, &timeout, nullptr);
}

bool TunDriver::alive() const { return parts_->tun->alive(); }

int TunDriver::descriptor() const { return parts_->tun->descriptor(); }

}  // namespace lastack
