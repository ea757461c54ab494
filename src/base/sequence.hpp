// Sequence numbers as they stand on the wire: modulo 2^32, so they have no order, only distances.
#pragma once

#include <cstdint>

namespace lastack {

/// A TCP sequence number (RFC 9293 §3.4). It has no operator<: which of two numbers comes first has
/// an answer only while they lie less than 2^31 apart, and before()/after() say so by name.
class Seq {
 public:
  constexpr Seq() = default;
  constexpr explicit Seq(std::uint32_t raw) : raw_(raw) {}

  [[nodiscard]] constexpr std::uint32_t raw() const { return raw_; }
  friend constexpr bool operator==(Seq, Seq) = default;

  friend constexpr Seq operator+(Seq a, std::uint32_t n) { return Seq(a.raw_ + n); }
  friend constexpr Seq operator-(Seq a, std::uint32_t n) { return Seq(a.raw_ - n); }

 private:
  std::uint32_t raw_ = 0;
};

/// How far `to` lies after `from`: negative when it lies before. Range [-2^31, 2^31).
[[nodiscard]] constexpr std::int32_t distance(Seq from, Seq to) {
  return static_cast<std::int32_t>(to.raw() - from.raw());
}
[[nodiscard]] constexpr bool before(Seq a, Seq b) { return distance(a, b) > 0; }
[[nodiscard]] constexpr bool after(Seq a, Seq b) { return distance(a, b) < 0; }
/// Whether `s` is one of the `length` numbers that start at `first`.
[[nodiscard]] constexpr bool in_window(Seq s, Seq first, std::uint32_t length) {
  return s.raw() - first.raw() < length;
}

/// A place in one direction's stream, counted without wrapping: 0 is the first octet of data, -1
/// the SYN, and a FIN stands right behind the last octet. Here `<` is true order.
using Offset = std::int64_t;

/// Octets [begin, end) of a stream.
struct Range {
  Offset begin = 0;
  Offset end = 0;

  [[nodiscard]] constexpr Offset size() const { return end - begin; }
  [[nodiscard]] constexpr bool empty() const { return end <= begin; }
  friend constexpr bool operator==(const Range&, const Range&) = default;
};

}  // namespace lastack
