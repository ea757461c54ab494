// What transmit() returns: a header, and which octets of the stream go with it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/sequence.hpp"
#include "base/time.hpp"
#include "wire/tcp_header.hpp"

namespace lastack::tcp {

/// Why a segment is sent; views tell people, nothing below depends on it.
enum class Why : std::uint8_t {
  handshake,
  data,
  fin,
  acknowledgment,
  window_update,
  timeout,          ///< sent again: the retransmission timer ran out
  fast_retransmit,  ///< sent again: duplicate ACKs
  probe,            ///< the peer's window is closed
  keepalive,
  too_big,  ///< sent again, smaller: ICMP told that the path does not take so much (RFC 1191)
};

/// Whether a segment sent for that was out before.
[[nodiscard]] constexpr bool is_again(Why why) {
  return why == Why::timeout || why == Why::fast_retransmit || why == Why::too_big;
}

inline constexpr std::size_t kWhyCount = 10;
[[nodiscard]] constexpr std::string_view to_string(Why why) {
  constexpr std::array<std::string_view, kWhyCount> kNames{
      "handshake",       "data",  "fin",       "acknowledgment", "window_update", "timeout",
      "fast_retransmit", "probe", "keepalive", "too_big"};
  return kNames[static_cast<std::size_t>(why)];
}

/// How long the retransmission timer was when it last ran out, and how often it may.
struct Expiry {
  Duration rto{0};
  std::uint8_t most = 0;
};

/// A segment to be sent. Ports are the caller's to fill in; `payload` names octets of the send
/// stream, which the caller has. Where payload.size() > mss, the link below must cut it into
/// segments of `mss` octets (FIN and PSH on the last).
struct Outgoing {
  wire::TcpHeader header;
  Range payload;
  std::uint16_t mss = 0;
  Why why = Why::data;
  std::uint8_t attempt = 0;  ///< how often the timer has run out for this, 0 for the first time

  friend bool operator==(const Outgoing&, const Outgoing&) = default;
};

}  // namespace lastack::tcp
