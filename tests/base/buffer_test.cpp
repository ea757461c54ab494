// Blocks, slices and the pool: who sees what, and where memory goes.
#include "base/buffer.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lastack {
namespace {

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
std::string text(const Slice& slice) {
  return {reinterpret_cast<const char*>(slice.data()), slice.size()};
}

TEST(Slice, PartsShareOctets) {
  const Slice whole = Slice::copy_of(bytes("the quick brown fox"));
  EXPECT_EQ(text(whole.sub(4, 5)), "quick");
  EXPECT_EQ(whole.sub(4, 5).data(), whole.data() + 4);
  EXPECT_EQ(text(whole.first(3)), "the");
  EXPECT_EQ(text(whole.drop(16)), "fox");
}

TEST(Slice, PartsBeyondTheEndAreShorter) {
  const Slice whole = Slice::copy_of(bytes("fox"));
  EXPECT_EQ(text(whole.sub(1, 100)), "ox");
  EXPECT_TRUE(whole.sub(3, 1).empty());
  EXPECT_TRUE(whole.sub(100, 1).empty());
  EXPECT_TRUE(whole.drop(100).empty());
  EXPECT_EQ(text(whole.first(100)), "fox");
  EXPECT_TRUE(Slice().sub(0, 1).empty());
  EXPECT_TRUE(Slice().bytes().empty());
}

TEST(Slice, PartsOutliveTheWhole) {
  Slice part;
  {
    const Slice whole = Slice::copy_of(bytes("the quick brown fox"));
    part = whole.sub(4, 5);
  }
  EXPECT_EQ(text(part), "quick");
}

TEST(Slice, AssigningToItselfKeepsIt) {
  Slice slice = Slice::copy_of(bytes("fox"));
  const Slice& same = slice;
  slice = same;
  EXPECT_EQ(text(slice), "fox");
  slice = slice.drop(1);
  EXPECT_EQ(text(slice), "ox");
}

TEST(Slice, EqualByContent) {
  const Slice a = Slice::copy_of(bytes("fox"));
  EXPECT_EQ(a, Slice::copy_of(bytes("fox")));
  EXPECT_EQ(a, a.sub(0, 3));
  EXPECT_FALSE(a == Slice::copy_of(bytes("fux")));
  EXPECT_FALSE(a == a.first(2));
  EXPECT_EQ(Slice(), a.first(0));
}

TEST(Slice, OnlyTheFirstToExtendGetsTheRoom) {
  Slice a = Slice::copy_of(bytes("one "));
  Slice b = a;
  EXPECT_EQ(a.extend(bytes("two")), 3U);
  EXPECT_EQ(text(a), "one two");
  EXPECT_EQ(text(b), "one ");
  EXPECT_TRUE(b.tail_room().empty()) << "somebody has written there";
  EXPECT_EQ(b.extend(bytes("three")), 0U);
  EXPECT_EQ(text(a), "one two");
}

TEST(Slice, OnlyASliceThatEndsWhereItsBlockIsFilledHasRoom) {
  Slice whole = Slice::copy_of(bytes("one two"));
  EXPECT_TRUE(whole.first(3).tail_room().empty());
  Slice tail = whole.drop(4);
  EXPECT_EQ(tail.extend(bytes(" three")), 6U);
  EXPECT_EQ(text(tail), "two three");
  EXPECT_EQ(text(whole), "one two");
  EXPECT_TRUE(Slice().tail_room().empty());
}

TEST(Slice, ExtendsAsFarAsTheBlockReaches) {
  Slice slice = Slice::allocate(BufferPool::kTiny);
  const std::vector<std::byte> much(1000, std::byte{7});
  EXPECT_EQ(slice.extend(much), BufferPool::kTiny);
  EXPECT_EQ(slice.size(), BufferPool::kTiny);
  EXPECT_EQ(slice.extend(much), 0U);
}

TEST(Slice, AFrameIsReadIntoTheTailRoom) {
  Slice frame = Slice::allocate(1514);
  ASSERT_GE(frame.tail_room().size(), 1514U);
  frame.tail_room()[0] = std::byte{'f'};
  frame.grow(1);
  EXPECT_EQ(text(frame), "f");
}

Slice behind_room(std::string_view octets, BufferPool* pool = nullptr) {
  Slice slice = Slice::allocate_behind(8, octets.size(), pool);
  slice.extend(bytes(octets));
  return slice;
}

TEST(Slice, AHeaderIsPutWhereThereIsRoomForIt) {
  const Slice slice = behind_room("fox");
  const Slice whole = slice.with_header(bytes("brown "), 1);
  EXPECT_EQ(text(whole), "brown fox");
  EXPECT_EQ(whole.data() + 6, slice.data());
  EXPECT_EQ(text(slice), "fox");
  EXPECT_TRUE(slice.with_header(bytes("a long way"), 2).empty());
  EXPECT_TRUE(slice.drop(1).with_header(bytes("b"), 3).empty());
  EXPECT_TRUE(Slice::copy_of(bytes("fox")).with_header(bytes("b"), 1).empty());
  EXPECT_TRUE(Slice().with_header(bytes("b"), 1).empty());
}

TEST(Slice, AHeaderIsNotPutWhereAnotherHasOne) {
  const Slice slice = behind_room("fox");
  const Slice held = slice;
  EXPECT_TRUE(slice.with_header(bytes("b"), 1).empty());
  EXPECT_EQ(text(slice.with_header(bytes("b"), 2)), "bfox");
}

TEST(Slice, ABlockUsedAgainHasNoRoomForAHeader) {
  BufferPool pool;
  (void)behind_room("fox", &pool);
  const Slice again = Slice::copy_of(bytes("fox"), &pool);
  EXPECT_EQ(pool.allocated(), 1U);
  EXPECT_TRUE(again.with_header(bytes("b"), 9).empty());
  EXPECT_TRUE(again.drop(1).with_header({}, 9).size() <= 2);
}

TEST(Slice, AdoptsAContainerWithoutCopying) {
  std::string owned(100, 'x');
  const char* const where = owned.data();
  Slice slice = Slice::adopt(std::move(owned));
  EXPECT_EQ(static_cast<const void*>(slice.data()), where);
  EXPECT_EQ(slice.size(), 100U);
  EXPECT_TRUE(slice.tail_room().empty()) << "adopted storage is never written";
  const Slice part = slice.sub(50, 10);
  slice = {};
  EXPECT_EQ(text(part), std::string(10, 'x'));
}

TEST(Slice, TellsTheOwnerOnceWhenTheLastSliceGoes) {
  int released = 0;
  std::string here = "somebody's";
  {
    std::optional<Slice> a =
        Slice::adopt(bytes(here), &released, [](void* it) { ++*static_cast<int*>(it); });
    const Slice b = a->sub(2, 3);
    a.reset();
    EXPECT_EQ(released, 0);
    EXPECT_EQ(text(b), "meb");
  }
  EXPECT_EQ(released, 1);
}

TEST(BufferPool, GivesBlocksAgain) {
  BufferPool pool;
  const std::byte* where = nullptr;
  for (int i = 0; i < 10; ++i) {
    const Slice slice = Slice::copy_of(bytes("fox"), &pool);
    EXPECT_TRUE(where == nullptr || where == slice.data());
    where = slice.data();
    EXPECT_EQ(pool.in_use(), 1U);
  }
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_EQ(pool.octets_in_use(), 0U);
  EXPECT_EQ(pool.allocated(), 1U);
}

TEST(BufferPool, AnUsedBlockComesBackEmpty) {
  BufferPool pool;
  {
    const Slice gone = Slice::copy_of(bytes("the quick brown fox"), &pool);
  }
  const Slice slice = Slice::allocate(10, &pool);
  EXPECT_EQ(slice.size(), 0U);
  EXPECT_EQ(slice.tail_room().size(), BufferPool::kTiny);
}

TEST(BufferPool, HasThreeSizes) {
  BufferPool pool;
  const auto room = [&](std::size_t octets) {
    return Slice::allocate(octets, &pool).tail_room().size();
  };
  EXPECT_EQ(room(0), BufferPool::kTiny);
  EXPECT_EQ(room(BufferPool::kTiny), BufferPool::kTiny);
  EXPECT_EQ(room(BufferPool::kTiny + 1), BufferPool::kSmall);
  EXPECT_EQ(room(BufferPool::kSmall + 1), BufferPool::kLarge);
  EXPECT_GE(BufferPool::kSmall, 1514U + 12U) << "an Ethernet frame and a virtio header";
  EXPECT_GE(BufferPool::kLarge, 65535U + 14U + 12U) << "the largest IP packet in one of those";
  EXPECT_EQ(pool.allocated(), 3U);
}

TEST(BufferPool, WhatIsLargerComesFromTheHeap) {
  BufferPool pool;
  const Slice slice = Slice::allocate(BufferPool::kLarge + 1, &pool);
  EXPECT_EQ(slice.tail_room().size(), BufferPool::kLarge + 1);
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(BufferPool, KeepsNoMoreThanItWasTold) {
  BufferPool pool(4096);  // two small blocks
  const auto use_three = [&] {
    const Slice a = Slice::allocate(1500, &pool);
    const Slice b = Slice::allocate(1500, &pool);
    const Slice c = Slice::allocate(1500, &pool);
  };
  use_three();
  EXPECT_EQ(pool.allocated(), 3U);
  use_three();
  EXPECT_EQ(pool.allocated(), 4U) << "two were kept";
}

TEST(BufferPool, BlocksMayOutliveIt) {
  Slice tiny;
  Slice large;
  {
    BufferPool pool;
    tiny = Slice::copy_of(bytes("fox"), &pool);
    large = Slice::allocate(BufferPool::kLarge, &pool);
    const Slice unused = Slice::allocate(1500, &pool);
  }
  EXPECT_EQ(text(tiny), "fox");
  EXPECT_EQ(tiny.extend(bytes("es")), 2U);
  large = {};
  EXPECT_EQ(text(tiny), "foxes");
}

}  // namespace
}  // namespace lastack
