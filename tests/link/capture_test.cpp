#include "link/capture.hpp"

#include <gtest/gtest.h>

#include <string>

#include "link/memory.hpp"

namespace lastack::link {
namespace {

constexpr TimePoint kStart{1s};

/// Reads back, block by block, what the writer wrote; little-endian as it writes.
struct Reader {
  explicit Reader(Bytes octets) : octets(octets) {}

  std::uint32_t u32(std::size_t at) const {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) {
      value |= std::to_integer<std::uint32_t>(octets[at + i]) << 8 * i;
    }
    return value;
  }
  /// The blocks, each checked to state its length at both ends.
  std::vector<Reader> blocks() const {
    std::vector<Reader> all;
    for (std::size_t at = 0; at < octets.size();) {
      const std::uint32_t length = u32(at + 4);
      EXPECT_EQ(length % 4, 0U);
      EXPECT_EQ(u32(at + length - 4), length);
      all.emplace_back(octets.subspan(at, length));
      at += length;
    }
    return all;
  }
  std::string text(std::size_t at, std::size_t size) const {
    std::string text;
    for (const std::byte b : octets.subspan(at, size)) text += static_cast<char>(b);
    return text;
  }

  Bytes octets;
};

TEST(Pcapng, WritesBlocksThatReadBack) {
  MemorySink sink;
  PcapngWriter writer(sink);
  EXPECT_EQ(writer.add_interface("A"), 0U);
  EXPECT_EQ(writer.add_interface("host B", LinkType::ethernet), 1U);
  const std::vector<std::byte> packet(5, std::byte{0x45});
  const std::vector<std::string> comments{"ESTABLISHED"};
  writer.packet(1, TimePoint(std::chrono::seconds(5000)), Direction::outbound, packet, comments);

  const auto blocks = Reader(sink.octets()).blocks();
  ASSERT_EQ(blocks.size(), 4U);
  EXPECT_EQ(blocks[0].u32(0), 0x0a0d0d0aU);
  EXPECT_EQ(blocks[0].u32(8), 0x1a2b3c4dU);
  EXPECT_EQ(blocks[2].u32(0), 1U);
  EXPECT_EQ(blocks[1].u32(8), 101U);  // LINKTYPE_RAW
  EXPECT_EQ(blocks[2].u32(8), 1U);    // LINKTYPE_ETHERNET
  EXPECT_EQ(blocks[2].text(20, 6), "host B");
  const Reader& epb = blocks[3];
  EXPECT_EQ(epb.u32(0), 6U);
  EXPECT_EQ(epb.u32(8), 1U);
  const std::uint64_t micros = std::uint64_t{epb.u32(12)} << 32U | epb.u32(16);
  EXPECT_EQ(micros, 5'000'000'000U);
  EXPECT_EQ(epb.u32(20), 5U);
  EXPECT_EQ(epb.u32(24), 5U);
  EXPECT_EQ(epb.text(28, 5), "EEEEE");
  EXPECT_EQ(epb.u32(36), 0x00040002U);  // epb_flags, 4 octets
  EXPECT_EQ(epb.u32(40), 2U);
  EXPECT_EQ(epb.u32(44), 0x000b0001U);  // opt_comment, 11 octets
  EXPECT_EQ(epb.text(48, 11), "ESTABLISHED");
  EXPECT_EQ(epb.u32(60), 0U);  // opt_endofopt
}

TEST(CaptureLink, WritesBothDirectionsWithNotesAndChangesNothing) {
  MemorySink sink;
  MemoryWire wire;
  {
    CaptureFile file(sink);
    CaptureLink link(wire.end(0), file, "A");
    const std::vector<std::byte> header(20, std::byte{1});
    const std::vector<Slice> payload{Slice::copy_of(std::vector(3, std::byte{2}))};
    link.note_next("why");
    link.send({.header = header, .payload = payload}, kStart);
    wire.end(1).pass_on({.octets = Slice::copy_of(header)}, kStart + 1ms);
    std::vector<Packet> got;
    EXPECT_EQ(link.receive(got, kStart + 1ms), 1U);
    link.note_received(0, "one");
    link.note_received(0, "two");
    EXPECT_EQ(wire.end(1).receive(got, kStart + 1ms), 1U);
    EXPECT_EQ(got[1].octets.size(), 23U);
  }
  const auto blocks = Reader(sink.octets()).blocks();
  ASSERT_EQ(blocks.size(), 4U);
  const auto holds = [](const Reader& block, std::string_view text) {
    return block.text(0, block.octets.size()).find(text) != std::string::npos;
  };
  EXPECT_EQ(blocks[2].u32(20), 23U);
  EXPECT_TRUE(holds(blocks[2], "why"));
  EXPECT_EQ(blocks[3].u32(20), 20U);
  EXPECT_TRUE(holds(blocks[3], "one"));
  EXPECT_TRUE(holds(blocks[3], "two"));
  EXPECT_FALSE(holds(blocks[3], "why"));
}

}  // namespace
}  // namespace lastack::link
