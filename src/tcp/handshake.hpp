// What the two SYNs say to each other: options offered, and what both agree on.
#pragma once

#include <cstdint>

#include "tcp/settings.hpp"
#include "wire/tcp_header.hpp"

namespace lastack::tcp {

/// What a connection goes on with once both SYNs are known.
struct Agreement {
  std::uint16_t send_mss = 536;    ///< octets, options included
  std::uint8_t send_scale = 0;     ///< shift of the windows we receive
  std::uint8_t receive_scale = 0;  ///< shift of the windows we offer
  bool window_scaling : 1 = false;
  bool timestamps : 1 = false;
  bool sack : 1 = false;
  friend bool operator==(const Agreement&, const Agreement&) = default;
};

/// The smallest shift with which `buffer` octets fit the window field (RFC 7323 §2.2), at most 14.
[[nodiscard]] std::uint8_t window_shift(std::uint32_t buffer);

/// What a SYN with these settings offers; send_mss and send_scale are the peer's to say.
[[nodiscard]] Agreement offer_of(const Settings& settings);

/// What follows from the peer's SYN and our offer. `mss` is what our path takes, `default_mss`
/// what holds where the peer names none (RFC 9293 §3.7.1, MUST-15).
[[nodiscard]] Agreement agree(const wire::TcpOptions& theirs, const Agreement& offer,
                              std::uint16_t mss, std::uint16_t default_mss);

/// The options of a SYN (all we offer) or of a SYN,ACK (what was agreed on).
[[nodiscard]] wire::TcpOptions syn_options(const Agreement& offer, std::uint16_t mss,
                                           std::uint32_t ts_val, std::uint32_t ts_ecr);

}  // namespace lastack::tcp
