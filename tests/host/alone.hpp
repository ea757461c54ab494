// A host alone: what arrives is written by hand, what it sends is read back, and time moves when
// the test says so.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "host/host.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::host {

using tcp::State;
using wire::Flag;

class Alone : public testing::Test {
 protected:
  static constexpr auto kUs = wire::IpAddress::v4(10, 0, 0, 1);
  static constexpr auto kThem = wire::IpAddress::v4(10, 0, 0, 2);

  /// A segment that a peer sends.
  struct Segment {
    wire::Flags flags;
    Seq seq;
    Seq ack{};
    std::size_t payload = 0;
    Endpoint from{kThem, 5555};
    Endpoint to{kUs, 80};
    wire::TcpOptions options{};
    std::uint16_t window = 65535;
  };
  /// One that the host sent.
  struct Sent {
    wire::TcpHeader header;
    Endpoint to;
    std::size_t payload = 0;
    bool summed = false;   ///< its checksum is right
    bool partial = false;  ///< the link was told to finish it
  };

  static Config config() {
    Config config;
    config.addresses = {{kUs, 8}};
    return config;
  }
  explicit Alone(Config c = config()) : host(std::move(c), Random(1)) {}

  /// One of very many who need not exist.
  static Endpoint forged(std::size_t i) {
    return {wire::IpAddress::v4(10, static_cast<std::uint8_t>(1 + (i >> 16U) % 200),
                                static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i)),
            static_cast<std::uint16_t>(1024 + i % 50000)};
  }
  static Slice packet(const Segment& s) {
    wire::TcpHeader header{.source_port = s.from.port,
                           .destination_port = s.to.port,
                           .seq = s.seq,
                           .ack = s.ack,
                           .flags = s.flags,
                           .window = s.window,
                           .urgent = 0,
                           .options = s.options};
    const std::size_t size = wire::header_size(header) + s.payload;
    std::vector<std::byte> octets(wire::kIpv4Header + size);
    const wire::IpHeader ip{
        .source = s.from.address, .destination = s.to.address, .protocol = wire::kProtocolTcp};
    wire::emit_ip(ip, size, octets);
    const auto tcp = std::span(octets).subspan(wire::kIpv4Header);
    wire::emit_tcp(header, tcp);
    wire::set_tcp_checksum(tcp, wire::tcp_sum(ip.source, ip.destination, tcp).checksum());
    return Slice::copy_of(octets);
  }
  void arrives(const Segment& segment) { host.packet_arrives(packet(segment), now); }

  /// All that the host sends now.
  std::vector<Sent> sent() {
    std::vector<Sent> all;
    PacketOut out;
    while (host.transmit(out, now)) all.push_back(read(out));
    return all;
  }
  static Sent read(const PacketOut& out) {
    std::vector<std::byte> octets(out.size());
    out.copy_to(octets);
    const auto ip = wire::parse_ip(octets);
    const auto tcp = wire::parse_tcp(ip->payload);
    const auto& h = ip->header;
    return {.header = tcp->header,
            .to = {h.destination, tcp->header.destination_port},
            .payload = tcp->payload.size(),
            .summed = wire::tcp_sum(h.source, h.destination, ip->payload).checksum() == 0,
            .partial = out.checksum_partial};
  }
  void pass(Duration span) {
    const TimePoint until = now + span;
    while (host.next_deadline() <= until) {
      now = std::max(now, host.next_deadline());
      host.advance(now);
      (void)sent();
    }
    now = until;
    host.advance(now);
    (void)sent();
  }

  ListenerId listen(std::uint16_t port = 80, std::uint32_t backlog = 5, SettingsPtr settings = {}) {
    return host.listen({{}, port}, backlog, std::move(settings), now).value();
  }
  /// The peer's handshake from `iss` on; our initial sequence number.
  Seq open(Seq iss, Endpoint from = {kThem, 5555}, Endpoint to = {kUs, 80}) {
    arrives({.flags = Flag::syn, .seq = iss, .from = from, .to = to});
    const Seq ours = sent().at(0).header.seq;
    arrives({.flags = Flag::ack, .seq = iss + 1, .ack = ours + 1, .from = from, .to = to});
    (void)sent();
    return ours;
  }
  /// A connection of ours to the peer's port 80 that is established, and its first numbers.
  struct Opened {
    FlowId flow;
    Endpoint local;
    Seq ours;
    Seq theirs;
  };
  Opened connect(Seq iss = Seq(700)) {
    const FlowId flow = host.connect({}, {kThem, 80}, {}, now).value();
    const Endpoint local = host.find(flow)->flow.local;
    const Seq ours = sent().at(0).header.seq;
    arrives({.flags = Flag::syn | Flag::ack,
             .seq = iss,
             .ack = ours + 1,
             .from = {kThem, 80},
             .to = local});
    (void)sent();
    return {flow, local, ours, iss};
  }
  /// The same, closed by us first and then by the peer: in TIME_WAIT.
  Opened connect_and_close() {
    const Opened c = connect();
    host.orphan(c.flow, now);
    (void)sent();
    arrives({.flags = Flag::fin | Flag::ack,
             .seq = c.theirs + 1,
             .ack = c.ours + 2,
             .from = {kThem, 80},
             .to = c.local});
    (void)sent();
    return c;
  }
  /// The states of all there is, listeners aside.
  std::vector<State> states() {
    std::vector<State> all;
    host.each([&](const View& view) {
      if (view.state != State::listen) all.push_back(view.state);
    });
    return all;
  }

  TimePoint now{1000s};
  Host host;
};

}  // namespace lastack::host
