// The pcapng file format, written: what Wireshark and tshark read, with comments on packets.
#pragma once

#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "link/link.hpp"

namespace lastack::link {

/// Where octets go. In memory, or to a file.
class ByteSink {
 public:
  ByteSink() = default;
  ByteSink(const ByteSink&) = delete;
  ByteSink& operator=(const ByteSink&) = delete;
  virtual ~ByteSink() = default;
  virtual void write(Bytes octets) = 0;
};

class MemorySink final : public ByteSink {
 public:
  void write(Bytes octets) override { held_.insert(held_.end(), octets.begin(), octets.end()); }
  [[nodiscard]] Bytes octets() const { return held_; }

 private:
  std::vector<std::byte> held_;
};

/// An open file, which stays the caller's to close.
class FileSink final : public ByteSink {
 public:
  explicit FileSink(std::FILE* file) : file_(file) {}
  void write(Bytes octets) override;
  /// False once anything could not be written.
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  std::FILE* file_;
  bool ok_ = true;
};

/// Which way a packet went, as the one who captured it sees it (epb_flags).
enum class Direction : std::uint8_t { inbound = 1, outbound = 2 };

/// What the octets of an interface begin with.
enum class LinkType : std::uint16_t { ethernet = 1, raw_ip = 101 };

/// One section of a pcapng file. Times are microseconds since the origin of TimePoint.
class PcapngWriter {
 public:
  /// Writes the section header. The sink must outlive the writer.
  explicit PcapngWriter(ByteSink& sink);

  /// A place where packets are captured; the number to give to packet(). `snap`: the most octets
  /// kept of one, 0 for all.
  std::uint32_t add_interface(std::string_view name, LinkType type = LinkType::raw_ip,
                              std::uint32_t snap = 0);
  /// `original`: how long it was where `octets` are only its beginning; 0 where they are all of it.
  void packet(std::uint32_t interface, TimePoint at, Direction direction, Bytes octets,
              std::span<const std::string> comments = {}, std::size_t original = 0);

 private:
  ByteSink* sink_;
  std::uint32_t interfaces_ = 0;
  std::vector<std::byte> block_;
};

}  // namespace lastack::link
