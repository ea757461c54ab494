// What a connection costs: octets kept while it is idle, allocations and copies while it works.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

#include "host/host.hpp"
#include "socket/sockets.hpp"

namespace {

/// Every allocation of this program passes through here.
struct Heap {
  std::size_t live = 0;  ///< octets, as the allocator rounds them
  std::size_t calls = 0;
};
Heap heap;

void* allocate(std::size_t size, std::size_t alignment) {
  void* const p =
      alignment <= alignof(std::max_align_t)
          ? std::malloc(size)
          : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (p == nullptr) std::abort();
  heap.live += malloc_usable_size(p);
  ++heap.calls;
  return p;
}

void release(void* p) {
  if (p != nullptr) heap.live -= malloc_usable_size(p);
  std::free(p);
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size, 1); }
void* operator new(std::size_t size, std::align_val_t a) {
  return allocate(size, static_cast<std::size_t>(a));
}
void operator delete(void* p) noexcept { release(p); }
void operator delete(void* p, std::size_t) noexcept { release(p); }
void operator delete(void* p, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { release(p); }

namespace lastack::socket {
namespace {

constexpr std::size_t kMost = 512;  // DESIGN: octets of an idle ESTABLISHED connection

/// Two hosts that hand each other their packets at once.
class Cost : public ::testing::Test {
 protected:
  static constexpr auto kA = wire::IpAddress::v4(10, 0, 0, 1);
  static constexpr auto kB = wire::IpAddress::v4(10, 0, 0, 2);

  static host::Config config(wire::IpAddress address) {
    host::Config config;
    config.addresses = {{address, 24}};
    return config;
  }
  Cost() {
    out_.payload.reserve(64);
    listener_ = *b_.socket();
    EXPECT_TRUE(b_.bind(listener_, {kB, 80}));
    EXPECT_TRUE(b_.listen(listener_, 1024, now_));
  }
  /// Packets both ways until there are none.
  void exchange() {
    while (hand_over(host_a_, host_b_) || hand_over(host_b_, host_a_)) {
    }
    host::HostEvent event;
    while (host_a_.next_event(event) || host_b_.next_event(event)) {
    }
  }
  bool hand_over(host::Host& from, host::Host& to) {
    if (!from.transmit(out_, now_)) return false;
    Slice packet = Slice::allocate(out_.size(), &to.pool());
    packet.grow(out_.copy_to(packet.tail_room()));
    to.packet_arrives(packet, now_);
    ++packets_;
    return true;
  }
  std::pair<Fd, Fd> connect() {
    const Fd client = *a_.socket();
    EXPECT_EQ(a_.connect(client, {kB, 80}, now_).error(), Errno::einprogress);
    exchange();
    const auto server = b_.accept(listener_);
    EXPECT_TRUE(server);
    return {client, *server};
  }
  void pass(Duration span) {
    const TimePoint until = now_ + span;
    for (;;) {
      exchange();
      const TimePoint next = std::min(host_a_.next_deadline(), host_b_.next_deadline());
      if (next > until) break;
      now_ = std::max(now_, next);
      host_a_.advance(now_);
      host_b_.advance(now_);
    }
    now_ = until;
  }
  /// `rounds` times 64 KiB from the client to the server, with a reply.
  void converse(Fd client, Fd server, std::size_t rounds) {
    for (std::size_t i = 0; i < rounds; ++i) {
      for (std::size_t sent = 0, got = 0; got < octets_.size();) {
        const auto n = a_.send(client, std::span(octets_).subspan(sent), now_);
        if (n) sent += *n;
        exchange();
        const auto m = b_.recv(server, read_, now_);
        if (m) got += *m;
      }
      ASSERT_TRUE(b_.send(server, std::span(octets_).first(100), now_));
      exchange();
      ASSERT_TRUE(a_.recv(client, read_, now_));
      exchange();
    }
  }

  TimePoint now_{1000s};
  host::Host host_a_{config(kA), Random(1)};
  host::Host host_b_{config(kB), Random(2)};
  Sockets a_{host_a_};
  Sockets b_{host_b_};
  host::PacketOut out_;
  Fd listener_ = -1;
  std::size_t packets_ = 0;
  std::vector<std::byte> octets_ = std::vector<std::byte>(65536);
  std::vector<std::byte> read_ = std::vector<std::byte>(65536);
};

/// DESIGN's count: all that a connection makes the host keep.
TEST(CostOf, AnIdleConnectionIsWithinTheBudget) {
  constexpr std::size_t kGeneration = 4;                 // of its place in the slab
  constexpr std::size_t kSlotAtWorst = (8 * 8 + 2) / 3;  // the table just grown: 3 of 8 slots taken
  constexpr std::size_t kDescriptor = 4;
  constexpr std::size_t kOwner = 4;  // which open socket has it
  constexpr std::size_t kAll = sizeof(host::ConnectionEntry) + kGeneration + kSlotAtWorst +
                               sizeof(host::TimingWheel::Node) + sizeof(OpenSocket) + kDescriptor +
                               kOwner;
  RecordProperty("octets", static_cast<int>(kAll));
  static_assert(kAll <= kMost);
  EXPECT_LE(kAll, kMost);
}

TEST(CostOf, Records) {
  static_assert(sizeof(tcp::SynRcvd) <= 128 && sizeof(host::SynRcvdEntry) <= 128);
  static_assert(sizeof(tcp::TimeWait) <= 64);
  SUCCEED();
}

/// The same as the heap has it, spare places in tables included, after each has been used.
TEST_F(Cost, TenThousandIdleConnectionsAreWithinTheBudget) {
  constexpr std::size_t kConnections = 10'000;
  const auto first = connect();  // what exists once only
  converse(first.first, first.second, 2);
  pass(1s);
  const std::size_t before = heap.live;
  std::vector<std::pair<Fd, Fd>> all;
  all.reserve(kConnections);
  const std::size_t own = all.capacity() * sizeof(all[0]);
  for (std::size_t i = 0; i < kConnections; ++i) {
    all.push_back(connect());
    ASSERT_TRUE(a_.send(all[i].first, std::span(octets_).first(100), now_));
    exchange();
    ASSERT_EQ(b_.recv(all[i].second, read_, now_), 100U);
    pass(100us);
  }
  pass(1s);
  ASSERT_EQ(host_a_.connections(), kConnections + 1);
  const double each = static_cast<double>(heap.live - before - own) / (2.0 * kConnections);
  RecordProperty("octets", std::to_string(each));
  EXPECT_LE(each, double{kMost});
  EXPECT_GE(each, double{sizeof(host::ConnectionEntry)});
}

TEST_F(Cost, AWorkingConnectionAllocatesNothing) {
  const auto [client, server] = connect();
  converse(client, server, 50);  // buffers and tables reach their size
  const std::size_t before = heap.calls;
  const std::size_t packets = packets_;
  converse(client, server, 50);
  EXPECT_EQ(heap.calls - before, 0U);
  EXPECT_GT(packets_ - packets, 50U * 65536U / 1448U);
}

/// One copy in: what is sent, and sent again, are the very octets that send() copied.
TEST_F(Cost, OctetsAreCopiedOnceOnTheWayOut) {
  const auto [client, server] = connect();
  ASSERT_EQ(a_.send(client, std::span(octets_).first(1000), now_), 1000U);
  ASSERT_TRUE(host_a_.transmit(out_, now_));
  ASSERT_EQ(out_.payload.size(), 1U);
  const std::byte* const at = out_.payload[0].bytes().data();
  EXPECT_TRUE(at + 1000 <= octets_.data() || at >= octets_.data() + octets_.size());
  out_.clear();
  now_ += 2s;  // lost: the timer runs out
  host_a_.advance(now_);
  ASSERT_TRUE(host_a_.transmit(out_, now_));
  ASSERT_EQ(out_.payload.size(), 1U);
  EXPECT_EQ(out_.payload[0].bytes().data(), at);
}

/// None on the way in until the user reads: what lies there to read are the packet's own octets.
TEST_F(Cost, OctetsAreCopiedOnceOnTheWayIn) {
  const auto [client, server] = connect();
  ASSERT_EQ(a_.send(client, std::span(octets_).first(1000), now_), 1000U);
  ASSERT_TRUE(host_a_.transmit(out_, now_));
  Slice packet = Slice::allocate(out_.size(), &host_b_.pool());
  packet.grow(out_.copy_to(packet.tail_room()));
  host_b_.packet_arrives(packet, now_);
  std::array<std::span<const std::byte>, 2> pieces;
  ASSERT_EQ(b_.lend(server, pieces), 1U);
  EXPECT_EQ(pieces[0].size(), 1000U);
  EXPECT_EQ(pieces[0].data(), packet.bytes().data() + out_.header_size);
}

}  // namespace
}  // namespace lastack::socket
