// Pieces become packets again, or nothing: orders, overlaps, limits, time.
#include "ip/reassembly.hpp"

#include <gtest/gtest.h>

#include "ip/pieces.hpp"

namespace lastack::ip {
namespace {

using lastack_test::counted;
using lastack_test::Cut;
using lastack_test::Desk;
using lastack_test::Octets;
using lastack_test::octets;
using lastack_test::operator+;
using lastack_test::piece;

/// Both families: the rules are the same but for what a header says.
class Pieces : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] static bool v6() { return GetParam(); }
  std::string_view fate(Cut cut, std::uint8_t id = 1) { return desk.fate(piece(v6(), cut, id)); }
  /// The octets behind the headers of a whole packet; none where it is none.
  static Octets payload(const Slice& whole) {
    const auto ip = wire::parse_ip(whole.bytes());
    return ip ? Octets(ip->payload.begin(), ip->payload.end()) : Octets{};
  }

  Desk desk;
};
INSTANTIATE_TEST_SUITE_P(Family, Pieces, testing::Bool(),
                         [](const auto& p) { return p.param ? "v6" : "v4"; });

TEST_P(Pieces, InOrder) {
  EXPECT_EQ(fate({0, 800, true}), "held");
  EXPECT_EQ(fate({800, 1600, true}), "held");
  EXPECT_EQ(desk.reassembly.packets(), 1U);
  const auto added = desk.add(piece(v6(), {1600, 1607, false}));
  ASSERT_EQ(added.fate, PieceFate::completed);
  EXPECT_EQ(payload(added.whole), counted(1607));
  const auto ip = wire::parse_ip(added.whole.bytes());
  EXPECT_EQ(ip->header.protocol, lastack_test::kUdp);
  EXPECT_FALSE(!v6() && ip->header.dont_fragment);
  EXPECT_EQ(added.whole.size(), 1607U + (v6() ? 40 : 20));
}

TEST_P(Pieces, InAnyOrder) {
  for (const auto& order : {std::array{0, 2, 1}, std::array{1, 0, 2}, std::array{1, 2, 0},
                            std::array{2, 0, 1}, std::array{2, 1, 0}}) {
    const std::array cuts{Cut{0, 24, true}, Cut{24, 32, true}, Cut{32, 33, false}};
    EXPECT_EQ(fate(cuts[static_cast<std::size_t>(order[0])]), "held");
    EXPECT_EQ(fate(cuts[static_cast<std::size_t>(order[1])]), "held");
    const auto added = desk.add(piece(v6(), cuts[static_cast<std::size_t>(order[2])]));
    EXPECT_EQ(payload(added.whole), counted(33));
    EXPECT_EQ(desk.reassembly.packets(), 0U);
    EXPECT_EQ(desk.reassembly.octets(), 0U);
    EXPECT_EQ(desk.reassembly.next_deadline(), kNever);
  }
  EXPECT_EQ(desk.pool.in_use(), 0U);
}

TEST_P(Pieces, OfTheLargestPacket) {
  const std::size_t most = v6() ? 65535 : 65515;
  for (std::size_t at = 0; at + 1440 < most; at += 1440) {
    ASSERT_EQ(fate({at, at + 1440, true}), "held");
  }
  const auto added = desk.add(piece(v6(), {most / 1440 * 1440, most, false}));
  EXPECT_EQ(payload(added.whole), counted(most));
}

TEST_P(Pieces, OfPacketsThatDifferByOneThing) {
  EXPECT_EQ(fate({0, 24, true}, 1), "held");
  EXPECT_EQ(fate({24, 32, false}, 2), "held");  // another identification
  Octets other = piece(v6(), {24, 32, false});
  other[v6() ? 23 : 15] ^= std::byte{4};  // another source
  EXPECT_EQ(desk.fate(v6() ? other : lastack_test::summed(other)), "held");
  EXPECT_EQ(desk.reassembly.packets(), 3U);
  // IPv4's protocol is a part of the key; IPv6's is not, the first piece's holds.
  const Octets icmp = piece(v6(), {24, 32, false}, 1, wire::kProtocolIcmp);
  EXPECT_EQ(desk.fate(icmp), v6() ? "completed" : "held");
}

