// SYN cookies (RFC 4987 §3.6): what a number and a stamp can keep, and a host under a flood.
#include "host/syn_cookies.hpp"

#include "host/alone.hpp"

namespace lastack::host {
namespace {

using Options = wire::TcpOptions;

// --- the cookie

class Cookie : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] Flow flow(std::uint16_t port = 5555) const {
    const auto address = [](const char* text) { return *wire::IpAddress::parse(text); };
    if (GetParam()) return {{address("fd00::1"), 80}, {address("fd00::2"), port}};
    return {{address("10.0.0.1"), 80}, {address("10.0.0.2"), port}};
  }
  /// The peer's ACK of a SYN,ACK with this number and stamp.
  static wire::TcpHeader ack(Seq irs, Seq number, const Options& kept, std::uint32_t stamp) {
    wire::TcpHeader header{.seq = irs + 1, .ack = number + 1, .flags = Flag::ack};
    if (kept.has(Options::kTimestamps)) {
      header.options = {.present = Options::kTimestamps, .ts_val = 99, .ts_ecr = stamp};
    }
    return header;
  }

  SynCookies cookies{{1, 2}};
  TimePoint now{1000s};
};
INSTANTIATE_TEST_SUITE_P(Family, Cookie, testing::Bool(),
                         [](const auto& info) { return info.param ? "v6" : "v4"; });

TEST_P(Cookie, KeepsWhatFits) {
  for (const std::uint16_t mss : {0, 64, 535, 536, 1220, 1459, 1460, 9000, 65535}) {
    for (std::uint8_t scale = 0; scale <= 15; ++scale) {
      for (const bool sack : {false, true}) {
        Options syn{.present = Options::kMss | Options::kTimestamps, .mss = mss, .ts_val = 7};
        if (scale < 15) syn.present |= Options::kWindowScale;
        if (sack) syn.present |= Options::kSackPermitted;
        syn.window_scale = scale;
        const Options kept = SynCookies::kept(syn, true, 536);
        EXPECT_LE(kept.mss, std::max<std::uint16_t>(mss, 64));
        const Seq number = cookies.number(flow(), Seq(5), kept, now);
        const std::uint32_t stamp = SynCookies::stamp(123456, kept);
        const auto found = cookies.syn_of(flow(), ack(Seq(5), number, kept, stamp), now);
        ASSERT_TRUE(found);
        EXPECT_EQ(found->seq, Seq(5));
        EXPECT_TRUE(found->flags.has(Flag::syn));
        EXPECT_EQ(found->options.present, syn.present);
        EXPECT_EQ(found->options.mss, kept.mss);
        EXPECT_EQ(found->options.window_scale, scale < 15 ? scale : 0);
        EXPECT_EQ(found->options.ts_val, 99U);
      }
    }
  }
}

TEST_P(Cookie, WithoutStampsOnlyTheSegmentSizeIsKept) {
  const Options syn{.present = 15, .window_scale = 7, .mss = 1460, .ts_val = 7};
  const Options kept = SynCookies::kept(syn, false, 536);
  EXPECT_EQ(kept.present, Options::kMss);
  const Seq number = cookies.number(flow(), Seq(5), kept, now);
  const auto found = cookies.syn_of(flow(), ack(Seq(5), number, kept, 0), now);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->options.present, Options::kMss);
  EXPECT_EQ(found->options.mss, 1460);
}

TEST_P(Cookie, WhereTheSynNamesNoSizeTheDefaultHolds) {
  EXPECT_EQ(SynCookies::kept({}, false, 536).mss, 536);
  EXPECT_EQ(SynCookies::kept({}, false, 1220).mss, 1220);
}

TEST_P(Cookie, AStampIsNeverLaterThanTheClock) {
  for (std::uint32_t value = 0xffffff00U; value != 0x100; ++value) {
    for (const std::uint8_t scale : {0, 7, 14}) {
      const Options kept{
          .present = Options::kWindowScale | Options::kSackPermitted | Options::kTimestamps,
          .window_scale = scale};
      const std::uint32_t stamp = SynCookies::stamp(value, kept);
      EXPECT_GE(static_cast<std::int32_t>(value - stamp), 0);
      EXPECT_LT(value - stamp, 64U);
    }
  }
}

