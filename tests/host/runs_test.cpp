// Packets handed over in batches, those that continue each other taken as one segment: what the
// user reads and what the connection knows is what it would be with one packet after another.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.hpp"
#include "host/host.hpp"
#include "wire/splitter.hpp"

namespace lastack::host {
namespace {

constexpr auto kReceiverAt = wire::IpAddress::v4(10, 0, 0, 1);
constexpr auto kSenderAt = wire::IpAddress::v4(10, 0, 0, 2);

Config config_at(const wire::IpAddress& address) {
  tcp::Settings settings;
  settings.receive_buffer = settings.send_buffer = 60'000;
  Config config;
  config.addresses = {{address, 24}};
  config.super_segment = kMostSuperSegment;
  config.settings = tcp::SettingsPtr(settings);
  config.trace = 1000;
  return config;
}

/// One of `count` places.
std::size_t pick(Random& random, std::size_t count) {
  return random.below(static_cast<std::uint32_t>(count));
}

/// A sender, and two receivers that are told the same: one packet by packet, one in batches.
class Runs : public testing::Test {
 protected:
  Runs() : sender(config_at(kSenderAt), Random(1)) {
    for (Host* host : {&single, &batched}) listeners.push_back(*host->listen({{}, 80}, 5, {}, now));
    id = *sender.connect({}, {kReceiverAt, 80}, {}, now);
    for (int i = 0; i < 3; ++i) {
      carry(packets(), 1);
      answer();
    }
    at_single = *single.accept(listeners[0]);
    at_batched = *batched.accept(listeners[1]);
  }

  /// All that the sender has to send now, cut as for a link of 1500 octets.
  std::vector<Slice> packets() {
    std::vector<Slice> all;
    PacketOut out;
    while (sender.transmit(out, now)) {
      if (out.segment_size == 0) {
        Slice packet = Slice::allocate(out.size());
        packet.grow(out.copy_to(packet.tail_room()));
        all.push_back(std::move(packet));
        continue;
      }
      wire::Splitter splitter(out.to_cut());
      while (!splitter.done()) {
        Slice packet = Slice::allocate(splitter.next_size());
        packet.grow(splitter.next(packet.tail_room()));
        all.push_back(std::move(packet));
      }
    }
    return all;
  }
  void carry(const std::vector<Slice>& all, std::size_t batch) {
    for (const Slice& packet : all) single.packet_arrives(packet, now);
    for (std::size_t at = 0; at < all.size(); at += batch) {
      batched.packets_arrive(std::span(all).subspan(at, std::min(batch, all.size() - at)), now);
    }
  }
  /// The answers of the one that is told in batches reach the sender; both must know the same.
  void answer() {
    now += std::chrono::milliseconds(1);
    PacketOut out;
    std::vector<std::byte> octets(2000);
    while (single.transmit(out, now)) {
    }
    while (batched.transmit(out, now)) {
      const std::size_t size = out.copy_to(octets);
      sender.packet_arrives(Slice::copy_of(std::span(octets).first(size)), now);
    }
  }
  static std::vector<std::byte> read(Host& host, FlowId from, TimePoint now) {
    std::vector<std::byte> all;
    std::vector<std::byte> part(10'000);
    while (const std::size_t n = host.receive(from, part, now)) {
      all.insert(all.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(n));
    }
    return all;
  }

  TimePoint now{std::chrono::seconds(10)};
  Host sender;
  Host single{config_at(kReceiverAt), Random(2)};
  Host batched{config_at(kReceiverAt), Random(2)};
  std::vector<ListenerId> listeners;
  FlowId id;
  FlowId at_single;
  FlowId at_batched;
};

TEST_F(Runs, TheUserReadsTheSame) {
  Random random(5);
  std::uint64_t sent = 0;
  std::vector<std::byte> text(50'000);
  for (int round = 0; round < 400; ++round) {
    const std::size_t octets = 1 + pick(random, text.size());
    for (std::size_t i = 0; i < octets; ++i) {
      text[i] = static_cast<std::byte>((sent + i) * 31 + (sent + i) / 255);
    }
    sent += sender.send(id, std::span(text).first(octets), now).value();
    auto all = packets();
    // Some are lost, doubled, damaged or late.
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (random.below(20) == 0) std::swap(all[i], all[pick(random, all.size())]);
      if (random.below(20) == 0) all.insert(all.begin() + static_cast<std::ptrdiff_t>(i), all[i]);
      if (random.below(20) == 0) {
        std::vector<std::byte> octet(all[i].bytes().begin(), all[i].bytes().end());
        octet[pick(random, octet.size())] ^= std::byte{4};
        all[i] = Slice::copy_of(octet);
      }
    }
    std::erase_if(all, [&](const Slice&) { return random.below(20) == 0; });
    if (!all.empty()) carry(all, 1 + pick(random, all.size()));
    ASSERT_EQ(single.readable(at_single), batched.readable(at_batched)) << round;
    ASSERT_EQ(read(single, at_single, now), read(batched, at_batched, now)) << round;
    answer();
    const tcp::Tcb& one = single.connection(at_single)->tcb();
    const tcp::Tcb& other = batched.connection(at_batched)->tcb();
    ASSERT_EQ(one.rcv.nxt, other.rcv.nxt) << round;
    ASSERT_EQ(single.counters().packets_in, batched.counters().packets_in);
    ASSERT_EQ(single.counters().tcp_checksum, batched.counters().tcp_checksum) << round;
    now += std::chrono::milliseconds(300);
    sender.advance(now);
    single.advance(now);
    batched.advance(now);
  }
  EXPECT_GT(sent, 1'000'000U);
  EXPECT_GT(batched.counters().tcp_checksum, 10U);
}

TEST_F(Runs, TheTraceTellsOfEachPacket) {
  const std::vector<std::byte> text(10'000);
  ASSERT_EQ(sender.send(id, text, now).value(), text.size());
  const auto before = batched.trace().end();
  const auto all = packets();
  ASSERT_GE(all.size(), 6U);
  batched.packets_arrive(all, now);
  EXPECT_GE(batched.trace().end() - before, all.size());
}

}  // namespace
}  // namespace lastack::host
