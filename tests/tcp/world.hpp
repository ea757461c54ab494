// One endpoint of TCP brought into any state by what really happens to endpoints: opens, segments,
// closes. Nothing pokes a field. Which kind of value holds the state (listener, SYN_RCVD record,
// connection, TIME_WAIT record) changes along the way, as it does in a host.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "tcp/connection.hpp"
#include "tcp/listener.hpp"
#include "tcp/syn_rcvd.hpp"
#include "tcp/time_wait.hpp"
#include "tcp/wire_trip.hpp"

namespace lastack_test {

using namespace lastack;
using tcp::Connection;
using tcp::Effects;
using tcp::Listener;
using tcp::Outgoing;
using tcp::State;
using tcp::SynRcvd;
using tcp::TimeWait;
using wire::Flag;
using wire::Flags;
using wire::TcpHeader;

/// A segment of the peer's, in the absolute numbers of the wire.
struct Segment {
  Flags flags;
  Seq seq;
  Seq ack;
  std::uint32_t payload = 0;
  std::uint16_t window = 4096;
  bool mss = false;  ///< carries an MSS option, as SYNs do
};

/// What a door brought about, with everything that went out because of it.
struct Outcome {
  Effects fx;
  std::vector<Outgoing> sent;
  std::optional<tcp::Error> refused;  ///< the call itself failed
};

class World {
 public:
  explicit World(Family family, tcp::Settings settings = {}) : family_(family) {
    settings.receive_buffer = 4096;
    settings.window_scaling = settings.timestamps = settings.sack = false;
    settings_ = tcp::SettingsPtr(settings);
    // IPv6 cells cross the wrap of sequence numbers, IPv4 cells do not.
    iss = family == Family::v6 ? Seq(0xffffffd0U) : Seq(10'000);
    peer_iss = family == Family::v6 ? Seq(0xffffff9cU) : Seq(50'000);
  }

  Seq iss;
  Seq peer_iss;
  TimePoint now{100s};
  std::variant<Connection, Listener, SynRcvd, TimeWait> self;
  std::optional<SynRcvd> child;    ///< what LISTEN made of the last SYN
  std::vector<std::string> steps;  ///< what has happened, for a failing test to print

  // --- doors

  Outcome listen() {
    if (!std::holds_alternative<Listener>(self)) self = Listener();
    return call("passive open", std::get<Listener>(self).open());
  }
  Outcome connect() { return call("active open", connection().open(opening(), now)); }
  Outcome send(std::uint32_t octets) {
    return call("send " + std::to_string(octets), connection().send(octets, now));
  }
  Outcome receive(std::uint32_t octets) {
    return call("receive " + std::to_string(octets), connection().receive(octets, now));
  }
  /// On a listener this is its close, as socket/ makes it.
  Outcome shut_read() {
    if (std::holds_alternative<Listener>(self)) return close();
    return call("shutdown SHUT_RD", connection().discard_receive(now));
  }
  Outcome shut_write() { return call("shutdown SHUT_WR", connection().close(now)); }
  Outcome shut_both() {
    if (std::holds_alternative<Listener>(self)) return close();
    Outcome read = shut_read();
    Outcome write = shut_write();
    if (!write.refused) write.fx.ready |= read.fx.ready;
    for (const auto& segment : read.sent) write.sent.insert(write.sent.begin(), segment);
    return write;
  }
  /// The last reference is gone.
  Outcome close(Duration linger = Duration(0)) {
    if (auto* listener = std::get_if<Listener>(&self)) return call("close", listener->close());
    return call("close", connection().orphan(now, linger));
  }
  Outcome abort() {
    if (auto* listener = std::get_if<Listener>(&self)) return call("abort", listener->abort());
    if (auto* record = std::get_if<SynRcvd>(&self)) return call("abort", record->abort());
    return call("abort", connection().abort(now));
  }
  Outcome icmp_hard() {
    auto* record = std::get_if<SynRcvd>(&self);
    const Seq quoted = record == nullptr && synchronized_numbers() ? snd_una() : iss;
    const tcp::IcmpError icmp{
        .kind = tcp::IcmpError::Kind::hard, .error = tcp::Error::refused, .seq = quoted};
    if (record != nullptr) return call("ICMP hard", record->icmp_arrives(icmp, now));
    return call("ICMP hard", connection().icmp_arrives(icmp, now));
  }

  Outcome arrives(const Segment& segment) {
    TcpHeader header;
    header.source_port = 80;
    header.destination_port = 40'000;
    header.seq = segment.seq;
    header.ack = segment.ack;
    header.flags = segment.flags;
    header.window = segment.window;
    if (segment.mss) {
      header.options.present = wire::TcpOptions::kMss;
      header.options.mss = 1000;
    }
    return note("arrives " + print(segment),
                take(through_wire(header, segment.payload, family_), segment.payload));
  }

  /// Lets time pass to the next deadline and tells whoever waits for it.
  Outcome expire() {
    now = std::max(now, deadline());
    Effects fx;
    if (auto* record = std::get_if<SynRcvd>(&self)) {
      fx = record->timer_expired(*settings_, now);
    } else if (auto* wait = std::get_if<TimeWait>(&self)) {
      fx = wait->timer_expired(now);
    } else if (auto* c = std::get_if<Connection>(&self)) {
      fx = c->timer_expired(now);
    }
    return note("timer", {.fx = fx, .sent = {}, .refused = {}});
  }

  // --- looking in

  [[nodiscard]] TimePoint deadline() const {
    if (const auto* record = std::get_if<SynRcvd>(&self)) return record->next_deadline();
    if (const auto* wait = std::get_if<TimeWait>(&self)) return wait->next_deadline();
    if (const auto* c = std::get_if<Connection>(&self)) return c->next_deadline();
    return kNever;
  }
  [[nodiscard]] State state() const {
    if (const auto* record = std::get_if<SynRcvd>(&self)) return record->state;
    return std::visit(
        [](const auto& value) {
          if constexpr (requires { value.state(); }) return value.state();
          return State::closed;
        },
        self);
  }
  [[nodiscard]] Connection& connection() { return std::get<Connection>(self); }
  [[nodiscard]] const Connection& connection() const { return std::get<Connection>(self); }
  [[nodiscard]] const tcp::Settings& settings() const { return *settings_; }

  [[nodiscard]] bool synchronized_numbers() const {
    const State s = state();
    return s != State::closed && s != State::listen && s != State::syn_sent;
  }
  /// RCV.NXT, SND.UNA, SND.NXT and RCV.WND as the numbers of the wire; before the handshake what
  /// the top of matrix.tsv puts in their place.
  [[nodiscard]] Seq rcv_nxt() const {
    const auto* c = numbers();
    if (c == nullptr) return peer_iss + 1;
    return c->tcb().irs + 1 + static_cast<std::uint32_t>(c->tcb().rcv.nxt);
  }
  [[nodiscard]] Seq snd_una() const {
    const auto* c = numbers();
    if (c == nullptr) return iss;
    return c->tcb().iss + 1 + static_cast<std::uint32_t>(c->tcb().snd.una);
  }
  [[nodiscard]] Seq snd_nxt() const {
    const auto* c = numbers();
    if (c == nullptr) return iss + 1;
    return c->tcb().iss + 1 + static_cast<std::uint32_t>(c->tcb().snd.max);
  }
  [[nodiscard]] std::uint32_t rcv_wnd() const {
    const auto* c = numbers();
    if (c == nullptr) return 4096;
    return static_cast<std::uint32_t>(c->tcb().rcv.edge - c->tcb().rcv.nxt);
  }

  /// TIME_WAIT that nobody holds becomes a record, as in a host.
  void make_record() {
    before_record_ = connection();
    self = TimeWait(before_record_);
  }
  /// Goes on as the child of the listener; with grow() as the connection the child would become.
  void become_child() { self = child.value(); }
  void grow() { self = Connection(std::get<SynRcvd>(self), settings_, now); }

  static std::string print(const Segment& s) {
    static constexpr std::pair<Flag, const char*> kNames[]{
        {Flag::syn, "SYN "}, {Flag::fin, "FIN "}, {Flag::rst, "RST "}, {Flag::ack, "ACK "}};
    std::string text;
    for (const auto& [flag, name] : kNames) {
      if (s.flags.has(flag)) text += name;
    }
    return text + "seq=" + std::to_string(s.seq.raw()) + " ack=" + std::to_string(s.ack.raw()) +
           " len=" + std::to_string(s.payload) + " win=" + std::to_string(s.window);
  }

 private:
  /// The connection that knows RCV.NXT and so on; nothing before there are such numbers.
  [[nodiscard]] const Connection* numbers() const {
    if (std::holds_alternative<TimeWait>(self)) return &before_record_;
    return synchronized_numbers() ? std::get_if<Connection>(&self) : nullptr;
  }
  [[nodiscard]] tcp::Open opening() const {
    return {.iss = iss,
            .mss = 1000,
            .default_mss = static_cast<std::uint16_t>(family_ == Family::v6 ? 1220 : 536),
            .settings = settings_};
  }

  Outcome take(const TcpHeader& header, std::uint32_t payload) {
    Outcome out;
    if (auto* listener = std::get_if<Listener>(&self)) {
      auto step = listener->segment_arrives(header, payload, opening(), now);
      out.fx = step.fx;
      child = step.child;
      if (child) {
        while (auto segment = child->transmit(*settings_, now)) sent(out, *segment);
      }
    } else if (auto* record = std::get_if<SynRcvd>(&self)) {
      const auto step = record->segment_arrives(header, payload, *settings_, now);
      out.fx = step.fx;
      if (step.grows) {
        Connection grown(*record, settings_, now);
        out.fx = grown.segment_arrives(header, payload, now);
        self = grown;
      }
    } else if (auto* wait = std::get_if<TimeWait>(&self)) {
      out.fx = wait->segment_arrives(header, payload, *settings_, now);
    } else {
      out.fx = connection().segment_arrives(header, payload, now);
    }
    return out;
  }

  /// Pulls what is to be sent, as a host does after every door.
  void flush(Outcome& out) {
    if (auto* record = std::get_if<SynRcvd>(&self)) {
      while (auto segment = record->transmit(*settings_, now)) sent(out, *segment);
    } else if (auto* wait = std::get_if<TimeWait>(&self)) {
      while (auto segment = wait->transmit(now)) sent(out, *segment);
    } else if (auto* c = std::get_if<Connection>(&self)) {
      while (auto segment = c->transmit(now)) sent(out, *segment);
    }
  }
  void sent(Outcome& out, Outgoing segment) {
    segment.header =
        through_wire(segment.header, static_cast<std::uint32_t>(segment.payload.size()), family_);
    out.sent.push_back(segment);
  }

  Outcome call(const std::string& what, std::expected<Effects, tcp::Error> result) {
    if (!result) return note(what, {.fx = {}, .sent = {}, .refused = result.error()});
    return note(what, {.fx = *result, .sent = {}, .refused = {}});
  }
  Outcome note(const std::string& what, Outcome out) {
    flush(out);
    steps.push_back(what + " -> " + std::string(tcp::to_string(state())));
    for (const auto& o : out.sent) {
      steps.push_back("    sends " + print({.flags = o.header.flags,
                                            .seq = o.header.seq,
                                            .ack = o.header.ack,
                                            .payload = static_cast<std::uint32_t>(o.payload.size()),
                                            .window = o.header.window}));
    }
    if (out.fx.reset.wanted) {
      steps.push_back("    sends RST seq=" + std::to_string(out.fx.reset.seq.raw()));
    }
    return out;
  }

  Family family_;
  Connection before_record_;
  tcp::SettingsPtr settings_;
};

}  // namespace lastack_test
