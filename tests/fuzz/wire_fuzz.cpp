// All of src/wire that reads: what parses is written again and read back, sums agree with a plain
// loop wherever the octets lie, and text of addresses comes back as it went.
// Target: wire/address.cpp wire/checksum.* wire/extensions.cpp wire/fragment.cpp wire/icmp.cpp
// Target: wire/ip.cpp wire/ipv4_options.cpp wire/quote.cpp wire/tcp.cpp wire/udp.cpp wire/bytes.hpp
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/kinds.hpp"
#include "fuzz/must.hpp"
#include "fuzz/room.hpp"
#include "wire/address.hpp"
#include "wire/checksum.hpp"
#include "wire/fragment.hpp"
#include "wire/header_problem.hpp"
#include "wire/icmp.hpp"
#include "wire/ip.hpp"
#include "wire/quote.hpp"
#include "wire/tcp.hpp"
#include "wire/udp.hpp"

namespace lastack::fuzz {
namespace {

using wire::Bytes;
using wire::MutableBytes;

/// One's complement by the book: 16 bits after 16 bits (RFC 1071 §1).
std::uint16_t plain_sum(Bytes octets) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const auto octet = std::to_integer<std::uint32_t>(octets[i]);
    sum += i % 2 == 0 ? octet << 8U : octet;
    sum = (sum & 0xffffU) + (sum >> 16U);
  }
  return static_cast<std::uint16_t>(sum);
}

/// 0 and ffff are the same number.
bool same(std::uint16_t a, std::uint16_t b) { return a % 0xffff == b % 0xffff; }

/// What a writer keeps of `header`: SACK blocks have no place in a SYN, and in another segment only
/// they and timestamps have one.
wire::TcpHeader as_written(wire::TcpHeader header) {
  using Options = wire::TcpOptions;
  Options& options = header.options;
  if (header.flags.has(wire::Flag::syn)) {
    options.sack_count = 0;
    options.sack = {};
    return header;
  }
  options.present &= Options::kTimestamps;
  options.mss = 0;
  options.window_scale = 0;
  return header;
}

/// `header` written and read: the same, in as many octets as header_size() says, and not at all
/// where there is one octet less.
void tcp_round_trip(const wire::TcpHeader& header) {
  const wire::TcpHeader expected = as_written(header);
  const std::size_t size = wire::header_size(expected);
  must(size == wire::header_size(header), "header_size() counts what is not written");
  must(size % 4 == 0 && size >= wire::kTcpHeader, "header_size()");
  Room room(size);
  const std::size_t written = wire::emit_tcp(header, room.bytes());
  if (size > wire::kMostTcpHeader) return must(written == 0, "a header that can't be was written");
  must(written == size, "emit_tcp() writes header_size() octets");
  const auto again = wire::parse_tcp(room.bytes());
  must(again.has_value(), "what emit_tcp() wrote does not parse");
  must(again->payload.empty(), "its payload");
  must(again->header == expected, "a TCP header came back another");
  Room small(size - 1);
  must(wire::emit_tcp(header, small.bytes()) == 0, "emit_tcp() without room");
}

void segment(Bytes octets) {
  const auto parsed = wire::parse_tcp(octets);
  if (!parsed) return;
  const std::size_t header = octets.size() - parsed->payload.size();
  must(header >= wire::kTcpHeader && header <= wire::kMostTcpHeader, "octets of a TCP header");
  must(parsed->payload.data() == octets.data() + header, "where the payload lies");
  tcp_round_trip(parsed->header);

  Room room(octets.size());
  std::ranges::copy(octets, room.bytes().begin());
  const auto a = wire::IpAddress::v4(10, 0, 0, 1);
  wire::set_tcp_checksum(room.bytes(), 0);
  const auto checksum = wire::tcp_sum(a, a, room.bytes()).checksum();
  wire::set_tcp_checksum(room.bytes(), checksum);
  must(wire::tcp_sum(a, a, room.bytes()).checksum() == 0, "a checksum that is not right");

  // What a link finishes: there lies the sum of the pseudo-header alone.
  wire::Sum plain;
  wire::set_tcp_checksum(room.bytes(), 0);
  plain.add(room.bytes());
  const auto pseudo = static_cast<std::uint16_t>((plain.checksum() + 0xffffU - checksum) % 0xffffU);
  wire::set_tcp_checksum(room.bytes(), pseudo);
  wire::finish_tcp_checksum(room.bytes());
  must(wire::tcp_sum(a, a, room.bytes()).checksum() == 0, "a checksum that a link finished");
}

