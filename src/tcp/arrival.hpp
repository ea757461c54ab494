// A segment laid against one connection's sequence space: 32-bit numbers become offsets.
#pragma once

#include <cstdint>

#include "base/sequence.hpp"
#include "base/time.hpp"
#include "tcp/timestamps.hpp"
#include "wire/tcp_header.hpp"

namespace lastack::tcp {

struct Arrival {
  const wire::TcpHeader& header;
  TimePoint now;
  std::uint32_t payload;  ///< octets, as it came
  Offset seq;             ///< seg.seq in the peer's stream
  Offset ack;             ///< seg.ack in ours; meaningless without the ACK bit
  Range text;             ///< its octets, cut to the window by check_sequence()
  bool fin;               ///< it has a FIN, and that lies in the window
  Offset fin_at;          ///< where that stands

  [[nodiscard]] bool has(wire::Flag flag) const { return header.flags.has(flag); }
};

/// seg.len of §3.3.1: SYN and FIN count.
[[nodiscard]] constexpr std::uint32_t segment_length(const wire::TcpHeader& header,
                                                     std::uint32_t payload) {
  return payload + (header.flags.has(wire::Flag::syn) ? 1U : 0U) +
         (header.flags.has(wire::Flag::fin) ? 1U : 0U);
}

/// The four cases of §3.10.7.4, first: does any of [seq, seq + length) lie in the window?
[[nodiscard]] constexpr bool acceptable(Offset seq, std::uint32_t length, Range window) {
  if (length == 0)
    return window.empty() ? seq == window.begin : window.begin <= seq && seq < window.end;
  if (window.empty()) return false;
  const Offset last = seq + length - 1;
  return (window.begin <= seq && seq < window.end) || (window.begin <= last && last < window.end);
}

/// Whether a SYN may take over from TIME_WAIT (RFC 6191 §2): its timestamp, or where that can't
/// tell its sequence number, must be newer than anything seen. `nxt` is rcv.nxt.
[[nodiscard]] constexpr bool may_reuse(const wire::TcpHeader& header, Seq nxt, bool timestamps,
                                       std::uint32_t ts_recent) {
  using wire::Flag;
  if (!header.flags.has(Flag::syn) || header.flags.has(Flag::ack) || header.flags.has(Flag::rst)) {
    return false;
  }
  const bool newer_sequence = !before(header.seq, nxt);
  if (!timestamps || !header.options.has(wire::TcpOptions::kTimestamps)) return newer_sequence;
  if (header.options.ts_val == ts_recent) return newer_sequence;
  return older(ts_recent, header.options.ts_val);
}

}  // namespace lastack::tcp
