// Packets in: whether they are for us, whole, and of a protocol that we speak.
#include <algorithm>
#include <utility>

#include "host/host.hpp"
#include "wire/extensions.hpp"
#include "wire/fragment.hpp"
#include "wire/quote.hpp"

namespace lastack::host {

void Host::packet_arrives(const Slice& packet, TimePoint now) { take(packet, Via::link, now); }

/// An ordinary packet asks what parse_ip() asks, and no more: pieces and whatever else is wrong are
/// read again by those who deal with them.
void Host::take(const Slice& packet, Via via, TimePoint now) {
  ++counters_.packets_in;
  const auto ip = wire::parse_ip(packet.bytes());
  if (ip) {
    if (is_between(ip->header.source, ip->header.destination, via)) {
      to_protocol(*ip, packet, via, now);
    }
  } else if (ip.error() == wire::ParseError::fragment) {
    piece_arrives(packet, via, now);
  } else {
    refuse(packet, *wire::header_problem(packet.bytes()), via, now);
  }
}

void Host::to_protocol(const wire::ParsedIp& ip, const Slice& packet, Via via, TimePoint now) {
  const bool v4 = ip.header.source.is_v4();
  if (ip.header.protocol == wire::kProtocolTcp) {
    tcp_arrives(ip, packet, now);
  } else if (ip.header.protocol == (v4 ? wire::kProtocolIcmp : wire::kProtocolIcmpv6)) {
    icmp_arrives(ip, now);
  } else {
    to_nobody(ip, packet, via, now);
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
  if (!problem.told) return;
  const wire::IcmpMessage message{
      .kind = wire::IcmpKind::parameter_problem, .code = problem.code, .pointer = problem.pointer};
  send_error(message, packet.bytes(), problem.even_multicast, via, now);
}

/// From one host to us: nothing else goes on (RFC 9293 MUST-57, MUST-63; RFC 1122 §3.2.1.3).
bool Host::is_between(const wire::IpAddress& source, const wire::IpAddress& destination, Via via) {
  if (is_local(destination) && may_come_from(source, via)) [[likely]]
    return true;
  const bool ours = is_local(destination);
  const bool to_many = destination.is_multicast() || is_broadcast(destination);
  ++(ours || to_many ? counters_.bad_address : counters_.not_for_us);
  return false;
}

bool Host::may_come_from(const wire::IpAddress& address, Via via) const {
  if (address.is_multicast() || address.is_broadcast() || address.is_unspecified()) return false;
  const bool outside = via == Via::link;
  if (outside && address.is_loopback()) return false;
  return std::ranges::none_of(addresses_, [&](const ip::UsableAddress& ours) {
    return (outside && ours.prefix.address == address) || ours.prefix.is_broadcast(address);
  });
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
  counters_.reassembly_evicted += added.evicted;
  if (added.fate == ip::PieceFate::completed) whole_arrives(added.whole, via, now);
}

/// A link that verifies checksums could not verify this one's: it saw only pieces.
void Host::whole_arrives(const Slice& packet, Via via, TimePoint now) {
  const auto ip = wire::parse_ip(packet.bytes());
  if (!ip) {
    refuse(packet, *wire::header_problem(packet.bytes()), via, now);
    return;
  }
  const bool unseen = !config_.verify_checksum && ip->header.protocol == wire::kProtocolTcp;
  const auto& [header, payload] = *ip;
  if (unseen && wire::tcp_sum(header.source, header.destination, payload).checksum() != 0) {
    ++counters_.tcp_checksum;
    return;
  }
  to_protocol(*ip, packet, via, now);
}

/// Who sent the first piece is told that the others did not come (RFC 792, RFC 4443 §3.3).
void Host::reassembly_due(TimePoint now) {
  const wire::IcmpMessage message{.kind = wire::IcmpKind::time_exceeded,
                                  .code = wire::TimeExceeded::kReassembly};
  while (const auto over = reassembly_.expire(now)) {
    ++counters_.reassembly_timed_out;
    if (!over->first.empty()) send_error(message, over->first.bytes(), false, Via::loop, now);
  }
}

}  // namespace lastack::host
