// Two hosts with their sockets over a wire that loses, repeats, reorders and damages what the input
// says. What one side reads is what the other wrote, and each connection comes to its end.
// Target: tcp/acknowledge.cpp tcp/handshake.cpp tcp/r[et]*.cpp tcp/ti*r.cpp tcp/transmit.cpp
// Target: tcp/window.cpp tcp/congestion/*.cpp
#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <span>

#include "fuzz/must.hpp"
#include "fuzz/peers.hpp"
#include "fuzz/stage.hpp"
#include "fuzz/steps.hpp"
#include "fuzz/tally.hpp"
#include "sim/referee.hpp"

namespace lastack::fuzz {
namespace {

/// step.what() less kSegment, modulo these. (seeds.py reads them.)
enum class Fate : std::uint8_t {
  arrives,    ///< the oldest packet
  overtakes,  ///< another one
  is_lost,
  comes_twice,
  is_damaged,  ///< an octet of its segment changes
  is_cut,
  all_lost,
  calm,  ///< all arrive at once, and what is answered to them
  count,
};

class Pair {
 public:
  explicit Pair(const Step& step)
      : addresses_(addresses(step[6] % 2 != 0)),
        sides_{Side(config(step, 0), 2U * step[5], places(0), &ledger_),
               Side(config(step, 1), 2U * step[5] + 1U, places(1), &ledger_)} {}

  void run(Steps& steps) {
    while (const auto step = steps.next()) {
      take(*step);
      if (!step->held()) rest();
      for (Side& side : sides_) {
        side.checks.step(side.now, !step->held());
        side.user.look();
      }
      must(referee_.faults().empty(), fault());
    }
    end();
  }

 private:
  static constexpr std::size_t kMostFlying = 400;  // what is more the wire loses
  static constexpr int kMostRounds = 200;          // of one calm

  static std::array<wire::IpAddress, 2> addresses(bool v6) {
    if (!v6) return {wire::IpAddress::v4(10, 0, 0, 1), wire::IpAddress::v4(10, 0, 0, 2)};
    return {*wire::IpAddress::parse("fd00::1"), *wire::IpAddress::parse("fd00::2")};
  }
  [[nodiscard]] host::Config config(const Step& step, std::size_t i) const {
    Step own = step;
    if (i == 1) own.octets[2] = own.octets[7];   // buffers of another size
    host::Config config = config_of(own, 1000);  // with less all would take too long
    config.addresses = {
        {addresses_[i], static_cast<std::uint8_t>(addresses_[i].is_v4() ? 24 : 64)}};
    return config;
  }
  [[nodiscard]] User::Places places(std::size_t i) const {
    const wire::IpAddress& own = addresses_[i];
    const wire::IpAddress& peer = addresses_[1 - i];
    return {.local = {{own, 80}, {own, 81}, {own, 5000}, {own, 0}},
            .remote = {{peer, 80}, {peer, 81}, {peer, 5000}, {own, 80}, {peer, 9}}};
  }

  void take(const Step& step) {
    if (step.what() >= kWait) {
      wait(step);
    } else if (step.what() >= kPacket) {
      for (int i = 0; i < 1 + step[2] % 8; ++i) let_pass(step.amount() * 1ms);
    } else if (step.what() >= kSegment) {
      befall(step);
    } else if (step.what() < kCall + static_cast<std::uint8_t>(Call::count)) {
      Side& side = sides_[step[3] % 2];
      side.user.call(static_cast<Call>(step.what()), step, side.now);
    }
  }

  // --- the wire

  void befall(const Step& step) {
    const std::size_t from = step[1] % 2;
    auto& flying = flying_[from];
    const auto fate =
        static_cast<Fate>((step.what() - kSegment) % static_cast<std::uint8_t>(Fate::count));
    if (fate == Fate::calm) return calm();
    if (flying.empty()) return;
    const std::size_t i = step[2] % flying.size();
    Octets& packet = flying[i];
    switch (fate) {
      case Fate::arrives: return arrives(from, 0);
      case Fate::overtakes: return arrives(from, i);
      case Fate::is_lost: flying.erase(flying.begin() + static_cast<std::ptrdiff_t>(i)); break;
      case Fate::comes_twice: flying.push_back(packet); break;
      case Fate::is_damaged: damage(packet, step); break;
      case Fate::is_cut: packet.resize(std::min<std::size_t>(packet.size(), step.amount())); break;
      default: flying.clear();
    }
  }

  /// One octet only, and not of the IP header, whose damage IPv6 does not see: so the checksum
  /// finds it for certain. Once: a second time may hide the first from it.
  static void damage(Octets& packet, const Step& step) {
    if (packet.empty() || is_damaged(packet)) return;
    const bool v4 = (std::to_integer<unsigned>(packet[0]) >> 4U) == 4;
    const std::size_t header = v4 ? wire::kIpv4Header : wire::kIpv6Header;
    if (packet.size() <= header) return;
    packet[header + step.amount() % (packet.size() - header)] ^= std::byte{step[3]};
  }

