// A peer that sends anything at all, a user that calls anything at any time, and errors from the
// network. Whatever comes, what we send, what we keep and what we wait for must make sense.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/random.hpp"
#include "tcp/script.hpp"
#include "wire/tcp.hpp"

namespace lastack::tcp {
namespace {

using wire::Flag;

class Hostile {
 public:
  explicit Hostile(std::uint64_t seed) : random_(seed), s_(draw_settings()) {}

  /// Some hundred things that happen, each looked at.
  void run() {
    open();
    for (int i = 0; i < 300 && c().state() != State::closed; ++i) {
      if (testing::Test::HasFailure()) return;
      if (s_.log.size() > 20'000) s_.log.erase(0, 10'000);
      happen();
      look();
    }
  }
  /// From now on the peer does as the RFC says, and nothing is lost: all that is queued arrives.
  void make_peace() {
    if (!traits(state()).synchronized || t().rcv.fin != ReceiveVariables::kNoFin) return;
    if (c().settings().user_timeout > 0s) return;  // that may have run out meanwhile
    const TimePoint begin = s_.now;
    Offset had = t().snd.una;
    const auto all = [&] { return t().snd.end + (t().fin_queued ? 1 : 0); };
    for (bool answer = true; had < all() && s_.now - begin < 5min;) {
      if (answer) s_.arrive({.seq = t().rcv.nxt, .ack = had, .ts_val = t().ts.recent});
      answer = false;
      while (const auto o = c().transmit(s_.now)) {
        const Offset end = o->payload.end + (o->header.flags.has(Flag::fin) ? 1 : 0);
        if (o->payload.begin <= had) had = std::max(had, end);
        answer = true;
      }
      if (answer) continue;
      ASSERT_NE(c().next_deadline(), kNever) << s_.log;
      s_.now = std::max(s_.now, c().next_deadline());
      s_.fx = c().timer_expired(s_.now);
    }
    EXPECT_EQ(had, all()) << to_string(state()) << "\n" << s_.log;
  }
  [[nodiscard]] State state() const { return s_.c.state(); }
  [[nodiscard]] const std::string& log() const { return s_.log; }

 private:
  std::uint64_t below(std::uint64_t n) { return random_.next() % n; }
  bool chance(unsigned percent) { return below(100) < percent; }
  Offset around(Offset at, Offset far) {
    const auto span = static_cast<std::uint64_t>(2 * far + 1);
    return chance(60) ? at : at - far + static_cast<Offset>(below(span));
  }
  Connection& c() { return s_.c; }
  const Tcb& t() { return s_.c.tcb(); }

  Settings draw_settings() {
    Settings s;
    s.timestamps = chance(50);
    s.sack = chance(60);
    s.window_scaling = chance(60);
    s.nagle = chance(60);
    s.keepalive = chance(20);
    s.keepalive_idle = s.keepalive_interval = 3s;  // so short that probes are sent
    s.receive_buffer = std::array{1U, 700U, 4000U, 65535U, 1U << 20U}.at(below(5));
    if (chance(20)) s.user_timeout = 20s;
    return s;
  }

  void open() {
    s_.active_open();
    transmit();
    wire::TcpOptions options;
    options.present = static_cast<std::uint8_t>(below(16));
    options.mss =
        static_cast<std::uint16_t>(std::array{0, 1, 64, 100, 536, 1460, 65535}.at(below(7)));
    options.window_scale = static_cast<std::uint8_t>(std::array{0, 1, 7, 14, 255}.at(below(5)));
    options.ts_val = 1;
    const std::uint32_t window = chance(30) ? 0 : static_cast<std::uint32_t>(below(65536));
    if (chance(10)) s_.arrive({.flags = Flag::syn, .seq = -1, .window = window}, options);
    s_.arrive({.flags = Flag::syn | Flag::ack, .seq = -1, .window = window}, options);
    if (c().state() == State::syn_rcvd) s_.arrive({.seq = 0, .window = window});
    look();
  }

  void happen() {
    switch (below(10)) {
      case 0: user_calls(); break;
      case 1: pass(Duration(static_cast<std::int64_t>(below(2'000'000)))); break;
      case 2:
        if (chance(30)) icmp();
        break;
      default: segment();
    }
    if (chance(80)) transmit();
  }

