// One TCP connection as a value: RFC 9293 in doors.
//
// A Connection holds no octets, no clock and no pointer to whoever owns it. Everything that happens
// to it comes through a door, with the time; what follows from it is the returned Effects, and what
// is to be sent is pulled with transmit(). The same inputs give the same outputs, a copy goes its
// own way, and two connections can be compared.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>

#include "base/time.hpp"
#include "tcp/effects.hpp"
#include "tcp/outgoing.hpp"
#include "tcp/settings.hpp"
#include "tcp/tcb.hpp"
#include "wire/tcp_header.hpp"

namespace lastack::tcp {

struct SynRcvd;
struct Arrival;
struct Agreement;

/// What OPEN needs from the host.
struct Open {
  Seq iss;                          ///< RFC 6528
  std::uint32_t ts_offset = 0;      ///< a random start for our timestamps (RFC 7323 §5.4)
  std::uint16_t mss = 1460;         ///< largest segment the path takes: MTU less fixed headers
  std::uint16_t default_mss = 536;  ///< where the peer names none: 536 over IPv4, 1220 over IPv6
  SettingsPtr settings;
};

/// An ICMP error about a segment of ours (RFC 9293 §3.9.2.2, RFC 5927).
struct IcmpError {
  enum class Kind : std::uint8_t { soft, hard, too_big } kind = Kind::soft;
  Error error = Error::unreachable;  ///< what a hard error during the handshake means to the user
  Seq seq;                           ///< sequence number of the quoted segment
  std::uint16_t mss = 0;             ///< too_big: the largest segment that would pass
};

class Connection {
 public:
  /// CLOSED, with nothing open.
  Connection() = default;
  /// The full connection that a SYN_RCVD record grows into; give it the segment that made it grow.
  Connection(const SynRcvd& record, SettingsPtr settings, TimePoint now);

  // --- Doors. Each says what it brought about; after any of them call transmit() until it returns
  // nothing, then look at next_deadline().

  /// A segment whose checksum is right and that is addressed to us; `payload` is its length in
  /// octets. (§3.10.7) `listened`: somebody would take a SYN; else none ends TIME_WAIT.
  Effects segment_arrives(const wire::TcpHeader& header, std::uint32_t payload, TimePoint now,
                          bool listened = true);
  /// Call at next_deadline() or later; earlier it does nothing. (§3.10.8)
  Effects timer_expired(TimePoint now);
  Effects icmp_arrives(const IcmpError& icmp, TimePoint now);
  /// The path is known to take no larger segments than `mss`: from now on (RFC 1191 §6.4).
  void path_takes(std::uint16_t mss);

  /// Active OPEN (§3.10.1): CLOSED → SYN_SENT. Error::exists where it is open already.
  std::expected<Effects, Error> open(const Open& how, TimePoint now);
  /// `octets` more were put into the send stream (§3.10.2); with `urgent` they end in urgent data
  /// (RFC 6093); with `more` there follow others soon, so a segment that is not full waits for
  /// them. Error::closing after CLOSE, Error::not_open when there is no connection.
  std::expected<Effects, Error> send(std::uint32_t octets, TimePoint now, bool urgent = false,
                                     bool more = false);
  /// `octets` more were read by the user (§3.10.3): the window may open.
  Effects receive(std::uint32_t octets, TimePoint now);
  /// CLOSE (§3.10.4): no more to send; receiving goes on. Error::closing when that was said before.
  /// `after_handshake`: in SYN_RCVD it waits for ESTABLISHED even where nothing is to be sent
  /// first, as Linux has shutdown() do.
  std::expected<Effects, Error> close(TimePoint now, bool after_handshake = false);
  /// The urgent octet has come, or was taken (Urgent::kTaken). There must be urgent data.
  void keep_urgent(std::int16_t octet) { tcb_.urgent->octet = octet; }
  /// SHUT_RD: what is buffered is discarded, and so is what still arrives; it is acknowledged, and
  /// the window stays open.
  Effects discard_receive(TimePoint now);
  /// The last reference is gone. Closes what is still open: with RST where received octets were
  /// never read (RFC 1122 4.2.2.13), with FIN otherwise.
  /// Where there is a time to `linger`, the peer has so long to acknowledge everything.
  Effects orphan(TimePoint now, Duration linger = Duration(0));
  /// ABORT (§3.10.5): RST where the peer must learn of it, then CLOSED.
  Effects abort(TimePoint now);

