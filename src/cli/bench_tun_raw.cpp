#include "cli/bench_tun_raw.hpp"

#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "cli/bench_network.hpp"
#include "cli/command.hpp"

namespace lastack::cli {
namespace {

constexpr std::size_t kOffloadHeader = 10;  // struct virtio_net_hdr
constexpr std::byte kChecksumIsPartial{1};
constexpr std::byte kCutAsTcpV4{1};
constexpr std::size_t kLargestRead = 70'000;
constexpr std::size_t kMostReads = 32;
constexpr std::uint8_t kScale = 10;

/// The header before a packet, in this machine's order.
void put_offload_header(std::span<std::byte> into, std::size_t headers, bool cut) {
  const std::array<std::uint16_t, 4> words{static_cast<std::uint16_t>(headers),
                                           static_cast<std::uint16_t>(cut ? kRawSegment : 0),
                                           wire::kIpv4Header, 16};
  into[0] = kChecksumIsPartial;
  into[1] = cut ? kCutAsTcpV4 : std::byte{0};
  std::memcpy(into.data() + 2, words.data(), sizeof words);
}

}  // namespace

RawEnd::RawEnd(int descriptor) : descriptor_(descriptor), packet_(kLargestRead) {
  ip_.source = *wire::IpAddress::parse(kBenchHost);
  ip_.destination = *wire::IpAddress::parse(kBenchKernel);
  ip_.protocol = wire::kProtocolTcp;
  tcp_.source_port = kBenchPort;
  tcp_.window = 0xffff;
}

void RawEnd::open() {
  while (!has_peer_) {
    wait();
    take();
  }
  tcp_.flags = wire::Flag::syn | wire::Flag::ack;
  tcp_.options.present = wire::TcpOptions::kMss | wire::TcpOptions::kWindowScale;
  tcp_.options.mss = kRawSegment;
  tcp_.options.window_scale = kScale;
  send(0, {});
  tcp_.flags = wire::Flag::ack;
  tcp_.options = {};
  next_ = una_ = 1;
}

std::size_t RawEnd::take() {
  std::size_t count = 0;
  ssize_t n = 0;
  while (count < kMostReads && (n = ::read(descriptor_, packet_.data(), packet_.size())) > 0) {
    const auto size = static_cast<std::size_t>(n);
    if (size > kOffloadHeader) {
      look_at(std::span(packet_).subspan(kOffloadHeader, size - kOffloadHeader));
    }
    ++count;
  }
  return count;
}

void RawEnd::wait() const {
  constexpr int kMoment = 10;  // milliseconds
  pollfd waiting{.fd = descriptor_, .events = POLLIN, .revents = 0};
  ::poll(&waiting, 1, kMoment);
}

bool RawEnd::write(std::span<std::byte> payload) {
  if (next_ + payload.size() - una_ > window_) return false;
  send(next_, payload);
  next_ += static_cast<std::uint32_t>(payload.size());
  return true;
}

void RawEnd::look_at(wire::Bytes packet) {
  const auto ip = wire::parse_ip(packet);
  if (!ip || ip->header.protocol != wire::kProtocolTcp) return;
  const auto tcp = wire::parse_tcp(ip->payload);
  if (!tcp) return;
  const wire::TcpHeader& header = tcp->header;
  if (header.flags.has(wire::Flag::syn)) {
    if (std::exchange(has_peer_, true)) return;
    tcp_.ack = header.seq + 1;
    tcp_.destination_port = header.source_port;
    scale_ = header.options.window_scale;
    return;
  }
  // An end that was there before has left its last packets.
  if (header.source_port != tcp_.destination_port || header.flags.has(wire::Flag::rst)) return;
  if (header.seq == tcp_.ack) {
    tcp_.ack = tcp_.ack + static_cast<std::uint32_t>(tcp->payload.size());
    received_ += tcp->payload.size();
  }
  const std::uint32_t acknowledged = header.ack.raw();
  acknowledged_ += acknowledged - una_;  // modulo 2^32, as both are
  una_ = acknowledged;
  window_ = std::uint32_t{header.window} << scale_;
}

void RawEnd::send(std::uint32_t seq, std::span<std::byte> payload) {
  std::array<std::byte, kOffloadHeader + wire::kIpv4Header + wire::kMostTcpHeader> headers{};
  const auto room = std::span(headers).subspan(kOffloadHeader);
  tcp_.seq = Seq(seq);
  const std::size_t tcp = wire::emit_tcp(tcp_, room.subspan(wire::kIpv4Header));
  wire::emit_ip(ip_, tcp + payload.size(), room);
  const auto length = static_cast<std::uint32_t>(tcp + payload.size());
  wire::set_tcp_checksum(
      room.subspan(wire::kIpv4Header),
      wire::pseudo_header(ip_.source, ip_.destination, wire::kProtocolTcp, length).folded());
  put_offload_header(headers, wire::kIpv4Header + tcp, payload.size() > kRawSegment);
  const std::array<iovec, 2> parts{iovec{headers.data(), kOffloadHeader + wire::kIpv4Header + tcp},
                                   iovec{payload.data(), payload.size()}};
  if (::writev(descriptor_, parts.data(), payload.empty() ? 1 : 2) < 0) {
    throw Failure{std::string("can't write to the device: ") + std::strerror(errno), kFailed};
  }
}

}  // namespace lastack::cli
