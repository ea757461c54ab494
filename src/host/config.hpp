// What a host is told once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "ip/link_layer.hpp"
#include "ip/reassembly.hpp"
#include "tcp/settings.hpp"
#include "udp/endpoint.hpp"
#include "wire/address.hpp"

namespace lastack::host {

/// What a link carries: bare IP packets, or Ethernet frames with neighbours to be found.
enum class Medium : std::uint8_t { ip, ethernet };

/// The most octets of payload in one packet, with the largest headers there are.
inline constexpr std::uint32_t kMostSuperSegment = 65535 - 60 - 60;

/// Several hosts, each on a thread of its own, that have the same addresses and share nothing.
/// Whose a flow is says a hash of it, so all know it without asking: a host opens only flows of its
/// own, and hands a packet of another's over (Host::next_foreign). UDP endpoints are to be opened
/// at each of them: where a datagram arrives it is read.
struct Share {
  std::uint32_t index = 0;  ///< of this host, below `of`
  std::uint32_t of = 1;     ///< hosts
  HashKey key{};            ///< the same at all of them
};

struct Config {
  std::vector<wire::Prefix> addresses;  ///< ours, and the networks they are on
  std::uint16_t mtu = 1500;             ///< octets of an IP packet that the link takes
  /// The link, or who stands before it (wire::Splitter), cuts segments: the most octets of payload
  /// that a segment may have before it is cut; 0 where nobody does.
  std::uint32_t super_segment = 0;
  bool transmit_checksum = true;  ///< we sum; false where the link does
  bool verify_checksum = true;    ///< we verify; false where the link has
  /// Packets to our own addresses go out like others, to a link that brings them back; else they
  /// never leave the host.
  bool loops_over_link = false;
  /// What was handed over behind room for a header leaves in segments of its own, if it makes at
  /// least an eighth of a whole one: for links that take octets as they lie (link::without_copy).
  bool keeps_blocks = false;
  /// Every address of one host counts as ours: for who stands on a wire for the rest of the world.
  bool takes_any = false;
  tcp::SettingsPtr settings;                 ///< for connections that name none; may be null
  std::size_t most_connections = 1U << 20U;  ///< that, at most
  /// Octets that peers have sent and nobody has read, in all; a connection that holds few gets
  /// more.
  std::size_t most_unread = std::size_t{1} << 30U;
  std::size_t syn_queue = 1024;          ///< handshakes under way, of one listener
  bool syn_cookies = true;               ///< where that is full; else further SYNs are dropped
  std::size_t most_events = 1U << 16U;   ///< that wait to be pulled; of more the oldest are lost
  std::size_t most_orphans = 1U << 14U;  ///< closed and not over; of more old ones are reset
  /// Records, 2^20 - 1 at most; of more the oldest end before their time.
  std::size_t most_time_wait = 1U << 18U;
  /// Answers that belong to no connection and wait to be sent: resets, echoes, ICMP errors.
  std::size_t most_replies = 4096;
  std::size_t most_udp_endpoints = 1U << 16U;
  std::size_t udp_receive_buffer = udp::UdpEndpoint::kReceiveBuffer;  ///< octets, of one endpoint
  /// Octets of memory that datagrams may keep which nobody has read, in all.
  std::size_t most_udp_unread = std::size_t{64} << 20U;
  std::size_t most_udp_unsent = std::size_t{4} << 20U;  ///< octets of datagrams that wait to go out
  ip::ReassemblyLimits reassembly{};
  /// ICMP errors that we send, at most (RFC 4443 §2.4(f)).
  std::uint32_t icmp_errors_per_second = 100;
  std::uint32_t icmp_error_burst = 50;
  std::size_t trace = 0;             ///< events kept for views (host/trace.hpp), 128 octets each
  std::uint16_t first_port = 32768;  ///< ephemeral ports (RFC 6056)
  std::uint16_t last_port = 60999;
  Medium medium = Medium::ip;
  Share share;            ///< only where the medium is bare IP
  ip::LinkSettings link;  ///< where the medium is Ethernet
};

}  // namespace lastack::host
