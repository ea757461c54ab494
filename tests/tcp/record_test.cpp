// A record and a connection in the same state are given the same: a hundred thousand segments, and
// the timer. They must answer alike.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/random.hpp"
#include "tcp/script.hpp"
#include "tcp/syn_rcvd.hpp"
#include "tcp/time_wait.hpp"

namespace lastack::tcp {
namespace {

using wire::Flag;

/// Draws what a peer, or somebody who guesses, might send.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::uint64_t below(std::uint64_t n) { return random_.next() % n; }
  bool chance(unsigned percent) { return below(100) < percent; }
  /// Near `at`: at it, beside it, or somewhere around.
  Offset near(Offset at, Offset around) {
    switch (below(4)) {
      case 0: return at;
      case 1: return at + 1;
      case 2: return at - 1;
      default:
        return at - around + static_cast<Offset>(below(2 * static_cast<std::uint64_t>(around)));
    }
  }

  Settings settings() {
    Settings s;
    s.timestamps = chance(50);
    s.window_scaling = chance(50);
    s.sack = chance(50);
    s.receive_buffer = std::array{1U, 100U, 5000U, 65535U, 1U << 20U}[below(5)];
    s.rst_ends_time_wait = chance(20);
    return s;
  }
  /// Around rcv.nxt and its window, snd.una and snd.nxt, and the last stamp.
  wire::TcpHeader header(Seq rcv_nxt, Offset window, Seq snd_nxt, std::uint32_t stamp) {
    wire::TcpHeader h;
    constexpr std::array kFlags{Flag::syn, Flag::fin, Flag::rst, Flag::urg};
    h.flags = chance(90) ? wire::Flags(Flag::ack) : wire::Flags();
    for (const Flag flag : kFlags) {
      if (chance(15)) h.flags |= flag;
    }
    const Offset at = near(chance(70) ? 0 : window, 300);
    h.seq = rcv_nxt + static_cast<std::uint32_t>(at);
    h.ack = snd_nxt + static_cast<std::uint32_t>(chance(60) ? 0 : near(0, 70000));
    h.window = static_cast<std::uint16_t>(below(200));  // never the largest so far
    h.urgent = static_cast<std::uint16_t>(below(100));
    if (chance(90)) {
      h.options.present = wire::TcpOptions::kTimestamps;
      h.options.ts_val = stamp + static_cast<std::uint32_t>(near(0, 50));
    }
    return h;
  }
  std::uint32_t payload() { return chance(60) ? 0 : static_cast<std::uint32_t>(1 + below(400)); }
  Duration pause() { return Duration(static_cast<std::int64_t>(below(300'000))); }

 private:
  Random random_;
};

std::string text(const wire::TcpHeader& h, std::uint32_t payload) {
  return "flags " + std::to_string(h.flags.bits()) + " seq " + std::to_string(h.seq.raw()) +
         " ack " + std::to_string(h.ack.raw()) + " octets " + std::to_string(payload) + " stamp " +
         std::to_string(h.options.ts_val);
}

std::string where(std::uint64_t seed, int step, const std::string& what) {
  return "seed " + std::to_string(seed) + ", step " + std::to_string(step) + ": " + what;
}

/// What both say to a door, and what they send because of it.
void expect_alike(const Effects& record, const Effects& connection) {
  EXPECT_EQ(to_string(record.drop), to_string(connection.drop));
  EXPECT_EQ(record.reset, connection.reset);
  EXPECT_EQ(record.error, connection.error);
  ASSERT_EQ(record.taken_count, connection.taken_count);
  EXPECT_EQ(record.taken, connection.taken);
}
void expect_alike(const std::optional<Outgoing>& record,
                  const std::optional<Outgoing>& connection) {
  ASSERT_EQ(record.has_value(), connection.has_value());
  if (!record) return;
  EXPECT_EQ(text(record->header, 0), text(connection->header, 0));
  EXPECT_EQ(record->header, connection->header);
  EXPECT_EQ(record->why, connection->why);
}

/// What both would say if they were asked: octets long received are always answered.
void expect_same_words(TimeWait record, Connection connection, const Settings& settings,
                       TimePoint now) {
  const Tcb& t = connection.tcb();
  wire::TcpHeader h;
  h.seq = t.irs + 1 + static_cast<std::uint32_t>(t.rcv.nxt - 5);
  h.flags = Flag::ack;
  h.options.present = wire::TcpOptions::kTimestamps;
  h.options.ts_val = t.ts.recent;
  (void)record.segment_arrives(h, 3, settings, now);
  (void)connection.segment_arrives(h, 3, now);
  expect_alike(record.transmit(now), connection.transmit(now));
}

/// A connection that has come to TIME_WAIT with octets both ways, all of them read.
Script in_time_wait(Dice& dice, const Settings& settings) {
  Script s(settings);
  s.active_open().drain();
  wire::TcpOptions options;
  options.present = wire::TcpOptions::kMss;
  options.mss = 1460;
  if (settings.timestamps) options.present |= wire::TcpOptions::kTimestamps;
  if (settings.window_scaling) options.present |= wire::TcpOptions::kWindowScale;
  options.ts_val = 77;
  options.window_scale = 2;
  s.arrive({.flags = Flag::syn | Flag::ack, .seq = -1}, options);
  s.drain();
  const auto octets =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(settings.receive_buffer, dice.below(300)));
  std::optional<std::uint32_t> stamp;
  if (settings.timestamps) stamp = 80;
  s.arrive({.seq = 0, .len = octets, .window = 1000, .ts_val = stamp});
  s.wait(40ms).drain();
  s.c.receive(octets, s.now);
  s.close().drain();
  s.arrive(
      {.flags = Flag::fin | Flag::ack, .seq = octets, .ack = 1, .window = 1000, .ts_val = stamp});
  s.drain();
  return s;
}

TEST(Record, OfTimeWaitAnswersAsTheConnection) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Dice dice(seed);
    const Settings settings = dice.settings();
    Script s = in_time_wait(dice, settings);
    if (s.c.state() != State::time_wait) continue;  // the FIN did not fit the window
    TimeWait record(s.c);
    const Tcb& t = s.c.tcb();
    for (int i = 0; i < 100 && s.c.state() == State::time_wait; ++i) {
      s.now += dice.pause();
      const Seq nxt = t.irs + 1 + static_cast<std::uint32_t>(t.rcv.nxt);
      const auto h = dice.header(nxt, t.rcv.edge - t.rcv.nxt,
                                 t.iss + 1 + static_cast<std::uint32_t>(t.snd.max), t.ts.recent);
      const std::uint32_t payload = dice.payload();
      SCOPED_TRACE(where(seed, i, text(h, payload)));
      expect_alike(record.segment_arrives(h, payload, settings, s.now),
                   s.c.segment_arrives(h, payload, s.now));
      expect_alike(record.transmit(s.now), s.c.transmit(s.now));
      EXPECT_EQ(record.state(), s.c.state());
      expect_same_words(record, s.c, settings, s.now);
      if (s.c.state() == State::time_wait) {
        EXPECT_EQ(record.next_deadline(), s.c.next_deadline());
      }
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(Record, OfSynRcvdAnswersAsTheConnection) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Dice dice(seed);
    Settings settings = dice.settings();
    // The record goes on offering what its SYN,ACK could say, a connection offers all there is.
    settings.receive_buffer = std::min(settings.receive_buffer, 65535U);
    TimePoint now{1000s};
    Listener listener;
    (void)listener.open();
    wire::TcpHeader syn;
    syn.seq = Seq(Script::kTheirIss);
    syn.flags = Flag::syn;
    syn.window = static_cast<std::uint16_t>(dice.below(65536));
    syn.options.present = static_cast<std::uint8_t>(dice.below(16));
    syn.options.mss = 1000;
    syn.options.ts_val = 77;
    syn.options.window_scale = 3;
    const Open how{.iss = Seq(Script::kOurIss), .ts_offset = 9, .settings = SettingsPtr(settings)};
    auto child = listener.segment_arrives(syn, 0, how, now).child;
    ASSERT_TRUE(child);
    SynRcvd& record = *child;
    ASSERT_TRUE(record.transmit(settings, now));
    Connection c(record, SettingsPtr(settings), now);
    for (int i = 0; i < 100 && c.state() == State::syn_rcvd; ++i) {
      now += dice.pause();
      if (dice.chance(10)) now = record.next_deadline();
      if (now >= record.next_deadline()) {
        expect_alike(record.timer_expired(settings, now), c.timer_expired(now));
      } else {
        const auto h =
            dice.header(record.irs + 1, record.receive_window, record.iss + 1, record.ts.recent);
        const std::uint32_t payload = dice.payload();
        SCOPED_TRACE(where(seed, i, text(h, payload)));
        const auto step = record.segment_arrives(h, payload, settings, now);
        const auto fx = c.segment_arrives(h, payload, now);
        EXPECT_EQ(step.grows, c.tcb().snd.una == 0);
        if (step.grows) break;
        expect_alike(step.fx, fx);
      }
      expect_alike(record.transmit(settings, now), c.transmit(now));
      EXPECT_EQ(record.state, c.state());
      EXPECT_EQ(record.next_deadline(), c.next_deadline());
      if (testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace lastack::tcp
