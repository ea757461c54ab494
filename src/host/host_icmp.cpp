// ICMP: questions answered, errors taken to those they are about, errors sent.
#include <algorithm>
#include <array>
#include <utility>

#include "host/host.hpp"
#include "ip/icmp_errors.hpp"
#include "wire/quote.hpp"

namespace lastack::host {
namespace {

using Meaning = ip::Meaning;

constexpr std::uint32_t kMostJitter = 3;  // tokens that an error may cost besides its own

/// Octets of a segment in a packet of `mtu`.
std::uint16_t mss_for(std::uint16_t mtu, wire::Family family) {
  return static_cast<std::uint16_t>(mtu - wire::ip_header_size(family) - wire::kTcpHeader);
}

tcp::Error error_of(Meaning::What what) {
  switch (what) {
    case Meaning::What::port: return tcp::Error::refused;
    case Meaning::What::network: return tcp::Error::net_unreachable;
    case Meaning::What::protocol: return tcp::Error::no_protocol;
    case Meaning::What::policy: return tcp::Error::prohibited;
    case Meaning::What::host: break;
  }
  return tcp::Error::unreachable;
}

/// The smallest MTU that we cut to ourselves.
std::uint16_t cut_to(std::uint16_t mtu) { return std::max(mtu, ip::kSmallestCut); }

}  // namespace

std::string_view to_string(IcmpDrop drop) {
  static constexpr std::array<std::string_view, kIcmpDropCount> kNames{
      "unspoken", "meaningless", "unquoted", "no_connection", "unbelievable"};
  return kNames[static_cast<std::size_t>(drop)];
}

void Host::icmp_arrives(const wire::ParsedIp& ip, const Slice& packet, TimePoint now) {
  const auto& [header, message] = ip;
  const wire::Family family = header.source.family();
  const auto icmp = wire::parse_icmp(family, message);
  IcmpCounters& counts = counters_.icmp[Counters::of(family)];
  ++counts.in_messages;
  if (!icmp) {
    ++counters_.malformed[static_cast<std::size_t>(icmp.error())];
    ++counts.in_errors;
    return;
  }
  if (wire::icmp_sum(header.source, header.destination, message).checksum() != 0) {
    ++counters_.malformed[static_cast<std::size_t>(wire::ParseError::bad_checksum)];
    ++counts.in_errors;
    ++counts.in_checksum_errors;
    return;
  }
  ++counts.in[static_cast<std::size_t>(icmp->message.kind)];
  if (icmp->message.kind == wire::IcmpKind::echo_request) {
    answer_echo(ip, *icmp);
  } else if (icmp->message.is_error()) {
    icmp_error_arrives(*icmp, family, packet, now);
  } else {
    drop_icmp(IcmpDrop::unspoken, family);
  }
}

/// Counts why an ICMP message goes no further; an error about nothing of ours is wrong, too.
void Host::drop_icmp(IcmpDrop drop, wire::Family family) {
  ++counters_.icmp_dropped[static_cast<std::size_t>(drop)];
  const bool wrong = drop == IcmpDrop::unquoted || drop == IcmpDrop::no_connection;
  if (wrong) ++counters_.icmp[Counters::of(family)].in_errors;
}

/// RFC 1122 §3.2.2.6, RFC 4443 §4.2. The answer may be as long as the question, which may have come
/// in pieces, and then goes out in pieces.
void Host::answer_echo(const wire::ParsedIp& ip, const wire::ParsedIcmp& icmp) {
  wire::IpHeader header = ip.header;
  std::swap(header.source, header.destination);
  header.hop_limit = 64;
  header.dont_fragment = false;
  header.identification = identification_for(header.source, header.destination);
  const wire::Family family = header.source.family();
  const std::size_t front = wire::ip_header_size(family);
  const std::size_t size = ip.payload.size();
  Slice answer = Slice::allocate(front + size, &pool_);
  const auto room = answer.tail_room().first(front + size);
  if (wire::emit_ip(header, size, room) == 0) return;
  const auto message = room.subspan(front);
  wire::IcmpMessage reply_message = icmp.message;
  reply_message.kind = wire::IcmpKind::echo_reply;
  wire::emit_icmp(family, reply_message, message);
  std::ranges::copy(icmp.body, message.begin() + wire::kIcmpHeader);
  const wire::Sum sum = wire::icmp_sum(header.source, header.destination, message);
  wire::set_icmp_checksum(message, sum.checksum());
  answer.grow(front + size);
  ++counters_.echo_replies;
  ++counters_.icmp[Counters::of(family)].out[static_cast<std::size_t>(reply_message.kind)];
  count_out(header.source, answer.size());
  reply(std::move(answer));
}

// --- errors to us

/// The quote leads to the connection whose segment it was (RFC 5927 §4); whether it is one that is
/// out now is for the connection to say.
void Host::icmp_error_arrives(const wire::ParsedIcmp& icmp, wire::Family family,
                              const Slice& packet, TimePoint now) {
  const auto about = wire::parse_quote(icmp.body);
  if (!about || about->source.family() != family || !about->has_transport) {
    drop_icmp(IcmpDrop::unquoted, family);
    return;
  }
  const Meaning meaning = ip::meaning_of(icmp.message, *about);
  if (meaning.kind == Meaning::Kind::none || meaning.kind == Meaning::Kind::unbelievable) {
    const bool none = meaning.kind == Meaning::Kind::none;
    drop_icmp(none ? IcmpDrop::meaningless : IcmpDrop::unbelievable, family);
    return;
  }
  const Flow flow{{about->source, about->source_port},
                  {about->destination, about->destination_port}};
  if (about->protocol == wire::kProtocolUdp) return icmp_to_udp(flow, meaning, now);
  const auto handle = living(flow, hash(flow));
  if (!handle && is_anothers(flow)) {
    IcmpCounters& counts = counters_.icmp[Counters::of(family)];
    --counts.in_messages;
    --counts.in[static_cast<std::size_t>(icmp.message.kind)];
    return hand_over(packet, flow);
  }
  if (!handle || handle.kind() == Handle::Kind::time_wait) {
    drop_icmp(IcmpDrop::no_connection, family);
    return;
  }
  tcp::IcmpError error{.kind = tcp::IcmpError::Kind::soft,
                       .error = error_of(meaning.what),
                       .seq = about->seq,
                       .mss = 0};
  if (meaning.kind == Meaning::Kind::hard) error.kind = tcp::IcmpError::Kind::hard;
  if (meaning.kind == Meaning::Kind::too_big) {
    error.kind = tcp::IcmpError::Kind::too_big;
    error.mss = mss_for(cut_to(meaning.mtu), family);
  }
  if (handle.kind() == Handle::Kind::syn_rcvd) {
    icmp_to_syn_rcvd(handle.index(), error, now);
  } else {
    icmp_to_connection(handle.index(), error, meaning.mtu, now);
  }
}

/// Only what the connection takes for one of its own is remembered of the path.
void Host::icmp_to_connection(std::uint32_t index, const tcp::IcmpError& error, std::uint16_t mtu,
                              TimePoint now) {
  ConnectionEntry& entry = connections_[index];
  const tcp::Effects fx = entry.connection.icmp_arrives(error, now);
  if (fx.drop == tcp::Drop::none) {
    ++counters_.icmp_errors_in;
    if (error.kind == tcp::IcmpError::Kind::too_big) {
      path_mtu_.learn(entry.flow.remote.address, mtu, now);
      entry.may_be_cut |= mtu < ip::kSmallestCut;
    }
  }
  apply(index, fx, now);
}

void Host::icmp_to_syn_rcvd(std::uint32_t index, const tcp::IcmpError& error, TimePoint now) {
  const tcp::Effects fx = syn_rcvd_[index].record.icmp_arrives(error, now);
  note(syn_rcvd_[index].flow, fx, now);
  if (fx.drop == tcp::Drop::none) ++counters_.icmp_errors_in;
  go_on_with_syn_rcvd(index);
}

/// What is remembered of the path holds for a new connection from its first segment on.
void Host::mind_path(ConnectionEntry& entry, TimePoint now) {
  const wire::IpAddress& to = entry.flow.remote.address;
  const auto mtu = path_mtu_.of(to, now);
  if (!mtu) return;
  entry.connection.path_takes(mss_for(cut_to(*mtu), to.family()));
  entry.may_be_cut = *mtu < ip::kSmallestCut;
}

/// For packets that may be cut on their way (RFC 6864 §4.2).
std::uint16_t Host::identification_for(const wire::IpAddress& from, const wire::IpAddress& to) {
  return from.is_v4() ? static_cast<std::uint16_t>(identifications_.next(from, to)) : 0;
}

// --- errors from us

/// Tells the sender of the packet `about`, as far as that is allowed: it was sent to us by one
/// host, and not too many have been told just now.
void Host::send_error(const wire::IcmpMessage& message, wire::Bytes about, bool even_multicast,
                      Via via, TimePoint now) {
  const auto quote = wire::parse_quote(about);
  if (!quote || !is_local(quote->destination) || !may_come_from(quote->source, via)) return;
  const ip::Silence silence = ip::silence_about(*quote, even_multicast);
  if (silence != ip::Silence::none) {
    ++counters_.icmp_silent[static_cast<std::size_t>(silence)];
    return;
  }
  if (!error_budget_.take(now, random_.below(kMostJitter))) {
    ++counters_.icmp_errors_limited;
    ++counters_.icmp[Counters::of(quote->source)].out_rate_limited;
    return;
  }
  ++counters_.icmp_errors_out;
  ++counters_.icmp[Counters::of(quote->source)].out[static_cast<std::size_t>(message.kind)];
  const wire::IpHeader header{
      .source = quote->destination,
      .destination = quote->source,
      .identification = identification_for(quote->destination, quote->source),
      .dont_fragment = false,
  };
  Slice error = ip::error_about(message, header, about, &pool_);
  count_out(header.source, error.size());
  reply(std::move(error));
}

}  // namespace lastack::host