TEST_P(Cookie, AChangedBitAnywhereIsNoCookie) {
  const Options kept =
      SynCookies::kept({.present = 15, .window_scale = 7, .mss = 1460, .ts_val = 7}, true, 536);
  const Seq number = cookies.number(flow(), Seq(5), kept, now);
  const std::uint32_t stamp = SynCookies::stamp(123456, kept);
  const wire::TcpHeader right = ack(Seq(5), number, kept, stamp);
  ASSERT_TRUE(cookies.syn_of(flow(), right, now));
  for (unsigned bit = 0; bit < 32; ++bit) {
    wire::TcpHeader wrong = right;
    wrong.ack = Seq(right.ack.raw() ^ 1U << bit);
    EXPECT_FALSE(cookies.syn_of(flow(), wrong, now)) << "number, bit " << bit;
    wrong = right;
    wrong.seq = Seq(right.seq.raw() ^ 1U << bit);
    EXPECT_FALSE(cookies.syn_of(flow(), wrong, now)) << "irs, bit " << bit;
    if (bit >= 5) continue;  // above them the stamp is a time
    wrong = right;
    wrong.options.ts_ecr ^= 1U << bit;
    EXPECT_FALSE(cookies.syn_of(flow(), wrong, now)) << "stamp, bit " << bit;
  }
  wire::TcpHeader bare = right;
  bare.options = {};
  EXPECT_FALSE(cookies.syn_of(flow(), bare, now));
  EXPECT_FALSE(cookies.syn_of(flow(5556), right, now));
  EXPECT_FALSE(SynCookies({1, 3}).syn_of(flow(), right, now));
}

TEST_P(Cookie, IsGoodForOneToTwoMinutes) {
  const Options kept = SynCookies::kept({}, false, 536);
  for (TimePoint sent = now; sent < now + 2 * SynCookies::kSlot; sent += 1s) {
    const auto answer = ack(Seq(5), cookies.number(flow(), Seq(5), kept, sent), kept, 0);
    EXPECT_TRUE(cookies.syn_of(flow(), answer, sent + SynCookies::kSlot));
    EXPECT_FALSE(cookies.syn_of(flow(), answer, sent + 2 * SynCookies::kSlot));
  }
}

// --- a host under a flood

class Flood : public Alone {
 protected:
  static constexpr std::size_t kQueue = 100;
  static Config flooded(bool cookies = true) {
    Config c = config();
    c.syn_queue = kQueue;
    c.syn_cookies = cookies;
    return c;
  }
  explicit Flood(bool cookies = true) : Alone(flooded(cookies)) {}

  void flood(std::size_t syns) {
    for (std::size_t i = 0; i < syns; ++i) {
      arrives({.flags = Flag::syn, .seq = Seq(static_cast<std::uint32_t>(i)), .from = forged(i)});
      if (i % 64 == 63) drain();
    }
    drain();
  }
  void drain() {
    while (host.transmit(out, now)) {
    }
    out.clear();
  }
  /// What an honest client's SYN offers.
  static Options offers(bool stamped) {
    Options options{.present = Options::kMss | Options::kWindowScale | Options::kSackPermitted,
                    .window_scale = 9,
                    .mss = 1400};
    if (stamped) options.present |= Options::kTimestamps;
    options.ts_val = 5000;
    return options;
  }
  /// Its ACK of a SYN,ACK.
  [[nodiscard]] static Segment answer(const wire::TcpHeader& syn_ack, std::size_t payload = 0) {
    Segment s{.flags = Flag::ack,
              .seq = syn_ack.ack,
              .ack = syn_ack.seq + 1,
              .payload = payload,
              .window = 1000};
    if (syn_ack.options.has(Options::kTimestamps)) {
      s.options = {
          .present = Options::kTimestamps, .ts_val = 5010, .ts_ecr = syn_ack.options.ts_val};
    }
    return s;
  }
  wire::TcpHeader syn(bool stamped = true) {
    arrives({.flags = Flag::syn, .seq = Seq(77), .options = offers(stamped)});
    return sent().at(0).header;
  }

  ListenerId listener = listen(80, 5);
  PacketOut out;
};

TEST_F(Flood, OfAMillionSynsCostsAFullQueueAndNoMore) {
  flood(kQueue);
  const std::size_t blocks = host.pool().octets_in_use();
  flood(1'000'000);
  EXPECT_EQ(host.flows(), kQueue);
  EXPECT_EQ(host.timers(), kQueue);
  EXPECT_EQ(host.connections(), 0U);
  EXPECT_EQ(host.events(), 0U);
  EXPECT_EQ(host.pool().octets_in_use(), blocks);
  EXPECT_GE(host.counters().cookies_sent, 1'000'000U - 2 * kQueue);
  // And an honest client gets in.
  const wire::TcpHeader syn_ack = syn();
  EXPECT_EQ(syn_ack.flags, Flag::syn | Flag::ack);
  arrives(answer(syn_ack));
  ASSERT_EQ(host.waiting(listener), 1U);
  EXPECT_EQ(host.connection(*host.accept(listener))->state(), State::established);
}

