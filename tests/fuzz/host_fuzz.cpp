// A whole host with its sockets: programs call, segments of all kinds come for its connections,
// time passes. After each step what must hold holds, and at the end nothing is left.
// Target: host/host.cpp host/host_[cioptu]*.cpp host/flow_table.cpp host/outbox.cpp
// Target: host/syn_cookies.cpp host/timing_wheel.cpp host/udp_endpoints.cpp ip/icmp_meaning.cpp
// Target: tcp/a*.cpp tcp/c*.cpp tcp/handshake.cpp tcp/listener.cpp tcp/r*.cpp tcp/s*.cpp
// Target: tcp/ti*.cpp tcp/tr*.cpp tcp/window.cpp tcp/congestion/*.cpp socket/sockets.cpp
// Target: socket/opening.cpp
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "fuzz/peers.hpp"
#include "fuzz/stage.hpp"
#include "fuzz/steps.hpp"
#include "fuzz/tally.hpp"
#include "fuzz/user.hpp"

namespace lastack::fuzz {
namespace {

const wire::IpAddress kHostV4 = wire::IpAddress::v4(10, 0, 0, 1);
const wire::IpAddress kHostV6 = *wire::IpAddress::parse("fd00::1");
const wire::IpAddress kPeerV4 = wire::IpAddress::v4(10, 0, 0, 2);
const wire::IpAddress kPeerV6 = *wire::IpAddress::parse("fd00::2");

User::Places places() {
  const wire::IpAddress any_v4 = wire::IpAddress::v4(0, 0, 0, 0);
  const wire::IpAddress any_v6 = *wire::IpAddress::parse("::");
  return {.local = {{any_v4, 80},
                    {any_v6, 80},
                    {kHostV4, 80},
                    {kHostV4, 81},
                    {kHostV6, 81},
                    {kHostV4, 0},
                    {any_v4, 32768},
                    {kPeerV4, 80}},
          .remote = {{kPeerV4, 1000},
                     {kPeerV6, 1000},
                     {kPeerV4, 1001},
                     {kHostV4, 80},
                     {kHostV6, 80},
                     {kHostV4, 32768},
                     {kPeerV4, 0},
                     {wire::IpAddress::v4(10, 0, 0, 255), 80},
                     {wire::IpAddress::v4(224, 0, 0, 1), 80}}};
}

class World {
 public:
  explicit World(const Step& step)
      : side_(config(step), step[5], places(), nullptr),
        peers_({kHostV4, kHostV6}, {kPeerV4, kPeerV6}),
        reads_((step[7] & kReads) != 0) {
    for (const char* any : {"0.0.0.0", "::"}) {
      const Endpoint at{*wire::IpAddress::parse(any), Peers::kUdpPort};
      echoes_.push_back(*side_.host.udp_open(at, {}, side_.now));
    }
  }

  void run(Steps& steps) {
    while (const auto step = steps.next()) {
      take(*step);
      const bool rests = !step->held();
      if (rests) rest();
      side_.checks.step(side_.now, rests);
      side_.user.look();
    }
    end();
  }

 private:
  static constexpr int kFlood = 200;
  static constexpr std::uint8_t kReads = 0x20;

  static host::Config config(const Step& step) {
    host::Config config = config_of(step);
    config.addresses = {{kHostV4, 24}, {kHostV6, 64}};
    const std::uint8_t few = step[6];
    if (few % 16 > 0) config.most_orphans = few % 16U;
    if (few / 16 > 0) config.most_time_wait = few / 16U;
    const auto bit = [&step](unsigned i) { return (step[7] >> i & 1U) != 0; };
    if (bit(0)) config.most_events = 3;
    if (bit(1)) config.most_replies = 3;
    if (bit(2)) config.syn_cookies = false;
    if (bit(3))
      config.reassembly = {.packets = 3, .octets = 9000, .octets_each = 5000, .pieces = 4};
    if (bit(4)) config.icmp_errors_per_second = config.icmp_error_burst = 1;
    if (bit(6)) config.trace = 8;
    return config;
  }

