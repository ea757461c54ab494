// IP from the outside: a host with a connection, a handshake and a listener, and frames that
// anybody may send it. Parsers must not read past an end, limits must hold, and what comes in
// pieces must be what a plain reassembly makes of them.
// Target: ip/reassembly.cpp ip/icmp_errors.cpp host/host_ip.cpp
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "fuzz/must.hpp"
#include "host/host.hpp"
#include "wire/extensions.hpp"
#include "wire/fragment.hpp"
#include "wire/header_problem.hpp"
#include "wire/icmp.hpp"
#include "wire/quote.hpp"
#include "wire/udp.hpp"

namespace {

using namespace lastack;
using fuzz::must;

/// What the parsers say of one packet, laid against each other.
void parse(wire::Bytes packet) {
  const auto ip = wire::parse_ip(packet);
  const auto problem = wire::header_problem(packet);
  must(ip.has_value() != problem.has_value(), "a packet is refused and taken");
  const auto quote = wire::parse_quote(packet);
  if (ip) {
    must(quote.has_value(), "a whole packet can't be quoted");
    must(quote->protocol == ip->header.protocol, "the quote has another protocol");
    must(quote->source == ip->header.source, "the quote has another source");
    must(!quote->later_piece, "a whole packet is quoted as a piece");
  } else {
    must(problem->error == ip.error(), "two reasons for one packet");
  }
  if (!ip && ip.error() == wire::ParseError::fragment) {
    const auto piece = wire::parse_fragment(packet);
    if (piece) {
      must(piece->at + piece->size <= packet.size(), "a piece reaches beyond its packet");
      must(piece->end() <= 65535 && piece->size > 0, "a piece reaches beyond all packets");
      must(!piece->field.more || piece->size % 8 == 0, "a piece ends between eight octets");
    }
  }
  for (const auto family : {wire::Family::v4, wire::Family::v6}) {
    const auto icmp = wire::parse_icmp(family, packet);
    if (icmp) (void)wire::parse_quote(icmp->body);
  }
}

/// Makes a mutated packet likely to get past its checksums.
void mend(std::vector<std::byte>& packet) {
  if (packet.size() < 20) return;
  const unsigned version = std::to_integer<unsigned>(packet[0]) >> 4U;
  const std::size_t header = (std::to_integer<unsigned>(packet[0]) & 15U) * 4U;
  if (version == 4 && header >= 20 && header <= packet.size()) {
    packet[10] = packet[11] = std::byte{0};
    wire::Sum sum;
    sum.add(std::span(packet).first(header));
    wire::Writer(std::span(packet).subspan(10, 2)).u16(sum.checksum());
  }
  const auto ip = wire::parse_ip(packet);
  if (!ip || ip->payload.size() < 8) return;
  const auto& [h, payload] = *ip;
  const auto at = static_cast<std::size_t>(payload.data() - packet.data());
  const auto body = std::span(packet).subspan(at, payload.size());
  if (h.protocol == wire::kProtocolUdp) {
    if (wire::parse_udp(body)) wire::set_udp_checksum(h.source, h.destination, body);
  } else if (h.protocol == wire::kProtocolTcp && body.size() >= 20) {
    wire::set_tcp_checksum(body, 0);
    wire::set_tcp_checksum(body, wire::tcp_sum(h.source, h.destination, body).checksum());
  } else if (h.protocol == wire::kProtocolIcmp || h.protocol == wire::kProtocolIcmpv6) {
    wire::set_icmp_checksum(body, 0);
    wire::set_icmp_checksum(body, wire::icmp_sum(h.source, h.destination, body).checksum());
  }
}

class Fuzzed {
 public:
  Fuzzed() : host_(config(), Random(1)) {
    (void)host_.listen({wire::IpAddress::v4(0, 0, 0, 0), 80}, 5, {}, now_);
    (void)host_.listen({*wire::IpAddress::parse("::"), 80}, 5, {}, now_);
    (void)host_.connect({}, {wire::IpAddress::v4(10, 0, 0, 1), 5555}, {}, now_);
    (void)host_.connect({}, {*wire::IpAddress::parse("fd00::1"), 5555}, {}, now_);
    drain();
  }

