// The services that speak UDP, between two hosts in virtual time.
#include "cli/udp_services.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "cli/host_view.hpp"

namespace lastack::cli {
namespace {

/// A host with services and one with a client, which hand each other their packets at once.
class UdpServed : public testing::TestWithParam<bool> {
 protected:
  static wire::IpAddress at(int i) {
    return *wire::IpAddress::parse((GetParam() ? "fd00::" : "10.0.0.") + std::to_string(i));
  }
  static host::Config config(int i) {
    host::Config config;
    config.addresses = {{at(i), static_cast<std::uint8_t>(GetParam() ? 64 : 24)}};
    config.most_udp_unsent = 3000;
    return config;
  }
  static wire::IpAddress any() { return *wire::IpAddress::parse(GetParam() ? "::" : "0.0.0.0"); }

  void serve(const std::vector<std::string>& words) {
    const auto parsed = parse_services(words);
    ASSERT_EQ(parsed.error, "");
    for (const ServiceSpec& spec : parsed.services) {
      ASSERT_TRUE(speaks_udp(spec));
      ASSERT_FALSE(services.add(spec, !GetParam(), GetParam(), now));
    }
  }
  void run() {
    for (bool more = true; more;) {
      more = pass(client, server) || pass(server, client);
      host::HostEvent event;
      while (server.next_event(event)) {
        services.on_event(event, now);
        more = true;
      }
    }
  }
  bool pass(host::Host& from, host::Host& to) const {
    host::PacketOut out;
    bool any = false;
    while (from.transmit(out, now)) {
      std::vector<std::byte> octets(out.size());
      out.copy_to(octets);
      to.packet_arrives(Slice::copy_of(octets), now);
      any = true;
    }
    return any;
  }

  TimePoint now{1000s};
  host::Host server{config(1), Random(1)};
  host::Host client{config(2), Random(2)};
  UdpServices services{server};
};
INSTANTIATE_TEST_SUITE_P(Family, UdpServed, testing::Bool());

TEST_P(UdpServed, EchoSendsEachBackFromWhereItCame) {
  serve({"udp-echo", "7"});
  const auto id = *client.udp_open({any(), 0}, {}, now);
  ASSERT_TRUE(client.udp_connect(id, {at(1), 7}));
  for (const std::size_t size : {0U, 1U, 1000U, 2900U}) {
    const std::vector<std::byte> octets(size, std::byte{5});
    ASSERT_TRUE(client.udp_send_to(id, {}, octets, now));
    run();
    const auto back = client.udp_receive(id);
    ASSERT_TRUE(back) << size;
    EXPECT_EQ(back->payload, Slice::copy_of(octets));
  }
}

/// Answers that find no room wait, and none is lost while the queue holds.
TEST_P(UdpServed, EchoGoesOnWhenThereIsRoomAgain) {
  serve({"udp-echo", "7"});
  const auto id = *client.udp_open({any(), 0}, {}, now);
  const std::vector<std::byte> octets(1000);
  std::vector<Slice> packets;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(client.udp_send_to(id, Endpoint{at(1), 7}, octets, now));
    pass(client, server);  // it waits to be read
  }
  run();
  std::size_t back = 0;
  while (client.udp_receive(id)) ++back;
  EXPECT_EQ(back, 10U);
  EXPECT_GT(server.counters().udp[GetParam() ? 1 : 0].send_buffer_errors, 0U);
}

TEST_P(UdpServed, DiscardReadsAndSaysNothing) {
  serve({"udp-discard", "9"});
  const auto id = *client.udp_open({any(), 0}, {}, now);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(client.udp_send_to(id, Endpoint{at(1), 9}, std::vector<std::byte>(10), now));
  }
  run();
  EXPECT_FALSE(client.udp_receive(id));
  EXPECT_EQ(server.counters().udp[GetParam() ? 1 : 0].in_datagrams, 5U);
  EXPECT_EQ(server.udp_endpoints().unread, 0U);
}

TEST_P(UdpServed, APortThatIsTaken) {
  serve({"udp-echo", "7"});
  const auto why = services.add({.kind = "udp-discard", .port = 7, .argument = {}}, !GetParam(),
                                GetParam(), now);
  EXPECT_EQ(why, "can't have UDP port 7: " + std::string(kTaken));
}

TEST_P(UdpServed, EndpointsAsRows) {
  serve({"udp-echo", "7"});
  const auto id = *client.udp_open({any(), 5000}, {}, now);
  ASSERT_TRUE(client.udp_connect(id, {at(1), 7}));
  const std::string all = GetParam() ? "[::]" : "0.0.0.0";
  const nlohmann::json waiting = view_of(server, now + 2s).at(0);
  EXPECT_EQ(waiting["protocol"], "udp");
  EXPECT_EQ(waiting["state"], "CLOSED");
  EXPECT_EQ(waiting["local"], all + ":7");
  EXPECT_EQ(waiting["remote"], all + ":*");
  EXPECT_EQ(waiting["recv_q"], 0);
  EXPECT_EQ(waiting["since_ms"], 2000);
  const nlohmann::json connected = view_of(client, now).at(0);
  EXPECT_EQ(connected["state"], "ESTABLISHED");
  EXPECT_EQ(connected["local"], endpoint_text({at(2), 5000}));
  EXPECT_EQ(connected["remote"], endpoint_text({at(1), 7}));
  ASSERT_TRUE(server.udp_send_to({0, 1}, Endpoint{at(2), 5000}, std::vector<std::byte>(10), now));
  pass(server, client);
  EXPECT_GT(view_of(client, now).at(0)["recv_q"], 10);
}

}  // namespace
}  // namespace lastack::cli