  void segment() {
    Seg seg;
    const std::array places{t().rcv.nxt, t().rcv.nxt, t().rcv.edge, t().rcv.nxt + 1000};
    seg.seq = around(places.at(below(places.size())), 3000);
    seg.ack = around(std::array{t().snd.una, t().snd.nxt, t().snd.max}.at(below(3)), 2000);
    seg.len = chance(50) ? 0 : static_cast<std::uint32_t>(1 + below(chance(80) ? 50 : 3000));
    seg.window = std::array{0U, 1U, 10U, 1000U, 65535U}.at(below(5));
    if (chance(3)) seg.flags |= Flag::fin;
    if (chance(3)) seg.flags |= Flag::syn;
    if (chance(1)) seg.flags = Flag::rst;
    if (chance(5)) seg.flags |= Flag::urg;
    seg.urgent = static_cast<std::uint16_t>(below(3000));
    for (std::uint64_t i = below(5); i > 0 && chance(40); --i) {
      const Offset left = around(t().snd.una + 1000, 5000);
      seg.sack.push_back({left, left + static_cast<Offset>(below(3000))});
    }
    if (chance(95)) seg.ts_val = t().ts.recent + static_cast<std::uint32_t>(below(3)) - chance(5);
    wire::TcpOptions options;
    options.ts_ecr = static_cast<std::uint32_t>(random_.next());
    const Offset before = t().rcv.nxt;
    s_.arrive(seg, options);
    look_at(s_.fx);
    if (!s_.fx.accepted.empty()) {
      EXPECT_GE(s_.fx.accepted.begin, before) << s_.log;
      EXPECT_LE(s_.fx.accepted.end, t().rcv.edge) << s_.log;
      EXPECT_EQ(s_.fx.accepted.begin - seg.seq, Offset{s_.fx.accepted_from}) << s_.log;
    }
    if (!s_.fx.readable.empty()) {
      EXPECT_EQ(s_.fx.readable.begin, before) << s_.log;
    }
  }

