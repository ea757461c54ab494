// The stream buffers against a plain reference, a million random calls each; and what they cost.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "tcp/stream/receive_buffer.hpp"
#include "tcp/stream/send_buffer.hpp"

namespace lastack::tcp {
namespace {

std::byte pattern(Offset at) {
  return static_cast<std::byte>((static_cast<std::uint64_t>(at) * 0x9e3779b97f4a7c15U) >> 56U);
}
std::vector<std::byte> octets(Offset at, std::size_t n) {
  std::vector<std::byte> out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = pattern(at + static_cast<Offset>(i));
  return out;
}

constexpr int kCalls = 1'000'000;

TEST(SendBuffer, AMillionRandomCallsAgreeWithAPlainOne) {
  std::mt19937 random(20261124);
  BufferPool pool;
  SendBuffer buffer;
  SendBuffer copy;
  std::vector<std::byte> plain;  // the octets of [begin, end)
  Offset begin = 0;
  for (int call = 0; call < kCalls; ++call) {
    const Offset end = begin + static_cast<Offset>(plain.size());
    switch (random() % 5) {
      case 0:
      case 1: {
        const auto data = octets(end, random() % (random() % 50 == 0 ? 90000 : 300));
        if (plain.size() > 200000) break;
        random() % 8 == 0 ? buffer.append(Slice::copy_of(data, &pool)) : buffer.append(data, &pool);
        plain.insert(plain.end(), data.begin(), data.end());
        break;
      }
      case 2: {
        const Offset to = begin + static_cast<Offset>(random() % (plain.size() + 1));
        buffer.release(to);
        plain.erase(plain.begin(), plain.begin() + (to - begin));
        begin = to;
        break;
      }
      case 3: {
        const auto from = static_cast<Offset>(random() % (plain.size() + 1));
        const auto n = static_cast<Offset>(random() % 3000);
        const Range range{begin + from,
                          std::min(begin + from + n, begin + static_cast<Offset>(plain.size()))};
        Offset at = range.begin;
        buffer.gather(range, [&](const Slice& part) {
          ASSERT_TRUE(
              std::equal(part.bytes().begin(), part.bytes().end(), plain.begin() + (at - begin)))
              << "call " << call;
          at += static_cast<Offset>(part.size());
        });
        ASSERT_EQ(at, range.end) << "call " << call;
        break;
      }
      default:
        if (random() % 1000 == 0) copy = buffer;  // shares octets, must not see what comes later
        if (random() % 1000 == 1) {
          copy.append(octets(0, 100), &pool);
          copy = {};
        }
    }
    ASSERT_EQ(buffer.begin(), begin);
    ASSERT_EQ(buffer.size(), plain.size()) << "call " << call;
  }
  buffer = {};
  copy = {};
  EXPECT_EQ(pool.in_use(), 0U);
}

/// Octets by offset: what came first stays.
class PlainReceive {
 public:
  void insert(Offset at, const std::vector<std::byte>& data) {
    for (std::size_t i = 0; i < data.size(); ++i) {
      const Offset o = at + static_cast<Offset>(i);
      if (o >= read) octets_.try_emplace(o, data[i]);
    }
  }
  [[nodiscard]] Offset end() const {
    Offset e = read;
    for (auto i = octets_.begin(); i != octets_.end() && i->first == e; ++i) ++e;
    return e;
  }
  [[nodiscard]] std::size_t held() const { return octets_.size(); }
  std::vector<std::byte> take(std::size_t n) {
    std::vector<std::byte> out;
    while (out.size() < n && !octets_.empty() && octets_.begin()->first == read) {
      out.push_back(octets_.begin()->second);
      octets_.erase(octets_.begin());
      ++read;
    }
    return out;
  }
  void skip_to(Offset edge) {
    read = std::max(read, edge);
    octets_.erase(octets_.begin(), octets_.lower_bound(read));
  }
  Offset read = 0;

