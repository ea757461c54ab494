#include "link/pcapng.hpp"

#include <algorithm>

namespace lastack::link {
namespace {

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrder = 0x1a2b3c4d;
constexpr std::uint16_t kOptEnd = 0;
constexpr std::uint16_t kOptComment = 1;
constexpr std::uint16_t kIfName = 2;
constexpr std::uint16_t kEpbFlags = 2;
constexpr std::size_t kMostOption = 0xffff;

/// A block under construction: little-endian, every part padded to four octets.
class Block {
 public:
  Block(std::vector<std::byte>& into, std::uint32_t type) : octets_(into) {
    octets_.clear();
    u32(type);
    u32(0);  // the length, once it is known
  }

  void u16(std::uint32_t value) { little(value, 2); }
  void u32(std::uint32_t value) { little(value, 4); }
  void padded(Bytes octets) {
    octets_.insert(octets_.end(), octets.begin(), octets.end());
    octets_.resize((octets_.size() + 3) / 4 * 4);
  }
  void option(std::uint16_t code, Bytes octets) {
    octets = octets.first(std::min(octets.size(), kMostOption));
    u16(code);
    u16(static_cast<std::uint32_t>(octets.size()));
    padded(octets);
  }
  void option(std::uint16_t code, std::string_view text) {
    option(code, std::as_bytes(std::span(text)));
  }
  void write_to(ByteSink& sink) {
    const auto length = static_cast<std::uint32_t>(octets_.size() + 4);
    u32(length);
    for (unsigned i = 0; i < 4; ++i) octets_[4 + i] = static_cast<std::byte>(length >> (8 * i));
    sink.write(octets_);
  }

 private:
  void little(std::uint32_t value, unsigned octets) {
    for (unsigned i = 0; i < octets; ++i) octets_.push_back(static_cast<std::byte>(value >> 8 * i));
  }

  std::vector<std::byte>& octets_;
};

}  // namespace

void FileSink::write(Bytes octets) {
  ok_ = ok_ && std::fwrite(octets.data(), 1, octets.size(), file_) == octets.size();
}

PcapngWriter::PcapngWriter(ByteSink& sink) : sink_(&sink) {
  Block block(block_, kSectionHeader);
  block.u32(kByteOrder);
  block.u16(1);  // version 1.0
  block.u16(0);
  block.u32(0xffffffff);  // section length: not stated
  block.u32(0xffffffff);
  block.write_to(*sink_);
}

std::uint32_t PcapngWriter::add_interface(std::string_view name, LinkType type,
                                          std::uint32_t snap) {
  Block block(block_, kInterfaceDescription);
  block.u16(static_cast<std::uint32_t>(type));
  block.u16(0);
  block.u32(snap);
  block.option(kIfName, name);
  block.option(kOptEnd, Bytes{});
  block.write_to(*sink_);
  return interfaces_++;
}

void PcapngWriter::packet(std::uint32_t interface, TimePoint at, Direction direction, Bytes octets,
                          std::span<const std::string> comments, std::size_t original) {
  const auto micros = static_cast<std::uint64_t>(at.time_since_epoch().count());
  const auto size = static_cast<std::uint32_t>(octets.size());
  Block block(block_, kEnhancedPacket);
  block.u32(interface);
  block.u32(static_cast<std::uint32_t>(micros >> 32U));
  block.u32(static_cast<std::uint32_t>(micros));
  block.u32(size);
  block.u32(original == 0 ? size : static_cast<std::uint32_t>(original));
  block.padded(octets);
  block.u16(kEpbFlags);
  block.u16(4);
  block.u32(static_cast<std::uint32_t>(direction));
  for (const std::string& comment : comments) block.option(kOptComment, comment);
  block.option(kOptEnd, Bytes{});
  block.write_to(*sink_);
}

}  // namespace lastack::link
