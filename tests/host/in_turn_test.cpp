// Many connections that are heard in turn: what is known ahead of a packet changes nothing.
#include <array>
#include <numeric>
#include <vector>

#include "host/alone.hpp"

namespace lastack::host {
namespace {

class InTurn : public Alone {
 protected:
  static constexpr std::uint16_t kFirst = 2000;
  static constexpr std::size_t kMany = 100;
  static constexpr Seq kIss{100};

  InTurn() {
    for (std::size_t i = 0; i < kMany; ++i) {
      ours.push_back(open(kIss, peer(i)));
      flows.push_back(host.accept(listener).value());
      read.push_back(0);
    }
  }
  static Endpoint peer(std::size_t i) { return {kThem, static_cast<std::uint16_t>(kFirst + i)}; }
  Segment octet(std::size_t i) const {
    return {.flags = Flag::ack,
            .seq = kIss + 1 + static_cast<std::uint32_t>(read[i]),
            .ack = ours[i] + 1,
            .payload = 1,
            .from = peer(i)};
  }
  /// An octet for each of `order`, in a batch, is read there and nowhere else.
  void check(const std::vector<std::size_t>& order) {
    std::vector<Slice> batch;
    for (const std::size_t i : order) batch.push_back(packet(octet(i)));
    host.packets_arrive(batch, now);
    (void)sent();
    for (const std::size_t i : order) {
      std::array<std::byte, 8> into{};
      EXPECT_EQ(host.receive(flows[i], into, now), 1U) << i;
      ++read[i];
    }
    for (const FlowId flow : flows) EXPECT_EQ(host.readable(flow), 0U);
  }
  std::vector<std::size_t> all() const {
    std::vector<std::size_t> order(kMany);
    std::iota(order.begin(), order.end(), std::size_t{0});
    return order;
  }
  std::vector<std::uint16_t> ports_of_sent() {
    std::vector<std::uint16_t> ports;
    for (const Sent& s : sent()) ports.push_back(s.to.port);
    return ports;
  }

  ListenerId listener = listen();
  std::vector<Seq> ours;
  std::vector<FlowId> flows;
  std::vector<std::size_t> read;
};

TEST_F(InTurn, EachGetsItsOwnInAnyOrder) {
  check(all());
  auto order = all();
  std::ranges::reverse(order);
  check(order);
  for (std::size_t i = 0; i < kMany; ++i) order[i] = i * 37 % kMany;
  check(order);
  check({0, 1, 2, 3, 5, 7, 9, 11, 12, 97, 98, 99});
  for (const std::size_t i : all()) check({i});
}

/// The next in turn is there no more, or another one has its place.
TEST_F(InTurn, WhoHasGoneIsNotTakenForWhoIsThere) {
  std::vector<Slice> batch;
  for (std::size_t i = 0; i < 3; ++i) batch.push_back(packet(octet(i)));
  batch.push_back(packet({.flags = Flag::rst, .seq = kIss + 1, .from = peer(3)}));
  batch.push_back(packet(octet(3)));
  host.packets_arrive(batch, now);
  EXPECT_EQ(ports_of_sent().front(), peer(3).port);  // to nobody: reset
  EXPECT_EQ(host.connection(flows[3])->state(), State::closed);
  host.orphan(flows[3], now);
  (void)sent();
  open(Seq(5000), peer(kMany));  // where that one was
  const FlowId other = host.accept(listener).value();
  ASSERT_EQ(other.index, flows[3].index);
  for (std::size_t i = 0; i < 3; ++i) arrives(octet(i));
  arrives(octet(3));
  EXPECT_EQ(host.readable(other), 0U);
  EXPECT_EQ(host.readable(flows[4]), 0U);
}

/// Behind the last one there is none.
TEST_F(InTurn, TheLastOneIsFollowedByNone) {
  const auto order = all();
  check({order.end() - 4, order.end()});
  arrives({.flags = Flag::ack, .seq = Seq(1), .ack = Seq(7), .from = peer(kMany)});
  EXPECT_EQ(ports_of_sent(), std::vector{peer(kMany).port});
}

/// Timers that are due together, of which some have something to do and others have not.
TEST_F(InTurn, TimersThatAreDueTogetherDoWhatEachHasToDo) {
  std::vector<Slice> batch;
  for (const std::size_t i : all()) batch.push_back(packet(octet(i)));
  host.packets_arrive(batch, now);
  (void)sent();
  for (std::size_t i = 0; i < kMany; i += 3) {  // answered, so that no ACK is owed
    (void)host.send(flows[i], std::vector<std::byte>(1), now);
  }
  EXPECT_EQ(sent().size(), (kMany + 2) / 3);
  for (std::size_t i = 0; i < kMany; i += 6) {
    Segment ack = octet(i);
    ack.seq = ack.seq + 1;
    ack.ack = ours[i] + 2;
    ack.payload = 0;
    arrives(ack);
  }
  now += 100ms;
  host.advance(now);
  EXPECT_EQ(sent().size(), kMany - (kMany + 2) / 3);  // delayed ACKs
  now += 1s;
  host.advance(now);
  auto again = ports_of_sent();  // what was not acknowledged
  std::ranges::sort(again);
  std::vector<std::uint16_t> expected;
  for (std::size_t i = 3; i < kMany; i += 6) expected.push_back(peer(i).port);
  EXPECT_EQ(again, expected);
}

/// One that waited for nothing when its timer fired begins to wait again.
TEST_F(InTurn, WhoWaitsForNothingMayWaitAgain) {
  (void)host.send(flows[0], std::vector<std::byte>(1), now);
  (void)sent();
  Segment ack = octet(0);
  ack.ack = ours[0] + 2;
  ack.payload = 0;
  arrives(ack);
  EXPECT_TRUE(sent().empty());
  pass(10s);
  EXPECT_EQ(host.next_deadline(), kNever);
  tcp::Settings settings;
  settings.keepalive = true;
  settings.keepalive_idle = 20s;
  host.set_settings(flows[0], SettingsPtr(settings), now);
  (void)sent();
  EXPECT_LE(host.next_deadline(), now + 21s);
  now += 21s;
  host.advance(now);
  EXPECT_EQ(ports_of_sent(), std::vector{peer(0).port});
}

}  // namespace
}  // namespace lastack::host
