#include "cli/bench_tun_host.hpp"

#include <cstring>
#include <string>

#include "cli/bench_network.hpp"
#include "cli/command.hpp"
#include "cli/device.hpp"

namespace lastack::cli {
namespace {

constexpr std::size_t kBenchTrace = 4096;  // events, as serve keeps them

void must(const std::expected<void, link::TunError>& done) {
  if (done) return;
  throw Failure{"can't " + done.error().what + ": " + std::strerror(done.error().error), kFailed};
}

host::Config bench_config(std::uint32_t buffer) {
  host::Config config;
  config.addresses = {*wire::Prefix::parse(std::string(kBenchHost) + "/24")};
  config.super_segment = host::kMostSuperSegment;
  config.transmit_checksum = config.verify_checksum = false;
  tcp::Settings settings;
  settings.receive_buffer = settings.send_buffer = buffer > 0 ? buffer : kDeviceBuffer;
  settings.fits_send_buffer = buffer == 0;
  config.settings = tcp::SettingsPtr(settings);
  config.trace = kBenchTrace;
  return config;
}

}  // namespace

std::unique_ptr<link::Tun> open_bench_device() {
  auto device = link::Tun::open({.name = "la0"});
  if (!device) must(std::unexpected(device.error()));
  must((*device)->give_address(*wire::Prefix::parse(std::string(kBenchKernel) + "/24")));
  must((*device)->bring_up());
  return std::move(*device);
}

TunBench::TunBench(Work work, std::uint32_t buffer)
    : work_(work),
      device_(open_bench_device()),
      host_(bench_config(buffer), system_random()),
      sockets_(host_),
      driver_(host_, *device_),
      octets_(kBenchChunk) {
  driver_.on_event = [this](const host::HostEvent&, TimePoint) { act(); };
  driver_.watch(loop_, device_->descriptor());
  listener_ = *sockets_.socket();
  const auto bound = sockets_.bind(listener_, {*wire::IpAddress::parse(kBenchHost), kBenchPort});
  if (!bound || !sockets_.listen(listener_, 1, io::monotonic_now())) {
    throw Failure{"the host can't listen", kFailed};
  }
}

void TunBench::open() {
  while (fd_ < 0) step();
}

void TunBench::step() {
  constexpr Duration kMoment = 10ms;
  driver_.turn();
  loop_.wait(std::min(driver_.next_deadline(), io::monotonic_now() + kMoment));
}

std::uint64_t TunBench::octets() const {
  if (work_ != Work::source) return moved_;
  const auto* connection = host_.connection(sockets_.find(fd_)->flow());
  return connection == nullptr ? 0 : static_cast<std::uint64_t>(connection->tcb().snd.una);
}

void TunBench::act() {
  if (fd_ < 0) {
    const auto accepted = sockets_.accept(listener_);
    if (!accepted) return;
    fd_ = *accepted;
  }
  if (work_ == Work::source) {
    write_all();
  } else {
    read_all();
  }
}

void TunBench::read_all() {
  const TimePoint now = io::monotonic_now();
  while (const auto n = sockets_.recv(fd_, octets_, now)) {
    if (*n == 0) throw Failure{"the kernel has closed its end", kFailed};
    if (work_ == Work::echo) (void)sockets_.send(fd_, std::span(octets_).first(*n), now);
    moved_ += *n;
  }
}

void TunBench::write_all() {
  const TimePoint now = io::monotonic_now();
  while (sockets_.send(fd_, octets_, now)) {
  }
}

}  // namespace lastack::cli
