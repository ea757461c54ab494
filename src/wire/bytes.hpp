// Reading and writing octets of a packet: big-endian, and never past the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace lastack::wire {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

/// Reads big-endian numbers one after another. Past the end it reads zeros and ok() turns false, so
/// a parser may read first and ask once.
class Reader {
 public:
  explicit Reader(Bytes bytes) : bytes_(bytes) {}

  [[nodiscard]] std::uint8_t u8() { return static_cast<std::uint8_t>(take(1)); }
  [[nodiscard]] std::uint16_t u16() { return static_cast<std::uint16_t>(take(2)); }
  [[nodiscard]] std::uint32_t u32() { return take(4); }
  void skip(std::size_t octets) {
    ok_ = ok_ && octets <= left();
    at_ = ok_ ? at_ + octets : bytes_.size();
  }
  /// The next `octets`; empty where there are fewer.
  [[nodiscard]] Bytes bytes(std::size_t octets) {
    const std::size_t from = at_;
    skip(octets);
    return ok_ ? bytes_.subspan(from, octets) : Bytes{};
  }
  [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }
  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  std::uint32_t take(std::size_t octets) {
    if (octets > left()) {
      ok_ = false;
      at_ = bytes_.size();
      return 0;
    }
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < octets; ++i) {
      value = value << 8U | std::to_integer<std::uint32_t>(bytes_[at_ + i]);
    }
    at_ += octets;
    return value;
  }

  Bytes bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

/// Writes big-endian numbers one after another. What does not fit is not written, and ok() says so.
class Writer {
 public:
  explicit Writer(MutableBytes bytes) : bytes_(bytes) {}

  void u8(std::uint32_t value) { put(value, 1); }
  void u16(std::uint32_t value) { put(value, 2); }
  void u32(std::uint32_t value) { put(value, 4); }
  void bytes(Bytes from) {
    if (!fits(from.size()) || from.empty()) return;
    std::memcpy(bytes_.data() + at_, from.data(), from.size());
    at_ += from.size();
  }
  void zeros(std::size_t octets) {
    if (!fits(octets) || octets == 0) return;
    std::memset(bytes_.data() + at_, 0, octets);
    at_ += octets;
  }
  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  bool fits(std::size_t octets) {
    ok_ = ok_ && octets <= bytes_.size() - at_;
    return ok_;
  }
  void put(std::uint32_t value, std::size_t octets) {
    if (!fits(octets)) return;
    for (std::size_t i = octets; i-- > 0; value >>= 8U) {
      bytes_[at_ + i] = static_cast<std::byte>(value & 0xffU);
    }
    at_ += octets;
  }

  MutableBytes bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace lastack::wire