void datagram(const wire::IpHeader& ip, Bytes octets) {
  const auto parsed = wire::parse_udp(octets);
  if (!parsed) return;
  must(parsed->datagram.data() == octets.data(), "where a datagram begins");
  must(parsed->datagram.size() <= octets.size(), "a datagram beyond its packet");
  must(parsed->payload.size() + wire::kUdpHeader == parsed->datagram.size(), "its payload");
  (void)wire::udp_sum_is_right(ip.source, ip.destination, *parsed);
  Room room(parsed->datagram.size());
  must(wire::emit_udp(parsed->header, parsed->payload.size(), room.bytes()) == wire::kUdpHeader,
       "emit_udp()");
  std::ranges::copy(parsed->payload, room.bytes().begin() + wire::kUdpHeader);
  wire::set_udp_checksum(ip.source, ip.destination, room.bytes());
  const auto again = wire::parse_udp(room.bytes());
  must(again && again->header == parsed->header, "a UDP header came back another");
  must(again->summed, "a datagram without a checksum was written");
  must(wire::udp_sum_is_right(ip.source, ip.destination, *again), "the checksum of a datagram");
}

void icmp(const wire::IpHeader& ip, Bytes octets) {
  const wire::Family family = ip.source.family();
  const auto parsed = wire::parse_icmp(family, octets);
  if (!parsed) return;
  must(parsed->body.size() + wire::kIcmpHeader == octets.size(), "the body of an ICMP message");
  (void)wire::parse_quote(parsed->body);
  Room room(octets.size());
  std::ranges::copy(octets, room.bytes().begin());
  if (wire::emit_icmp(family, parsed->message, room.bytes()) == 0) return;  // we never send it
  const auto again = wire::parse_icmp(family, room.bytes());
  must(again && again->message == parsed->message, "an ICMP message came back another");
  wire::set_icmp_checksum(room.bytes(), 0);
  const auto sum = wire::icmp_sum(ip.source, ip.destination, room.bytes());
  wire::set_icmp_checksum(room.bytes(), sum.checksum());
  const auto whole = wire::icmp_sum(ip.source, ip.destination, room.bytes());
  must(whole.checksum() == 0, "the checksum of an ICMP message");
}

/// The header of a piece, written and read; and where it is the first, the packet that it alone
/// would be.
void fragment(Bytes octets) {
  const auto parsed = wire::parse_fragment(octets);
  if (!parsed) return;
  const wire::Fragment& f = *parsed;
  must(f.at + std::size_t{f.size} <= octets.size(), "where a piece lies");
  must(f.end() <= wire::kMostPacket, "a piece beyond the largest packet");
  const Bytes payload = octets.subspan(f.at, f.size);
  const wire::IpHeader header{.source = f.source,
                              .destination = f.destination,
                              .protocol = f.protocol,
                              .traffic_class = f.traffic_class,
                              .dont_fragment = false};
  const std::size_t size = wire::fragment_header_size(f.source.family());
  Room room(size + f.size);
  must(wire::emit_fragment_header(header, f.field, f.size, room.bytes()) == size, "its header");
  std::ranges::copy(payload, room.bytes().begin() + static_cast<std::ptrdiff_t>(size));
  const auto again = wire::parse_fragment(room.bytes());
  must(again.has_value(), "the header of a piece does not parse");
  must(again->source == f.source && again->destination == f.destination, "its addresses");
  must(again->field == f.field && again->size == f.size, "its place");
  must(again->traffic_class == f.traffic_class, "its traffic class");
  if (f.field.offset > 0) return;

  Room whole(std::size_t{f.header} + f.size);
  std::ranges::copy(octets.first(f.header), whole.bytes().begin());
  wire::make_whole(whole.bytes().first(f.header), f, f.size, f.traffic_class & 3U);
  std::ranges::copy(payload, whole.bytes().begin() + f.header);
  const auto made = wire::parse_ip(whole.bytes());
  if (!made && wire::is_extension(f.protocol)) return;  // judged only now, and refused
  must(made.has_value(), "a packet that was made whole does not parse");
  must(made->header.source == f.source, "its source");
}

