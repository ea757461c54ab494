// A segment laid against one connection's sequence space: 32-bit numbers become offsets.
#pragma once

#include <cstdint>

#include "base/sequence.hpp"
#include "base/time.hpp"
#include "tcp/mutant.hpp"
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
  bool listened = true;   ///< a listener would take it over, were it a SYN in TIME_WAIT

  [[nodiscard]] bool has(wire::Flag flag) const { return header.flags.has(flag); }
};

/// seg.len of §3.3.1: SYN and FIN count.
[[nodiscard]] constexpr std::uint32_t segment_length(const wire::TcpHeader& header,
                                                     std::uint32_t payload) {
  return payload + (header.flags.has(wire::Flag::syn) ? 1U : 0U) +
         (header.flags.has(wire::Flag::fin) ? 1U : 0U);
}

/// The four cases of §3.10.7.4, first: does any of [seq, seq + length) lie in the window?
/// DEVIATES: without octets it may also stand right at the window's end, unless it is a RST: there
/// stands a peer that has filled the window. Two that have filled each other's would else refuse
/// each other's ACKs, and answer each with one (§A.2).
/// Of a segment with a SYN only that counts: octets in the window do not make an old SYN a new one.
[[nodiscard]] constexpr bool acceptable(const wire::TcpHeader& header, std::uint32_t payload,
                                        Offset seq, Range window) {
  const bool syn = header.flags.has(wire::Flag::syn) && !mutated(Mutant::old_syn_is_new);
  const std::uint32_t length = syn ? 1 : segment_length(header, payload);
  if (length == 0) {
    if (seq == window.begin) return true;
    const bool refused = header.flags.has(wire::Flag::rst) || mutated(Mutant::ack_at_end_refused);
    const bool at_end = seq == window.end && !refused;
    return window.begin < seq && (seq < window.end || at_end);
  }
  if (window.empty()) return false;
  const Offset last = seq + length - 1;
  return (window.begin <= seq && seq < window.end) || (window.begin <= last && last < window.end);
}

/// Whether the sender waits for an ACK of this, so that it is answered however often it comes: a
/// FIN or octets. A SYN counts against the challenge budget wherever it stands (RFC 5961 §4, §7).
[[nodiscard]] constexpr bool waits_for_ack(const wire::TcpHeader& header, std::uint32_t payload) {
  if (header.flags.has(wire::Flag::syn)) return mutated(Mutant::syn_not_budgeted);
  return payload > 0 || header.flags.has(wire::Flag::fin);
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
