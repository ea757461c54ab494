// The rows and columns of matrix.tsv as things that can be done: how each state is reached, and
// what each event is. The words are those of the file; its head defines them.
#pragma once

#include <optional>
#include <string>

#include "tcp/world.hpp"

namespace lastack_test {

/// Which value holds the state, where there is a choice.
enum class Holder { connection, record };

/// Settings an event needs to be armed at all.
inline tcp::Settings settings_for(const std::string& event) {
  tcp::Settings settings;
  settings.keepalive = event.starts_with("timer keepalive");
  settings.keepalive_idle = 1s;  // before retransmission gives up, so that "not armed" means it
  if (event == "timer user timeout") settings.user_timeout = 30s;
  return settings;
}

/// One state of the matrix, reached by what happens to endpoints. `event` says what must lie ready.
class Builder {
 public:
  Builder(World& world, std::string event) : w_(world), event_(std::move(event)) {}

  void reach(const std::string& state, Holder holder) {
    if (state == "CLOSED") return;
    if (state == "LISTEN") return void(w_.listen());
    if (state == "SYN_SENT") return void(w_.connect());
    if (state == "SYN_RCVD/passive") return passive(holder);
    if (state == "SYN_RCVD/active") {
      w_.connect();
      return void(w_.arrives(syn()));
    }
    established();
    leave_established(state);
    if (holder == Holder::record) w_.make_record();
  }

 private:
  [[nodiscard]] Segment syn() const {
    return {.flags = Flag::syn, .seq = w_.peer_iss, .ack = {}, .mss = true};
  }
  [[nodiscard]] Segment ack() const {
    return {.flags = Flag::ack, .seq = w_.rcv_nxt(), .ack = w_.snd_nxt()};
  }

  void passive(Holder holder) {
    w_.listen();
    w_.arrives(syn());
    w_.become_child();
    if (holder == Holder::connection) w_.grow();
  }

  void established() {
    w_.connect();
    w_.arrives(
        {.flags = Flag::syn | Flag::ack, .seq = w_.peer_iss, .ack = w_.iss + 1, .mss = true});
    Segment text = ack();
    text.payload = 100;
    w_.arrives(text);
    w_.receive(100);
    while (w_.deadline() != kNever) {  // until the ACK of it is out; no other timer runs
      if (w_.expire().sent.size() == 1) break;
    }
  }

  /// Octets received and not read, where the event looks for some.
  void unread() {
    const bool wanted = event_ == "receive" || event_ == "shutdown SHUT_RD" ||
                        event_ == "shutdown SHUT_RDWR" || event_ == "close unread";
    if (!wanted || state_.ends_with("/orphan")) return;
    Segment text = ack();
    text.payload = 100;
    text.ack = w_.snd_una();
    w_.arrives(text);
    w_.expire();  // its ACK
  }

  /// What the event's timer waits for, as far as it comes before the user's close.
  void queue_up() {
    if (event_ == "timer persist") {
      Segment shut = ack();
      shut.window = 0;
      w_.arrives(shut);
      w_.send(100);
    }
    if (state_ == "ESTABLISHED" || state_ == "CLOSE_WAIT") {
      if (event_ == "timer retransmission" || event_ == "timer user timeout") w_.send(100);
    }
  }

  void leave_established(const std::string& state) {
    state_ = state;
    const bool orphan = state.ends_with("/orphan");
    const std::string base = state.substr(0, state.find('/'));
    unread();
    if (base == "CLOSE_WAIT" || base == "LAST_ACK") peers_fin(w_.snd_una());
    if (base != "FIN_WAIT_2" && base != "TIME_WAIT") queue_up();
    if (base == "ESTABLISHED" || base == "CLOSE_WAIT") return late();
    orphan ? w_.close() : w_.shut_write();
    if (base == "FIN_WAIT_2" || base == "TIME_WAIT") w_.arrives(ack());
    if (base == "CLOSING" || base == "TIME_WAIT") peers_fin(w_.snd_una());
    if (base == "TIME_WAIT") w_.now += 10s;  // so that a restart of 2 MSL shows
    late();
  }

  void peers_fin(Seq acks) {
    Segment fin = ack();
    fin.flags |= Flag::fin;
    fin.ack = acks;
    if (event_ == "timer persist") fin.window = 0;
    w_.arrives(fin);
  }

  /// What must come last: data whose ACK is owed.
  void late() {
    if (event_ != "timer delayed ack" || state_.ends_with("/orphan")) return;
    if (!tcp::traits(w_.state()).may_receive_data) return;
    Segment text = ack();
    text.ack = w_.snd_una();
    text.payload = 100;
    w_.arrives(text);
  }