  /// The next segment to send, or nothing. `most` bounds its payload in octets: give the MSS where
  /// the link cannot cut, up to 64 KiB where it can.
  std::optional<Outgoing> transmit(TimePoint now, std::uint32_t most = 0xffff) {
    Outgoing out;
    return transmit(now, most, out) ? std::optional(out) : std::nullopt;
  }
  /// The same into `out`, which is fresh; false for nothing.
  bool transmit(TimePoint now, std::uint32_t most, Outgoing& out);
  /// Whether transmit() would return nothing, at one look; where it takes more than that, false.
  [[nodiscard]] bool nothing_due() const;
  /// When timer_expired() is due; kNever for no deadline.
  [[nodiscard]] TimePoint next_deadline() const;

  // --- Looking in.
  [[nodiscard]] State state() const { return tcb_.state; }
  [[nodiscard]] const Tcb& tcb() const { return tcb_; }
  [[nodiscard]] const Settings& settings() const;
  /// Octets received in order that the user has not read.
  [[nodiscard]] std::uint32_t unread() const;
  /// SMSS of RFC 5681: the largest payload while no SACK blocks ride along.
  [[nodiscard]] std::uint32_t smss() const;
  /// The retransmission timeout as it stands, doublings included.
  [[nodiscard]] Duration rto() const { return rto(tcb_.timers.backoff); }
  /// When keepalive asks next; kNever where it does not.
  [[nodiscard]] TimePoint keepalive_deadline() const;
  /// Of the timer that made Outgoing::attempt what it is.
  [[nodiscard]] Expiry expiry() const;
  /// Other settings from now on, as setsockopt() brings about.
  void set_settings(SettingsPtr settings, TimePoint now);
  /// What was handed over so far waits for no more: not for what send() has said will follow and,
  /// where `corked`, neither for Nagle nor for the end of Settings::cork.
  void flush(bool corked);

  friend bool operator==(const Connection&, const Connection&) = default;

 private:
  friend struct ConnectionForTest;  // lets a test start from a state that takes days to reach

  // connection.cpp: the state, and what entering it means
  [[gnu::noinline]] void enter(Event event, Effects& fx, TimePoint now);
  void entered(State state, Effects& fx, TimePoint now);
  [[gnu::noinline]] void fail(Event event, Error error, Effects& fx, TimePoint now);
  [[gnu::noinline]] void reset_peer(Effects& fx) const;
  Effects let_go(TimePoint now);
  [[gnu::noinline]] void send_fin(Effects& fx, TimePoint now);
  [[gnu::noinline]] void limit_fin_wait_2(Effects& fx, TimePoint now);

  // predicted.cpp: what nearly every segment comes to, in and out
  [[nodiscard]] bool is_plain_transfer() const;
  [[nodiscard, gnu::noinline]] bool is_between_syn_and_end() const;
  [[nodiscard]] bool arrives_as_predicted(const wire::TcpHeader& header,
                                          std::uint32_t payload) const;
  [[nodiscard, gnu::noinline]] bool ends_as_predicted(const wire::TcpHeader& header,
                                                      std::uint32_t payload,
                                                      std::uint32_t fresh) const;
  void take_predicted(const wire::TcpHeader& header, std::uint32_t payload, TimePoint now,
                      Effects& fx);
  [[nodiscard]] bool prediction_holds(const wire::TcpHeader& header, std::uint32_t payload,
                                      TimePoint now) const;
  [[nodiscard]] bool sends_as_predicted(TimePoint now, std::uint32_t most) const;
  void send_predicted(TimePoint now, Outgoing& out);
  [[nodiscard]] bool prediction_holds(TimePoint now, std::uint32_t most) const;

  // arrive_syn_sent.cpp: §3.10.7.3
  [[gnu::noinline]] void arrives_in_syn_sent(const wire::TcpHeader& header, std::uint32_t payload,
                                             Effects& fx, TimePoint now);
  void agree_on_options(const wire::TcpHeader& syn, TimePoint now);
  [[nodiscard]] Agreement offered() const;
  void stand_by(const Agreement& options);
  // arrive.cpp: §3.10.7.4, in its order. Each check says whether to go on.
  [[gnu::noinline]] void arrives_in_full(const wire::TcpHeader& header, std::uint32_t payload,
                                         TimePoint now, bool listened, Effects& fx);
  void arrives_synchronized(Arrival& a, Effects& fx);
  bool check_timestamp(const Arrival& a, Effects& fx);
  [[nodiscard]] bool answers_our_syn(const Arrival& a) const;
  bool check_sequence(Arrival& a, Effects& fx);
  bool check_rst(const Arrival& a, Effects& fx);
  bool check_syn(const Arrival& a, Effects& fx);
  bool check_ack(const Arrival& a, Effects& fx);
  void check_urgent(const Arrival& a, Effects& fx);
  bool take_text(const Arrival& a, Effects& fx);
  [[gnu::noinline]] void take_fin(bool fin, Offset at, TimePoint now, Effects& fx);
  [[gnu::noinline]] void refuse_sequence(const Arrival& a, Effects& fx);
  void keep_timestamp(const Arrival& a);
  bool take_in_order(Range fresh, Effects& fx);
  bool challenge(TimePoint now);
  void owe_ack(const Arrival& a, Range fresh, bool in_order);

