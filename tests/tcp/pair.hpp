// Two connections and a wire between them, in virtual time: every segment takes a millisecond.
//
// No octets travel. What travels is which octets of the sender's stream they are, so a receiver
// that put one in a wrong place, took it twice or let one go would say so at once.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "base/time.hpp"
#include "tcp/connection.hpp"
#include "tcp/wire_trip.hpp"

namespace lastack_test {

using namespace lastack;

class Pair {
 public:
  struct End {
    tcp::Connection connection;
    tcp::SettingsPtr settings;
    bool reads = true;            ///< the user reads whatever comes, at once
    Offset received = 0;          ///< octets that became readable, in order
    Offset received_at_fin = -1;  ///< what `received` was when the peer's FIN was taken
    Offset acknowledged = 0;      ///< octets of ours that the peer has
    int fins_sent = 0;            ///< segments with FIN, every copy
    tcp::Error error = tcp::Error::none;
    std::vector<tcp::Transition> history;
  };
  struct Flight {
    TimePoint due;
    int to = 0;
    tcp::Outgoing segment;
  };

  explicit Pair(Family family = Family::v4, tcp::Settings a = {}, tcp::Settings b = {})
      : family_(family) {
    ends_[0].settings = tcp::SettingsPtr(a);
    ends_[1].settings = tcp::SettingsPtr(b);
  }

  TimePoint now{100s};
  std::function<bool(const Flight&)> loses = [](const Flight&) { return false; };

  End& a() { return ends_[0]; }
  End& b() { return ends_[1]; }
  [[nodiscard]] tcp::State state(int end) const { return ends_.at(at(end)).connection.state(); }

  void open(int end) {
    tcp::Open how{.iss = Seq(end == 0 ? 0xffffff00U : 0x7fffffffU),
                  .settings = ends_.at(at(end)).settings};
    if (family_ == Family::v6) how.default_mss = 1220;
    did(end, ends_.at(at(end)).connection.open(how, now).value());
  }
  /// Both ESTABLISHED, as if the SYNs had crossed on the way: Connection is the only value needed.
  void establish() {
    open(0);
    open(1);
    run([&] { return state(0) == tcp::State::established && state(1) == tcp::State::established; });
  }
  void send(int end, std::uint32_t octets) {
    did(end, ends_.at(at(end)).connection.send(octets, now).value());
  }
  void close(int end) { did(end, ends_.at(at(end)).connection.close(now).value()); }
  void shut_read(int end) { did(end, ends_.at(at(end)).connection.discard_receive(now)); }
  void orphan(int end) { did(end, ends_.at(at(end)).connection.orphan(now)); }
  /// Reads all there is.
  void read(int end) {
    auto& c = ends_.at(at(end)).connection;
    did(end, c.receive(c.unread(), now));
  }

  /// Lets things happen until `done`; fails the test where nothing can happen any more, or after
  /// `limit` of virtual time.
  void run(const std::function<bool()>& done, Duration limit = 1h) {
    const TimePoint end = now + limit;
    while (!done()) {
      const TimePoint next = due();
      if (next == kNever || next > end) {
        ADD_FAILURE() << "stuck in " << tcp::to_string(state(0)) << " and "
                      << tcp::to_string(state(1));
        return;
      }
      happen(next);
    }
  }
  /// Lets `span` pass, with all that is due in it.
  void pass(Duration span) {
    const TimePoint end = now + span;
    while (due() <= end) happen(due());
    now = end;
  }
  /// Until nothing is on the wire.
  void settle() {
    while (!wire_.empty()) happen(wire_.front().due);
  }

 private:
  static std::size_t at(int end) { return static_cast<std::size_t>(end); }

  [[nodiscard]] TimePoint due() const {
    const TimePoint timers =
        std::min(ends_[0].connection.next_deadline(), ends_[1].connection.next_deadline());
    return wire_.empty() ? timers : std::min(timers, wire_.front().due);
  }

  void happen(TimePoint when) {
    now = std::max(now, when);
    if (!wire_.empty() && wire_.front().due <= now) {
      const Flight flight = wire_.front();
      wire_.pop_front();
      if (!loses(flight)) deliver(flight);
      return;
    }
    for (const int end : {0, 1}) {
      auto& c = ends_.at(at(end)).connection;
      if (c.next_deadline() <= now) did(end, c.timer_expired(now));
    }
  }

  void deliver(const Flight& flight) {
    auto& end = ends_.at(at(flight.to));
    const auto octets = static_cast<std::uint32_t>(flight.segment.payload.size());
    const auto header = through_wire(flight.segment.header, octets, family_);
    const auto fx = end.connection.segment_arrives(header, octets, now);
    if (!fx.accepted.empty()) {
      EXPECT_EQ(fx.accepted.begin, flight.segment.payload.begin + fx.accepted_from) << "misplaced";
      EXPECT_LE(fx.accepted.end, flight.segment.payload.end) << "invented";
    }
    did(flight.to, fx);
  }

  /// Books what a door brought about, and sends what there is to send.
  void did(int which, const tcp::Effects& fx) {
    auto& end = ends_.at(at(which));
    for (const auto& row : fx.transitions()) end.history.push_back(row);
    if (fx.error != tcp::Error::none) end.error = fx.error;
    if (!fx.readable.empty()) {
      EXPECT_EQ(fx.readable.begin, end.received) << "octets doubled or lost";
      end.received = fx.readable.end;
    }
    end.acknowledged = std::max(end.acknowledged, fx.acked.end);
    if ((fx.ready & tcp::kPeerClosed) != 0) end.received_at_fin = end.received;
    if (fx.reset.wanted) put(which, reset(fx.reset));
    if (end.reads && end.connection.unread() > 0) {
      (void)end.connection.receive(end.connection.unread(), now);
    }
    while (auto segment = end.connection.transmit(now, 1460)) put(which, *segment);
  }

  static tcp::Outgoing reset(const tcp::Reset& rst) {
    tcp::Outgoing out;
    out.header.seq = rst.seq;
    out.header.ack = rst.ack;
    out.header.flags = wire::Flag::rst;
    if (rst.with_ack) out.header.flags |= wire::Flag::ack;
    return out;
  }
  void put(int from, const tcp::Outgoing& segment) {
    if (segment.header.flags.has(wire::Flag::fin)) ++ends_.at(at(from)).fins_sent;
    wire_.push_back({now + 1ms, 1 - from, segment});
  }

  Family family_;
  std::array<End, 2> ends_;
  std::deque<Flight> wire_;
};

}  // namespace lastack_test
