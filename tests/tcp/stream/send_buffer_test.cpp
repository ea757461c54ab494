// What the random calls do not say by name.
#include "tcp/stream/send_buffer.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <string_view>

namespace lastack::tcp {
namespace {

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
std::string all(const SendBuffer& buffer) {
  std::string text(buffer.size(), '?');
  buffer.copy_out({buffer.begin(), buffer.end()}, std::as_writable_bytes(std::span(text)));
  return text;
}
std::size_t parts(const SendBuffer& buffer) {
  std::size_t count = 0;
  buffer.gather({buffer.begin(), buffer.end()}, [&](const Slice&) { ++count; });
  return count;
}

TEST(SendBuffer, EmptyItHoldsNoMemory) {
  BufferPool pool;
  SendBuffer buffer;
  buffer.append(bytes("GET / HTTP/1.0\r\n\r\n"), &pool);
  EXPECT_GT(pool.in_use(), 0U);
  buffer.release(18);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_EQ(buffer.begin(), 18);
}

TEST(SendBuffer, SmallWritesShareABlock) {
  BufferPool pool;
  SendBuffer buffer;
  for (int i = 0; i < 200; ++i) buffer.append(bytes("x"), &pool);
  EXPECT_EQ(parts(buffer), 1U);
  EXPECT_EQ(pool.octets_in_use(), 256U) << "the octets: one piece needs no list";
}

TEST(SendBuffer, BulkLiesInLargeBlocks) {
  SendBuffer buffer;
  const std::string chunk(10000, 'x');
  for (int i = 0; i < 100; ++i) buffer.append(bytes(chunk));
  EXPECT_LE(parts(buffer), 1'000'000 / BufferPool::kLarge + 7);
}

/// Where a slice begins that was handed over behind room for a header, and nowhere else.
TEST(SendBuffer, TellsHowLongABlockIs) {
  SendBuffer buffer;
  buffer.append(Slice::adopt(std::string(1000, 'x')));
  for (const std::size_t octets : {20000U, 30000U}) {
    Slice block = Slice::allocate_behind(128, octets);
    block.grow(octets);
    buffer.append(std::move(block));
  }
  EXPECT_EQ(buffer.block_at(0), 0U);
  EXPECT_EQ(buffer.block_at(1000), 20000U);
  EXPECT_EQ(buffer.block_at(1001), 0U);
  EXPECT_EQ(buffer.block_at(21000), 30000U);
  EXPECT_EQ(buffer.block_at(51000), 0U) << "its end";
  buffer.release(1000);
  EXPECT_EQ(buffer.block_at(1000), 20000U);
  buffer.release(1001);
  EXPECT_EQ(buffer.block_at(1001), 0U) << "its beginning is gone";
}

TEST(SendBuffer, ASliceIsNotCopied) {
  SendBuffer buffer;
  const Slice slice = Slice::adopt(std::string(5000, 'x'));
  buffer.append(slice);
  buffer.append(bytes("y"));
  std::array<Slice, 4> got;
  const auto count = buffer.gather({10, 5001}, got);
  EXPECT_EQ(count.slices, 2U);
  EXPECT_EQ(count.octets, 4991U);
  EXPECT_EQ(got[0].data(), slice.data() + 10);
}

TEST(SendBuffer, WhatWasGatheredStaysGood) {
  BufferPool pool;
  SendBuffer buffer;
  buffer.append(bytes("in flight"), &pool);
  const Slice sent = buffer.slice({3, 9}, &pool);
  buffer.release(9);
  buffer.append(bytes("later"), &pool);
  EXPECT_EQ(sent, Slice::copy_of(bytes("flight")));
}

TEST(SendBuffer, OneSliceIsSharedWhereItLiesInOneBlock) {
  SendBuffer buffer;
  buffer.append(Slice::adopt(std::string(1000, 'a')));
  buffer.append(Slice::adopt(std::string(1000, 'b')));
  std::array<Slice, 1> part;
  buffer.gather({100, 900}, part);
  EXPECT_EQ(buffer.slice({100, 900}).data(), part[0].data());
  EXPECT_EQ(buffer.slice({900, 1100}), Slice::adopt(std::string(100, 'a') + std::string(100, 'b')));
}

TEST(SendBuffer, ACopySharesOctetsAndGoesItsOwnWay) {
  BufferPool pool;
  SendBuffer a;
  a.append(bytes("one "), &pool);
  const std::size_t before = pool.octets_in_use();
  SendBuffer b = a;
  EXPECT_EQ(pool.octets_in_use(), before) << "one piece needs no list";
  EXPECT_EQ(a, b);
  b.append(bytes("two"), &pool);
  a.append(bytes("three"), &pool);
  EXPECT_EQ(all(a), "one three");
  EXPECT_EQ(all(b), "one two");
  EXPECT_FALSE(a == b);
}

TEST(SendBuffer, EqualHoweverTheOctetsCame) {
  SendBuffer a;
  SendBuffer b;
  a.append(Slice::adopt(std::string("one ")));
  a.append(Slice::adopt(std::string("two")));
  b.append(bytes("o"));
  b.append(bytes("ne two"));
  EXPECT_EQ(a, b);
  a.release(2);
  EXPECT_FALSE(a == b) << "the same octets from 2 on, but not at 0";
  b.release(2);
  EXPECT_EQ(a, b);
}

TEST(SendBuffer, OldAcknowledgmentsChangeNothing) {
  SendBuffer buffer;
  buffer.append(bytes("abcdef"));
  buffer.release(4);
  buffer.release(2);
  buffer.release(-1);
  EXPECT_EQ(buffer.begin(), 4);
  EXPECT_EQ(all(buffer), "ef");
}

TEST(SendBuffer, GathersFromEachEdgeBetweenSlices) {
  SendBuffer buffer;
  for (int i = 0; i < 300; ++i) buffer.append(Slice::adopt(std::string(10, static_cast<char>(i))));
  for (Offset at = 0; at < 3000; at += 10) {
    std::array<Slice, 2> out;
    EXPECT_EQ(buffer.gather({at, at + 10}, out).slices, 1U) << at;
    EXPECT_EQ(out[0], Slice::adopt(std::string(10, static_cast<char>(at / 10)))) << at;
  }
}

/// However much is queued, a segment at either end is found at once: 64 MiB in slices of 4 KiB must
/// not cost noticeably more than 64 KiB. Compared with itself, so that the machine does not matter.
TEST(SendBuffer, GathersAtBothEndsOfMuch) {
  const Slice page = Slice::adopt(std::string(4096, 'x'));
  const auto time = [&](Offset queued) {
    SendBuffer buffer;
    while (buffer.end() < queued) buffer.append(page);
    std::array<Slice, 4> out;
    auto best = std::chrono::nanoseconds::max();
    for (int attempt = 0; attempt < 20; ++attempt) {
      const auto start = std::chrono::steady_clock::now();
      for (Offset i = 0; i < 1000; ++i) {
        buffer.gather({i, i + 1460}, out);
        buffer.gather({buffer.end() - 1460 - i, buffer.end() - i}, out);
      }
      best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - start);
    }
    return best;
  };
  EXPECT_LT(time(64 << 20), 3 * time(64 << 10));
}

}  // namespace
}  // namespace lastack::tcp
