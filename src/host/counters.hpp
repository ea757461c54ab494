// What a host has done so far, in numbers.
#pragma once

#include <array>
#include <cstdint>

#include "tcp/effects.hpp"
#include "wire/tcp.hpp"

namespace lastack::host {

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
  std::uint64_t not_for_us = 0;   ///< another address, or a protocol we don't speak
  std::uint64_t bad_address = 0;  ///< broadcast or multicast (RFC 9293 MUST-57, MUST-63)
  std::uint64_t tcp_checksum = 0;
  std::uint64_t syn_queue_full = 0;
  std::uint64_t accept_queue_full = 0;
  std::uint64_t too_many = 0;  ///< connections, against Config::most_connections
  std::array<std::uint64_t, wire::kParseErrorCount> malformed{};
  std::array<std::uint64_t, tcp::kDropCount> dropped{};
  std::array<std::uint64_t, tcp::kTable.size()> transitions{};
};

}  // namespace lastack::host