 private:
  std::map<Offset, std::byte> octets_;
};

TEST(ReceiveBuffer, AMillionRandomCallsAgreeWithAPlainOne) {
  std::mt19937 random(4711);
  BufferPool pool;
  ReceiveBuffer buffer;
  PlainReceive plain;
  for (int call = 0; call < kCalls; ++call) {
    switch (random() % 4) {
      case 0:
      case 1: {
        const Offset at = plain.read + static_cast<Offset>(random() % 200) - 20;
        auto data = octets(at, random() % 60);
        for (auto& b : data)
          b ^= static_cast<std::byte>(random() % 2);  // whose octets stay matters
        plain.insert(at, data);
        // Some arrive as small parts of large frames.
        Slice frame = Slice::allocate(random() % 3 == 0 ? 60000 : data.size(), &pool);
        if (!data.empty()) std::copy(data.begin(), data.end(), frame.tail_room().begin());
        frame.grow(data.size());
        buffer.insert(at, frame, &pool);
        break;
      }
      case 2: {
        std::vector<std::byte> into(random() % 100);
        const auto expected = plain.take(into.size());
        std::vector<std::byte> seen(into.size());
        ASSERT_EQ(buffer.peek(seen), expected.size());
        ASSERT_EQ(buffer.read(into), expected.size()) << "call " << call;
        into.resize(expected.size());
        seen.resize(expected.size());
        ASSERT_EQ(into, expected) << "call " << call;
        ASSERT_EQ(seen, expected) << "call " << call;
        break;
      }
      default:
        if (random() % 10 == 0) {
          const Offset edge = plain.read + static_cast<Offset>(random() % 50);
          plain.skip_to(edge);
          buffer.skip_to(edge);
        } else if (random() % 4 == 0) {
          const Slice slice = buffer.take();
          const auto expected = plain.take(slice.size());
          ASSERT_TRUE(std::equal(expected.begin(), expected.end(), slice.bytes().begin(),
                                 slice.bytes().end()));
        } else {
          const std::size_t n = random() % 30;
          ASSERT_EQ(buffer.discard(n), plain.take(n).size());
        }
    }
    ASSERT_EQ(buffer.readable(), (Range{plain.read, plain.end()})) << "call " << call;
    ASSERT_EQ(buffer.held(), plain.held()) << "call " << call;
  }
  buffer = {};
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(ReceiveBuffer, OneOctetSegmentsCannotHoldLargeFrames) {
  for (const int order : {1, -1}) {
    BufferPool pool;
    ReceiveBuffer buffer;
    constexpr Offset kMany = 20000;
    for (Offset i = 0; i < kMany; ++i) {
      const Offset at = order > 0 ? i : kMany - 1 - i;
      Slice frame = Slice::allocate(65536, &pool);
      frame.tail_room()[0] = pattern(at);
      frame.grow(1);
      buffer.insert(at, frame, &pool);
    }
    EXPECT_EQ(buffer.readable(), (Range{0, kMany}));
    EXPECT_LE(pool.octets_in_use(), 4U * kMany + 65536U) << "order " << order;
  }
}

TEST(Stream, ASteadyFlowAllocatesNothing) {
  BufferPool pool;
  SendBuffer out;
  ReceiveBuffer in;
  std::vector<std::byte> user(16384, std::byte{1});
  Offset at = 0;
  std::size_t allocated = 0;
  for (int round = 0; round < 2000; ++round) {
    if (round == 200) allocated = pool.allocated();
    out.append(user, &pool);
    for (; at + 1460 <= out.end(); at += 1460) {
      Slice frame = Slice::allocate(1460, &pool);
      out.gather({at, at + 1460}, [&frame](const Slice& part) {
        std::copy(part.bytes().begin(), part.bytes().end(), frame.tail_room().begin());
        frame.grow(part.size());
      });
      in.insert(at, std::move(frame), &pool);
    }
    out.release(at);
    std::vector<std::byte> sink(16384);
    in.read(sink);
  }
  EXPECT_EQ(pool.allocated(), allocated);
}

TEST(SendBuffer, ACopyGoesItsOwnWay) {
  SendBuffer a;
  a.append(octets(0, 10));
  SendBuffer b = a;
  EXPECT_EQ(a, b);
  a.append(octets(10, 10));
  b.append(octets(50, 10));
  EXPECT_FALSE(a == b);
  std::vector<std::byte> seen;
  a.gather({0, 20},
           [&](const Slice& p) { seen.insert(seen.end(), p.bytes().begin(), p.bytes().end()); });
  EXPECT_EQ(seen, octets(0, 20));
}

}  // namespace
}  // namespace lastack::tcp
