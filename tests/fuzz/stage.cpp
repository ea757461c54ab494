#include "fuzz/stage.hpp"

#include <algorithm>
#include <array>

#include "fuzz/content.hpp"
#include "fuzz/must.hpp"
#include "wire/fragment.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"
#include "wire/udp.hpp"

namespace lastack::fuzz {
namespace {

constexpr std::size_t kMostPackets = 20'000;  // that one step can make a host send
constexpr std::size_t kMostWakes = 3000;      // within one wait
constexpr std::size_t kMostWakesToEnd = 50'000;

constexpr std::array<std::uint32_t, 8> kBuffers{65535, 256 * 1024, 1,     100,
                                                1000,  4096,       20000, 1024 * 1024};
constexpr std::array<std::uint16_t, 4> kMtus{1500, 576, 1280, 9000};
constexpr std::array<std::uint32_t, 4> kSuperSegments{0, 0, 4000, 65535 - 60 - 60};

}  // namespace

/// All zero: what a host is like by default, but that few connections fill it.
host::Config config_of(const Step& step, std::uint32_t least) {
  tcp::Settings s;
  const auto bit = [&step](unsigned i) { return (step[1] >> i & 1U) != 0; };
  s.window_scaling = !bit(0);
  s.timestamps = !bit(1);
  s.sack = !bit(2);
  s.nagle = !bit(3);
  s.rst_ends_time_wait = bit(4);
  s.shut_rd_keeps_buffered = bit(5);
  s.shut_rdwr_resets_new_data = bit(6);
  if (bit(7)) s.user_timeout = 20s;
  s.receive_buffer = std::max(least, kBuffers[step[2] % kBuffers.size()]);
  s.send_buffer = std::max(least, kBuffers[(step[2] >> 4U) % kBuffers.size()]);

  host::Config config;
  config.mtu = kMtus[step[3] % kMtus.size()];
  config.super_segment = kSuperSegments[(step[3] >> 4U) % kSuperSegments.size()];
  config.settings = tcp::SettingsPtr(s);
  config.most_connections = 4 + step[4] % 16U;
  config.syn_queue = 1 + (step[4] >> 4U);
  config.first_port = 32768;
  config.last_port = 32771;
  return config;
}

TimePoint time_of(const Step& step, TimePoint now, TimePoint next_deadline) {
  switch (step.what() % 4) {
    case 0: return next_deadline == kNever ? now + 1h : next_deadline;
    case 1: return now + step.amount() * 1ms;
    case 2: return now + step.amount() * 1s;
    default: return now + Duration(step.amount());
  }
}

Side::Side(host::Config config, std::uint64_t seed, User::Places places, Ledger* ledger)
    : host(std::move(config), Random(seed)),
      sockets(host),
      user(sockets, std::move(places), ledger),
      checks(host) {
  host.advance(now);
}

void Side::arrives(std::span<const std::byte> packet) {
  checks.take(Slice::copy_of(packet, &host.pool()), now);
}

void Side::pull(const Sent& sent) {
  for (std::size_t i = 0; host.transmit(out_, now); ++i) {
    must(i < kMostPackets, "a host that never stops sending");
    flat_.resize(out_.size());
    must(out_.copy_to(flat_) == flat_.size(), "the size of a packet");
    if (out_.checksum_partial) wire::finish_tcp_checksum(std::span(flat_).subspan(out_.tcp_at));
    look_at(flat_, out_);
    sent(flat_, out_.segment_size);
    checks.events();
  }
  out_.clear();
  checks.events();
}

/// What any packet of a host must be, whatever made it send that.
void Side::look_at(std::span<const std::byte> packet, const host::PacketOut& out) const {
  const auto ip = wire::parse_ip(packet);
  const std::size_t most = host.config().mtu;
  if (!ip) {
    must(ip.error() == wire::ParseError::fragment, "a packet that does not parse was sent");
    const auto piece = wire::parse_fragment(packet);
    must(piece && host.is_local(piece->source), "a piece that does not parse was sent");
    return must(packet.size() <= most, "a piece larger than the link takes");
  }
  must(host.is_local(ip->header.source), "a packet from an address that is not ours");
  must(!host.is_local(ip->header.destination), "a packet to ourselves on the link");
  if (ip->header.protocol == wire::kProtocolUdp) {
    const auto udp = wire::parse_udp(ip->payload);
    must(udp && udp->summed, "a datagram that does not parse was sent");
    must(wire::udp_sum_is_right(ip->header.source, ip->header.destination, *udp),
         "a datagram with a wrong checksum was sent");
    return must(packet.size() <= most, "a datagram larger than the link takes");
  }
  if (ip->header.protocol != wire::kProtocolTcp) return;
  const auto sum = wire::tcp_sum(ip->header.source, ip->header.destination, ip->payload);
  must(sum.checksum() == 0, "a wrong checksum was sent");
  const auto tcp = wire::parse_tcp(ip->payload);
  must(tcp.has_value(), "a segment that does not parse was sent");
  const wire::TcpHeader& h = tcp->header;
  must(h.source_port != 0 || h.destination_port != 0, "a segment between no ports");
  const std::size_t cut = out.segment_size > 0 && tcp->payload.size() > out.segment_size
                              ? tcp->payload.size() - out.segment_size
                              : 0;
  must(packet.size() - cut <= most, "a packet larger than the link takes");
  must(!h.flags.has(wire::Flag::syn) || !h.flags.has(wire::Flag::fin), "SYN and FIN");
  must(!h.flags.has(wire::Flag::syn) || tcp->payload.empty(), "octets beside a SYN");
  must(stands_at(h.seq, tcp->payload), "an octet was sent that nobody wrote there");
  if (!shows()) return;
  std::fprintf(stderr, "  < flags %02x seq %u ack %u win %u len %zu port %u to %u\n",
               unsigned{h.flags.bits()}, h.seq.raw(), h.ack.raw(), unsigned{h.window},
               tcp->payload.size(), unsigned{h.source_port}, unsigned{h.destination_port});
}

void Side::time_is(TimePoint then) {
  now = then;
  host.advance(now);
  checks.events();
  must(host.next_deadline() > now, "a timer that is due again at once");
}

void Side::wait(const Step& step, const std::function<void()>& rest) {
  const TimePoint then = time_of(step, now, host.next_deadline());
  if (shows()) std::fprintf(stderr, "wait %lld us\n", static_cast<long long>((then - now).count()));
  if (!step.held()) rest();
  for (std::size_t i = 0; !step.held() && i < kMostWakes && host.next_deadline() <= then; ++i) {
    time_is(host.next_deadline());
    rest();
  }
  time_is(then);
}

void Side::let_time_run(const std::function<void()>& rest) {
  for (std::size_t i = 0; host.next_deadline() != kNever; ++i) {
    must(i < kMostWakesToEnd, "a host that never comes to rest");
    time_is(host.next_deadline());
    rest();
  }
}

}  // namespace lastack::fuzz
