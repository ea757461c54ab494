// A stream from one host to another over a wire, with what it took: the stage of efficiency tests.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "sim/world.hpp"

namespace lastack::sim {

/// Sends `octets` as fast as the socket takes them, then closes.
class Source final : public Program {
 public:
  Source(World& world, const host::Endpoint& to, std::uint64_t octets)
      : sockets_(world.sockets(0)), to_(to), left_(octets), room_(64 * 1024) {
    fd_ = *sockets_.socket();
    (void)sockets_.connect(fd_, to_, world.now());
  }
  void run(TimePoint now) override {
    if (fd_ < 0) return;
    if (!open_) open_ = sockets_.connect(fd_, to_, now).has_value();
    while (open_ && left_ > 0) {
      const auto piece = std::min<std::uint64_t>(left_, room_.size());
      const auto n =
          sockets_.send(fd_, std::span(room_).first(static_cast<std::size_t>(piece)), now);
      if (!n) return;
      left_ -= *n;
    }
    if (open_) (void)sockets_.close(std::exchange(fd_, -1), now);
  }
  [[nodiscard]] TimePoint next_wake() const override { return kNever; }

 private:
  socket::Sockets& sockets_;
  host::Endpoint to_;
  std::uint64_t left_;
  std::vector<std::byte> room_;
  socket::Fd fd_ = -1;
  bool open_ = false;
};

/// Reads all that comes: `piece` octets every `pace`, or everything at once. Starts at `begin`.
class Sink final : public Program {
 public:
  struct Habit {
    std::size_t piece = 64 * 1024;
    Duration pace{0};
    TimePoint begin{};
  };
  Sink(World& world, std::uint16_t port, Habit habit)
      : sockets_(world.sockets(1)), habit_(habit), room_(habit.piece) {
    listener_ = *sockets_.socket();
    (void)sockets_.bind(listener_, {world.host(1).config().addresses[0].address, port});
    (void)sockets_.listen(listener_, 5, world.now());
  }
  void run(TimePoint now) override {
    if (fd_ < 0) fd_ = sockets_.accept(listener_).value_or(-1);
    if (fd_ < 0 || finished || now < habit_.begin) return;
    while (now >= next_) {
      const auto n = sockets_.recv(fd_, room_, now);
      if (!n) return;
      if (*n == 0) {
        finished = true;
        ended = now;
        (void)sockets_.close(std::exchange(fd_, -1), now);
        return;
      }
      received += *n;
      longest_gap = received > *n ? std::max(longest_gap, now - last_) : longest_gap;
      last_ = now;
      if (received >= mark && marked == TimePoint{}) marked = now;
      if (habit_.pace > Duration(0)) next_ = now + habit_.pace;
    }
  }
  [[nodiscard]] TimePoint next_wake() const override {
    if (finished) return kNever;
    return last_ < habit_.begin ? habit_.begin : next_ > last_ ? next_ : kNever;
  }

  std::uint64_t received = 0;
  std::uint64_t mark = 0;  ///< `marked` is when so many had come
  TimePoint marked{};
  TimePoint ended{};
  Duration longest_gap{0};  ///< between two reads that gave something
  bool finished = false;

 private:
  socket::Sockets& sockets_;
  Habit habit_;
  std::vector<std::byte> room_;
  TimePoint next_{};
  TimePoint last_{};
  socket::Fd listener_ = -1;
  socket::Fd fd_ = -1;
};

/// Sizes of what host 0 sends and how often host 1 answers.
class SizeWatch final : public Watcher {
 public:
  void sent(std::size_t host, const link::PacketRef& packet, TimePoint) override {
    if (host == 1) ++answers;
    std::size_t payload = 0;
    for (const Slice& part : packet.payload) payload += part.size();
    if (host != 0 || payload == 0) return;
    sizes.push_back(payload);
  }
  void arrived(std::size_t, const Slice&, TimePoint) override {}

  std::vector<std::size_t> sizes;  ///< octets of payload of each segment that had some
  std::uint64_t answers = 0;
};

struct BulkPlan {
  std::uint64_t octets = 10U << 20U;
  bool v6 = false;
  tcp::Settings settings{};
  std::uint16_t mtu = 1500;
  std::uint32_t super_segment = 0;
  link::Impairment there{};
  link::Impairment back{};
  Sink::Habit habit{};
  std::uint64_t mark = 1U << 20U;
  std::uint64_t seed = 1;
};

class Bulk {
 public:
  explicit Bulk(const BulkPlan& plan) : world(plan.seed) {
    for (int i = 1; i <= 2; ++i) {
      const std::string n = std::to_string(i);
      host::Config config;
      config.addresses = {*wire::Prefix::parse(plan.v6 ? "fd00::" + n + "/64" : "10.0.0." + n)};
      config.mtu = plan.mtu;
      config.super_segment = plan.super_segment;
      config.settings = tcp::SettingsPtr(plan.settings);
      world.add_host(std::move(config));
    }
    world.add_wire(0, 1, plan.there, plan.back);
    world.watch(&watch);
    auto reader = std::make_unique<Sink>(world, kPort, plan.habit);
    sink = reader.get();
    sink->mark = plan.mark;
    world.add_program(1, std::move(reader));
    const host::Endpoint to{world.host(1).config().addresses[0].address, kPort};
    world.add_program(0, std::make_unique<Source>(world, to, plan.octets));
    EXPECT_TRUE(world.run_until([this] { return sink->finished; }, World::kStart + 3600s));
    EXPECT_EQ(sink->received, plan.octets);
  }

  /// Octets a second that the reader got, from the mark on.
  [[nodiscard]] double rate() const {
    const double seconds = std::chrono::duration<double>(sink->ended - sink->marked).count();
    return static_cast<double>(sink->received - sink->mark) / seconds;
  }
  [[nodiscard]] Duration took() const { return sink->ended - World::kStart; }
  [[nodiscard]] const host::Counters& sender() { return world.host(0).counters(); }

  static constexpr std::uint16_t kPort = 9;
  World world;
  SizeWatch watch;
  Sink* sink = nullptr;
};

}  // namespace lastack::sim
