// What a door of a connection brought about: a value of fixed size that the caller owns.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/sequence.hpp"
#include "tcp/table.hpp"

namespace lastack::tcp {

/// Why a segment, or a part of it, went no further. Each has a counter.
enum class Drop : std::uint8_t {
  none,
  no_connection,       ///< CLOSED: answered with RST unless it was one (§3.10.7.1)
  paws,                ///< timestamp older than the last one taken (RFC 7323 §5)
  no_timestamp,        ///< timestamps were agreed and this has none (RFC 7323 §3.2)
  old_duplicate,       ///< wholly before rcv.nxt
  outside_window,      ///< wholly after the window, or the window is closed
  rst_outside_window,  ///< (§3.10.7.4, first)
  rst_not_exact,       ///< in the window but not at rcv.nxt: challenged (RFC 5961 §3)
  rst_in_time_wait,    ///< RFC 1337
  rst_without_ack,     ///< RST in SYN_SENT that does not acknowledge our SYN
  syn_in_window,       ///< challenged (RFC 5961 §4)
  no_ack,              ///< the ACK bit is off (§3.10.7.4, fifth)
  ack_unsent,          ///< acknowledges what was never sent
  ack_too_old,         ///< RFC 5961 §5: blind data
  not_syn,             ///< neither SYN nor RST in SYN_SENT
  after_fin,           ///< octets behind the peer's FIN
  reassembly_full,     ///< too many separate pieces out of order
  discarded,           ///< taken and thrown away: SHUT_RD
  unreadable,          ///< new data for an orphan: answered with RST
  icmp_out_of_window,  ///< an ICMP error whose quote is not of ours (RFC 5927 §4.1)
};

inline constexpr std::size_t kDropCount = 20;
[[nodiscard]] std::string_view to_string(Drop drop);

/// Why a connection ended, or what its user did wrong. socket/ makes errno of it.
enum class Error : std::uint8_t {
  none,
  refused,          ///< RST answered our SYN
  reset,            ///< RST in a later state
  timed_out,        ///< nobody answered
  unreachable,      ///< ICMP said so
  net_unreachable,  ///< ... of the whole network
  prohibited,       ///< ICMPv6: it is not allowed
  no_protocol,      ///< ICMP: nobody speaks TCP there
  aborted,          ///< our own ABORT
  closing,          ///< the user has already closed this direction
  not_open,         ///< there is no connection
  exists,           ///< open on a connection that is open
  // (one byte: kept in the connection)
};

/// What a holder of the connection may want to know; bits of Effects::ready.
enum Ready : std::uint8_t {
  kReadable = 1,    ///< more to read, or the end of the peer's stream
  kWritable = 2,    ///< octets were acknowledged: there is room to send
  kConnected = 4,   ///< the handshake has completed
  kPeerClosed = 8,  ///< the peer's FIN was taken
  kUrgent = 16,     ///< the peer's urgent pointer moved on (RFC 6093)
  kClosed = 32,     ///< the state is CLOSED now
  kFailed = 64,     ///< `error` says why
};

struct Transition {
  State from = State::closed;
  Event event = Event::passive_open;
  State to = State::closed;
  friend constexpr bool operator==(const Transition&, const Transition&) = default;
};

/// A RST to be sent at once: it belongs to no connection any more, so it is no business of
/// transmit().
struct Reset {
  bool wanted = false;
  bool with_ack = false;
  Seq seq;
  Seq ack;  ///< where with_ack
  friend constexpr bool operator==(const Reset&, const Reset&) = default;
};

/// What those who hold the connection, or watch it, learn of it.
struct News {
  /// At most three rows are taken by one segment (acks_syn, close that waited, acks_fin or fin).
  std::array<Transition, 4> taken{};
  std::uint8_t taken_count = 0;
  std::uint8_t ready = 0;  ///< bits of Ready
  Error error = Error::none;
  bool untabled = false;  ///< our own mistake: a pair that is not in the table

  [[nodiscard]] std::span<const Transition> transitions() const {
    return {taken.data(), taken_count};
  }
  friend constexpr bool operator==(const News&, const News&) = default;
};

struct Effects : News {
  Drop drop = Drop::none;
  /// Octets taken from this segment: store payload[accepted_from, +accepted.size()) at
  /// accepted.begin of the receive stream.
  Range accepted;
  std::uint32_t accepted_from = 0;
  Range readable;  ///< what became readable in order by this door
  Range acked;     ///< octets of our stream that the peer has now acknowledged: let go of them
  Reset reset;

  friend constexpr bool operator==(const Effects&, const Effects&) = default;
};

/// The only door to another state: looks the row up, notes it in `fx`, and says where it leads. A
/// pair that is not in the table is our own mistake: it traps in debug builds and changes nothing.
[[nodiscard]] State take(State from, Event event, Effects& fx);

}  // namespace lastack::tcp