/// What is said of the same octets elsewhere agrees with what parse_ip() says.
void agree(Bytes octets, const std::expected<wire::ParsedIp, wire::ParseError>& parsed) {
  const auto problem = wire::header_problem(octets);
  const auto quote = wire::parse_quote(octets);
  if (!parsed && parsed.error() != wire::ParseError::fragment) {
    must(problem && problem->error == parsed.error(), "the problem of a header");
  }
  if (!parsed) return;
  must(!problem, "a problem where there is none");
  must(quote.has_value(), "a whole packet that can't be quoted");
  must(quote->source == parsed->header.source, "the source that is quoted");
  must(quote->destination == parsed->header.destination, "the destination that is quoted");
  must(quote->protocol == parsed->header.protocol, "the protocol that is quoted");
}

void packet(Bytes octets) {
  (void)wire::parse_fragment(octets);  // whatever it is, nothing beyond its end is read
  const auto parsed = wire::parse_ip(octets);
  agree(octets, parsed);
  if (!parsed) {
    if (parsed.error() == wire::ParseError::fragment) fragment(octets);
    return;
  }
  const wire::IpHeader& header = parsed->header;
  must(header.source.family() == header.destination.family(), "two families in one packet");
  const auto begin = static_cast<std::size_t>(parsed->payload.data() - octets.data());
  must(begin + parsed->payload.size() <= octets.size(), "where the payload lies");

  const std::size_t size = wire::ip_header_size(header.source.family());
  Room room(size + parsed->payload.size());
  must(wire::emit_ip(header, parsed->payload.size(), room.bytes()) == size, "emit_ip()");
  std::ranges::copy(parsed->payload, room.bytes().begin() + static_cast<std::ptrdiff_t>(size));
  const auto again = wire::parse_ip(room.bytes());
  must(again.has_value(), "what emit_ip() wrote does not parse");
  const wire::IpHeader& h = again->header;
  must(h.source == header.source && h.destination == header.destination, "an address");
  must(h.protocol == header.protocol && h.hop_limit == header.hop_limit, "protocol, hop limit");
  must(h.traffic_class == header.traffic_class, "traffic class");
  must(h.identification == header.identification, "identification");
  must(h.dont_fragment == header.dont_fragment, "don't fragment");
  must(std::ranges::equal(again->payload, parsed->payload), "the payload");
  Room small(size - 1);
  must(wire::emit_ip(header, parsed->payload.size(), small.bytes()) == 0, "without room");
  segment(parsed->payload);
  datagram(header, parsed->payload);
  icmp(header, parsed->payload);
}

/// The same with the IPv4 header checksum put right, which no chance finds.
void mended_packet(Bytes octets) {
  Room room(octets.size());
  std::ranges::copy(octets, room.bytes().begin());
  const std::size_t length =
      octets.empty() ? 0 : (std::to_integer<std::size_t>(octets[0]) & 0xfU) * 4U;
  if (length >= wire::kIpv4Header && length <= octets.size()) {
    wire::Writer(room.bytes().subspan(10, 2)).u16(0);
    wire::Sum sum;
    sum.add(room.bytes().first(length));
    wire::Writer(room.bytes().subspan(10, 2)).u16(sum.checksum());
  }
  packet(room.bytes());
}

