#include "sim/world.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace lastack::sim {
namespace {

constexpr std::uint16_t kPort = 7;

host::Config at(const char* address) {
  host::Config config;
  config.addresses = {*wire::Prefix::parse(address)};
  return config;
}

/// Sends back whatever comes, until the peer has no more, then closes.
class Echo final : public Program {
 public:
  Echo(socket::Sockets& sockets, TimePoint now) : sockets_(sockets) {
    listener_ = *sockets_.socket();
    (void)sockets_.bind(listener_, {.address = {}, .port = kPort});
    (void)sockets_.listen(listener_, 5, now);
  }
  void run(TimePoint now) override {
    if (fd_ < 0) fd_ = sockets_.accept(listener_).value_or(-1);
    if (fd_ < 0) return;
    std::array<std::byte, 500> room;
    for (;;) {
      const auto n = sockets_.recv(fd_, room, now);
      if (!n) return;
      if (*n == 0) break;
      (void)sockets_.send(fd_, std::span(room).first(*n), now);
    }
    (void)sockets_.close(fd_, now);
    fd_ = -1;
  }
  [[nodiscard]] TimePoint next_wake() const override { return kNever; }

 private:
  socket::Sockets& sockets_;
  socket::Fd listener_ = -1;
  socket::Fd fd_ = -1;
};

/// Says one sentence, has no more to say, and listens to the end.
class Speaker final : public Program {
 public:
  Speaker(socket::Sockets& sockets, const wire::IpAddress& peer, TimePoint now)
      : sockets_(sockets), peer_{.address = peer, .port = kPort} {
    fd_ = *sockets_.socket();
    (void)sockets_.connect(fd_, peer_, now);
  }
  void run(TimePoint now) override {
    if (done) return;
    if (!said_ && !sockets_.connect(fd_, peer_, now)) return;
    const std::string_view sentence = "the connection is a value";
    if (!said_) {
      (void)sockets_.send(fd_, std::as_bytes(std::span(sentence)), now);
      (void)sockets_.shutdown(fd_, socket::kShutWr, now);
      said_ = true;
    }
    std::array<std::byte, 500> room;
    for (;;) {
      const auto n = sockets_.recv(fd_, room, now);
      if (!n) return;
      if (*n == 0) break;
      for (const std::byte b : std::span(room).first(*n)) heard += static_cast<char>(b);
    }
    done = true;
    (void)sockets_.close(fd_, now);
  }
  [[nodiscard]] TimePoint next_wake() const override { return kNever; }

  std::string heard;
  bool done = false;

 private:
  socket::Sockets& sockets_;
  host::Endpoint peer_;
  socket::Fd fd_ = -1;
  bool said_ = false;
};

struct Outcome {
  std::uint64_t trace = 0;
  std::uint64_t packets = 0;
  Duration took{0};
  bool operator==(const Outcome&) const = default;
};

Outcome talk(std::uint64_t seed, const link::Impairment& harm) {
  World world(seed);
  world.add_host(at("10.0.0.1/24"));
  world.add_host(at("10.0.0.2/24"));
  world.add_wire(0, 1, harm, harm);
  world.add_program(1, std::make_unique<Echo>(world.sockets(1), world.now()));
  auto speaker =
      std::make_unique<Speaker>(world.sockets(0), *wire::IpAddress::parse("10.0.0.2"), world.now());
  const Speaker& heard = *speaker;
  world.add_program(0, std::move(speaker));
  EXPECT_TRUE(world.run_until([&] { return heard.done; }, World::kStart + 300s));
  EXPECT_EQ(heard.heard, "the connection is a value");
  const Duration took = world.now() - World::kStart;
  EXPECT_TRUE(world.run_until([&] { return world.host(0).flows() + world.host(1).flows() == 0; },
                              World::kStart + 900s));
  return {world.trace_hash(), world.packets(), took};
}

TEST(World, TwoProgramsTalk) {
  const Outcome outcome = talk(1, {.delay = 10ms});
  // SYN, SYN+ACK; sentence and FIN, echo and FIN; ACK.
  EXPECT_EQ(outcome.took, 40ms);
  EXPECT_EQ(outcome.packets, 5U);
}

TEST(World, SameSeedSameRun) {
  const link::Impairment rough{.delay = 20ms,
                               .jitter = 10ms,
                               .loss = 0.2,
                               .duplicate = 0.2,
                               .reorder = 0.2,
                               .reorder_by = 30ms,
                               .corrupt = 0.1};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) EXPECT_EQ(talk(seed, rough), talk(seed, rough));
  EXPECT_NE(talk(1, rough), talk(2, rough));
}

// Three hosts in a triangle: each packet takes the wire to whom it is for.
TEST(World, PacketsFindTheirWire) {
  World world(1);
  for (const char* address : {"10.0.0.1/24", "10.0.0.2/24", "10.0.0.3/24"}) {
    world.add_host(at(address));
  }
  world.add_wire(0, 1, {.delay = 1ms}, {.delay = 1ms});
  world.add_wire(0, 2, {.delay = 5ms}, {.delay = 5ms});
  world.add_program(1, std::make_unique<Echo>(world.sockets(1), world.now()));
  world.add_program(2, std::make_unique<Echo>(world.sockets(2), world.now()));
  std::array<const Speaker*, 2> speakers{};
  for (std::size_t i = 0; i < 2; ++i) {
    const auto peer = wire::IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(i + 2));
    auto speaker = std::make_unique<Speaker>(world.sockets(0), peer, world.now());
    speakers[i] = speaker.get();
    world.add_program(0, std::move(speaker));
  }
  EXPECT_TRUE(world.run_until([&] { return speakers[0]->done; }, World::kStart + 10s));
  EXPECT_FALSE(speakers[1]->done);
  EXPECT_TRUE(world.run_until([&] { return speakers[1]->done; }, World::kStart + 10s));
  EXPECT_GT(world.tally(0, 1).sent, 2U);
  EXPECT_GT(world.tally(0, 2).sent, 2U);
}

}  // namespace
}  // namespace lastack::sim