TEST_F(Flood, WithStampsAllThatWasOfferedIsAgreedOn) {
  flood(kQueue);
  const wire::TcpHeader syn_ack = syn();
  EXPECT_TRUE(syn_ack.options.has(Options::kWindowScale));
  EXPECT_TRUE(syn_ack.options.has(Options::kSackPermitted));
  arrives(answer(syn_ack));
  EXPECT_EQ(host.counters().cookies_received, 1U);
  const tcp::Tcb& t = host.connection(*host.accept(listener))->tcb();
  EXPECT_EQ(t.state, State::established);
  EXPECT_TRUE(t.timestamps && t.sack && t.window_scaling);
  EXPECT_EQ(t.snd.scale, 9);
  EXPECT_EQ(t.rcv.scale, syn_ack.options.window_scale);
  EXPECT_EQ(t.snd.wnd, 1000U << 9U);
  EXPECT_EQ(t.snd.mss, 1400);
  EXPECT_EQ(t.iss, syn_ack.seq);
  EXPECT_EQ(t.irs, Seq(77));
}

TEST_F(Flood, WithoutThemTheConnectionDoesWithoutScale) {
  flood(kQueue);
  const wire::TcpHeader syn_ack = syn(false);
  EXPECT_EQ(syn_ack.options.present, Options::kMss);
  arrives(answer(syn_ack));
  const tcp::Tcb& t = host.connection(*host.accept(listener))->tcb();
  EXPECT_FALSE(t.timestamps || t.sack || t.window_scaling);
  EXPECT_EQ(t.snd.wnd, 1000U);
  EXPECT_EQ(t.rcv.scale, 0);
}

TEST_F(Flood, OctetsOfTheFirstSegmentArriveAlthoughTheAckWasLost) {
  flood(kQueue);
  arrives(answer(syn(), 100));
  const FlowId flow = host.accept(listener).value();
  EXPECT_EQ(host.readable(flow), 100U);
  // And the stream goes on both ways, with stamps that do not go back.
  std::vector<std::byte> octets(1000);
  ASSERT_EQ(host.send(flow, octets, now), 1000U);
  std::size_t payload = 0;
  for (const Sent& s : sent()) payload += s.payload;
  EXPECT_EQ(payload, 1000U);
}

TEST_F(Flood, AForgedAckIsRefused) {
  flood(kQueue);
  Segment forged = answer(syn());
  forged.ack = forged.ack + 8;
  arrives(forged);
  EXPECT_EQ(host.counters().cookies_failed, 1U);
  EXPECT_EQ(host.waiting(listener), 0U);
  const auto answers = sent();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers[0].header.flags.has(Flag::rst));
}

TEST_F(Flood, AnExpiredOneIsRefused) {
  flood(kQueue);
  const wire::TcpHeader syn_ack = syn();
  pass(100s);
  flood(2 * kQueue);  // still under attack: cookies are asked for
  pass(28s);
  arrives(answer(syn_ack));
  EXPECT_EQ(host.counters().cookies_failed, 1U);
  EXPECT_EQ(host.waiting(listener), 0U);
}

TEST_F(Flood, WhereNoneWasSentLatelyNoneIsLookedFor) {
  arrives({.flags = Flag::ack, .seq = Seq(1), .ack = Seq(2)});
  EXPECT_EQ(host.counters().cookies_failed, 0U);
  EXPECT_TRUE(sent().at(0).header.flags.has(Flag::rst));
}

/// As with a handshake that we have kept: the ACK counts as lost, and the next segment asks again.
/// One more than the backlog may wait, as in Linux.
TEST_F(Flood, AFullAcceptQueueLetsNobodyIn) {
  flood(kQueue);
  std::vector<wire::TcpHeader> answers;
  for (std::uint16_t i = 0; i < 7; ++i) {
    const auto port = static_cast<std::uint16_t>(100 + i);
    arrives({.flags = Flag::syn, .seq = Seq(77), .from = {kThem, port}});
    answers.push_back(sent().at(0).header);
  }
  for (std::uint16_t i = 0; i < 7; ++i) {
    Segment s = answer(answers[i]);
    s.from.port = static_cast<std::uint16_t>(100 + i);
    arrives(s);
  }
  EXPECT_EQ(host.waiting(listener), 6U);
  EXPECT_EQ(host.counters().accept_queue_full, 1U);
  (void)sent();
  ASSERT_TRUE(host.accept(listener));
  Segment again = answer(answers[6], 10);
  again.from.port = 106;
  arrives(again);
  EXPECT_EQ(host.waiting(listener), 6U);
  arrives({.flags = Flag::syn, .seq = Seq(77), .from = {kThem, 107}});
  EXPECT_TRUE(sent().size() <= 1U);  // no cookie while nobody could come in
  EXPECT_EQ(host.counters().cookies_sent, 7U);
}

class FloodWithoutCookies : public Flood {
 protected:
  FloodWithoutCookies() : Flood(false) {}
};

TEST_F(FloodWithoutCookies, FurtherSynsAreDropped) {
  flood(2 * kQueue);
  EXPECT_EQ(host.flows(), kQueue);
  EXPECT_EQ(host.counters().syn_queue_full, kQueue);
  EXPECT_EQ(host.counters().cookies_sent, 0U);
  arrives({.flags = Flag::syn, .seq = Seq(77)});
  EXPECT_TRUE(sent().empty());
}

}  // namespace
}  // namespace lastack::host
