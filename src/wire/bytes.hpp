// Reading and writing octets of a packet: big-endian, and never past the end.
#pragma once

#include <bit>
#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace lastack::wire {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

/// From host order to wire order; its own inverse, so it leads back as well.
template <std::unsigned_integral T>
[[nodiscard]] constexpr T in_wire_order(T value) {
  if constexpr (std::endian::native == std::endian::big) return value;
  return std::byteswap(value);
}

/// The big-endian number at a place that the caller knows to be there.
template <std::unsigned_integral T>
[[nodiscard]] T read_at(Bytes octets, std::size_t at) {
  assert(at + sizeof(T) <= octets.size());
  T value = 0;
  std::memcpy(&value, octets.data() + at, sizeof value);
  return in_wire_order(value);
}
/// Writes one there.
template <std::unsigned_integral T>
void write_at(MutableBytes octets, std::size_t at, T value) {
  assert(at + sizeof(T) <= octets.size());
  value = in_wire_order(value);
  std::memcpy(octets.data() + at, &value, sizeof value);
}

/// Reads big-endian numbers one after another. Past the end it reads zeros and ok() turns false, so
/// a parser may read first and ask once.
class Reader {
 public:
  explicit Reader(Bytes bytes) : bytes_(bytes) {}

  [[nodiscard]] std::uint8_t u8() { return take<std::uint8_t>(); }
  [[nodiscard]] std::uint16_t u16() { return take<std::uint16_t>(); }
  [[nodiscard]] std::uint32_t u32() { return take<std::uint32_t>(); }
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
  template <std::unsigned_integral T>
  [[gnu::always_inline]] T take() {
    if (sizeof(T) > left()) {
      ok_ = false;
      at_ = bytes_.size();
      return 0;
    }
    T value = 0;
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return in_wire_order(value);
  }

  Bytes bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

/// Writes big-endian numbers one after another. What does not fit is not written, and ok() says so.
class Writer {
 public:
  explicit Writer(MutableBytes bytes) : bytes_(bytes) {}

  [[gnu::always_inline]] void u8(std::uint32_t value) { put(static_cast<std::uint8_t>(value)); }
  [[gnu::always_inline]] void u16(std::uint32_t value) { put(static_cast<std::uint16_t>(value)); }
  [[gnu::always_inline]] void u32(std::uint32_t value) { put(value); }
  [[gnu::always_inline]] void bytes(Bytes from) {
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
  template <std::unsigned_integral T>
  [[gnu::always_inline]] void put(T value) {
    if (!fits(sizeof value)) return;
    value = in_wire_order(value);
    std::memcpy(bytes_.data() + at_, &value, sizeof value);
    at_ += sizeof value;
  }

  MutableBytes bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace lastack::wire
