#include "fuzz/peers.hpp"

#include <algorithm>
#include <array>

#include "fuzz/content.hpp"
#include "fuzz/must.hpp"
#include "ip/fragmenter.hpp"
#include "wire/fragment.hpp"
#include "wire/udp.hpp"

namespace lastack::fuzz {
namespace {

using wire::Flag;
using wire::TcpOptions;

constexpr std::uint16_t kFullSegment = 1460;
constexpr std::size_t kQuoted = 28;  // octets of a packet that an ICMP error quotes, at least

std::uint8_t low(std::uint8_t octet) { return octet & 0xfU; }
std::uint8_t high(std::uint8_t octet) { return octet >> 4U; }

/// An IP packet with a payload of `length` octets; where those begin.
std::size_t begin_packet(Octets& octets, const wire::IpAddress& from, const wire::IpAddress& to,
                         std::uint8_t protocol, std::size_t length) {
  const std::size_t header = wire::ip_header_size(from.family());
  octets.assign(header + length, {});
  wire::emit_ip({.source = from, .destination = to, .protocol = protocol}, length, octets);
  return header;
}

void set_tcp_sum(const wire::IpAddress& from, const wire::IpAddress& to,
                 wire::MutableBytes segment) {
  wire::set_tcp_checksum(segment, 0);
  wire::set_tcp_checksum(segment, wire::tcp_sum(from, to, segment).checksum());
}

void set_icmp_sum(const wire::IpAddress& from, const wire::IpAddress& to,
                  wire::MutableBytes message) {
  wire::Sum sum;
  sum.add(message);
  if (!from.is_v4()) {
    sum.add(wire::pseudo_header(from, to, wire::kProtocolIcmpv6,
                                static_cast<std::uint32_t>(message.size())));
  }
  wire::Writer(message.subspan(2, 2)).u16(sum.checksum());
}

/// The sums of a packet of TCP, as far as there is room for them.
void mend(Octets& octets) {
  const std::span<std::byte> all(octets);
  const bool v4 = !octets.empty() && (std::to_integer<unsigned>(octets[0]) >> 4U) == 4;
  if (v4 && octets.size() >= wire::kIpv4Header) {
    const std::size_t length = (std::to_integer<std::size_t>(octets[0]) & 0xfU) * 4U;
    wire::Writer(all.subspan(10, 2)).u16(0);
    wire::Sum sum;
    sum.add(all.first(std::min(length, all.size())));
    wire::Writer(all.subspan(10, 2)).u16(sum.checksum());
  }
  const auto ip = wire::parse_ip(octets);
  if (!ip || ip->header.protocol != wire::kProtocolTcp) return;
  const auto at = static_cast<std::size_t>(ip->payload.data() - octets.data());
  set_tcp_sum(ip->header.source, ip->header.destination, all.subspan(at, ip->payload.size()));
}

void show(const wire::TcpHeader& h, std::size_t length) {
  if (!shows()) return;
  std::fprintf(stderr, "  > flags %02x seq %u ack %u win %u len %zu port %u to %u\n",
               unsigned{h.flags.bits()}, h.seq.raw(), h.ack.raw(), unsigned{h.window}, length,
               unsigned{h.source_port}, unsigned{h.destination_port});
}

}  // namespace

void Peers::heard(std::span<const std::byte> packet) {
  const auto ip = wire::parse_ip(packet);
  if (!ip || ip->header.protocol != wire::kProtocolTcp) return;
  const auto tcp = wire::parse_tcp(ip->payload);
  if (!tcp) return;
  const wire::TcpHeader& h = tcp->header;
  const host::Flow flow{{ip->header.source, h.source_port},
                        {ip->header.destination, h.destination_port}};
  if (h.flags.has(Flag::rst)) return;
  Known* const k = &know(flow, Seq(0x10000));
  const bool syn = h.flags.has(Flag::syn);
  const std::uint32_t length = static_cast<std::uint32_t>(tcp->payload.size()) + (syn ? 1U : 0U) +
                               (h.flags.has(Flag::fin) ? 1U : 0U);
  if (syn) {
    k->acknowledged = h.seq;
    k->host_next = h.seq;
    k->scale = h.options.has(TcpOptions::kWindowScale) ? h.options.window_scale : std::uint8_t{0};
  }
  if (!before(h.seq + length, k->host_next)) k->host_next = h.seq + length;
  if (h.flags.has(Flag::ack)) k->expected = h.ack;
  k->window = std::uint32_t{h.window} << (syn ? 0 : k->scale);
  k->stamped = h.options.has(TcpOptions::kTimestamps);
  k->ts_val = h.options.ts_val;
  k->last.assign(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(
                                                      std::min(packet.size(), std::size_t{64})));
}

// --- segments

Peers::Known& Peers::choose(const Step& step) {
  const std::size_t i = step[1] % (flows_.size() + 2);
  return i < flows_.size() ? flows_[i] : fresh(step);
}

/// A flow that the host has not spoken of: from some port to one that may be listened on.
Peers::Known& Peers::fresh(const Step& step) {
  const std::size_t family = step[1] % 2;
  const std::uint16_t to = step[1] < 0x80 ? 80 : step[1] < 0xf0 ? 81 : 7;
  const auto from = static_cast<std::uint16_t>(kFirstPort + step[6] % 8);
  const host::Flow flow{{hosts_[family % hosts_.size()], to},
                        {peers_[family % peers_.size()], from}};
  return know(flow, Seq(0xfffff000));  // it wraps soon
}

/// What is known of `flow`; where that is nothing, its peer begins at `start`.
Peers::Known& Peers::know(const host::Flow& flow, Seq start) {
  const auto known = std::ranges::find(flows_, flow, &Known::flow);
  if (known != flows_.end()) return *known;
  const bool room = flows_.size() < kMostFlows;
  Known& k = room ? flows_.emplace_back() : flows_[replaced_++ % kMostFlows];
  k = {};
  k.flow = flow;
  k.iss = k.expected = start;
  return k;
}

Seq Peers::seq_of(const Known& k, const Step& step) {
  const auto amount = static_cast<std::uint32_t>(std::int32_t{step.signed_amount()});
  switch (low(step[3])) {
    case kSeqPlus: return k.expected + amount;
    case kSeqEdge: return k.expected + k.window + amount;
    case kSeqBefore: return k.expected - 1;
    case kSeqAfter: return k.expected + 1;
    case kSeqFar: return k.expected + (std::uint32_t{step.amount()} << 16U);
    case kSeqSyn: return k.iss;
    case kSeqNextButOne: return k.expected + kFullSegment;
    default: return k.expected;
  }
}

Seq Peers::ack_of(const Known& k, const Step& step) {
  const auto amount = static_cast<std::uint32_t>(std::int32_t{step.signed_amount()});
  const std::uint32_t out = k.host_next.raw() - k.acknowledged.raw();
  switch (high(step[3])) {
    case kAckPlus: return k.host_next + amount;
    case kAckSome: return k.acknowledged + std::min<std::uint32_t>(step.amount(), out);
    case kAckBefore: return k.host_next - 1;
    case kAckUnsent: return k.host_next + 1;
    case kAckFar: return k.host_next + (std::uint32_t{step.amount()} << 16U);
    case kAckAgain: return k.acknowledged;
    case kAckZero: return Seq(0);
    default: return k.host_next;
  }
}

std::size_t Peers::length_of(const Known& k, const Step& step) {
  switch (low(step[5])) {
    case 1: return 1;
    case 2: return 7;
    case 3: return step.amount() % 64U;
    case 4: return step.amount() % 1500U;
    case 5: return kFullSegment;
    case 6: return step.amount() % 20000U;
    case 7: return std::min<std::size_t>(k.window, 60000);
    case 8: return 500;
    default: return 0;
  }
}

std::uint16_t Peers::window_of(const Step& step) {
  switch (high(step[5])) {
    case 1: return 0;
    case 2: return 1;
    case 3: return step.amount();
    case 4: return 1000;
    case 5: return 100;
    default: return 65535;
  }
}

void Peers::add_options(const Known& k, const Step& step, TimePoint now, wire::TcpHeader& header) {
  const std::uint8_t bits = step[4];
  TcpOptions& o = header.options;
  const auto add = [&o](TcpOptions::Present what) {
    o.present = static_cast<std::uint8_t>(o.present | what);
  };
  if ((bits & kMss) != 0) {
    add(TcpOptions::kMss);
    o.mss = high(step[5]) == 3 ? step.amount() : std::uint16_t{1400};
  }
  if ((bits & kScale) != 0) {
    add(TcpOptions::kWindowScale);
    o.window_scale = low(step[3]) == 0 ? step[6] % 16 : std::uint8_t{7};
  }
  if ((bits & kSackOk) != 0) add(TcpOptions::kSackPermitted);
  if (k.stamped != ((bits & kStamp) != 0)) {
    add(TcpOptions::kTimestamps);
    const auto clock = static_cast<std::uint32_t>(now.time_since_epoch() / 1ms);
    o.ts_val = clock - ((bits & kOldStamp) != 0 ? step.amount() : 0U);
    o.ts_ecr = k.ts_val - ((bits & kOddEcho) != 0 ? step.amount() * 1000U : 0U);
  }
  const auto block = [&](std::uint32_t from, std::uint32_t octets) {
    o.sack[o.sack_count++] = {k.acknowledged + from, k.acknowledged + from + octets};
  };
  if (header.flags.has(Flag::syn)) return;
  if ((bits & kSack) != 0) block(1 + step.amount() % 3000U, 1 + step[6] * 16U);
  if ((bits & kMoreSack) != 0) {
    block(4000U + step[7], 1460);
    block(step.amount() * 16U, step.amount());
  }
}

Octets Peers::segment(const Step& step, TimePoint now) {
  Known& k = choose(step);
  wire::TcpHeader header;
  header.source_port = k.flow.remote.port;
  header.destination_port = k.flow.local.port;
  header.seq = seq_of(k, step);
  header.ack = ack_of(k, step);
  header.flags = wire::Flags(step[2]);
  header.window = window_of(step);
  if (header.flags.has(Flag::urg)) header.urgent = step.amount();
  add_options(k, step, now, header);
  const std::size_t length = length_of(k, step);
  const std::size_t tcp = wire::header_size(header);
  Octets octets;
  const wire::IpAddress& from = k.flow.remote.address;
  const wire::IpAddress& to = k.flow.local.address;
  const std::size_t at = begin_packet(octets, from, to, wire::kProtocolTcp, tcp + length);
  const std::span<std::byte> segment = std::span(octets).subspan(at);
  must(wire::emit_tcp(header, segment) == tcp, "a segment of our own");
  const Seq text = header.flags.has(Flag::syn) ? header.seq + 1 : header.seq;
  fill(text, segment.subspan(tcp));
  set_tcp_sum(from, to, segment);
  show(header, length);
  if (header.flags.has(Flag::syn)) k.iss = header.seq;
  const bool news = after(header.ack, k.acknowledged) && !after(header.ack, k.host_next);
  if (header.flags.has(Flag::ack) && news) k.acknowledged = header.ack;
  return octets;
}

Octets Peers::bent(const Step& step, bool mended, TimePoint now) {
  Octets octets = segment(step, now);
  const std::size_t at = step[6] % std::min<std::size_t>(octets.size(), 100);
  octets[at] ^= std::byte{step[7]};
  if (mended) mend(octets);
  return octets;
}

Octets Peers::wrapped(const Step& step, TimePoint now) {
  Octets octets = segment(step, now);
  if ((std::to_integer<unsigned>(octets[0]) >> 4U) == 4) {
    octets[6] = std::byte{step[6]};
    octets[7] = std::byte{step[7]};
    mend(octets);
    return octets;
  }
  constexpr std::array<std::uint8_t, 4> kExtensions{0, 43, 60, 44};
  for (std::uint32_t i = 0; i < 1U + step[6] % 10U; ++i) {
    Octets extension(8U + 8U * (step[7] % 3U));
    extension[0] = octets[6];
    extension[1] = static_cast<std::byte>(step[7] % 3U);
    octets[6] = std::byte{kExtensions[(step[6] >> 4U) % kExtensions.size()]};
    octets.insert(octets.begin() + wire::kIpv6Header, extension.begin(), extension.end());
  }
  wire::Writer(std::span(octets).subspan(4, 2))
      .u16(static_cast<std::uint32_t>(octets.size() - wire::kIpv6Header));
  return octets;
}

std::vector<Octets> Peers::pieces(const Step& step, TimePoint now) {
  const Octets whole = segment(step, now);
  const auto ip = wire::parse_ip(whole);
  const std::size_t mtu = 76U + 8U * (step[6] % 64U);
  ip::Fragmenter cutter(ip->header, step[7], ip->payload.size(), mtu);
  std::vector<Octets> all;
  while (!cutter.done()) {
    Octets& piece = all.emplace_back(wire::kMostFragmentHeader);
    const auto cut = cutter.next(piece);
    piece.resize(cut.header_size);
    const auto part = ip->payload.subspan(cut.at, cut.size);
    piece.insert(piece.end(), part.begin(), part.end());
  }
  switch (high(step[5])) {
    case 1: std::ranges::reverse(all); break;
    case 2: all.erase(all.begin()); break;
    case 3: all.pop_back(); break;
    case 4: all.push_back(all[all.size() / 2]); break;
    case 5: std::swap(all.front(), all[all.size() / 2]); break;
    default: break;
  }
  return all;
}

Octets Peers::datagram(const Step& step) const {
  const std::size_t family = step[1] % 2;
  const wire::IpAddress& from = peers_[family % peers_.size()];
  const wire::IpAddress& to = hosts_[family % hosts_.size()];
  const std::size_t payload = step.amount() % 1400U;
  const std::size_t padding = (step[3] & kPadded) != 0 ? 5 : 0;
  Octets octets;
  const std::size_t at =
      begin_packet(octets, from, to, wire::kProtocolUdp, wire::kUdpHeader + payload + padding);
  const std::span<std::byte> all = std::span(octets).subspan(at);
  const auto udp = all.first(wire::kUdpHeader + payload);
  const auto port = static_cast<std::uint16_t>(kUdpPort + step[2] % 3U);
  wire::emit_udp({static_cast<std::uint16_t>(kFirstPort + step[4] % 8U), port}, payload, udp);
  wire::set_udp_checksum(from, to, udp);
  if ((step[3] & kBadSum) != 0) udp[6] ^= std::byte{1};
  if ((step[3] & kNoSum) != 0) udp[6] = udp[7] = std::byte{0};
  if ((step[3] & kBadLength) != 0) udp[4] = std::byte{step[5]};
  return octets;
}

Octets Peers::other(const Step& step) const {
  const std::size_t family = step[1] % 2;
  Octets octets;
  begin_packet(octets, peers_[family % peers_.size()], hosts_[family % hosts_.size()], step[2],
               step.amount() % 100U);
  return octets;
}

// --- ICMP

Octets Peers::echo(const Step& step) const {
  const std::size_t family = step[1] % 2;
  const wire::IpAddress& from = peers_[family % peers_.size()];
  const wire::IpAddress& to = hosts_[family % hosts_.size()];
  const std::uint8_t protocol = from.is_v4() ? wire::kProtocolIcmp : wire::kProtocolIcmpv6;
  Octets octets;
  const std::size_t at = begin_packet(octets, from, to, protocol, 8 + step.amount() % 1400U);
  const std::span<std::byte> message = std::span(octets).subspan(at);
  message[0] = std::byte{from.is_v4() ? std::uint8_t{8} : std::uint8_t{128}};
  set_icmp_sum(from, to, message);
  if (step[2] % 4 == 3) message[4] ^= std::byte{1};
  return octets;
}

/// A datagram as the host may have sent one, to port step[4].
Octets Peers::own_datagram(const Step& step, const wire::IpAddress& from,
                           const wire::IpAddress& to) {
  Octets octets;
  const std::size_t at = begin_packet(octets, from, to, wire::kProtocolUdp, wire::kUdpHeader);
  const auto udp = std::span(octets).subspan(at);
  must(wire::emit_udp({kUdpPort, step[4]}, 0, udp) == udp.size(), "a datagram of our own");
  wire::set_udp_checksum(from, to, udp);
  return octets;
}

Octets Peers::icmp_error(const Step& step) const {
  if (flows_.empty()) return echo(step);
  const Known& k = flows_[step[1] % flows_.size()];
  const wire::IpAddress& from = peers_[k.flow.local.address.is_v4() ? 0 : 1 % peers_.size()];
  const wire::IpAddress& to = k.flow.local.address;
  const bool udp = (step[5] & 0x80U) != 0;
  const Octets about = udp ? own_datagram(step, to, from) : k.last;
  const std::size_t quoted = step[5] % 2 == 0 ? about.size() : std::min(about.size(), kQuoted);
  const std::uint8_t protocol = from.is_v4() ? wire::kProtocolIcmp : wire::kProtocolIcmpv6;
  Octets octets;
  const std::size_t at = begin_packet(octets, from, to, protocol, 8 + quoted);
  const std::span<std::byte> message = std::span(octets).subspan(at);
  message[0] = static_cast<std::byte>(from.is_v4() ? 3U + 8U * (step[2] % 2U) : 1U + step[2] % 4U);
  message[1] = static_cast<std::byte>(step[3] % 16U);
  wire::Writer(message.subspan(6, 2)).u16(step.amount());
  std::ranges::copy(std::span(about).first(quoted), message.begin() + 8);
  set_icmp_sum(from, to, message);
  return octets;
}

}  // namespace lastack::fuzz