TEST_P(Pieces, TheSameAgainIsNoOverlap) {
  EXPECT_EQ(fate({0, 24, true}), "held");
  EXPECT_EQ(fate({0, 24, true}), "duplicate");
  EXPECT_EQ(fate({48, 56, false}), "held");
  EXPECT_EQ(fate({48, 56, false}), "duplicate");
  EXPECT_EQ(fate({24, 48, true}), "completed");
}

TEST_P(Pieces, AnOverlapEndsThePacketAndAllThatStillComes) {
  for (const Cut overlap : {Cut{16, 40, true}, Cut{0, 16, true}, Cut{8, 16, true}, Cut{0, 40, true},
                            Cut{16, 24, true}}) {
    SCOPED_TRACE(overlap.begin);
    Desk fresh;
    EXPECT_EQ(fresh.fate(piece(v6(), {0, 24, true})), "held");
    EXPECT_EQ(fresh.fate(piece(v6(), overlap)), "overlap");
    EXPECT_EQ(fresh.reassembly.octets(), 0U);
    EXPECT_EQ(fresh.fate(piece(v6(), {0, 24, true})), "late");
    EXPECT_EQ(fresh.fate(piece(v6(), {24, 32, false})), "late");
    fresh.now += v6() ? 60s : 30s;
    const auto over = fresh.reassembly.expire(fresh.now);
    ASSERT_TRUE(over);
    EXPECT_TRUE(over->first.empty());  // RFC 5722 §4: nobody is told
    EXPECT_EQ(fresh.fate(piece(v6(), {0, 24, true})), "held");
  }
}

TEST_P(Pieces, TheSamePlaceWithOtherOctetsIsAnOverlap) {
  EXPECT_EQ(fate({0, 24, true}), "held");
  Octets other = piece(v6(), {0, 24, true});
  other.back() ^= std::byte{1};
  EXPECT_EQ(desk.fate(other), "overlap");
}

TEST_P(Pieces, NothingLiesBehindTheLast) {
  for (const Cut wrong :
       {Cut{40, 48, true}, Cut{40, 48, false}, Cut{32, 48, true}, Cut{24, 32, false}}) {
    Desk fresh;
    EXPECT_EQ(fresh.fate(piece(v6(), {32, 40, false})), "held");
    const bool overlaps = wrong.begin < 40 && wrong.end > 32;
    EXPECT_EQ(fresh.fate(piece(v6(), wrong)), overlaps ? "overlap" : "beyond_end");
  }
  EXPECT_EQ(fate({32, 40, true}), "held");
  EXPECT_EQ(fate({16, 24, false}), "beyond_end");  // a last one before one that has come
}

TEST_P(Pieces, TooManyOfOnePacket) {
  Desk few({.pieces = 3});
  for (std::size_t at = 0; at < 72; at += 24) {
    EXPECT_EQ(few.fate(piece(v6(), {at, at + 24, true})), "held");
  }
  EXPECT_EQ(few.fate(piece(v6(), {72, 96, true})), "too_many_pieces");
  EXPECT_EQ(few.reassembly.octets(), 0U);
}

TEST_P(Pieces, TooMuchMemoryForOnePacket) {
  Desk small({.octets_each = 4096});
  EXPECT_EQ(small.fate(piece(v6(), {0, 1200, true})), "held");
  EXPECT_EQ(small.fate(piece(v6(), {1200, 2400, true})), "too_much_memory");
  EXPECT_EQ(small.fate(piece(v6(), {2400, 3600, true})), "late");
}

TEST_P(Pieces, TheOldestPacketMakesRoom) {
  Desk two({.packets = 2});
  EXPECT_EQ(two.fate(piece(v6(), {0, 24, true}, 1)), "held");
  EXPECT_EQ(two.fate(piece(v6(), {0, 24, true}, 2)), "held");
  EXPECT_EQ(two.add(piece(v6(), {0, 24, true}, 3)).evicted, 1U);
  EXPECT_EQ(two.reassembly.packets(), 2U);
  EXPECT_EQ(two.fate(piece(v6(), {24, 32, false}, 2)), "completed");
  EXPECT_EQ(two.fate(piece(v6(), {24, 32, false}, 3)), "completed");
  EXPECT_EQ(two.fate(piece(v6(), {24, 32, false}, 1)), "held");  // the rest of it is gone
}

