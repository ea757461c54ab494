// What may be chosen about a connection. Many connections share one of these.
#pragma once

#include <cstdint>

#include "base/shared.hpp"
#include "base/time.hpp"
#include "wire/ip_marks.hpp"

namespace lastack::tcp {

struct Settings {
  std::uint32_t receive_buffer = 256 * 1024;  ///< octets; the largest window we offer
  std::uint32_t send_buffer = 256 * 1024;     ///< octets; kept by those who hold the bytes
  bool fits_send_buffer = false;              ///< no more of it is used than the way there asks for

  bool nagle = true;        ///< RFC 9293 §3.7.4
  bool cork = false;        ///< no segment that is not full, for as long as nobody has to be probed
  bool quick_acks = false;  ///< none is delayed
  bool oob_inline = false;  ///< the urgent octet is read in its place
  bool window_scaling = true;
  bool timestamps = true;
  bool sack = true;

  std::uint16_t max_segment = 0;      ///< octets that a segment may have; 0: what the path takes
  std::uint32_t not_sent_low_at = 0;  ///< of octets not sent yet, for who holds them; 0: no mark
  std::uint32_t receive_low_at = 1;   ///< octets that make readable, for who reads; at least 1
  wire::MarksOfBoth ip;               ///< of each packet

  Duration rto_initial = 1s;  ///< RFC 6298 §2.1
  /// DEVIATES: RFC 6298 §2.4 asks for 1 s; 200 ms is what Linux and most hosts use.
  Duration rto_min = 200ms;
  Duration rto_max = 60s;        ///< RFC 6298 §2.5: at least 60 s
  std::uint8_t syn_retries = 7;  ///< 183 s in all; RFC 9293 MUST-23: at least 3 minutes
  std::uint8_t retries = 15;     ///< R2; at least 100 s (RFC 9293 §3.8.3)
  Duration delayed_ack = 40ms;   ///< below 500 ms (RFC 9293 MUST-59)
  Duration msl = 30s;            ///< TIME_WAIT lasts twice this
  Duration fin_timeout = 60s;    ///< FIN_WAIT_2 of an orphan
  Duration defer_accept{0};      ///< so long an ACK without octets does not end a handshake
  Duration user_timeout{0};      ///< RFC 5482; 0: the retransmission limit alone decides

  bool keepalive = false;  ///< RFC 9293 §3.8.4: off by default (MUST-25)
  Duration keepalive_idle = 7200s;
  Duration keepalive_interval = 75s;
  std::uint8_t keepalive_probes = 9;

  std::uint8_t challenge_acks_per_second = 10;  ///< RFC 5961 §7, for each connection

  // Where Linux differs from BSD and Stevens; `--profile linux` turns all five on.
  bool rst_ends_time_wait = false;         ///< RFC 9293; off is RFC 1337
  bool shut_rd_keeps_buffered = false;     ///< SHUT_RD leaves all of it readable, later data too
  bool shut_rdwr_resets_new_data = false;  ///< after SHUT_RDWR new data is answered with RST
  bool linger_goes_on = false;             ///< what SO_LINGER's time was too short for is not reset
  bool icmp_ends_handshake = false;        ///< a soft ICMP error too, not only a hard one

  constexpr void close_as_linux(bool on) {
    rst_ends_time_wait = shut_rd_keeps_buffered = shut_rdwr_resets_new_data = linger_goes_on =
        icmp_ends_handshake = on;
  }

  friend bool operator==(const Settings&, const Settings&) = default;
};

/// What connections hold; none stands for the defaults.
using SettingsPtr = Shared<Settings>;

}  // namespace lastack::tcp
