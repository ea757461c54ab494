// Packets in: whether they are for us, whole, and of a protocol that we speak.
#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/flat.hpp"
#include "host/host.hpp"
#include "wire/extensions.hpp"
#include "wire/fragment.hpp"
#include "wire/quote.hpp"

namespace lastack::host {
namespace {

constexpr wire::IpAddress kAnyV6 = wire::IpAddress::from(std::array<std::byte, 16>{});
constexpr std::uint32_t kAllOnes = 0xffffffff;

/// Whether an address can be that of one host; from `outside`, of one that is not this one.
[[gnu::always_inline]] inline bool is_of_one_host(const wire::IpAddress& address, bool outside) {
  if (!address.is_v4()) {
    return !address.is_multicast() && address != kAnyV6 && !(outside && address.is_loopback());
  }
  const std::uint32_t first = address.last_word() >> 24U;
  if (first == 127) return !outside;
  return first != 0 && first >> 4U != 14 && address.last_word() != kAllOnes;
}

/// The same, with what we know of our own networks.
[[gnu::always_inline]] inline bool is_of_another(std::span<const ip::UsableAddress> all,
                                                 const wire::IpAddress& address, bool outside) {
  if (!is_of_one_host(address, outside)) return false;
  return std::ranges::none_of(all, [&](const ip::UsableAddress& ours) {
    return (outside && ours.prefix.address == address) || ours.prefix.is_broadcast(address);
  });
}

}  // namespace

void Host::packets_arrive(std::span<const Slice> packets, TimePoint now) {
  arrive(packets, config_.loops_over_link ? Via::loop : Via::link, now);
}

LASTACK_FLAT void Host::arrive(std::span<const Slice> packets, Via via, TimePoint now) {
  counters_.packets_in += packets.size();
  while (!packets.empty()) {
    const std::size_t taken = take(packets, via, config_.verify_checksum, now);
    IpCounters& counts = counters_.ip[Counters::of_packet(packets[0].bytes())];
    counts.in_receives += taken;
    std::size_t octets = packets[0].size();
    for (std::size_t i = 1; i < taken; ++i) octets += packets[i].size();
    counts.in_octets += octets;
    packets = packets.subspan(taken);
  }
}

inline bool Host::is_of_last(const wire::IpHeader& header) const {
  return last_ != nullptr && last_->flow.remote.address == header.source &&
         last_->flow.local.address == header.destination;
}

/// Takes the first of `packets`, and those that continue it; returns how many. An ordinary packet
/// asks what parse_ip() asks, and no more: pieces and whatever else is wrong are read again by
/// those who deal with them. A packet that was put together comes here as well.
std::size_t Host::take(std::span<const Slice> packets, Via via, bool verify, TimePoint now) {
  const Slice& packet = packets[0];
  const auto ip = wire::parse_ip(packet.bytes());
  if (!ip) {
    not_whole(packet, ip.error(), via, now);
    return 1;
  }
  const bool of_last = is_of_last(ip->header);
  if (!of_last && !is_between(ip->header.source, ip->header.destination, via)) return 1;
  const bool v4 = ip->header.source.is_v4();
  IpCounters& counts = counters_.ip[v4 ? 0 : 1];
  if (ip->header.protocol == wire::kProtocolTcp) {
    const std::size_t taken = tcp_arrives(*ip, packets, verify, of_last, now);
    counts.in_delivers += taken;
    return taken;
  }
  ++counts.in_delivers;
  if (ip->header.protocol == wire::kProtocolUdp) {
    udp_arrives(*ip, packet, via, verify, now);
  } else if (ip->header.protocol == (v4 ? wire::kProtocolIcmp : wire::kProtocolIcmpv6)) {
    icmp_arrives(*ip, packet, now);
  } else {
    --counts.in_delivers;
    to_nobody(*ip, packet, via, now);
  }
  return 1;
}

void Host::not_whole(const Slice& packet, wire::ParseError error, Via via, TimePoint now) {
  if (error == wire::ParseError::fragment) {
    piece_arrives(packet, via, now);
  } else {
    refuse(packet, *wire::header_problem(packet.bytes()), via, now);
  }
}

/// RFC 1122 §3.2.2.1, §4.1.3.1; RFC 8200 §4, RFC 4443 §3.1: the sender learns that there is nobody.
void Host::to_nobody(const wire::ParsedIp& ip, const Slice& packet, Via via, TimePoint now) {
  const bool v4 = ip.header.source.is_v4();
  wire::IcmpMessage message{.kind = wire::IcmpKind::unreachable};
  if (ip.header.protocol == wire::kProtocolUdp) {
    ++counters_.no_port;
    message.code = v4 ? std::uint8_t{wire::icmp4::kPort} : std::uint8_t{wire::icmp6::kPort};
  } else if (!v4 && ip.header.protocol == wire::kNoNextHeader) {
    ++counters_.no_payload;
    return;
  } else {
    ++counters_.no_protocol;
    ++counters_.ip[v4 ? 0 : 1].in_unknown_protocols;
    message.code = wire::icmp4::kProtocol;
    if (!v4) {
      message.kind = wire::IcmpKind::parameter_problem;
      message.code = wire::icmp6::kUnknownNextHeader;
      const auto quote = wire::parse_quote(packet.bytes());
      message.pointer = quote ? static_cast<std::uint32_t>(quote->named_at) : 0;
    }
  }
  send_error(message, packet.bytes(), false, via, now);
}

// --- what is refused

void Host::refuse(const Slice& packet, const wire::HeaderProblem& problem, Via via, TimePoint now) {
  ++counters_.malformed[static_cast<std::size_t>(problem.error)];
  IpCounters& counts = counters_.ip[Counters::of_packet(packet.bytes())];
  ++counts.in_header_errors;
  if (problem.error == wire::ParseError::bad_checksum) ++counts.in_checksum_errors;
  if (!problem.told) return;
  const wire::IcmpMessage message{
      .kind = wire::IcmpKind::parameter_problem, .code = problem.code, .pointer = problem.pointer};
  send_error(message, packet.bytes(), problem.even_multicast, via, now);
}

/// From one host to us: nothing else goes on (RFC 9293 MUST-57, MUST-63; RFC 1122 §3.2.1.3).
bool Host::is_between(const wire::IpAddress& source, const wire::IpAddress& destination, Via via) {
  const bool ours = is_local(destination);
  if (ours && is_of_another(addresses_, source, via == Via::link)) [[likely]]
    return true;
  const bool to_many = destination.is_multicast() || is_broadcast(destination);
  ++(ours || to_many ? counters_.bad_address : counters_.not_for_us);
  ++counters_.ip[Counters::of(destination)].in_address_errors;
  return false;
}

bool Host::may_come_from(const wire::IpAddress& address, Via via) const {
  return is_of_another(addresses_, address, via == Via::link);
}

bool Host::is_broadcast(const wire::IpAddress& address) const {
  return address.is_broadcast() ||
         std::ranges::any_of(addresses_, [&](const ip::UsableAddress& ours) {
           return ours.prefix.is_broadcast(address);
         });
}

// --- pieces

void Host::piece_arrives(const Slice& packet, Via via, TimePoint now) {
  const auto piece = wire::parse_fragment(packet.bytes());
  if (!piece) return refuse(packet, piece.error(), via, now);
  if (!is_between(piece->source, piece->destination, via)) return;
  const auto added = reassembly_.add(*piece, packet, now, &pool_);
  ++counters_.pieces[static_cast<std::size_t>(added.fate)];
  IpCounters& counts = counters_.ip[Counters::of(piece->source)];
  ++counts.reassembly_requests;
  counts.reassembly_successes += added.fate == ip::PieceFate::completed ? 1 : 0;
  counts.reassembly_failures += added.fate > ip::PieceFate::duplicate ? 1 : 0;
  counts.reassembly_overlaps += added.fate == ip::PieceFate::overlap ? 1 : 0;
  counters_.reassembly_evicted += added.evicted;
  if (added.fate == ip::PieceFate::completed) whole_arrives(added.whole, via, now);
}

/// A link that verifies checksums could not verify this one's: it saw only pieces.
void Host::whole_arrives(const Slice& packet, Via via, TimePoint now) {
  take({&packet, 1}, via, true, now);
}

/// Who sent the first piece is told that the others did not come (RFC 792, RFC 4443 §3.3).
void Host::reassembly_due(TimePoint now) {
  const wire::IcmpMessage message{.kind = wire::IcmpKind::time_exceeded,
                                  .code = wire::TimeExceeded::kReassembly};
  while (const auto over = reassembly_.expire(now)) {
    ++counters_.reassembly_timed_out;
    ++counters_.ip[Counters::of(over->family)].reassembly_timeouts;
    if (!over->first.empty()) send_error(message, over->first.bytes(), false, Via::loop, now);
  }
}

}  // namespace lastack::host
