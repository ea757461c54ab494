// How much of its send buffer a connection uses where it is to fit the way there.
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "host/host.hpp"

namespace lastack::host {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kWhole = 4U << 20U;

Config with_buffer(const wire::IpAddress& address, bool fits) {
  tcp::Settings settings;
  settings.send_buffer = kWhole;
  settings.fits_send_buffer = fits;
  Config config;
  config.addresses = {{address, 24}};
  config.settings = tcp::SettingsPtr(settings);
  return config;
}

void carry_all(Host& from, Host& to, TimePoint now) {
  PacketOut out;
  while (from.transmit(out, now)) {
    Slice packet = Slice::allocate(out.size());
    packet.grow(out.copy_to(packet.tail_room()));
    to.packet_arrives(packet, now);
  }
}

/// Octets that there is room for, once the handshake has taken `round_trip`.
std::size_t room_after(Duration round_trip, bool fits = true) {
  const auto at = wire::IpAddress::v4(10, 0, 0, 1);
  const auto peer_at = wire::IpAddress::v4(10, 0, 0, 2);
  TimePoint now{1h};
  Host sender(with_buffer(at, fits), Random(1));
  Host peer(with_buffer(peer_at, false), Random(2));
  const ListenerId listener = *peer.listen({{}, 80}, 5, {}, now);
  const FlowId flow = *sender.connect({}, {peer_at, 80}, {}, now);
  EXPECT_EQ(sender.writable(flow), kWhole) << "nothing is known yet";
  carry_all(sender, peer, now);
  now += round_trip;
  carry_all(peer, sender, now);
  carry_all(sender, peer, now);
  EXPECT_TRUE(peer.accept(listener));
  const std::vector<std::byte> octets(2 * kWhole);
  const std::size_t room = sender.writable(flow);
  EXPECT_EQ(sender.send(flow, octets, now), room);
  EXPECT_EQ(sender.writable(flow), 0U);
  return room;
}

TEST(SendBuffer, IsUsedAsFarAsTheWayMayAskForIt) {
  EXPECT_EQ(room_after(1us), 512U << 10U) << "some of it always";
  EXPECT_EQ(room_after(40us), 800'000U);
  EXPECT_EQ(room_after(1ms), kWhole) << "and no more than there is";
  EXPECT_EQ(room_after(100ms), kWhole);
}

TEST(SendBuffer, IsUsedAsAWholeWhereItIsNotToFit) { EXPECT_EQ(room_after(40us, false), kWhole); }

}  // namespace
}  // namespace lastack::host