  void take(const Step& step) {
    if (step.what() >= kWait) {
      side_.wait(step, [this] { rest(); });
    } else if (step.what() >= kPacket) {
      packet(step);
    } else if (step.what() >= kSegment) {
      side_.arrives(peers_.segment(step, side_.now));
    } else if (step.what() < kCall + static_cast<std::uint8_t>(Call::count)) {
      side_.user.call(static_cast<Call>(step.what()), step, side_.now);
    }
  }

  void packet(const Step& step) {
    if (step.what() == kWait - 1) return flood(step);
    if (step.what() == kWait - 2) return side_.arrives(peers_.datagram(step));
    if (step.what() == kWait - 3) return use_udp(step);
    switch (step.what() % 8) {
      case 0: return side_.arrives(peers_.echo(step));
      case 1: return side_.arrives(peers_.icmp_error(step));
      case 2: return side_.arrives(peers_.wrapped(step, side_.now));
      case 3: return side_.arrives(peers_.bent(step, false, side_.now));
      case 4:
        side_.user.content_is_known(false);  // the changed octet may have been a sequence number
        return side_.arrives(peers_.bent(step, true, side_.now));
      case 5:
        for (const Octets& piece : peers_.pieces(step, side_.now)) side_.arrives(piece);
        return;
      case 6: return side_.arrives(peers_.other(step));
      default:  // the same twice
        const Octets packet = peers_.segment(step, side_.now);
        side_.arrives(packet);
        side_.arrives(packet);
    }
  }

  /// step[1] names an endpoint and a peer, step[2] what is done.
  void use_udp(const Step& step) {
    const host::UdpId id = echoes_[step[1] % echoes_.size()];
    const Endpoint to{step[1] % 4 < 2 ? kPeerV4 : kPeerV6, step[3]};
    const std::vector<std::byte> octets(step.amount());
    switch (step[2] % 4) {
      case 0: (void)side_.host.udp_connect(id, to); break;
      case 1: side_.host.udp_disconnect(id); break;
      case 2: (void)side_.host.udp_send_to(id, std::nullopt, octets, side_.now); break;
      default: (void)side_.host.udp_take_error(id);
    }
  }

  /// The same again and again, each answered or late: what grows by little with each packet shows.
  void flood(const Step& step) {
    for (int i = 0; i < kFlood; ++i) {
      side_.arrives(peers_.segment(step, side_.now));
      rest();
      side_.time_is(side_.now + 40ms);
      rest();
    }
  }

  void rest() {
    if (reads_) answer();
    side_.pull([this](std::span<const std::byte> packet, std::uint16_t) { peers_.heard(packet); });
  }

  /// Each datagram goes back to where it came from, if anything can go there.
  void answer() {
    for (const host::UdpId id : echoes_) {
      while (const auto datagram = side_.host.udp_receive(id)) {
        const auto octets = datagram->payload.bytes();
        (void)side_.host.udp_send_to(id, datagram->from, octets, side_.now,
                                     host::Endpoint{datagram->to, 0});
      }
    }
  }

  /// The programs end, and nobody answers any more.
  void end() {
    side_.user.close_all(side_.now);
    for (const host::UdpId id : echoes_) side_.host.udp_close(id);
    echoes_.clear();
    rest();
    side_.let_time_run([this] { rest(); });
    side_.checks.step(side_.now, true);
    side_.checks.nothing_left(side_.sockets);
    tally(side_.host.counters());
  }

  Side side_;
  Peers peers_;
  std::vector<host::UdpId> echoes_;
  bool reads_;
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

/// The first step says what the host is like.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lastack::fuzz::Steps steps({data, size});
  if (const auto first = steps.next()) lastack::fuzz::World(*first).run(steps);
  return 0;
}
