// The form in which sides are compared.
#include <algorithm>

#include "explore/socket_side.hpp"

namespace lastack::explore {

using socket::OpenSocket;

namespace {

void encode_chosen(Encoder& out, const tcp::Settings& settings) {
  const bool timed = settings.user_timeout > Duration(0);
  out.byte(std::uint64_t{settings.cork} | std::uint64_t{settings.nagle} << 1U |
           std::uint64_t{settings.quick_acks} << 2U | std::uint64_t{settings.oob_inline} << 3U |
           std::uint64_t{settings.keepalive} << 4U | std::uint64_t{timed} << 5U |
           std::uint64_t{settings.fin_timeout < Duration(0)} << 6U |
           std::uint64_t{settings.defer_accept > Duration(0)} << 7U);
  out.byte(settings.receive_low_at << 1U | settings.not_sent_low_at);
  out.byte(std::uint64_t{settings.receive_buffer == kLeastReceiveBuffer} |
           std::uint64_t{settings.send_buffer < tcp::Settings{}.send_buffer} << 1U |
           std::uint64_t{settings.max_segment != 0} << 2U |
           std::uint64_t{settings.syn_retries} << 3U);
}

}  // namespace

void SocketSide::encode(Encoder& out) const {
  out.byte(opens_left_);
  out.byte(calls_left_);
  out.byte(octets_left_);
  out.byte(copies_.size() << 4U | others_.size() << 3U | listeners_.size());
  encode_host(out);
  encode_socket(out);
}

/// The initial number that the peer had when this came to be, or where its stream has ended.
Seq SocketSide::peers() const {
  Seq peers;
  host_->each([&](const host::View& v) {
    if (v.entry != nullptr) peers = v.entry->connection.tcb().irs;
    if (v.handshake != nullptr) peers = v.handshake->record.irs;
    if (v.time_wait != nullptr) peers = v.time_wait->record.rcv_nxt();
  });
  return peers;
}

/// Connections and records, whoever holds them.
void SocketSide::encode_host(Encoder& out) const {
  host_->each([&](const host::View& v) {
    out.byte(static_cast<std::uint64_t>(v.state) | 128U);
    if (v.entry != nullptr) {
      explore::encode(out, v.entry->connection.tcb(), now_, now_);
      out.byte(std::uint64_t{v.entry->held} | std::uint64_t{v.entry->orphan} << 1U |
               std::uint64_t{v.entry->listener != host::kNobody} << 2U);
      out.byte(v.receive_queue);
      out.byte(v.send_queue);
      if (!bounds_->also.empty()) {
        const tcp::Connection& connection = v.entry->connection;
        encode_chosen(out, connection.settings());
        out.deadline(connection.next_deadline(), now_);  // keepalive's or the user's
      }
    } else if (v.handshake != nullptr) {
      const tcp::SynRcvd& record = v.handshake->record;
      out.byte(record.retransmissions);
      out.byte(record.syn_ack_due);
      out.deadline(record.next_deadline(), now_);
      out.byte(record.challenges.spent(now_));
      if (!bounds_->also.empty()) out.stamped(record.sent, now_);
    } else if (v.time_wait != nullptr) {
      const tcp::TimeWait& record = v.time_wait->record;
      out.deadline(record.next_deadline(), now_);
      out.near(record.snd_nxt(), iss_);
      out.window(record.window());
      out.byte(record.challenges().spent(now_));
    } else {
      out.byte(v.receive_queue);
    }
  });
}

/// What its holders see of it that no connection tells.
void SocketSide::encode_socket(Encoder& out) const {
  const OpenSocket* listener = held_listener();
  if (listener != nullptr) {
    out.byte(static_cast<std::uint64_t>(listener->kind));
    const bool chosen = listener->choices && listener->choices->settings;
    if (!bounds_->also.empty() && chosen) encode_chosen(out, *listener->choices->settings);
  }
  const OpenSocket* s = held();
  if (s == nullptr) return;
  out.byte(static_cast<std::uint64_t>(s->kind));
  out.byte(std::uint64_t{s->shut_read} | std::uint64_t{s->shut_write} << 1U |
           std::uint64_t{s->error_told} << 2U | std::uint64_t{s->bound} << 3U |
           std::uint64_t{s->linger} << 4U | std::uint64_t{s->resets_at_close()} << 5U);
  out.byte(static_cast<std::uint64_t>(s->error));
  if (!bounds_->also.empty() && s->choices && s->choices->settings)
    encode_chosen(out, *s->choices->settings);
  const host::ConnectionEntry* ours = entry();
  out.byte(ours == nullptr ? 0 : 1 + static_cast<std::uint64_t>(ours->connection.state()));
  if (ours == nullptr || ours->connection.state() != tcp::State::closed) return;
  const tcp::Tcb& t = ours->connection.tcb();
  out.byte(static_cast<std::uint64_t>(t.error));
  out.byte(t.rcv.nxt > t.rcv.fin);
  out.byte(host_->readable(s->flow()));
  out.byte(static_cast<std::uint64_t>(ours->history.last(0).transition.from));
}

}  // namespace lastack::explore
