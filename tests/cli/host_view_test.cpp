// What a host says of itself: the figures of a row against what was done to the connection.
#include "cli/host_view.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "sim/two_hosts.hpp"

namespace lastack::cli {
namespace {

using Json = nlohmann::json;

class HostView : public testing::TestWithParam<bool> {
 protected:
  HostView() {
    listener = *hosts.sockets(1).socket();
    const wire::IpAddress any =
        GetParam() ? wire::IpAddress::from(std::array<std::byte, 16>{}) : wire::IpAddress{};
    EXPECT_TRUE(hosts.sockets(1).bind(listener, {any, 80}));
    EXPECT_TRUE(hosts.sockets(1).listen(listener, 5, hosts.now()));
  }
  socket::Sockets& client() { return hosts.sockets(0); }
  socket::Sockets& server() { return hosts.sockets(1); }
  socket::Fd connect() {
    const socket::Fd fd = *client().socket();
    (void)client().connect(fd, {hosts.address(1), 80}, hosts.now());
    return fd;
  }
  std::size_t send(socket::Sockets& from, socket::Fd fd, std::size_t size) {
    const std::vector<std::byte> octets(size);
    return from.send(fd, octets, hosts.now()).value_or(0);
  }
  std::size_t receive(socket::Sockets& at, socket::Fd fd, std::size_t most) {
    std::vector<std::byte> octets(most);
    return at.recv(fd, octets, hosts.now()).value_or(0);
  }
  /// The only row in that state.
  Json only(std::size_t side, const std::string& state) {
    const Json rows = view_of(hosts.host(side), hosts.now());
    const auto is = [&](const Json& row) { return row["state"] == state; };
    EXPECT_EQ(std::ranges::count_if(rows, is), 1) << state << " in " << rows.dump(2);
    const auto at = std::ranges::find_if(rows, is);
    return at == rows.end() ? Json::object() : *at;
  }
  std::string text(std::size_t side, std::uint16_t port) {
    return endpoint_text({hosts.address(side), port});
  }
  [[nodiscard]] std::uint32_t mss() const { return GetParam() ? 1428 : 1448; }