  // acknowledge.cpp: what an acceptable ACK does
  void take_ack(const Arrival& a, Effects& fx);
  [[gnu::noinline]] void follow_ack(Effects& fx, TimePoint now);
  void acknowledged(const Arrival& a, Effects& fx);
  bool measure(const Arrival& a);
  void take_round_trip(Duration took);
  void update_window(const Arrival& a, Effects& fx);
  bool is_duplicate(const Arrival& a) const;
  void recover(RecoveryStep step, std::uint32_t acked);
  [[gnu::noinline]] void take_sack(const Arrival& a);

  // transmit.cpp: each fills a fresh `out` or says that it has nothing
  [[gnu::noinline]] bool next_segment(TimePoint now, std::uint32_t most, Outgoing& out);
  [[gnu::noinline]] void transmit_syn(TimePoint now, Outgoing& out);
  [[gnu::noinline]] bool transmit_first_again(TimePoint now, Outgoing& out);
  bool transmit_text(TimePoint now, std::uint32_t most, Outgoing& out);
  [[gnu::noinline]] bool transmit_probe(TimePoint now, Outgoing& out);
  bool transmit_ack(TimePoint now, Outgoing& out);
  void segment(Range payload, bool fin, Why why, TimePoint now, Outgoing& out);
  void fill_syn_options(wire::TcpOptions& options) const;
  void fill_options(wire::TcpOptions& options, TimePoint now) const;
  std::uint16_t advertise();
  [[nodiscard]] std::uint32_t payload_limit() const;
  [[nodiscard]] std::uint32_t segment_limit(std::uint32_t most) const;
  [[nodiscard]] std::uint32_t worth_sending(std::uint32_t most) const;
  [[nodiscard]] Offset congestion_edge() const;
  [[nodiscard]] Offset peer_edge() const;
  [[nodiscard]] bool short_is_out(std::uint32_t mss) const;
  [[nodiscard]] bool may_send_fin(Offset at) const;
  [[nodiscard]] Offset where_we_stand() const;
  void sent(Offset from, Offset to, TimePoint now);
  void mind_persist(TimePoint now);

  // timer.cpp
  void arm_retransmission(Retransmission mode, TimePoint now);
  void retransmission_due(Effects& fx, TimePoint now);
  void state_timer_due(Effects& fx, TimePoint now);
  void keepalive_due(Effects& fx, TimePoint now);
  [[nodiscard]] TimePoint user_deadline() const;
  [[nodiscard]] Duration rto(unsigned backoff) const;

  // window.cpp: the window we offer
  [[nodiscard]] Offset window_edge() const;
  void offer_window(TimePoint now);

  [[nodiscard]] Seq seq_of(Offset at) const {
    return tcb_.iss + 1 + static_cast<std::uint32_t>(at);
  }
  [[nodiscard]] Seq ack_field() const {
    return tcb_.irs + 1 + static_cast<std::uint32_t>(tcb_.rcv.nxt);
  }
  /// Octets on the way; after a timeout only those sent again since.
  [[nodiscard]] std::uint32_t in_flight() const {
    return static_cast<std::uint32_t>(tcb_.snd.nxt - tcb_.snd.una);
  }
  /// The urgent data ends behind `at`.
  [[nodiscard]] bool urgent_beyond(Offset at) const {
    return tcb_.urgent && tcb_.urgent->send > at;
  }
  /// After SHUT_RD: BSD's way. Linux goes on taking what arrives, and lets it be read.
  [[nodiscard]] bool throws_away() const {
    return tcb_.discarding && !settings().shut_rd_keeps_buffered;
  }
  [[nodiscard]] bool fin_acked() const {
    return tcb_.fin_queued && tcb_.snd.una == tcb_.snd.end + 1;
  }

  Tcb tcb_;
};

/// The RST that answers a segment for which there is no connection (§3.10.7.1); not wanted where
/// the segment is a RST itself.
[[nodiscard]] Reset reset_for(const wire::TcpHeader& header, std::uint32_t payload);

}  // namespace lastack::tcp