  void user_calls() {
    switch (below(12)) {
      case 0: (void)(chance(20) ? c().close(s_.now) : c().send(1, s_.now)); break;
      case 1: look_at(chance(10) ? c().orphan(s_.now) : Effects{}); break;
      case 2: look_at(chance(10) ? c().discard_receive(s_.now) : Effects{}); break;
      case 3: resize(); break;
      case 4:
      case 5:
      case 6: look_at(c().receive(static_cast<std::uint32_t>(below(5000)), s_.now)); break;
      default: (void)c().send(static_cast<std::uint32_t>(below(20'000)), s_.now, chance(10));
    }
  }
  void resize() {
    Settings s = c().settings();
    s.receive_buffer = static_cast<std::uint32_t>(below(200'000));
    most_buffer_ = std::max(most_buffer_, s.receive_buffer);
    c().set_settings(SettingsPtr(s), s_.now);
  }
  void icmp() {
    const auto kind = static_cast<IcmpError::Kind>(below(3));
    const Seq seq =
        Seq(Script::kOurIss) + 1 + static_cast<std::uint32_t>(around(t().snd.una, 3000));
    look_at(c().icmp_arrives(
        {.kind = kind, .seq = seq, .mss = static_cast<std::uint16_t>(below(1500))}, s_.now));
  }

  void pass(Duration d) {
    const TimePoint until = s_.now + d;
    transmit();
    for (int fired = 0; c().next_deadline() <= until; ++fired) {
      ASSERT_LT(fired, 1000) << "timers without end\n" << s_.log;
      s_.now = std::max(s_.now, c().next_deadline());
      look_at(c().timer_expired(s_.now));
      transmit();
    }
    s_.now = until;
  }

  void transmit() {
    constexpr std::array kMost{1460U, 536U, 64'000U};
    const std::uint32_t most = kMost.at(below(kMost.size()));
    int segments = 0;
    while (auto o = c().transmit(s_.now, most)) {
      ASSERT_LT(++segments, 10'000) << "it sends without end\n" << s_.log;
      look_at(*o, most);
    }
  }

  /// What is sent: of a size that fits, inside the peer's window, and of one mind about ours.
  void look_at(const Outgoing& o, std::uint32_t most) {
    const auto options = wire::header_size(o.header) - wire::kTcpHeader;
    EXPECT_LE(options, 40U) << s_.log;
    EXPECT_LE(o.payload.size(), Offset{most}) << s_.log;
    if (o.header.flags.has(Flag::syn)) return;
    EXPECT_EQ(o.header.options.present & ~wire::TcpOptions::kTimestamps, 0) << s_.log;  // MUST-65
    const auto one = std::min<Offset>(o.payload.size(), o.mss);
    EXPECT_LE(one + static_cast<Offset>(options), t().snd.mss) << s_.log;
    edge_ = std::max(edge_, t().snd.una + Offset{t().snd.wnd});
    if (!o.payload.empty()) {
      EXPECT_LE(o.payload.end, std::max(edge_, t().snd.max)) << s_.log;
      EXPECT_LE(o.payload.end, t().snd.end) << s_.log;
    }
    EXPECT_EQ(s_.theirs(o.header.ack), t().rcv.nxt) << s_.log;
    const Offset unit = Offset{1} << t().rcv.scale;
    const Offset offered = t().rcv.nxt + Offset{o.header.window} * unit;
    EXPECT_GT(offered, offered_ - unit) << s_.log;
    offered_ = std::max(offered, offered_);
    EXPECT_LE(offered_, t().rcv.edge) << s_.log;
    for (std::size_t i = 0; i < o.header.options.sack_count; ++i) {
      const auto& block = o.header.options.sack.at(i);
      EXPECT_GT(s_.theirs(block.left), t().rcv.nxt) << s_.log;
      EXPECT_LT(s_.theirs(block.left), s_.theirs(block.right)) << s_.log;
      EXPECT_LE(s_.theirs(block.right), t().rcv.edge) << s_.log;
    }
  }
  void look_at(const Effects& fx) { EXPECT_FALSE(fx.untabled) << s_.log; }

  /// What is kept and what is waited for.
  void look() {
    const auto& snd = t().snd;
    EXPECT_LE(snd.una, snd.nxt) << s_.log;
    EXPECT_LE(snd.nxt, snd.max) << s_.log;
    EXPECT_LE(snd.max, snd.end + 1) << s_.log;
    const auto& rcv = t().rcv;
    EXPECT_LE(rcv.read, rcv.nxt) << s_.log;
    EXPECT_LE(rcv.nxt, rcv.edge + 1) << s_.log;
    const Offset unit = Offset{1} << rcv.scale;
    const Offset most = std::max<Offset>(most_buffer_, 65535) + unit;
    EXPECT_LE(Offset{c().unread()}, most) << s_.log;
    if (t().out_of_order) {
      EXPECT_GT(t().out_of_order->ranges().front().begin, rcv.nxt) << s_.log;
      EXPECT_LE(t().out_of_order->ranges().back().end, rcv.edge) << s_.log;
    }
    if (c().state() == State::closed) return;
    transmit();
    const bool waits = snd.una < snd.max || snd.una < snd.end;
    if (waits && c().state() != State::closed) {
      EXPECT_NE(c().next_deadline(), kNever) << s_.log;
    }
    if (traits(c().state()).synchronized && snd.una >= 0) {
      EXPECT_GE(std::get<NewReno>(t().congestion).cwnd(), 1U) << s_.log;
    }
  }

  Random random_;
  Script s_;
  Offset edge_ = 0;     ///< of the peer's window, as far as it ever was
  Offset offered_ = 0;  ///< right edge of ours, likewise
  std::uint32_t most_buffer_ = 1U << 20U;
};

TEST(Hostile, NothingAPeerDoesMakesUsDoNonsense) {
  std::array<int, kStateCount> ends{};
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Hostile hostile(seed);
    hostile.run();
    hostile.make_peace();
    ++ends.at(static_cast<std::size_t>(hostile.state()));
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
  }
  EXPECT_GT(ends.at(static_cast<std::size_t>(State::established)), 100);
}

}  // namespace
}  // namespace lastack::tcp
