// How much of its send buffer a connection uses where it is to fit the way there.
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "host/host.hpp"

namespace lastack::host {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kBuffer = 4U << 20U;
constexpr auto kSenderAt = wire::IpAddress::v4(10, 0, 0, 1);
constexpr auto kPeerAt = wire::IpAddress::v4(10, 0, 0, 2);

Config config_at(const wire::IpAddress& address, bool fits) {
  tcp::Settings settings;
  settings.send_buffer = kBuffer;
  settings.fits_send_buffer = fits;
  Config config;
  config.addresses = {{address, 24}};
  config.settings = tcp::SettingsPtr(settings);
  return config;
}

void carry(Host& from, Host& to, TimePoint now) {
  PacketOut out;
  while (from.transmit(out, now)) {
    Slice packet = Slice::allocate(out.size());
    packet.grow(out.copy_to(packet.tail_room()));
    to.packet_arrives(packet, now);
  }
}

/// Octets that there is room for, once the handshake has taken `round_trip`.
std::size_t room_after(Duration round_trip, bool fits = true) {
  TimePoint now{1h};
  Host sender(config_at(kSenderAt, fits), Random(1));
  Host peer(config_at(kPeerAt, false), Random(2));
  const ListenerId listener = *peer.listen({{}, 80}, 5, {}, now);
  const FlowId flow = *sender.connect({}, {kPeerAt, 80}, {}, now);
  EXPECT_EQ(sender.writable(flow), kBuffer) << "nothing is known yet";
  carry(sender, peer, now);
  now += round_trip;
  carry(peer, sender, now);
  carry(sender, peer, now);
  EXPECT_TRUE(peer.accept(listener));
  const std::vector<std::byte> octets(2 * kBuffer);
  const std::size_t room = sender.writable(flow);
  EXPECT_EQ(sender.send(flow, octets, now), room);
  EXPECT_EQ(sender.writable(flow), 0U);
  return room;
}

TEST(SendBuffer, IsUsedAsFarAsTheWayMayAskForIt) {
  EXPECT_EQ(room_after(1us), 512U << 10U) << "some of it always";
  EXPECT_EQ(room_after(40us), 800'000U);
  EXPECT_EQ(room_after(1ms), kBuffer) << "and no more than there is";
  EXPECT_EQ(room_after(100ms), kBuffer);
}

TEST(SendBuffer, IsUsedAsAWholeWhereItIsNotToFit) { EXPECT_EQ(room_after(40us, false), kBuffer); }

}  // namespace
}  // namespace lastack::host
