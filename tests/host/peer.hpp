// A host, and a peer on its link whose packets are written by hand: both families by parameter.
#pragma once

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "host/host.hpp"
#include "wire/packets.hpp"
#include "wire/quote.hpp"
#include "wire/udp.hpp"

namespace lastack_test {

namespace host = lastack::host;
namespace ip = lastack::ip;
namespace wire = lastack::wire;
namespace tcp = lastack::tcp;
using lastack::Seq;
using lastack::Slice;
using lastack::TimePoint;
using wire::Flag;
using namespace std::chrono_literals;

/// An ICMP message, and from whom to whom it went.
struct IcmpSeen {
  wire::IcmpMessage message;
  wire::IpAddress source;
  wire::IpAddress destination;
  Octets body;
};

class Peer : public testing::TestWithParam<bool> {
 protected:
  static host::Config config() {
    host::Config config;
    config.addresses = {*wire::Prefix::parse("10.0.0.2/24"), *wire::Prefix::parse("fd00::2/64")};
    return config;
  }
  explicit Peer(const host::Config& how = config()) : ours(how, lastack::Random(1)) {}

  [[nodiscard]] static bool v6() { return GetParam(); }
  [[nodiscard]] static wire::Family family() { return v6() ? wire::Family::v6 : wire::Family::v4; }
  [[nodiscard]] static wire::IpAddress them() { return address(v6() ? "fd00::1" : "10.0.0.1"); }
  [[nodiscard]] static wire::IpAddress us() { return address(v6() ? "fd00::2" : "10.0.0.2"); }
  [[nodiscard]] static std::uint8_t icmp_protocol() {
    return v6() ? wire::kProtocolIcmpv6 : wire::kProtocolIcmp;
  }
  [[nodiscard]] static std::size_t ip_header() { return wire::ip_header_size(family()); }

  /// A whole packet from `from` to `to`.
  static Octets packet(std::uint8_t protocol, const Octets& payload, const wire::IpAddress& from,
                       const wire::IpAddress& to) {
    Octets packet(wire::ip_header_size(from.family()));
    wire::emit_ip({.source = from, .destination = to, .protocol = protocol}, payload.size(),
                  packet);
    packet.insert(packet.end(), payload.begin(), payload.end());
    return packet;
  }
  static Octets packet(std::uint8_t protocol, const Octets& payload) {
    return packet(protocol, payload, them(), us());
  }
  /// A segment of the peer's port 5555 to our port 80, with its checksum.
  static Octets segment(wire::Flags flags, Seq seq, Seq ack = {}, const Octets& text = {},
                        std::uint16_t mss = 0) {
    wire::TcpHeader header{.source_port = 5555,
                           .destination_port = 80,
                           .seq = seq,
                           .ack = ack,
                           .flags = flags,
                           .window = 65535,
                           .options = {}};
    if (mss > 0) {
      header.options.present = wire::TcpOptions::kMss;
      header.options.mss = mss;
    }
    Octets octets(wire::header_size(header));
    wire::emit_tcp(header, octets);
    octets.insert(octets.end(), text.begin(), text.end());
    wire::set_tcp_checksum(octets, wire::tcp_sum(them(), us(), octets).checksum());
    return octets;
  }
  /// A datagram of the peer's port 5555 to our port `to`, with its checksum.
  static Octets datagram(const Octets& payload, std::uint16_t to = 53, std::uint16_t from = 5555) {
    Octets octets(wire::kUdpHeader);
    wire::emit_udp({from, to}, payload.size(), octets);
    octets.insert(octets.end(), payload.begin(), payload.end());
    wire::set_udp_checksum(them(), us(), octets);
    return octets;
  }
  /// An ICMP message with its checksum.
  static Octets icmp(const wire::IcmpMessage& message, const Octets& body) {
    Octets octets(wire::kIcmpHeader);
    wire::emit_icmp(family(), message, octets);
    octets.insert(octets.end(), body.begin(), body.end());
    wire::set_icmp_checksum(octets, wire::icmp_sum(them(), us(), octets).checksum());
    return octets;
  }

  void arrives(const Octets& packet) { ours.packet_arrives(Slice::copy_of(packet), now); }
  /// `payload` in pieces of `size` octets each.
  void arrives_in_pieces(std::uint8_t protocol, const Octets& payload, std::size_t size = 1200) {
    ++identification_;
    for (std::size_t at = 0; at < payload.size(); at += size) {
      const std::size_t end = std::min(payload.size(), at + size);
      const Octets part(payload.begin() + static_cast<std::ptrdiff_t>(at),
                        payload.begin() + static_cast<std::ptrdiff_t>(end));
      const bool more = end < payload.size();
      arrives(v6() ? piece_v6(protocol, part, at, more, identification_)
                   : piece_v4(protocol, part, at, more, identification_));
    }
  }
  /// All that the host sends now.
  std::vector<Octets> sent() {
    std::vector<Octets> all;
    host::PacketOut out;
    while (ours.transmit(out, now)) {
      Octets octets(out.size());
      EXPECT_EQ(out.copy_to(octets), octets.size());
      all.push_back(std::move(octets));
    }
    return all;
  }
  /// The one ICMP message that it sends now.
  IcmpSeen sent_icmp() {
    const auto all = sent();
    EXPECT_EQ(all.size(), 1U);
    if (all.size() != 1) return {};
    const auto ip = wire::parse_ip(all[0]);
    if (!ip || ip->header.protocol != icmp_protocol()) {
      ADD_FAILURE() << "no ICMP message";
      return {};
    }
    const auto& [header, payload] = *ip;
    EXPECT_EQ(wire::icmp_sum(header.source, header.destination, payload).checksum(), 0);
    const auto icmp = wire::parse_icmp(family(), payload);
    return {.message = icmp->message,
            .source = header.source,
            .destination = header.destination,
            .body = Octets(icmp->body.begin(), icmp->body.end())};
  }
  static wire::TcpHeader tcp_of(const Octets& packet) {
    return wire::parse_tcp(wire::parse_ip(packet)->payload)->header;
  }
  static std::size_t text_of(const Octets& packet) {
    return wire::parse_tcp(wire::parse_ip(packet)->payload)->payload.size();
  }

  template <typename Array, typename Reason>
  static std::uint64_t count(const Array& array, Reason reason) {
    return array[static_cast<std::size_t>(reason)];
  }
  [[nodiscard]] const host::Counters& counters() const { return ours.counters(); }
  [[nodiscard]] std::uint64_t malformed(wire::ParseError error) const {
    return count(counters().malformed, error);
  }

  TimePoint now{std::chrono::seconds(1000)};
  host::Host ours;

 private:
  std::uint8_t identification_ = 0;
};

inline std::string family_name(const testing::TestParamInfo<bool>& info) {
  return info.param ? "v6" : "v4";
}

}  // namespace lastack_test
