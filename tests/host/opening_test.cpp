// What an OPEN chooses and what it leaves alone: initial sequence numbers, the MSS that is
// announced, addresses, and listeners beside connections (RFC 9293 §3.4.1, §3.7.1, §3.9.1.1; RFC
// 6528).
#include <algorithm>
#include <set>

#include "host/alone.hpp"

namespace lastack::host {
namespace {

constexpr auto kSecond = wire::IpAddress::v4(10, 0, 0, 77);

Config two_addresses() {
  Config config;
  config.addresses = {{wire::IpAddress::v4(10, 0, 0, 1), 24}, {kSecond, 24}};
  return config;
}

class Opening : public Alone {
 protected:
  Opening() : Alone(two_addresses()) {}

  /// The SYN of a connection from `local` to the peer's `port`.
  wire::TcpHeader syn_of(Host& from, std::optional<Endpoint> local, std::uint16_t port) {
    EXPECT_TRUE(from.connect(local, {kThem, port}, {}, now));
    PacketOut out;
    EXPECT_TRUE(from.transmit(out, now));
    return read(out).header;
  }
  Seq iss_at(TimePoint when, std::uint64_t seed, std::uint16_t local, std::uint16_t remote) {
    now = when;
    Host fresh(config(), Random(seed));
    return syn_of(fresh, Endpoint{kUs, local}, remote).seq;
  }
};

TEST_F(Opening, TheClockDrivesInitialSequenceNumbers) {  // MUST-8
  const Seq before = iss_at(TimePoint(1000s), 1, 5000, 80);
  EXPECT_EQ(iss_at(TimePoint(1000s), 1, 5000, 80), before);
  EXPECT_EQ(iss_at(TimePoint(1000s) + 4ms, 1, 5000, 80), before + 1000);  // one in 4 us
  EXPECT_EQ(iss_at(TimePoint(1000s) + 4us * (std::int64_t{1} << 32), 1, 5000, 80), before);
}

// Nobody can tell one flow's number from another's, nor compute it without the host's key.
TEST_F(Opening, InitialSequenceNumbersOfFlowsHaveNothingInCommon) {  // SHLD-1, MUST-9
  std::set<std::uint32_t> numbers;
  std::set<std::uint32_t> steps;
  std::uint32_t last = 0;
  for (std::uint16_t port = 5000; port < 5200; ++port) {
    const std::uint32_t number = iss_at(TimePoint(1000s), 1, port, 80).raw();
    numbers.insert(number);
    steps.insert(number - last);
    last = number;
    EXPECT_NE(iss_at(TimePoint(1000s), 2, port, 80).raw(), number) << "another key";
  }
  EXPECT_EQ(numbers.size(), 200U);
  EXPECT_EQ(steps.size(), 200U);
}

TEST_F(Opening, TheMssIsWhatTheLinkTakesLessFixedHeaders) {  // MUST-14, MUST-67, SHLD-5
  const auto mss_of = [this](const wire::IpAddress& ours, const wire::IpAddress& theirs) {
    Config config;
    config.addresses = {{ours, 8}};
    config.mtu = 1500;
    Host fresh(config, Random(1));
    EXPECT_TRUE(fresh.connect({}, {theirs, 80}, {}, now));
    PacketOut out;
    EXPECT_TRUE(fresh.transmit(out, now));
    const wire::TcpOptions options = read(out).header.options;
    EXPECT_TRUE(options.has(wire::TcpOptions::kMss));
    return options.mss;
  };
  EXPECT_EQ(mss_of(kUs, kThem), 1460);
  const auto v6 = [](const char* text) { return *wire::IpAddress::parse(text); };
  EXPECT_EQ(mss_of(v6("fd00::1"), v6("fd00::2")), 1440);
}

TEST_F(Opening, TheCallersAddressIsUsedOrOneIsChosen) {  // MUST-43, MUST-44
  const auto local_of = [this](std::optional<Endpoint> local) {
    const auto flow = host.connect(local, {kThem, 80}, {}, now);
    return host.find(flow.value())->flow.local;
  };
  EXPECT_EQ(local_of(Endpoint{kSecond, 4000}), (Endpoint{kSecond, 4000}));
  EXPECT_TRUE(host.is_local(local_of({}).address));
  const auto foreign = host.connect(Endpoint{kThem, 0}, {kThem, 80}, {}, now);
  EXPECT_EQ(foreign.error(), Refusal::address_not_available);
}

TEST_F(Opening, AnAnswerComesFromTheAddressThatWasAsked) {  // MUST-45
  (void)listen();
  host.packet_arrives(packet({.flags = Flag::syn, .seq = Seq(1), .to = {kSecond, 80}}), now);
  PacketOut out;
  ASSERT_TRUE(host.transmit(out, now));
  std::vector<std::byte> octets(out.size());
  out.copy_to(octets);
  EXPECT_EQ(wire::parse_ip(octets)->header.source, kSecond);
}

TEST_F(Opening, AListenerMayHaveThePortOfAConnection) {  // MUST-41, MUST-42
  const auto calling = host.connect(Endpoint{kUs, 4000}, {kThem, 80}, {}, now, {.address = true});
  ASSERT_EQ(sent().size(), 1U);
  const tcp::Connection before = *host.connection(calling.value());
  ASSERT_EQ(before.state(), State::syn_sent);
  EXPECT_EQ(host.listen({kUs, 4000}, 5, {}, now).error(), Refusal::address_in_use)
      << "where both say so";
  const auto listener = host.listen({kUs, 4000}, 5, {}, now, {.address = true});
  ASSERT_TRUE(listener);
  EXPECT_EQ(*host.connection(calling.value()), before);
  (void)open(Seq(7), {kThem, 5555}, {kUs, 4000});
  EXPECT_TRUE(host.accept(*listener));
  EXPECT_EQ(host.connection(calling.value())->state(), State::syn_sent);
}

TEST_F(Opening, ASynWithAWrongChecksumOpensNothing) {  // MUST-3
  (void)listen();
  const Slice good = packet({.flags = Flag::syn, .seq = Seq(1)});
  std::vector<std::byte> bad(good.bytes().begin(), good.bytes().end());
  bad.back() ^= std::byte{1};
  host.packet_arrives(Slice::copy_of(bad), now);
  EXPECT_EQ(host.counters().tcp_checksum, 1U);
  EXPECT_TRUE(sent().empty());
  host.packet_arrives(good, now);
  EXPECT_EQ(sent().size(), 1U);
}

}  // namespace
}  // namespace lastack::host
