// What a host has done so far, in numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ip/icmp_errors.hpp"
#include "ip/reassembly.hpp"
#include "tcp/effects.hpp"
#include "wire/address.hpp"
#include "wire/icmp.hpp"
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

/// Of one family, as RFC 4293 means them: what comes in pieces counts as many.
struct IpCounters {
  std::uint64_t in_receives = 0;
  std::uint64_t in_octets = 0;
  std::uint64_t in_header_errors = 0;
  std::uint64_t in_checksum_errors = 0;  ///< of them, IPv4's header checksum
  std::uint64_t in_address_errors = 0;   ///< not for us, or from or to where nobody can be
  std::uint64_t in_unknown_protocols = 0;
  std::uint64_t in_delivers = 0;   ///< to TCP, UDP or ICMP, whole
  std::uint64_t out_requests = 0;  ///< whole, before they are cut
  std::uint64_t out_octets = 0;
  std::uint64_t out_no_routes = 0;
  std::uint64_t reassembly_requests = 0;  ///< pieces
  std::uint64_t reassembly_successes = 0;
  std::uint64_t reassembly_failures = 0;  ///< pieces that ended a packet, or came for such a one
  std::uint64_t reassembly_overlaps = 0;  ///< of them, those that overlapped another
  std::uint64_t reassembly_timeouts = 0;
  std::uint64_t fragmented = 0;  ///< packets that were cut
  std::uint64_t fragments_created = 0;
};

/// Of one family; neighbour discovery is the link's.
struct IcmpCounters {
  std::uint64_t in_messages = 0;
  std::uint64_t in_errors = 0;  ///< malformed, badly summed, or an error about nothing of ours
  std::uint64_t in_checksum_errors = 0;
  std::uint64_t out_rate_limited = 0;
  std::array<std::uint64_t, wire::kIcmpKindCount> in{};
  std::array<std::uint64_t, wire::kIcmpKindCount> out{};
};

/// Of one family. What goes no further counts under its reason and under in_errors.
struct UdpCounters {
  std::uint64_t in_datagrams = 0;
  std::uint64_t out_datagrams = 0;
  std::uint64_t no_ports = 0;  ///< no endpoint takes it
  std::uint64_t in_errors = 0;
  std::uint64_t in_checksum_errors = 0;
  std::uint64_t receive_buffer_errors = 0;  ///< against Config::udp_receive_buffer
  std::uint64_t memory_errors = 0;          ///< against Config::most_udp_unread
  std::uint64_t send_buffer_errors = 0;     ///< calls, against Config::most_udp_unsent
};

struct TcpCounters {
  std::uint64_t in_segments = 0;
  std::uint64_t in_errors = 0;     ///< malformed or badly summed
  std::uint64_t out_segments = 0;  ///< without those that are sent again
  std::uint64_t passive_opens = 0;
  std::uint64_t timeouts = 0;  ///< of the retransmission timer
  std::uint64_t syn_retransmissions = 0;
  std::uint64_t pure_acks = 0;         ///< that came in and were taken: no octets, SYN or FIN
  std::uint64_t delayed_acks = 0;      ///< that the timer made due
  std::uint64_t challenge_acks = 0;    ///< RFC 5961: to a SYN, a RST or an ACK that may be blind
  std::uint64_t sack_recoveries = 0;   ///< fast recoveries begun where SACK was agreed on
  std::uint64_t plain_recoveries = 0;  ///< and where it was not
  std::uint64_t duplicate_sacks = 0;   ///< RFC 2883: that name what was acknowledged before
  std::uint64_t duplicate_sacks_beyond = 0;  ///< and what lies beyond the acknowledged
  std::uint64_t window_probes = 0;
  std::uint64_t keepalives = 0;
  std::uint64_t abort_on_close = 0;    ///< closed with octets unread
  std::uint64_t abort_on_timeout = 0;  ///< given up, since nobody answered
  /// TIME_WAITs that made room for a connect() with the same ends (RFC 6191).
  std::uint64_t time_wait_taken_over = 0;
};

/// Only ever grow. Every packet that goes no further is counted once, under its reason; the groups
/// at the end say the same by family and layer.
struct Counters {
  /// Where a family's counters stand.
  [[nodiscard]] static constexpr std::size_t of(const wire::IpAddress& address) {
    return address.is_v4() ? 0 : 1;
  }
  [[nodiscard]] static constexpr std::size_t of(wire::Family family) {
    return family == wire::Family::v4 ? 0 : 1;
  }
  /// By the version that a packet names; IPv4's where it names none.
  [[nodiscard]] static constexpr std::size_t of_packet(wire::Bytes packet) {
    return !packet.empty() && std::to_integer<unsigned>(packet[0]) >> 4U == 6 ? 1 : 0;
  }

  std::uint64_t packets_in = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t octets_in = 0;   ///< of payload, accepted
  std::uint64_t octets_out = 0;  ///< of payload, retransmissions included
  std::uint64_t retransmissions = 0;
  std::uint64_t fast_retransmissions = 0;  ///< of them, those that no timeout caused
  std::uint64_t resets_out = 0;
  std::uint64_t echo_replies = 0;
  std::uint64_t not_for_us = 0;  ///< another address
  /// Handed over to the host whose flow it is (Config::share), which counts it as having come
  /// there.
  std::uint64_t handed_over = 0;
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
  std::array<IpCounters, 2> ip{};
  std::array<IcmpCounters, 2> icmp{};
  std::array<UdpCounters, 2> udp{};
  TcpCounters tcp;
};

}  // namespace lastack::host