TEST_P(Pieces, TooMuchMemoryInAll) {
  Desk small({.octets = 8192, .octets_each = 8192});
  for (std::uint8_t id = 1; id <= 20; ++id) {
    small.add(piece(v6(), {0, 1200, true}, id));
    EXPECT_LE(small.reassembly.octets(), 8192U);
    EXPECT_LE(small.pool.octets_in_use(), 8192U + 2048U);
  }
  EXPECT_EQ(small.fate(piece(v6(), {1200, 1208, false}, 20)), "completed");
}

TEST_P(Pieces, SmallOnesDoNotPinLargeBlocks) {
  BufferPool& pool = desk.pool;
  for (std::size_t at = 0; at < 48 * 100; at += 48) {
    Slice frame = Slice::allocate(60000, &pool);
    frame.extend(piece(v6(), {at, at + 48, true}));
    ASSERT_EQ(desk.add(frame).fate, PieceFate::held);
  }
  EXPECT_LE(pool.octets_in_use(), 100U * 256U);
  EXPECT_GE(desk.reassembly.octets(), 48U * 100U);
  EXPECT_LE(desk.reassembly.octets(), 100U * 512U);
}

TEST_P(Pieces, MediumOnesDoNotEither) {
  for (std::size_t at = 0; at < 4000 * 8; at += 4000) {
    Slice frame = Slice::allocate(60000, &desk.pool);
    frame.extend(piece(v6(), {at, at + 4000, true}));
    ASSERT_EQ(desk.add(frame).fate, PieceFate::held);
  }
  EXPECT_EQ(desk.pool.in_use(), 0U);  // each has a block that is just its own
  EXPECT_LE(desk.reassembly.octets(), 8U * 4300U);
}

TEST_P(Pieces, LargeOnesStayWhereTheyAre) {
  Slice frame = Slice::allocate(1500, &desk.pool);
  frame.extend(piece(v6(), {1400, 2800, true}));
  const std::uint64_t before = desk.pool.allocated();
  desk.add(frame);
  EXPECT_EQ(desk.pool.allocated(), before);
  frame = {};
  EXPECT_EQ(desk.pool.in_use(), 1U);
}

TEST_P(Pieces, TimeIsOver) {
  const Duration timeout = v6() ? 60s : 30s;
  EXPECT_EQ(fate({0, 24, true}, 1), "held");
  EXPECT_EQ(desk.reassembly.next_deadline(), desk.now + timeout);
  desk.now += 10s;
  EXPECT_EQ(fate({24, 48, true}, 1), "held");   // the first piece's time counts
  EXPECT_EQ(fate({24, 48, false}, 2), "held");  // its first piece never comes
  desk.now += timeout - 10s - 1us;
  EXPECT_FALSE(desk.reassembly.expire(desk.now));
  desk.now += 1us;
  const auto first = desk.reassembly.expire(desk.now);
  ASSERT_TRUE(first);
  const Octets brought = piece(v6(), {0, 24, true}, 1);
  EXPECT_TRUE(std::ranges::equal(first->first.bytes(), brought));
  EXPECT_FALSE(desk.reassembly.expire(desk.now));
  desk.now += 10s;
  const auto second = desk.reassembly.expire(desk.now);
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->first.empty());
  EXPECT_EQ(desk.reassembly.next_deadline(), kNever);
  EXPECT_EQ(desk.reassembly.octets(), 0U);
}

TEST(Reassembly, EachFamilyKeepsItsOwnTime) {
  Desk desk;
  desk.add(piece(true, {0, 24, true}));
  desk.now += 10s;
  desk.add(piece(false, {0, 24, true}));
  EXPECT_EQ(desk.reassembly.next_deadline(), desk.now + 30s);
  EXPECT_EQ(desk.reassembly.expire(desk.now + 30s)->first.bytes()[0], std::byte{0x45});
  EXPECT_EQ(desk.reassembly.next_deadline(), desk.now + 50s);
  EXPECT_EQ(desk.reassembly.expire(desk.now + 50s)->first.bytes()[0], std::byte{0x60});
  EXPECT_EQ(desk.reassembly.next_deadline(), kNever);
}