/// A header of any value, options included.
void header_of(Bytes octets) {
  wire::Reader in(octets);
  wire::TcpHeader h;
  h.source_port = in.u16();
  h.destination_port = in.u16();
  h.seq = Seq(in.u32());
  h.ack = Seq(in.u32());
  h.flags = wire::Flags(in.u8());
  h.window = in.u16();
  h.urgent = in.u16();
  wire::TcpOptions& o = h.options;
  o.present = in.u8() & 15U;
  o.sack_count = in.u8() % 5;
  if (o.has(wire::TcpOptions::kMss)) o.mss = in.u16();
  if (o.has(wire::TcpOptions::kWindowScale)) o.window_scale = in.u8();
  if (o.has(wire::TcpOptions::kTimestamps)) {
    o.ts_val = in.u32();
    o.ts_ecr = in.u32();
  }
  for (std::size_t i = 0; i < o.sack_count; ++i) {
    const Seq left(in.u32());
    o.sack[i] = {left, Seq(in.u32())};
  }
  tcp_round_trip(h);
}

/// The octets again and again, up to a length and from an alignment that they say, in two pieces.
void sums(Bytes octets) {
  wire::Reader in(octets);
  const std::size_t lead = in.u8() % 64U;
  const std::size_t length = in.u16();
  const std::size_t cut = length == 0 ? 0 : in.u16() % (length + 1);
  const Bytes pattern = octets.subspan(in.at());
  if (!in.ok() || pattern.empty()) return;
  Room room(lead + length);
  const MutableBytes whole = room.bytes().subspan(lead);
  for (std::size_t i = 0; i < length; ++i) whole[i] = pattern[i % pattern.size()];

  const std::uint16_t plain = plain_sum(whole);
  wire::Sum sum;
  sum.add(whole);
  must(same(sum.folded(), plain), "the sum");
  must(same(static_cast<std::uint16_t>(~sum.checksum()), plain), "the checksum");
  wire::Sum first;
  first.add(whole.first(cut));
  wire::Sum second;
  second.add(whole.subspan(cut));
  first.add(cut % 2 == 0 ? second : second.swapped());
  must(same(first.folded(), plain), "the sum of two pieces");
  Room copy(length);
  must(same(wire::copy_and_sum(whole, copy.bytes()).folded(), plain), "the sum while copying");
  must(std::ranges::equal(copy.bytes(), whole), "the copy");
}

void text(Bytes octets) {
  const std::string_view chars = text_of(octets);
  if (const auto address = wire::IpAddress::parse(chars)) {
    must(wire::IpAddress::parse(address->to_string()) == address, "an address as text");
    const int kinds = int{address->is_unspecified()} + int{address->is_loopback()} +
                      int{address->is_multicast()} + int{address->is_broadcast()} +
                      int{address->is_link_local()};
    must(kinds <= 1, "an address of two kinds");
  }
  if (const auto prefix = wire::Prefix::parse(chars)) {
    must(prefix->length <= (prefix->address.is_v4() ? 32 : 128), "the length of a prefix");
    must(prefix->contains(prefix->address), "a prefix holds its address");
    const std::string again = prefix->address.to_string() + "/" + std::to_string(prefix->length);
    must(wire::Prefix::parse(again) == prefix, "a prefix as text");
  }
  if (const auto endpoint = Endpoint::parse(chars)) {
    must(Endpoint::parse(endpoint->to_string()) == endpoint, "an endpoint as text");
  }
}

}  // namespace
}  // namespace lastack::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lastack::fuzz;
  take_by_kind<packet, mended_packet, segment, header_of, sums, text>(data, size);
  return 0;
}