  World& w_;
  std::string event_;
  std::string state_;
};

/// The segment that the matrix calls `event`, as it would be sent to `w`; nothing for other events.
inline std::optional<Segment> segment_of(const World& w, const std::string& state,
                                         const std::string& event) {
  const bool early = state == "CLOSED" || state == "LISTEN" || state == "SYN_SENT";
  const bool syn_sent = state == "SYN_SENT";
  const bool after_fin = tcp::traits(w.state()).fin_received;
  const Seq nxt = w.rcv_nxt();
  const std::uint32_t wnd = w.rcv_wnd();
  const Seq nothing_new = early ? w.iss : w.snd_una();
  const Seq plain = early || state.starts_with("SYN_RCVD") ? w.iss + 1 : w.snd_una();
  const Seq fin_seq = after_fin ? nxt - 1 : nxt;
  const Flags ack = Flag::ack;
  const Flags fin_ack = Flag::fin | Flag::ack;
  const auto text = [&](Seq seq, std::uint32_t octets) {
    return Segment{.flags = ack, .seq = seq, .ack = plain, .payload = octets};
  };

  if (event == "SYN") {
    return Segment{
        .flags = Flag::syn, .seq = early ? w.peer_iss : nxt + 100, .ack = {}, .mss = true};
  }
  if (event == "SYN old")
    return Segment{.flags = Flag::syn, .seq = w.peer_iss, .ack = {}, .mss = true};
  if (event == "SYN+ACK") {
    return Segment{
        .flags = Flag::syn | Flag::ack, .seq = w.peer_iss, .ack = w.iss + 1, .mss = true};
  }
  if (event == "ACK of nothing new") return Segment{.flags = ack, .seq = nxt, .ack = nothing_new};
  if (event == "ACK of our SYN") return Segment{.flags = ack, .seq = nxt, .ack = w.iss + 1};
  if (event == "ACK of our FIN") return Segment{.flags = ack, .seq = nxt, .ack = w.iss + 2};
  if (event == "ACK not yet sent")
    return Segment{.flags = ack, .seq = nxt, .ack = w.snd_nxt() + 100};
  if (event == "ACK too old") return Segment{.flags = ack, .seq = nxt, .ack = nothing_new - 4097};
  if (event == "FIN") return Segment{.flags = fin_ack, .seq = fin_seq, .ack = plain};
  if (event == "FIN+ACK") return Segment{.flags = fin_ack, .seq = fin_seq, .ack = w.snd_nxt()};
  if (event == "FIN without ACK") return Segment{.flags = Flag::fin, .seq = fin_seq, .ack = {}};
  if (event == "FIN out of order") {
    return Segment{.flags = fin_ack, .seq = nxt + 200, .ack = plain};
  }
  if (event == "RST exact" && syn_sent) {
    return Segment{.flags = Flag::rst | Flag::ack, .seq = Seq(0), .ack = w.iss + 1};
  }
  if (event == "RST outside" && syn_sent) {
    return Segment{.flags = Flag::rst | Flag::ack, .seq = Seq(0), .ack = w.iss + 100};
  }
  if (event == "RST exact") return Segment{.flags = Flag::rst, .seq = nxt, .ack = {}};
  if (event == "RST in window") return Segment{.flags = Flag::rst, .seq = nxt + 1, .ack = {}};
  if (event == "RST outside") return Segment{.flags = Flag::rst, .seq = nxt + wnd, .ack = {}};
  if (event == "data in window") return text(nxt, 100);
  if (event == "data across left") return text(nxt - 50, 100);
  if (event == "data across right") return text(nxt, wnd + 100);
  if (event == "data outside") return text(nxt + wnd, 100);
  if (event == "data out of order") return text(nxt + 200, 100);
  if (event == "old duplicate") return text(nxt - (after_fin ? 101 : 100), 100);
  return std::nullopt;
}

/// Does what the matrix calls `event`, which is no segment.
inline Outcome call_of(World& w, const std::string& event) {
  if (event == "ICMP hard") return w.icmp_hard();
  if (event == "active open") return w.connect();
  if (event == "passive open") return w.listen();
  if (event == "send") return w.send(100);
  if (event == "receive") return w.receive(100);
  if (event == "shutdown SHUT_RD") return w.shut_read();
  if (event == "shutdown SHUT_WR") return w.shut_write();
  if (event == "shutdown SHUT_RDWR") return w.shut_both();
  if (event == "close" || event == "close unread") return w.close();
  if (event == "abort") return w.abort();
  return w.expire();
}

}  // namespace lastack_test
