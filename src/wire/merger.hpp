// Segments that go on where the one before ended, taken as one: what a device does for those who
// leave it to it (receive offload), for those that can't.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/sequence.hpp"
#include "wire/bytes.hpp"
#include "wire/checksum.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::wire {

/// A run of packets of one flow, all the same but for their place in the stream and their payload:
/// TCP's checks find the same in each, so one look is enough for all of them. PSH may differ too,
/// it means nothing to who receives it. A packet that differs in anything else (other flags, ACK,
/// window, options, TTL, ECN...) ends the run and is looked at itself.
class Merger {
 public:
  /// A run that begins with `first`, which has been parsed and, where `verify` says so, verified.
  /// `first` must outlive it.
  Merger(Bytes first, const ParsedIp& ip, const ParsedTcp& tcp, bool verify);

  /// Whether `next` goes on where the run ends; it belongs to the run then. Its IPv4 header's
  /// checksum and, with `verify`, TCP's are right. Never, where the first is more than octets and
  /// an ACK.
  [[nodiscard]] bool takes(Bytes next) { return header_size_ > 0 && goes_on(next); }

  /// Octets of payload in the run.
  [[nodiscard]] std::size_t payload() const { return payload_; }
  /// Octets of the IP header of each of its packets, and of the TCP header.
  [[nodiscard]] std::size_t ip_size() const { return ip_size_; }
  [[nodiscard]] std::size_t tcp_size() const { return header_size_ - ip_size_; }

 private:
  static constexpr std::size_t kMostHeader = kIpv6Header + kMostTcpHeader;

  [[nodiscard]] bool goes_on(Bytes next);
  [[nodiscard]] bool looks_like(Bytes next) const;

  Bytes first_;
  std::array<std::byte, kMostHeader> same_{};  ///< bits that must be as in the first
  std::size_t ip_size_ = 0;
  std::size_t header_size_ = 0;  ///< IP's and TCP's; 0 where nothing may follow
  std::size_t payload_ = 0;
  Seq next_;
  Sum pseudo_;  ///< of addresses and protocol
  bool verify_;
  bool v4_;
};

}  // namespace lastack::wire