  sim::TwoHosts hosts{{.v6 = GetParam()}};
  socket::Fd listener = -1;
};

TEST_P(HostView, AListenerHasItsQueueAndItsBacklog) {
  const std::string any = GetParam() ? "[::]" : "0.0.0.0";
  Json row = only(1, "LISTEN");
  EXPECT_EQ(row["local"], any + ":80");
  EXPECT_EQ(row["remote"], any + ":*");
  EXPECT_EQ(row["recv_q"], 0);
  EXPECT_EQ(row["send_q"], 5);
  EXPECT_FALSE(row.contains("tcp"));
  EXPECT_FALSE(row.contains("timer"));
  connect();
  connect();
  hosts.run(100ms);
  EXPECT_EQ(only(1, "LISTEN")["recv_q"], 2);
  ASSERT_TRUE(server().accept(listener));
  EXPECT_EQ(only(1, "LISTEN")["recv_q"], 1);
}

TEST_P(HostView, TheHandshakeOnBothSides) {
  connect();
  hosts.flush();
  Json row = only(0, "SYN_SENT");
  EXPECT_EQ(row["send_q"], 1);  // the SYN
  EXPECT_EQ(row["timer"]["name"], "on");
  EXPECT_EQ(row["timer"]["in_ms"], 1000);
  EXPECT_EQ(row["timer"]["retransmissions"], 0);
  EXPECT_FALSE(row["tcp"].contains("ts"));  // not agreed on yet
  EXPECT_FALSE(row["tcp"].contains("rtt_ms"));
  EXPECT_FALSE(row["tcp"].contains("cwnd"));
  hosts.run(10ms);
  hosts.pause(true);
  row = only(1, "SYN_RCVD");
  EXPECT_EQ(row["send_q"], 0);
  EXPECT_EQ(row["recv_q"], 0);
  EXPECT_EQ(row["timer"]["name"], "on");
  hosts.run(1500ms);
  EXPECT_EQ(only(0, "SYN_SENT")["timer"]["retransmissions"], 1);
  EXPECT_EQ(only(0, "SYN_SENT")["timer"]["in_ms"], 1000 + 2000 - 1510);
  EXPECT_EQ(only(1, "SYN_RCVD")["timer"]["retransmissions"], 1);
  EXPECT_EQ(only(1, "SYN_RCVD")["since_ms"], 1500);
}

TEST_P(HostView, QueuesAndOctets) {
  const socket::Fd fd = connect();
  hosts.run(100ms);
  const socket::Fd other = *server().accept(listener);
  EXPECT_EQ(send(client(), fd, 5000), 5000U);
  hosts.flush();
  Json row = only(0, "ESTABLISHED");
  EXPECT_EQ(row["local"].get<std::string>().substr(0, 6), text(0, 1).substr(0, 6));
  EXPECT_EQ(row["remote"], text(1, 80));
  EXPECT_EQ(row["send_q"], 5000);
  EXPECT_EQ(row["tcp"]["unacked_octets"].get<int>() + row["tcp"]["notsent"].get<int>(), 5000);
  EXPECT_EQ(row["tcp"]["bytes_acked"], 0);
  EXPECT_EQ(row["timer"]["name"], "on");
  EXPECT_EQ(row["tcp"]["lastsnd_ms"], 0);
  hosts.run(200ms);
  row = only(0, "ESTABLISHED");
  EXPECT_EQ(row["send_q"], 0);
  EXPECT_EQ(row["tcp"]["bytes_acked"], 5000);
  EXPECT_EQ(row["tcp"]["unacked_octets"], 0);
  EXPECT_EQ(row["tcp"]["notsent"], 0);
  EXPECT_FALSE(row.contains("timer"));
  row = only(1, "ESTABLISHED");
  EXPECT_EQ(row["recv_q"], 5000);
  EXPECT_EQ(row["tcp"]["bytes_received"], 5000);
  EXPECT_EQ(receive(server(), other, 1200), 1200U);
  row = only(1, "ESTABLISHED");
  EXPECT_EQ(row["recv_q"], 3800);
  EXPECT_EQ(row["tcp"]["bytes_received"], 5000);
}

TEST_P(HostView, WhatTcpKnows) {
  const socket::Fd fd = connect();
  hosts.run(100ms);
  send(client(), fd, 40'000);
  hosts.run(1s);
  const Json tcp = only(0, "ESTABLISHED")["tcp"];
  EXPECT_EQ(tcp["ts"], true);
  EXPECT_EQ(tcp["sack"], true);
  EXPECT_EQ(tcp["congestion"], "reno");
  EXPECT_EQ(tcp["recovery"], "open");
  EXPECT_EQ(tcp["snd_wscale"], 3);  // 256 KiB in 16 bits
  EXPECT_EQ(tcp["rcv_wscale"], 3);
  EXPECT_EQ(tcp["mss"], mss());
  EXPECT_EQ(tcp["advmss"], mss());
  EXPECT_EQ(tcp["pmtu"], 1500);
  EXPECT_NEAR(tcp["rtt_ms"].get<double>(), 20, 25);  // delayed ACKs are in it
  EXPECT_GE(tcp["rto_ms"].get<double>(), 200);
  EXPECT_EQ(tcp["backoff"], 0);
  EXPECT_EQ(tcp["ato_ms"], 40);
  EXPECT_GE(tcp["cwnd"].get<int>(), 11);  // slow start
  EXPECT_EQ(tcp["cwnd"].get<std::uint32_t>(), tcp["cwnd_octets"].get<std::uint32_t>() / mss());
  EXPECT_FALSE(tcp.contains("ssthresh"));  // nothing was lost
  EXPECT_EQ(tcp["snd_wnd"].get<int>(), only(1, "ESTABLISHED")["tcp"]["rcv_wnd"].get<int>());
  const Json theirs = only(1, "ESTABLISHED")["tcp"];
  EXPECT_EQ(theirs["rcvmss"], mss());
  EXPECT_EQ(theirs["bytes_received"], 40'000);
}

TEST_P(HostView, ALossShows) {
  const socket::Fd fd = connect();
  hosts.run(100ms);
  send(client(), fd, 7 * mss());
  hosts.drop(hosts.packets() + 1);
  hosts.flush();
  hosts.run(15ms);
  EXPECT_EQ(only(1, "ESTABLISHED")["tcp"]["out_of_order_octets"], 6 * mss());
  EXPECT_EQ(only(1, "ESTABLISHED")["recv_q"], 0);
  hosts.run(10ms);  // the duplicates are back
  const Json tcp = only(0, "ESTABLISHED")["tcp"];
  EXPECT_EQ(tcp["recovery"], "fast");
  EXPECT_EQ(tcp["sacked_octets"], 6 * mss());
  EXPECT_GE(tcp["ssthresh"].get<int>(), 2);
  EXPECT_EQ(tcp["ssthresh"].get<std::uint32_t>(),
            tcp["ssthresh_octets"].get<std::uint32_t>() / mss());
  hosts.run(1s);
  EXPECT_EQ(only(1, "ESTABLISHED")["recv_q"], 7 * mss());
  EXPECT_EQ(only(0, "ESTABLISHED")["tcp"]["recovery"], "open");
}

TEST_P(HostView, ATimeoutShows) {
  const socket::Fd fd = connect();
  hosts.run(100ms);
  hosts.pause(true);
  send(client(), fd, 100);
  hosts.run(2s);
  const Json row = only(0, "ESTABLISHED");
  EXPECT_EQ(row["timer"]["name"], "on");
  EXPECT_GE(row["timer"]["retransmissions"].get<int>(), 2);
  EXPECT_EQ(row["timer"]["retransmissions"], row["tcp"]["backoff"]);
  EXPECT_EQ(row["tcp"]["recovery"], "loss");
  EXPECT_GE(row["tcp"]["rto_ms"].get<double>(), 800);
  EXPECT_EQ(row["tcp"]["cwnd"], 1);
}

TEST_P(HostView, AClosedWindowIsAsked) {
  const socket::Fd fd = connect();
  hosts.run(100ms);
  while (send(client(), fd, 100'000) > 0) hosts.run(1s);  // nobody reads
  Json row = only(0, "ESTABLISHED");
  EXPECT_EQ(row["timer"]["name"], "persist");
  EXPECT_EQ(row["tcp"]["snd_wnd"], 0);
  EXPECT_EQ(row["tcp"]["unacked_octets"], 1);  // what asked
  EXPECT_EQ(row["send_q"], 256 * 1024);
  EXPECT_EQ(row["tcp"]["notsent"], 256 * 1024 - 1);
}

TEST_P(HostView, Keepalive) {
  const socket::Fd fd = connect();
  hosts.run(100ms);
  EXPECT_FALSE(only(0, "ESTABLISHED").contains("timer"));
  ASSERT_TRUE(client().set_keepalive(fd, true, hosts.now()));
  hosts.run(1min);
  Json row = only(0, "ESTABLISHED");
  EXPECT_EQ(row["timer"]["name"], "keepalive");
  EXPECT_NEAR(row["timer"]["in_ms"].get<double>(), 7'200'000 - 60'000, 200);
  EXPECT_NEAR(row["tcp"]["lastack_ms"].get<double>(), 60'000, 200);
  hosts.pause(true);
  hosts.run(2h);
  row = only(0, "ESTABLISHED");
  EXPECT_EQ(row["timer"]["name"], "keepalive");
  EXPECT_EQ(row["timer"]["retransmissions"], 1);
  EXPECT_FALSE(row["tcp"].contains("lastack_ms"));  // not known any more
}

TEST_P(HostView, AFinIsCountedUntilItIsAcknowledged) {
  const socket::Fd fd = connect();
  hosts.run(100ms);
  const socket::Fd other = *server().accept(listener);
  send(client(), fd, 10);
  ASSERT_TRUE(client().shutdown(fd, socket::kShutWr, hosts.now()));
  hosts.flush();
  EXPECT_EQ(only(0, "FIN_WAIT_1")["send_q"], 11);
  EXPECT_EQ(only(0, "FIN_WAIT_1")["orphan"], false);
  hosts.run(100ms);
  Json row = only(0, "FIN_WAIT_2");
  EXPECT_EQ(row["send_q"], 0);
  EXPECT_EQ(row["tcp"]["bytes_acked"], 10);
  EXPECT_FALSE(row.contains("timer"));
  EXPECT_EQ(only(1, "CLOSE_WAIT")["tcp"]["bytes_received"], 10);
  EXPECT_EQ(only(1, "CLOSE_WAIT")["recv_q"], 10);

  ASSERT_TRUE(client().close(fd, hosts.now()));
  row = only(0, "FIN_WAIT_2");
  EXPECT_EQ(row["orphan"], true);
  EXPECT_EQ(row["timer"]["name"], "timewait");
  EXPECT_EQ(row["timer"]["in_ms"], 60'000);

  EXPECT_EQ(receive(server(), other, 100), 10U);
  ASSERT_TRUE(server().close(other, hosts.now()));
  hosts.flush();
  EXPECT_EQ(only(1, "LAST_ACK")["send_q"], 1);
  hosts.run(1s);
  row = only(0, "TIME_WAIT");
  EXPECT_EQ(row["send_q"], 0);
  EXPECT_EQ(row["timer"]["name"], "timewait");
  EXPECT_NEAR(row["timer"]["in_ms"].get<double>(), 59'000, 50);
  EXPECT_NEAR(row["since_ms"].get<double>(), 1000, 50);
}

TEST_P(HostView, TheLastChangesAreTold) {
  const socket::Fd fd = connect();
  hosts.run(100ms);
  ASSERT_TRUE(client().shutdown(fd, socket::kShutWr, hosts.now()));
  hosts.run(100ms);
  const Json row = only(0, "FIN_WAIT_2");
  std::string told;
  for (const Json& step : row["history"]) {
    told += step["from"].get<std::string>() + ">" + step["to"].get<std::string>() + " ";
  }
  EXPECT_EQ(told,
            "CLOSED>SYN_SENT SYN_SENT>ESTABLISHED ESTABLISHED>FIN_WAIT_1 FIN_WAIT_1>FIN_WAIT_2 ");
  EXPECT_EQ(row["history"].back()["ago_ms"], row["since_ms"]);
}

INSTANTIATE_TEST_SUITE_P(Families, HostView, testing::Bool(),
                         [](const auto& info) { return info.param ? "IPv6" : "IPv4"; });

}  // namespace
}  // namespace lastack::cli