TEST(Reassembly, Ipv6HeadersInFrontStay) {
  using lastack_test::fragment_header;
  const auto with = [](std::size_t begin, std::size_t size, bool more) {
    return lastack_test::v6(
        60,
        lastack_test::options_header(44, octets({0x1e, 1, 7})) + fragment_header(60, begin, more) +
            (begin == 0 ? lastack_test::options_header(17, {}) + counted(size) : counted(size)));
  };
  Desk desk;
  EXPECT_EQ(desk.fate(with(0, 16, true)), "held");
  const auto added = desk.add(with(24, 5, false));
  ASSERT_EQ(added.fate, PieceFate::completed);
  const auto ip = wire::parse_ip(added.whole.bytes());
  ASSERT_TRUE(ip);
  EXPECT_EQ(ip->header.protocol, 17);
  EXPECT_EQ(ip->payload.size(), 21U);
  EXPECT_EQ(added.whole.size(), 40U + 8 + 8 + 16 + 5);
}

TEST(Reassembly, Ipv4OptionsOfTheFirstStay) {
  Desk desk;
  EXPECT_EQ(desk.fate(lastack_test::piece_v4(17, counted(24), 0, true, 1, octets({7, 4, 4, 0}))),
            "held");
  const auto added = desk.add(lastack_test::piece_v4(17, counted(8, 24), 24, false));
  EXPECT_EQ(added.whole.size(), 24U + 32U);
  EXPECT_TRUE(wire::parse_ip(added.whole.bytes()));
}

TEST(Reassembly, HeadersInFrontCanMakeItTooLong) {
  Desk desk;
  for (std::size_t at = 0; at < 64000; at += 1280) {
    const Octets options = at == 0 ? Octets(40, std::byte{1}) : Octets{};
    desk.add(lastack_test::piece_v4(17, counted(1280, at), at, true, 1, options));
  }
  // 65515 octets are fine behind 20 of header, not behind the first piece's 60.
  EXPECT_EQ(desk.fate(lastack_test::piece_v4(17, counted(1515, 64000), 64000, false)), "too_long");
  EXPECT_EQ(desk.reassembly.octets(), 0U);
}

/// RFC 3168 §5.3: what the pieces' ECN fields come to.
TEST(Reassembly, EcnOfThePieces) {
  constexpr int kNot = 0;
  constexpr int kEct1 = 1;
  constexpr int kEct0 = 2;
  constexpr int kCe = 3;
  const auto come_to = [](int a, int b) {
    Desk desk;
    const auto marked = [](Cut cut, int ecn) {
      Octets packet = piece(false, cut);
      packet[1] = static_cast<std::byte>(0xb8 | ecn);
      return lastack_test::summed(packet);
    };
    desk.add(marked({0, 24, true}, a));
    const auto added = desk.add(marked({24, 32, false}, b));
    if (added.fate != PieceFate::completed) return std::string(to_string(added.fate));
    return std::to_string(wire::parse_ip(added.whole.bytes())->header.traffic_class - 0xb8);
  };
  EXPECT_EQ(come_to(kNot, kNot), "0");
  EXPECT_EQ(come_to(kEct0, kEct0), "2");
  EXPECT_EQ(come_to(kEct1, kEct0), "1");
  EXPECT_EQ(come_to(kEct0, kCe), "3");
  EXPECT_EQ(come_to(kCe, kEct1), "3");
  for (const int capable : {kEct0, kEct1, kCe}) {
    EXPECT_EQ(come_to(kNot, capable), "mixed_ecn");
    EXPECT_EQ(come_to(capable, kNot), "mixed_ecn");
  }
}

TEST(Reassembly, ACopyGoesItsOwnWay) {
  Desk desk;
  desk.add(piece(false, {0, 24, true}));
  Reassembly copy = desk.reassembly;
  EXPECT_EQ(desk.fate(piece(false, {24, 32, false})), "completed");
  EXPECT_EQ(copy.packets(), 1U);
  EXPECT_TRUE(copy.expire(desk.now + 30s));
}

TEST(Reassembly, FatesHaveNames) {
  for (std::size_t i = 0; i < kPieceFateCount; ++i) {
    EXPECT_FALSE(to_string(static_cast<PieceFate>(i)).empty());
  }
}

}  // namespace
}  // namespace lastack::ip
