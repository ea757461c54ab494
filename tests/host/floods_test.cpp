// Floods of what anybody can send: what a host holds stays within its limits, and a connection that
// stands goes on.
#include <array>

#include "host/alone.hpp"
#include "tools/sanitized.hpp"
#include "wire/fragment.hpp"
#include "wire/udp.hpp"

namespace lastack::host {
namespace {

enum class FloodOf : std::uint8_t {
  syns,
  handshakes,
  first_pieces,
  last_pieces,
  datagrams,
  strays
};

class Floods : public Alone, public testing::WithParamInterface<FloodOf> {
 protected:
  static constexpr std::uint32_t kRounds = lastack_test::kSanitized ? 40 : 400;
  static constexpr std::uint32_t kAtOnce = 500;  // before anything of it is answered
  static constexpr std::uint32_t kQueue = 100;   // of handshakes, and of connections to be accepted
  static constexpr std::size_t kPayload = 1000;
  static constexpr std::uint16_t kFloodedPort = 81;
  static constexpr std::size_t kMostHeld = std::size_t{1}
                                           << 20U;  ///< all limits together, and more

  static Config small() {
    Config c = config();
    c.syn_queue = c.most_replies = c.most_events = kQueue;
    c.reassembly.octets = 256U << 10U;
    c.reassembly.octets_each = 64U << 10U;
    return c;
  }
  Floods() : Alone(small()) {
    flooded_ = listen(kFloodedPort, kQueue);
    udp_ = host.udp_open({kUs, kFloodedPort}, {}, now).value();
    const ListenerId listener = listen(80);
    ours_ = open(theirs_) + 1;
    theirs_ = theirs_ + 1;
    flow_ = host.accept(listener).value();
    host.close_listener(listener, now);
  }

  static wire::IpHeader ip(std::uint32_t i) {
    return {.source = forged(i).address, .destination = kUs, .protocol = wire::kProtocolUdp};
  }
  static Slice piece(std::uint32_t i, std::uint16_t offset, bool more) {
    std::vector<std::byte> octets(wire::fragment_header_size(wire::Family::v4) + kPayload);
    wire::emit_fragment_header(ip(i), {.identification = i, .offset = offset, .more = more},
                               kPayload, octets);
    return Slice::copy_of(octets);
  }
  static Slice datagram(std::uint32_t i) {
    std::vector<std::byte> octets(wire::kIpv4Header + wire::kUdpHeader + kPayload);
    wire::emit_ip(ip(i), wire::kUdpHeader + kPayload, octets);
    const auto udp = std::span(octets).subspan(wire::kIpv4Header);
    wire::emit_udp({forged(i).port, kFloodedPort}, kPayload, udp);
    wire::set_udp_checksum(ip(i).source, kUs, udp);
    return Slice::copy_of(octets);
  }

  void comes(std::uint32_t i) {
    const Endpoint to{kUs, kFloodedPort};
    switch (GetParam()) {
      case FloodOf::syns:
        return arrives({.flags = Flag::syn, .seq = Seq(i), .from = forged(i), .to = to});
      case FloodOf::handshakes:
        arrives({.flags = Flag::syn, .seq = Seq(i), .from = forged(i), .to = to});
        for (const Sent& s : sent()) {
          if (s.to != forged(i)) continue;
          arrives({.flags = Flag::ack,
                   .seq = Seq(i + 1),
                   .ack = s.header.seq + 1,
                   .from = s.to,
                   .to = to});
        }
        return;
      case FloodOf::first_pieces: return host.packet_arrives(piece(i, 0, true), now);
      case FloodOf::last_pieces: return host.packet_arrives(piece(i, kPayload, false), now);
      case FloodOf::datagrams: return host.packet_arrives(datagram(i), now);
      case FloodOf::strays:
        return arrives({.flags = Flag::ack, .seq = Seq(i), .ack = Seq(i), .from = forged(i)});
    }
  }
  /// Octets come, and as many go.
  void goes_on() {
    constexpr std::uint32_t kOctets = 300;
    std::array<std::byte, kOctets> room{};
    arrives({.flags = Flag::ack, .seq = theirs_, .ack = ours_, .payload = kOctets});
    theirs_ = theirs_ + kOctets;
    ASSERT_EQ(host.receive(flow_, room, now), kOctets);
    ASSERT_EQ(host.send(flow_, room, now), kOctets);
    ours_ = ours_ + kOctets;
    std::size_t sent_back = 0;
    for (const Sent& s : sent()) {
      if (s.to == kPeer) sent_back += s.payload;
    }
    ASSERT_EQ(sent_back, kOctets);
  }
  void is_bounded() {
    ASSERT_LE(host.flows(), 1U + kQueue + kQueue + 1U);
    ASSERT_LE(host.timers(), 1U + kQueue + kQueue + 1U);
    ASSERT_LE(host.pool().octets_in_use(), kMostHeld);
    ASSERT_LE(host.reassembly().octets(), host.config().reassembly.octets);
    ASSERT_LE(host.events(), kQueue);
  }

  /// A round later nothing may be left but the connection.
  void ends() {
    host.close_listener(flooded_, now);
    host.udp_close(udp_);
    for (int i = 0; i < 300; ++i) {
      now += 1s;
      host.advance(now);
      PacketOut out;
      while (host.transmit(out, now)) {
      }
    }
  }

  static constexpr Endpoint kPeer{kThem, 5555};
  ListenerId flooded_{};
  UdpId udp_{};
  FlowId flow_{};
  Seq ours_;
  Seq theirs_{700};
};
std::string flood_name(const testing::TestParamInfo<FloodOf>& tested) {
  constexpr std::array kNames{"Syns",       "Handshakes", "FirstPieces",
                              "LastPieces", "Datagrams",  "Strays"};
  return kNames[static_cast<std::size_t>(tested.param)];
}
INSTANTIATE_TEST_SUITE_P(Each, Floods,
                         testing::Values(FloodOf::syns, FloodOf::handshakes, FloodOf::first_pieces,
                                         FloodOf::last_pieces, FloodOf::datagrams, FloodOf::strays),
                         flood_name);

TEST_P(Floods, StayWithinLimitsAndAConnectionGoesOn) {
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    for (std::uint32_t i = 0; i < kAtOnce; ++i) comes(round * kAtOnce + i);
    is_bounded();
    (void)sent();
    goes_on();
    now += 10ms;
    host.advance(now);
    if (HasFatalFailure()) FAIL() << "round " << round;
  }
  // It was a flood: some of it found no room.
  const Counters& c = host.counters();
  EXPECT_GT(c.cookies_sent + c.accept_queue_full + c.reassembly_evicted + c.replies_dropped +
                c.udp[0].receive_buffer_errors,
            kRounds);
  ends();
  EXPECT_EQ(states(), std::vector{State::established});
  EXPECT_EQ(host.flows(), 1U);
  EXPECT_EQ(host.reassembly().octets(), 0U);
  goes_on();
  arrives({.flags = Flag::rst, .seq = theirs_, .ack = ours_});
  host.orphan(flow_, now);
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(host.flows(), 0U);
  EXPECT_EQ(host.timers(), 0U);
  EXPECT_EQ(host.pool().in_use(), 0U);
}

}  // namespace
}  // namespace lastack::host
