// ICMP errors to us: whom they reach, what they do, and which are not believed.
#include <gtest/gtest.h>

#include "host/peer.hpp"

namespace lastack_test {
namespace {

using host::IcmpDrop;
using tcp::State;
using wire::IcmpKind;

class IcmpErrors : public Peer {
 protected:
  static std::uint8_t either(std::uint8_t v4, std::uint8_t v6) { return Peer::v6() ? v6 : v4; }
  /// The path takes packets of `mtu`: what a router says about `about`.
  void too_big(const Octets& about, std::uint32_t mtu) {
    error({.kind = IcmpKind::packet_too_big, .code = either(4, 0), .mtu = mtu}, about);
  }
  void port_unreachable(const Octets& about) {
    error({.kind = IcmpKind::unreachable, .code = either(3, 4)}, about);
  }
  /// As a router sends it: the IP header, and eight octets more.
  void error(const wire::IcmpMessage& message, Octets about) {
    about.resize(std::min(about.size(), ip_header() + 8));
    arrives(packet(icmp_protocol(), icmp(message, about)));
  }
  [[nodiscard]] std::uint64_t dropped(IcmpDrop reason) const {
    return count(counters().icmp_dropped, reason);
  }
  [[nodiscard]] std::uint64_t out_of_window() const {
    return count(counters().dropped, tcp::Drop::icmp_out_of_window);
  }

  host::FlowId connect() { return *ours.connect({}, {them(), 5555}, {}, now); }
  /// Our connection to the peer's port 5555, whose MSS lets packets be of 1500 octets.
  host::FlowId established() {
    const host::FlowId flow = connect();
    const Octets syn = sent().at(0);
    const auto header = tcp_of(syn);
    port_ = header.source_port;
    next_ = header.seq + 1;
    answer(Flag::syn | Flag::ack, Seq(500), 1460);
    EXPECT_EQ(ours.connection(flow)->state(), State::established);
    (void)sent();
    return flow;
  }
  void answer(wire::Flags flags, Seq seq, std::uint16_t mss = 0) {
    Octets octets = segment(flags, seq, next_, {}, mss);
    wire::Writer(std::span(octets).subspan(2, 2)).u16(port_);
    wire::set_tcp_checksum(octets, 0);
    wire::set_tcp_checksum(octets, wire::tcp_sum(them(), us(), octets).checksum());
    arrives(packet(6, octets));
  }
  /// What is sent once the user has sent `octets`.
  std::vector<Octets> sends(host::FlowId flow, std::size_t octets) {
    EXPECT_EQ(*ours.send(flow, counted(octets), now), octets);
    return sent();
  }
  [[nodiscard]] std::uint16_t mss(host::FlowId flow) const {
    return ours.connection(flow)->tcb().snd.mss;
  }
  [[nodiscard]] static std::uint16_t mss_of(std::uint16_t mtu) {
    return static_cast<std::uint16_t>(mtu - ip_header() - 20);
  }
  static bool may_be_cut(const Octets& packet) {
    return !wire::parse_ip(packet)->header.dont_fragment;
  }

