// SYN_RCVD of a passive OPEN, kept small: until the handshake is over a peer costs this much.
#pragma once

#include <cstdint>
#include <optional>

#include "base/sequence.hpp"
#include "base/time.hpp"
#include "tcp/challenge.hpp"
#include "tcp/connection.hpp"
#include "tcp/effects.hpp"
#include "tcp/handshake.hpp"
#include "tcp/outgoing.hpp"
#include "tcp/settings.hpp"
#include "tcp/timestamps.hpp"
#include "wire/tcp_header.hpp"

namespace lastack::tcp {

/// A record, not a connection: nobody holds it and no octet is kept. Its doors are those of
/// Connection that can matter here, and answer as a Connection in SYN_RCVD would.
struct SynRcvd {
  State state = State::syn_rcvd;
  bool ack_now = false;
  bool syn_ack_due = true;
  std::uint8_t retransmissions = 0;
  Agreement agreed;
  Seq iss;
  Seq irs;
  Timestamps ts;
  ChallengeBudget challenges;
  std::uint16_t mss = 0;             ///< what we announce
  std::uint16_t window = 0;          ///< of the peer's SYN
  std::uint16_t receive_window = 0;  ///< what we offer
  TimePoint deadline = kNever;       ///< of the next SYN,ACK
  TimePoint sent{};                  ///< when the first one went out; zero for unknown

  struct Step {
    Effects fx;
    /// The handshake is complete: make a Connection of this and give it the same segment.
    bool grows = false;
  };

  Step segment_arrives(const wire::TcpHeader& header, std::uint32_t payload,
                       const Settings& settings, TimePoint now);
  Effects timer_expired(const Settings& settings, TimePoint now);
  Effects icmp_arrives(const IcmpError& icmp, TimePoint now);
  /// The listener has gone, or its queue is given up: RST.
  Effects abort();
  std::optional<Outgoing> transmit(const Settings& settings, TimePoint now);
  /// Of the timer that made Outgoing::attempt what it is.
  [[nodiscard]] Expiry expiry(const Settings& settings) const;
  [[nodiscard]] TimePoint next_deadline() const {
    return state == State::syn_rcvd ? deadline : kNever;
  }

  friend bool operator==(const SynRcvd&, const SynRcvd&) = default;

 private:
  void check_rst(Offset seq, const Settings& settings, TimePoint now, Effects& fx);
};

static_assert(sizeof(SynRcvd) <= 128);

}  // namespace lastack::tcp
