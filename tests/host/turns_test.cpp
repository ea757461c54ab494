// Many have something to send: they take turns.
#include "host/alone.hpp"

namespace lastack::host {
namespace {

class Turns : public Alone {
 protected:
  static constexpr std::uint32_t kBuffer = 512U << 10U;

  /// A connection on which the peer has acknowledged enough for a wide congestion window.
  FlowId open_wide(std::uint16_t port) {
    const Endpoint from{kThem, port};
    const wire::TcpOptions options{
        .present = wire::TcpOptions::kMss | wire::TcpOptions::kWindowScale,
        .window_scale = 7,
        .mss = 1460};
    arrives({.flags = Flag::syn, .seq = Seq(1), .from = from, .options = options});
    Seq una = sent().at(0).header.seq + 1;
    arrives({.flags = Flag::ack, .seq = Seq(2), .ack = una, .from = from});
    const FlowId flow = host.accept(listener).value();
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(host.send(flow, octets, now).value_or(0), octets.size());
      for (auto all = sent(); !all.empty(); all = sent()) {
        for (const Sent& s : all) {
          una = una + static_cast<std::uint32_t>(s.payload);
          arrives({.flags = Flag::ack, .seq = Seq(2), .ack = una, .from = from});
        }
      }
    }
    return flow;
  }

  static SettingsPtr large() {
    tcp::Settings settings;
    settings.send_buffer = kBuffer;
    return tcp::SettingsPtr(settings);
  }

  std::vector<std::byte> octets = std::vector<std::byte>(kBuffer);
  ListenerId listener = listen(80, 5, large());
};

TEST_F(Turns, NoneSendsMoreThan64KiBWhileAnotherWaits) {
  const FlowId a = open_wide(1001);
  const FlowId b = open_wide(1002);
  (void)host.send(a, octets, now);
  (void)host.send(b, octets, now);
  (void)host.connect({}, {kThem, 9}, {}, now);  // has one SYN to send, and is the last
  std::size_t run = 0;
  std::size_t longest = 0;
  std::size_t before_syn = 0;
  std::size_t turns = 0;
  std::uint16_t last = 0;
  bool syn = false;
  for (const Sent& s : sent()) {
    syn |= s.header.flags.has(Flag::syn);
    if (!syn) before_syn += s.payload;
    if (s.to.port != last) ++turns;
    run = s.to.port == last ? run + s.payload : s.payload;
    last = s.to.port;
    longest = std::max(longest, run);
  }
  EXPECT_LE(longest, 65536U + 1460U);
  EXPECT_LE(before_syn, 2 * (65536U + 1460U));
  EXPECT_GE(turns, 8U);
}

TEST_F(Turns, WhoIsAloneSendsAllItMay) {
  const FlowId a = open_wide(1001);
  (void)host.send(a, octets, now);
  std::size_t all = 0;
  for (const Sent& s : sent()) all += s.payload;
  EXPECT_GT(all, 4U * 65536U);
}

}  // namespace
}  // namespace lastack::host