  std::uint16_t port_ = 0;
  Seq next_;
};
INSTANTIATE_TEST_SUITE_P(Family, IcmpErrors, testing::Bool(), family_name);

class Ipv4Errors : public IcmpErrors {};
INSTANTIATE_TEST_SUITE_P(Family, Ipv4Errors, testing::Values(false), family_name);

TEST_P(IcmpErrors, AHardOneEndsAnAttemptToConnect) {
  const host::FlowId flow = connect();
  port_unreachable(sent().at(0));
  EXPECT_EQ(ours.connection(flow)->state(), State::closed);
  EXPECT_EQ(ours.connection(flow)->tcb().error, tcp::Error::refused);
  host::HostEvent event;
  while (ours.next_event(event)) {  // the last one counts
  }
  EXPECT_EQ(event.news.error, tcp::Error::refused);
  EXPECT_EQ(counters().icmp_errors_in, 1U);
}

TEST_P(IcmpErrors, ASoftOneIsToldWhenNothingElseAnswers) {
  const host::FlowId flow = connect();
  error({.kind = IcmpKind::unreachable, .code = either(1, 3)}, sent().at(0));
  EXPECT_EQ(ours.connection(flow)->state(), State::syn_sent);
  while (ours.connection(flow)->state() != State::closed) {
    now = ours.next_deadline();
    ours.advance(now);
    (void)sent();
  }
  EXPECT_EQ(ours.connection(flow)->tcb().error, tcp::Error::unreachable);
}

/// What each says, told to whoever waits for the handshake: at once where it is hard, and where a
/// soft one is to end it; else once nothing has answered.
TEST_P(IcmpErrors, EachSaysWhatCannotBeReached) {
  using tcp::Error;
  const std::vector<std::pair<std::uint8_t, Error>> v4{
      {0, Error::net_unreachable}, {1, Error::unreachable},  {2, Error::no_protocol},
      {3, Error::refused},         {5, Error::unreachable},  {6, Error::net_unreachable},
      {9, Error::net_unreachable}, {10, Error::unreachable}, {13, Error::unreachable}};
  const std::vector<std::pair<std::uint8_t, Error>> of_v6{
      {0, Error::net_unreachable}, {1, Error::prohibited}, {2, Error::unreachable},
      {3, Error::unreachable},     {4, Error::refused},    {5, Error::prohibited},
      {6, Error::prohibited}};
  for (const auto& [code, told] : v6() ? of_v6 : v4) {
    const tcp::Settings ends{.icmp_ends_handshake = true};
    const host::FlowId flow = *ours.connect({}, {them(), 5555}, tcp::SettingsPtr(ends), now);
    error({.kind = IcmpKind::unreachable, .code = code}, sent().at(0));
    EXPECT_EQ(ours.connection(flow)->state(), State::closed) << int{code};
    EXPECT_EQ(ours.connection(flow)->tcb().error, told) << int{code};
  }
}

TEST_P(IcmpErrors, ASoftOneEndsAHandshakeWhereItIsTo) {
  const tcp::Settings ends{.icmp_ends_handshake = true};
  const host::FlowId flow = *ours.connect({}, {them(), 5555}, tcp::SettingsPtr(ends), now);
  Octets guessed = sent().at(0);
  const Octets syn = guessed;
  guessed[ip_header() + 4] ^= std::byte{1};
  error({.kind = IcmpKind::time_exceeded}, guessed);
  EXPECT_EQ(ours.connection(flow)->state(), State::syn_sent);
  error({.kind = IcmpKind::time_exceeded}, syn);
  EXPECT_EQ(ours.connection(flow)->state(), State::closed);
  EXPECT_EQ(ours.connection(flow)->tcb().error, tcp::Error::unreachable);
}

TEST_P(IcmpErrors, ASoftOneEndsNothingOnceSynchronised) {
  const host::FlowId flow = established();
  ours.set_settings(flow, tcp::SettingsPtr(tcp::Settings{.icmp_ends_handshake = true}), now);
  error({.kind = IcmpKind::unreachable, .code = either(1, 3)}, sends(flow, 100).at(0));
  EXPECT_EQ(ours.connection(flow)->state(), State::established);
}

TEST_P(IcmpErrors, OneAboutAnotherSegmentIsNotHeeded) {
  const host::FlowId flow = connect();
  Octets guessed = sent().at(0);
  guessed[ip_header() + 4] ^= std::byte{1};  // RFC 5927 §4.1: not our sequence number
  port_unreachable(guessed);
  EXPECT_EQ(ours.connection(flow)->state(), State::syn_sent);
  EXPECT_EQ(out_of_window(), 1U);
  EXPECT_EQ(counters().icmp_errors_in, 0U);
}

TEST_P(IcmpErrors, AHardOneEndsAHandshakeUnderWay) {
  (void)*ours.listen({v6() ? address("::") : address("0.0.0.0"), 80}, 5, {}, now);
  arrives(packet(6, segment(Flag::syn, Seq(100))));
  const Octets syn_ack = sent().at(0);
  EXPECT_EQ(ours.flows(), 1U);
  Octets guessed = syn_ack;
  guessed[ip_header() + 7] ^= std::byte{1};
  port_unreachable(guessed);
  error({.kind = IcmpKind::time_exceeded}, syn_ack);
  EXPECT_EQ(ours.flows(), 1U);
  EXPECT_EQ(out_of_window(), 1U);
  port_unreachable(syn_ack);
  EXPECT_EQ(ours.flows(), 0U);
  EXPECT_EQ(ours.timers(), 0U);
  now += 10s;
  ours.advance(now);
  EXPECT_TRUE(sent().empty());
}

TEST_P(IcmpErrors, AHardOneIsSoftOnceSynchronised) {
  const host::FlowId flow = established();
  port_unreachable(sends(flow, 100).at(0));
  EXPECT_EQ(ours.connection(flow)->state(), State::established);
  EXPECT_EQ(ours.connection(flow)->tcb().error, tcp::Error::refused);
}

TEST_P(IcmpErrors, TooBigMakesSmallerSegmentsAtOnce) {
  const host::FlowId flow = established();
  const auto first = sends(flow, 5000);
  ASSERT_EQ(first.at(0).size(), 1500U);
  too_big(first[0], 1400);
  EXPECT_EQ(mss(flow), mss_of(1400));
  const auto again = sent();
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(tcp_of(again[0]).seq, tcp_of(first[0]).seq);
  for (const Octets& packet : again) EXPECT_LE(packet.size(), 1400U);
  EXPECT_EQ(again[0].size(), 1400U);
  EXPECT_FALSE(may_be_cut(again[0]) && !v6());
  EXPECT_EQ(ours.path_mtu().of(them(), now), 1400);
  EXPECT_EQ(counters().icmp_errors_in, 1U);
}

TEST_P(IcmpErrors, TooBigIsRememberedForConnectionsThatCome) {
  const host::FlowId flow = established();
  too_big(sends(flow, 5000).at(0), 1400);
  (void)sent();
  const host::FlowId second = established();
  EXPECT_EQ(mss(second), mss_of(1400));
  EXPECT_EQ(ours.connection(second)->tcb().rcv.mss, mss_of(1500));  // what we take is as before
  now += 599s;
  EXPECT_EQ(mss(established()), mss_of(1400));
  now += 1s;  // RFC 1191 §6.3
  EXPECT_EQ(mss(established()), mss_of(1500));
}

TEST_P(IcmpErrors, AndForThoseThatAreAccepted) {
  (void)*ours.listen({v6() ? address("::") : address("0.0.0.0"), 80}, 5, {}, now);
  const host::FlowId flow = established();
  too_big(sends(flow, 5000).at(0), 1300);
  (void)sent();
  arrives(packet(6, segment(Flag::syn, Seq(100), {}, {}, 1440)));
  const Seq iss = tcp_of(sent().at(0)).seq;
  arrives(packet(6, segment(Flag::ack, Seq(101), iss + 1)));
  std::uint16_t accepted = 0;
  ours.each([&](const host::View& view) {
    if (view.entry != nullptr && view.flow.local.port == 80) {
      accepted = view.entry->connection.tcb().snd.mss;
      const auto& window = view.entry->connection.tcb().congestion;
      EXPECT_EQ(std::visit([](const auto& c) { return c.cwnd(); }, window),
                std::min(10U * accepted, std::max(2U * accepted, 14600U)));
    }
  });
  EXPECT_EQ(accepted, mss_of(1300));
}

TEST_P(IcmpErrors, TooBigThatCannotBeTrue) {
  const host::FlowId flow = established();
  const Octets first = sends(flow, 5000).at(0);
  const std::vector<std::uint32_t> lies = v6() ? std::vector<std::uint32_t>{0, 1279, 1500, 9000}
                                               : std::vector<std::uint32_t>{67, 1500, 9000};
  for (const std::uint32_t lie : lies) too_big(first, lie);
  EXPECT_EQ(dropped(IcmpDrop::unbelievable), lies.size());
  EXPECT_EQ(mss(flow), mss_of(1500));
  Octets guessed = first;
  guessed[ip_header() + 4] ^= std::byte{0x40};
  too_big(guessed, 1400);
  EXPECT_EQ(out_of_window(), 1U);
  EXPECT_FALSE(ours.path_mtu().of(them(), now));
  EXPECT_TRUE(sent().empty());
}

TEST_P(Ipv4Errors, OldRoutersSayNoSize) {
  const host::FlowId flow = established();
  too_big(sends(flow, 5000).at(0), 0);
  EXPECT_EQ(mss(flow), mss_of(1492));
  too_big(sent().at(0), 0);
  EXPECT_EQ(mss(flow), mss_of(1006));
}

TEST_P(Ipv4Errors, APathOfVerySmallPacketsIsLeftToRouters) {
  const host::FlowId flow = established();
  too_big(sends(flow, 5000).at(0), 296);
  EXPECT_EQ(mss(flow), mss_of(552));
  const auto again = sent();
  for (const Octets& packet : again) EXPECT_TRUE(may_be_cut(packet));
  EXPECT_EQ(again.at(0).size(), 552U);
  const host::FlowId second = established();
  EXPECT_TRUE(may_be_cut(sends(second, 100).at(0)));
}

TEST_P(IcmpErrors, ThatAreAboutNothingOfOurs) {
  const host::FlowId flow = established();
  const Octets segment = sends(flow, 100).at(0);
  Octets other_port = segment;
  other_port[ip_header()] ^= std::byte{1};
  port_unreachable(other_port);
  EXPECT_EQ(dropped(IcmpDrop::no_connection), 1U);
  port_unreachable(packet(17, counted(8), us(), them()));
  EXPECT_EQ(dropped(IcmpDrop::no_connection), 2U);
  error({.kind = IcmpKind::unreachable, .code = 1}, Octets(segment.begin(), segment.begin() + 12));
  port_unreachable(v6() ? piece_v6(6, counted(24), 24, false)
                        : piece_v4(6, counted(24), 24, false));
  const Octets foreign = v6() ? v4(6, counted(20)) : lastack_test::v6(6, counted(20));
  arrives(packet(icmp_protocol(), icmp({.kind = IcmpKind::unreachable, .code = 1}, foreign)));
  EXPECT_EQ(dropped(IcmpDrop::unquoted), 3U);
}

TEST_P(IcmpErrors, ThatMeanNothing) {
  const host::FlowId flow = established();
  Octets quench = icmp({.kind = IcmpKind::unreachable}, sends(flow, 100).at(0));
  quench[0] = static_cast<std::byte>(v6() ? 100 : 4);  // MUST-55: source quench is ignored
  wire::set_icmp_checksum(quench, 0);
  wire::set_icmp_checksum(quench, wire::icmp_sum(them(), us(), quench).checksum());
  arrives(packet(icmp_protocol(), quench));
  EXPECT_EQ(dropped(IcmpDrop::meaningless), 1U);
  arrives(packet(icmp_protocol(), icmp({.kind = IcmpKind::echo_reply}, counted(8))));
  EXPECT_EQ(dropped(IcmpDrop::unspoken), 1U);
  EXPECT_EQ(ours.connection(flow)->tcb().error, tcp::Error::none);
}

TEST_P(IcmpErrors, ForAConnectionThatIsOver) {
  const host::FlowId flow = established();
  const Octets segment = sends(flow, 100).at(0);
  ours.abort(flow, now);
  port_unreachable(segment);
  EXPECT_EQ(dropped(IcmpDrop::no_connection), 1U);
}

}  // namespace
}  // namespace lastack_test
