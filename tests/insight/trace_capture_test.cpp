// A trace as a capture: what Wireshark will read of it.
#include "insight/trace_capture.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "insight/traced.hpp"
#include "wire/ip.hpp"

namespace lastack::insight {
namespace {

using host::TraceEvent;
using wire::Flag;

/// An enhanced packet block, read back.
struct Packet {
  std::uint32_t interface = 0;
  std::uint64_t micros = 0;
  std::uint32_t original = 0;
  std::uint32_t direction = 0;
  std::vector<std::byte> octets;
  std::vector<std::string> comments;
};

std::uint32_t number(link::Bytes octets, std::size_t at, unsigned size = 4) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < size; ++i) {
    value |= std::to_integer<std::uint32_t>(octets[at + i]) << 8 * i;
  }
  return value;
}

Packet read(link::Bytes block) {
  Packet p{.interface = number(block, 8),
           .micros = std::uint64_t{number(block, 12)} << 32U | number(block, 16),
           .original = number(block, 24),
           .octets = {},
           .comments = {}};
  const std::size_t captured = number(block, 20);
  const auto octets = block.subspan(28, captured);
  p.octets.assign(octets.begin(), octets.end());
  for (std::size_t at = 28 + (captured + 3) / 4 * 4; number(block, at, 2) != 0;) {
    const std::size_t size = number(block, at + 2, 2);
    if (number(block, at, 2) == 2) p.direction = number(block, at + 4);
    if (number(block, at, 2) == 1) {
      std::string text;
      for (const std::byte b : block.subspan(at + 4, size)) text += static_cast<char>(b);
      p.comments.push_back(text);
    }
    at += 4 + (size + 3) / 4 * 4;
  }
  return p;
}

std::vector<Packet> packets_of(const link::MemorySink& sink) {
  std::vector<Packet> all;
  const link::Bytes octets = sink.octets();
  for (std::size_t at = 0; at < octets.size(); at += number(octets, at + 4)) {
    const auto block = octets.subspan(at, number(octets, at + 4));
    if (number(block, 0) == 6) all.push_back(read(block));
  }
  return all;
}

/// All events, as one host's, a second after the epoch.
std::vector<Packet> captured(const std::vector<TraceEvent>& events,
                             Language language = Language::english) {
  link::MemorySink sink;
  TraceCapture capture(sink, language);
  capture.add_host("other");
  const std::uint32_t host = capture.add_host("lastack-1");
  for (const TraceEvent& event : events) {
    capture.add(host, event, 1s + event.at.time_since_epoch());
  }
  capture.flush();
  const auto packets = packets_of(sink);
  EXPECT_EQ(packets.size(), capture.packets());
  return packets;
}

TEST(TraceCapture, SegmentsBecomePacketsOfTheirLengthAndHeadersAsTheyWere) {
  for (const bool v6 : {false, true}) {
    Traced t(v6 ? "[fd00::2]:80" : "10.0.0.2:80", v6 ? "[fd00::1]:9" : "10.0.0.1:9");
    t.arrives(Flag::ack, 501, 101, 300);
    t.calls(TraceEvent::Call::receive, 300);
    t.goes(Flag::ack, 101, 801, 65000);
    const auto packets = captured(t.events);
    ASSERT_EQ(packets.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
      const Packet& p = packets[i];
      const TraceEvent& event = t.events[2 * i];
      const std::size_t ip_size = v6 ? 40 : 20;
      EXPECT_EQ(p.interface, 1U);
      EXPECT_EQ(p.micros,
                static_cast<std::uint64_t>(1'000'000 + event.at.time_since_epoch().count()));
      EXPECT_EQ(p.direction, i == 0 ? 1U : 2U);
      ASSERT_EQ(p.octets.size(), ip_size + event.header_size);
      EXPECT_EQ(p.original, p.octets.size() + event.octets);
      EXPECT_TRUE(std::ranges::equal(std::span(p.octets).subspan(ip_size), event.header_bytes()));
      // With the payload that it says it has it is a packet that the host would take.
      auto whole = p.octets;
      whole.resize(p.original);
      const auto ip = wire::parse_ip(whole);
      ASSERT_TRUE(ip);
      EXPECT_EQ(ip->header.source, (i == 0 ? t.flow.remote : t.flow.local).address);
      EXPECT_EQ(ip->header.destination, (i == 0 ? t.flow.local : t.flow.remote).address);
      EXPECT_EQ(ip->payload.size(), event.header_size + event.octets);
      EXPECT_TRUE(p.comments.empty());
    }
  }
}

TEST(TraceCapture, CommentsSayWhyAndWhatFollowed) {
  Traced t;
  t.arrives(Flag::fin | Flag::ack, 501, 101);
  t.takes(tcp::State::established, tcp::Event::fin);
  t.calls(TraceEvent::Call::close);
  t.takes(tcp::State::close_wait, tcp::Event::close);
  TraceEvent& again = t.goes(Flag::fin | Flag::ack, 101, 502);
  again.why = tcp::Why::timeout;
  again.attempt = 1;
  again.attempts = 15;
  again.rto = 200ms;
  t.arrives(Flag::ack, 400, 101).drop = tcp::Drop::old_duplicate;
  t.goes(Flag::ack, 102, 502).why = tcp::Why::keepalive;
  const auto packets = captured(t.events);
  ASSERT_EQ(packets.size(), 4U);
  using Comments = std::vector<std::string>;
  EXPECT_EQ(packets[0].comments, Comments{"ESTABLISHED -> CLOSE_WAIT (fin)"});
  EXPECT_EQ(packets[1].comments, Comments{"retransmission: RTO 1 of 15, 200 ms"});
  EXPECT_EQ(packets[2].comments, Comments{"dropped: old_duplicate: all of it was here already"});
  EXPECT_EQ(packets[3].comments, Comments{"keepalive"});
  EXPECT_EQ(captured(t.events, Language::chinese)[2].comments,
            Comments{"丢弃：old_duplicate：全部内容早已收到"});
}

/// No length field of IP can say it: the packet is as long as one can be.
TEST(TraceCapture, APayloadThatNoPacketHoldsIsCutToTheLargest) {
  for (const char* remote : {"10.0.0.1:9", "[fd00::1]:9"}) {
    Traced t(remote, remote);
    t.arrives(Flag::ack, 1, 1, UINT32_MAX);
    const auto packets = captured(t.events);
    ASSERT_EQ(packets.size(), 1U);
    EXPECT_EQ(packets[0].original, t.flow.local.address.is_v4() ? 65535U : 65535U + 40);
  }
}

}  // namespace
}  // namespace lastack::insight
