// What the random calls do not say by name.
#include "tcp/stream/receive_buffer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tcp/range_set.hpp"

namespace lastack::tcp {
namespace {

Slice slice(std::string_view text) { return Slice::adopt(std::string(text)); }

std::string read(ReceiveBuffer& buffer, std::size_t most = 1000) {
  std::string text(most, '?');
  text.resize(buffer.read(std::as_writable_bytes(std::span(text))));
  return text;
}
std::string text(const Slice& slice) {
  return {reinterpret_cast<const char*>(slice.data()), slice.size()};
}

TEST(ReceiveBuffer, PutsInOrderWhatCameOutOfOrder) {
  ReceiveBuffer buffer;
  buffer.insert(6, slice("ghi"));
  buffer.insert(3, slice("def"));
  EXPECT_EQ(buffer.readable(), (Range{0, 0}));
  EXPECT_EQ(buffer.ahead().size(), 1U);
  EXPECT_EQ(buffer.held(), 6U);
  buffer.insert(0, slice("abc"));
  EXPECT_EQ(buffer.readable(), (Range{0, 9}));
  EXPECT_EQ(read(buffer), "abcdefghi");
  EXPECT_EQ(buffer.readable(), (Range{9, 9}));
}

TEST(ReceiveBuffer, TheFirstOctetsStay) {
  ReceiveBuffer buffer;
  buffer.insert(2, slice("CD"));
  buffer.insert(6, slice("GH"));
  buffer.insert(0, slice("abcdefghij"));
  buffer.insert(0, slice("??????????"));
  EXPECT_EQ(read(buffer), "abCDefGHij");
}

/// `count` packets as a link gives them: a header of four octets, then as many as asked for.
std::vector<Slice> packets(BufferPool& pool, std::size_t count, std::size_t octets) {
  std::vector<Slice> all;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string text = "head" + std::string(octets, static_cast<char>('a' + i));
    all.push_back(Slice::copy_of(std::as_bytes(std::span(text)), &pool));
  }
  return all;
}

TEST(ReceiveBuffer, ARunIsTakenAsItsPacketsWouldBeOneByOne) {
  for (const std::size_t octets : {1U, 100U, 1448U}) {
    BufferPool pool;
    const auto run = packets(pool, 20, octets);
    ReceiveBuffer at_once;
    ReceiveBuffer singly;
    Offset at = 0;
    for (int round = 0; round < 2; ++round) {
      EXPECT_TRUE(at_once.append(at, run, 4, &pool));
      for (const Slice& packet : run) {
        singly.insert(at, packet.drop(4), &pool);
        at += static_cast<Offset>(octets);
      }
    }
    EXPECT_EQ(at_once, singly);
    EXPECT_EQ(at_once.held(), 40 * octets);
    EXPECT_EQ(read(at_once, 100'000), read(singly, 100'000));
  }
}

TEST(ReceiveBuffer, ARunThatDoesNotGoOnWhereAllBeforeItEndsIsLeft) {
  BufferPool pool;
  const auto run = packets(pool, 2, 100);
  ReceiveBuffer buffer;
  EXPECT_FALSE(buffer.append(1, run, 4, &pool));
  buffer.insert(500, slice("ahead"), &pool);
  EXPECT_FALSE(buffer.append(0, run, 4, &pool));
  EXPECT_EQ(buffer.held(), 5U);
}

TEST(ReceiveBuffer, WhatWasReadDoesNotComeBack) {
  ReceiveBuffer buffer;
  buffer.insert(0, slice("abcdef"));
  EXPECT_EQ(read(buffer, 4), "abcd");
  EXPECT_TRUE(buffer.insert(0, slice("ABCDEF")));
  EXPECT_TRUE(buffer.insert(2, slice("CDEFgh")));
  EXPECT_EQ(read(buffer), "efgh");
}

TEST(ReceiveBuffer, PeekLeavesWhatItShows) {
  ReceiveBuffer buffer;
  buffer.insert(0, slice("abc"));
  buffer.insert(3, slice("def"));
  std::string seen(4, '?');
  EXPECT_EQ(buffer.peek(std::as_writable_bytes(std::span(seen))), 4U);
  EXPECT_EQ(seen, "abcd");
  EXPECT_EQ(buffer.peek(std::as_writable_bytes(std::span(seen)), 4), 2U);
  EXPECT_EQ(seen, "efcd");
  EXPECT_EQ(buffer.peek(std::as_writable_bytes(std::span(seen)), 7), 0U);
  EXPECT_EQ(buffer.peek(std::as_writable_bytes(std::span(seen)), SIZE_MAX), 0U);
  EXPECT_EQ(read(buffer), "abcdef");
}

TEST(ReceiveBuffer, LendsWhatLiesInItAndKeepsIt) {
  ReceiveBuffer buffer;
  const Slice first = slice(std::string(3000, 'a'));
  const Slice second = slice(std::string(2000, 'b'));
  buffer.insert(0, first);
  buffer.insert(3000, second);
  buffer.insert(6000, slice("ahead of a gap"));
  std::array<std::span<const std::byte>, 3> pieces;
  ASSERT_EQ(buffer.lend(pieces), 2U);
  EXPECT_EQ(pieces[0].data(), first.data());
  EXPECT_EQ(pieces[0].size(), 3000U);
  EXPECT_EQ(pieces[1].data(), second.data());
  EXPECT_EQ(buffer.discard(1), 1U);
  ASSERT_EQ(buffer.lend(std::span(pieces).first(1)), 1U);
  EXPECT_EQ(pieces[0].data(), first.data() + 1);
  EXPECT_EQ(pieces[0].size(), 2999U);
  buffer.discard(4999);
  EXPECT_EQ(buffer.lend(pieces), 0U);
}

TEST(ReceiveBuffer, SkippingReadsOnBehindTheSkipped) {
  ReceiveBuffer buffer;
  buffer.insert(0, slice("abc"));
  buffer.insert(5, slice("fgh"));
  buffer.insert(10, slice("klm"));
  buffer.skip_to(2);
  EXPECT_EQ(buffer.readable(), (Range{2, 3}));
  buffer.skip_to(4);
  EXPECT_EQ(buffer.readable(), (Range{4, 4}));
  buffer.skip_to(6);
  EXPECT_EQ(buffer.readable(), (Range{6, 8}));
  buffer.skip_to(1);
  EXPECT_EQ(read(buffer), "gh");
  buffer.skip_to(20);
  EXPECT_EQ(buffer.held(), 0U);
  EXPECT_TRUE(buffer.insert(0, slice("abcdefghijklmnopqrstuvw")));
  EXPECT_EQ(read(buffer), "uvw");
}

TEST(ReceiveBuffer, SkippingToWhereAheadBeginsReachesIt) {
  ReceiveBuffer buffer;
  buffer.insert(5, slice("fgh"));
  buffer.skip_to(5);
  EXPECT_EQ(read(buffer), "fgh");
}

TEST(ReceiveBuffer, RefusesOneStretchTooMany) {
  ReceiveBuffer buffer;
  for (Offset i = 0; i < static_cast<Offset>(ReceiveBuffer::kMostAhead); ++i) {
    ASSERT_TRUE(buffer.insert(10 + 2 * i, slice("x")));
  }
  const ReceiveBuffer full = buffer;
  EXPECT_FALSE(buffer.insert(5, slice("x")));
  EXPECT_FALSE(buffer.insert(1000, slice("x")));
  EXPECT_EQ(buffer, full) << "a refusal changes nothing";
  EXPECT_TRUE(buffer.insert(11, slice("x"))) << "this joins two";
  EXPECT_TRUE(buffer.insert(1000, slice("x")));
  EXPECT_TRUE(buffer.insert(0, slice("xx"))) << "what is in order is always taken";
}

TEST(ReceiveBuffer, ItsLimitIsThatOfTheConnection) {
  EXPECT_EQ(ReceiveBuffer::kMostAhead, RangeSet::kMost);
}

TEST(ReceiveBuffer, EmptyItHoldsNoMemory) {
  BufferPool pool;
  ReceiveBuffer buffer;
  buffer.insert(3, Slice::copy_of(slice("def").bytes(), &pool), &pool);
  buffer.insert(0, Slice::copy_of(slice("abc").bytes(), &pool), &pool);
  EXPECT_EQ(read(buffer), "abcdef");
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(ReceiveBuffer, ACopyGoesItsOwnWay) {
  BufferPool pool;
  ReceiveBuffer a;
  a.insert(0, Slice::copy_of(slice("abc").bytes(), &pool), &pool);
  a.insert(6, Slice::copy_of(slice("ghi").bytes(), &pool), &pool);
  ReceiveBuffer b = a;
  EXPECT_EQ(a, b);
  a.insert(3, slice("def"), &pool);
  b.insert(3, slice("DEF"), &pool);
  EXPECT_FALSE(a == b);
  EXPECT_EQ(read(a), "abcdefghi");
  EXPECT_EQ(read(b), "abcDEFghi");
}

TEST(ReceiveBuffer, ManyFramesAheadJoinAtOnce) {
  ReceiveBuffer buffer;
  const Slice frame = slice(std::string(1460, 'x'));
  Offset at = 1460;
  for (int i = 0; i < 40000; ++i, at += 1460) buffer.insert(at, frame);
  EXPECT_EQ(buffer.ahead().size(), 1U);
  buffer.insert(0, frame);
  EXPECT_EQ(buffer.readable(), (Range{0, at}));
  EXPECT_EQ(buffer.ahead().size(), 0U);
}

}  // namespace
}  // namespace lastack::tcp
