// What a host has done so far, in numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ip/icmp_errors.hpp"
#include "ip/reassembly.hpp"
#include "tcp/effects.hpp"
#include "wire/tcp.hpp"

namespace lastack::host {

/// Why an ICMP message goes no further.
enum class IcmpDrop : std::uint8_t {
  unspoken,       ///< neither a question that we answer nor an error
  meaningless,    ///< an error that says nothing to a connection: source quench, redirect, unknown
  unquoted,       ///< an error that does not name a segment
  no_connection,  ///< an error about a segment of no connection of ours (RFC 5927 §4)
  unbelievable,   ///< "too big", with a size that can't be (RFC 8201 §4, RFC 5927 §7.2)
};
inline constexpr std::size_t kIcmpDropCount = 5;
[[nodiscard]] std::string_view to_string(IcmpDrop drop);

/// Only ever grow. Every packet that goes no further is counted once, under its reason.
struct Counters {
  std::uint64_t packets_in = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t octets_in = 0;   ///< of payload, accepted
  std::uint64_t octets_out = 0;  ///< of payload, retransmissions included
  std::uint64_t retransmissions = 0;
  std::uint64_t fast_retransmissions = 0;  ///< of them, those that no timeout caused
  std::uint64_t resets_out = 0;
  std::uint64_t echo_replies = 0;
  std::uint64_t not_for_us = 0;  ///< another address
  /// From or to many, or nobody, or from ourselves over a link (RFC 9293 MUST-57, MUST-63).
  std::uint64_t bad_address = 0;
  std::uint64_t no_protocol = 0;  ///< one that we don't speak
  std::uint64_t no_payload = 0;   ///< "no next header" (RFC 8200 §4.7)
  std::uint64_t no_port = 0;      ///< UDP to a port that nobody has
  std::uint64_t tcp_checksum = 0;
  std::uint64_t syn_queue_full = 0;
  std::uint64_t cookies_sent = 0;
  std::uint64_t cookies_received = 0;  ///< ACKs that completed such a handshake
  std::uint64_t cookies_failed = 0;    ///< ACKs that completed none: forged, or too late
  std::uint64_t accept_queue_full = 0;
  std::uint64_t too_many = 0;              ///< connections, against Config::most_connections
  std::uint64_t unread_full = 0;           ///< segments with octets, against Config::most_unread
  std::uint64_t orphans_reset = 0;         ///< against Config::most_orphans
  std::uint64_t time_wait_cut = 0;         ///< against Config::most_time_wait
  std::uint64_t replies_dropped = 0;       ///< against Config::most_replies
  std::uint64_t events_lost = 0;           ///< that nobody pulled, against Config::most_events
  std::uint64_t reassembly_evicted = 0;    ///< incomplete packets that made room for others
  std::uint64_t reassembly_timed_out = 0;  ///< incomplete packets whose time was over
  std::uint64_t icmp_errors_in = 0;        ///< that reached a connection or a handshake
  std::uint64_t icmp_errors_out = 0;
  std::uint64_t icmp_errors_limited = 0;  ///< not sent: against Config::icmp_errors_per_second
  std::array<std::uint64_t, ip::kPieceFateCount> pieces{};
  std::array<std::uint64_t, kIcmpDropCount> icmp_dropped{};
  std::array<std::uint64_t, ip::kSilenceCount> icmp_silent{};  ///< errors that must not be sent
  std::array<std::uint64_t, wire::kParseErrorCount> malformed{};
  std::array<std::uint64_t, tcp::kDropCount> dropped{};
  std::array<std::uint64_t, tcp::kTable.size()> transitions{};
};

}  // namespace lastack::host
