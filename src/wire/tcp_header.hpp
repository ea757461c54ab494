// A TCP header as a value: what parse() read, what emit() writes (RFC 9293 §3.1, RFC 7323, 2018).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/sequence.hpp"

namespace lastack::wire {

/// The control bits of a TCP header, in wire order (RFC 9293 §3.1, RFC 3168 for ECE and CWR).
enum class Flag : std::uint8_t {
  fin = 0x01,
  syn = 0x02,
  rst = 0x04,
  psh = 0x08,
  ack = 0x10,
  urg = 0x20,
  ece = 0x40,
  cwr = 0x80,
};

class Flags {
 public:
  constexpr Flags() = default;
  constexpr Flags(Flag flag) : bits_(static_cast<std::uint8_t>(flag)) {}  // NOLINT: reads as a set
  constexpr explicit Flags(std::uint8_t bits) : bits_(bits) {}

  [[nodiscard]] constexpr bool has(Flag flag) const {
    return (bits_ & static_cast<std::uint8_t>(flag)) != 0;
  }
  [[nodiscard]] constexpr std::uint8_t bits() const { return bits_; }
  constexpr Flags& operator|=(Flags other) {
    bits_ = static_cast<std::uint8_t>(bits_ | other.bits_);
    return *this;
  }
  friend constexpr Flags operator|(Flags a, Flags b) { return a |= b; }
  friend constexpr bool operator==(Flags, Flags) = default;

 private:
  std::uint8_t bits_ = 0;
};
constexpr Flags operator|(Flag a, Flag b) { return Flags(a) | Flags(b); }

/// One SACK block: octets [left, right) were received (RFC 2018 §3).
struct SackBlock {
  Seq left;
  Seq right;
  friend constexpr bool operator==(const SackBlock&, const SackBlock&) = default;
};

/// The options lastack understands. `present` says which of the fields mean something.
struct TcpOptions {
  enum Present : std::uint8_t { kMss = 1, kWindowScale = 2, kSackPermitted = 4, kTimestamps = 8 };

  std::uint8_t present = 0;
  std::uint8_t window_scale = 0;  ///< shift count as received, 0..255; users clamp to 14 (RFC 7323)
  std::uint8_t sack_count = 0;    ///< blocks in use, 0..4
  std::uint16_t mss = 0;          ///< octets
  std::uint32_t ts_val = 0;
  std::uint32_t ts_ecr = 0;
  std::array<SackBlock, 4> sack{};

  [[nodiscard]] constexpr bool has(Present option) const { return (present & option) != 0; }
  friend constexpr bool operator==(const TcpOptions&, const TcpOptions&) = default;
};

/// A TCP header, every number in host order. The payload is not part of it.
struct TcpHeader {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  Seq seq;
  Seq ack;
  Flags flags;
  std::uint16_t window = 0;  ///< as on the wire, not scaled
  std::uint16_t urgent = 0;
  TcpOptions options;

  friend constexpr bool operator==(const TcpHeader&, const TcpHeader&) = default;
};

}  // namespace lastack::wire