  static bool is_damaged(const Octets& packet) {
    const auto ip = wire::parse_ip(packet);
    if (!ip) return true;
    const auto& [header, payload] = *ip;
    return header.protocol == wire::kProtocolTcp &&
           wire::tcp_sum(header.source, header.destination, payload).checksum() != 0;
  }

  void arrives(std::size_t from, std::size_t i) {
    auto& flying = flying_[from];
    const Octets packet = std::move(flying[i]);
    flying.erase(flying.begin() + static_cast<std::ptrdiff_t>(i));
    Side& to = sides_[1 - from];
    referee_.arrived(1 - from, Slice::copy_of(packet), to.now);
    to.arrives(packet);
  }

  /// Everything that flies arrives, in order, and what that makes the hosts send.
  void calm() {
    for (int round = 0; round < kMostRounds; ++round) {
      rest();
      if (flying_[0].empty() && flying_[1].empty()) return;
      for (std::size_t from = 0; from < 2; ++from) {
        for (std::size_t n = flying_[from].size(); n-- > 0;) arrives(from, 0);
      }
    }
  }

  void rest() {
    for (std::size_t i = 0; i < 2; ++i) {
      sides_[i].pull([&](std::span<const std::byte> packet, std::uint16_t segment_size) {
        referee_.sent(i, {.header = packet, .payload = {}, .segment_size = segment_size},
                      sides_[i].now);
        if (flying_[i].size() < kMostFlying) flying_[i].emplace_back(packet.begin(), packet.end());
      });
    }
  }

  // --- time

  [[nodiscard]] TimePoint next_deadline() const {
    return std::min(sides_[0].host.next_deadline(), sides_[1].host.next_deadline());
  }
  void time_is(TimePoint then) {
    for (Side& side : sides_) side.time_is(then);
  }
  void wait(const Step& step) {
    const TimePoint then = time_of(step, sides_[0].now, next_deadline());
    if (!step.held()) rest();
    for (int i = 0; !step.held() && i < kMostRounds && next_deadline() <= then; ++i) {
      time_is(next_deadline());
      rest();
    }
    time_is(then);
  }
  /// A calm wire for `span`, with a little time between packets and answers.
  void let_pass(Duration span) {
    const TimePoint until = sides_[0].now + span;
    calm();
    for (int i = 0; i < kMostRounds && next_deadline() <= until; ++i) {
      time_is(next_deadline());
      calm();
    }
    time_is(until);
    rest();
  }

  // --- the end

  [[nodiscard]] bool all_finished() const {
    return std::ranges::all_of(sides_, [](const Side& side) { return side.user.finished(); });
  }
  /// Packets that went anywhere, those to a host itself too.
  [[nodiscard]] std::uint64_t packets() const {
    std::uint64_t sum = 0;
    for (const Side& side : sides_) {
      sum += side.host.counters().packets_in + side.host.counters().packets_out;
    }
    return sum;
  }
  /// Both read and close until nobody has anything to say for a while.
  void hear_each_other_out() {
    std::uint64_t before = 0;
    std::size_t rounds = 0;
    do {
      must(++rounds < 20'000, "two hosts that talk for ever");
      before = packets();
      for (Side& side : sides_) side.user.finish(side.now);
      let_pass(50ms);
    } while (before != packets());
  }

  /// The wire is good, both sides have no more to say and listen to the end; then they let go.
  void end() {
    hear_each_other_out();
    for (int i = 0; i < 90 && !all_finished(); ++i) {  // 90 minutes: longer than any retransmission
      let_pass(60s);
      hear_each_other_out();
    }
    must(all_finished(), "a connection that does not come to its end");
    for (Side& side : sides_) side.user.close_all(side.now);
    calm();
    for (int i = 0; next_deadline() != kNever; ++i) {
      must(i < 20'000, "hosts that never come to rest");
      time_is(next_deadline());
      calm();
    }
    must(referee_.faults().empty(), fault());
    for (Side& side : sides_) {
      side.checks.step(side.now, true);
      side.checks.nothing_left(side.sockets);
      tally(side.host.counters());
    }
  }

  [[nodiscard]] const char* fault() const {
    return referee_.faults().empty() ? "" : referee_.faults().front().c_str();
  }

  Ledger ledger_;
  sim::Referee referee_;
  std::array<wire::IpAddress, 2> addresses_;
  std::array<Side, 2> sides_;
  std::array<std::deque<Octets>, 2> flying_;
};

}  // namespace
}  // namespace lastack::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  return lastack::fuzz::mutate_steps(data, size, most, seed);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* one, std::size_t one_size,
                                                 const std::uint8_t* other, std::size_t other_size,
                                                 std::uint8_t* out, std::size_t most,
                                                 unsigned seed) {
  return lastack::fuzz::cross_steps({one, one_size}, {other, other_size}, {out, most}, seed);
}

/// The first step says what both hosts are like.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lastack::fuzz::Steps steps({data, size});
  if (const auto first = steps.next()) lastack::fuzz::Pair(*first).run(steps);
  return 0;
}