  void frame(std::span<const std::uint8_t> octets, bool mended) {
    const auto bytes = std::as_bytes(octets);
    std::vector<std::byte> packet(bytes.begin(), bytes.end());
    if (mended) mend(packet);
    parse(packet);
    host_.packet_arrives(Slice::copy_of(packet, &host_.pool()), now_);
    drain();
    check();
  }
  void pass(std::uint8_t span) {
    now_ += std::chrono::milliseconds(1) * (std::int64_t{span} * span);
    host_.advance(now_);
    drain();
    check();
  }
  /// Whatever came, a whole packet in two pieces still passes.
  void finish() {
    const std::uint64_t before = host_.counters().echo_replies;
    std::vector<std::byte> echo(64);
    echo[0] = std::byte{8};
    wire::set_icmp_checksum(echo, 0);
    wire::Sum sum;
    sum.add(echo);
    wire::set_icmp_checksum(echo, sum.checksum());
    const wire::IpHeader header{.source = wire::IpAddress::v4(10, 0, 0, 250),
                                .destination = wire::IpAddress::v4(10, 0, 0, 2),
                                .protocol = wire::kProtocolIcmp};
    now_ += std::chrono::seconds(61);  // what was ended is forgotten
    host_.advance(now_);
    ip::Fragmenter cut(header, 77, echo.size(), 68);
    while (!cut.done()) {
      std::vector<std::byte> packet(68);
      const auto piece = cut.next(packet);
      packet.resize(piece.header_size + piece.size);
      std::ranges::copy(std::span(echo).subspan(piece.at, piece.size),
                        packet.begin() + static_cast<std::ptrdiff_t>(piece.header_size));
      host_.packet_arrives(Slice::copy_of(packet, &host_.pool()), now_);
    }
    must(host_.counters().echo_replies == before + 1, "an echo in pieces was not answered");
    drain();
  }

 private:
  static host::Config config() {
    host::Config config;
    config.addresses = {*wire::Prefix::parse("10.0.0.2/24"), *wire::Prefix::parse("fd00::2/64")};
    config.reassembly = {.packets = 4, .octets = 16384, .octets_each = 8192, .pieces = 8};
    return config;
  }
  void drain() {
    while (host_.transmit(out_, now_)) {
      std::vector<std::byte> packet(out_.size());
      must(out_.copy_to(packet) == packet.size(), "a packet that is no packet");
      must(packet.size() <= 1500, "a packet larger than the link takes");
      const auto ip = wire::parse_ip(packet);
      must(ip || ip.error() == wire::ParseError::fragment, "we send what we refuse");
    }
    host::HostEvent event;
    while (host_.next_event(event)) {
    }
  }
  void check() const {
    must(host_.reassembly().packets() <= 4, "too many packets in reassembly");
    must(host_.reassembly().octets() <= 16384, "too much memory in reassembly");
    const bool waits = host_.reassembly().next_deadline() != kNever;
    must(waits == (host_.reassembly().packets() > 0), "reassembly waits for nothing, or forgot");
  }

  TimePoint now_{std::chrono::seconds(1000)};
  host::Host host_;
  host::PacketOut out_;
};

}  // namespace

/// Frames behind each other: two octets of length, whose highest bit has its checksums put right
/// and whose next lets time pass instead.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Fuzzed fuzzed;
  std::span octets(data, size);
  while (octets.size() > 2) {
    const unsigned head = static_cast<unsigned>(octets[0]) << 8U | octets[1];
    octets = octets.subspan(2);
    if ((head & 0x4000U) != 0) {
      fuzzed.pass(static_cast<std::uint8_t>(head));
      continue;
    }
    const std::size_t length = std::min<std::size_t>(head & 0x0fffU, octets.size());
    fuzzed.frame(octets.first(length), (head & 0x8000U) != 0);
    octets = octets.subspan(length);
  }
  fuzzed.finish();
  return 0;
}
