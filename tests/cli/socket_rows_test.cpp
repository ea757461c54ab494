// Rows as iproute2's ss writes them: each text from the JSON of a row, and nothing else.
#include "cli/socket_rows.hpp"

#include <gtest/gtest.h>

namespace lastack::cli {
namespace {

using Json = nlohmann::json;

Json plain_row(const std::string& state = "ESTABLISHED") {
  return {{"state", state}, {"local", "10.9.0.2:80"}, {"remote", "10.9.0.1:40001"},
          {"recv_q", 3},    {"send_q", 14},           {"since_ms", 2500}};
}

Json listener_row(const std::string& local, const std::string& remote) {
  return {{"state", "LISTEN"}, {"local", local}, {"remote", remote},
          {"recv_q", 0},       {"send_q", 1024}, {"since_ms", 1}};
}

SocketRow row(const Json& json) {
  const auto parsed = row_from(json, 4121);
  EXPECT_TRUE(parsed) << json.dump();
  return parsed.value_or(SocketRow{});
}

TEST(SocketRows, ARowOfAHost) {
  const SocketRow parsed = row(plain_row("CLOSE_WAIT"));
  EXPECT_EQ(parsed.state, tcp::State::close_wait);
  EXPECT_EQ(parsed.flow.local.to_string(), "10.9.0.2:80");
  EXPECT_EQ(parsed.flow.remote.to_string(), "10.9.0.1:40001");
  EXPECT_EQ(parsed.recv_q, 3U);
  EXPECT_EQ(parsed.send_q, 14U);
  EXPECT_EQ(parsed.all["pid"], 4121);
  EXPECT_EQ(row(listener_row("[::]:80", "[::]:*")).flow.remote.to_string(), "[::]:0");
}

Json endpoint_row(const std::string& state, const std::string& remote) {
  return {{"protocol", "udp"}, {"state", state}, {"local", "10.9.0.2:53"}, {"remote", remote},
          {"recv_q", 328},     {"send_q", 0},    {"since_ms", 1}};
}

TEST(SocketRows, UdpEndpoints) {
  const std::vector rows{row(endpoint_row("CLOSED", "0.0.0.0:*")),
                         row(endpoint_row("ESTABLISHED", "10.9.0.1:53"))};
  EXPECT_TRUE(rows[0].udp);
  EXPECT_FALSE(row(plain_row()).udp);
  EXPECT_EQ(socket_table(rows, {}),
            "State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
            "UNCONN 328    0           10.9.0.2:53        0.0.0.0:*\n"
            "ESTAB  328    0           10.9.0.2:53       10.9.0.1:53\n");
}

TEST(SocketRows, BothProtocolsHaveAColumnMore) {
  const std::vector rows{row(plain_row()), row(endpoint_row("CLOSED", "0.0.0.0:*"))};
  EXPECT_EQ(socket_table(rows, {.netid = true}),
            "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port  Process\n"
            "tcp   ESTAB  3      14          10.9.0.2:80       10.9.0.1:40001\n"
            "udp   UNCONN 328    0           10.9.0.2:53        0.0.0.0:*\n");
  EXPECT_TRUE(
      socket_summary(rows).starts_with("TCP:   1 (estab 1, orphaned 0, timewait 0)\nUDP:   1\n\n"));
}

TEST(SocketRows, WhatAnotherVersionMayAnswerIsPassedOver) {
  EXPECT_FALSE(row_from(Json(5), 1));
  EXPECT_FALSE(row_from(Json::array(), 1));
  EXPECT_FALSE(row_from(Json::object(), 1));
  for (const char* field : {"state", "local", "remote", "recv_q", "send_q"}) {
    Json without = plain_row();
    without.erase(field);
    EXPECT_FALSE(row_from(without, 1)) << field;
    Json other = plain_row();
    other[field] = Json::array({1});
    EXPECT_FALSE(row_from(other, 1)) << field;
  }
  Json wrong = plain_row("BOUND");
  EXPECT_FALSE(row_from(wrong, 1));
  wrong = plain_row();
  wrong["recv_q"] = -1;
  EXPECT_FALSE(row_from(wrong, 1));
  wrong = plain_row();
  wrong["timer"] = "soon";
  wrong["tcp"] = 7;
  wrong["history"] = {1, "x", {{"from", 3}}};
  wrong["since_ms"] = "long";
  const Columns all{.timer = true, .extended = true, .internals = true};
  EXPECT_NE(socket_table({row(wrong)}, all), "");
  wrong = plain_row();
  wrong["since_ms"] = wrong["timer"]["in_ms"] = wrong["tcp"]["rtt_ms"] = 1e300;
  wrong["timer"]["name"] = "on";
  EXPECT_EQ(socket_table({row(wrong)}, all), socket_table({row(plain_row())}, {}));
  wrong["recv_q"] = 1e300;
  EXPECT_FALSE(row_from(wrong, 1));
}

TEST(SocketRows, TheTableOfIproute2) {
  const std::vector<SocketRow> rows{row(listener_row("0.0.0.0:80", "0.0.0.0:*")), row(plain_row()),
                                    row(listener_row("[::]:80", "[::]:*"))};
  EXPECT_EQ(socket_table(rows, {}),
            "State  Recv-Q Send-Q Local Address:Port Peer Address:Port  Process\n"
            "LISTEN 0      1024         0.0.0.0:80        0.0.0.0:*\n"
            "ESTAB  3      14          10.9.0.2:80       10.9.0.1:40001\n"
            "LISTEN 0      1024            [::]:80           [::]:*\n");
  EXPECT_EQ(socket_table({}, {}),
            "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n");
  EXPECT_EQ(socket_table({row(plain_row())}, {.header = false}),
            "ESTAB 3 14 10.9.0.2:80 10.9.0.1:40001\n");
  EXPECT_EQ(socket_table({row(plain_row())}, {.header = false, .state = false}),
            "3 14 10.9.0.2:80 10.9.0.1:40001\n");
}

TEST(SocketRows, WhoseTheyAre) {
  SocketRow one = row(plain_row());
  one.process = "lastack";
  one.all["timer"] = {{"name", "on"}, {"in_ms", 204}, {"retransmissions", 2}};
  EXPECT_EQ(socket_table({one}, {.header = false, .timer = true}),
            "ESTAB 3 14 10.9.0.2:80 10.9.0.1:40001 users:((\"lastack\",pid=4121)) "
            "timer:(on,204ms,2)\n");
}

TEST(SocketRows, StatesAreSpelledAsIproute2DoesIt) {
  std::string all;
  for (std::size_t i = 0; i < tcp::kStateCount; ++i) {
    all += spelled(static_cast<tcp::State>(i)) + " ";
  }
  EXPECT_EQ(all,
            "UNCONN LISTEN SYN-SENT SYN-RECV ESTAB FIN-WAIT-1 FIN-WAIT-2 CLOSE-WAIT CLOSING "
            "LAST-ACK TIME-WAIT ");
}

TEST(SocketRows, Timers) {
  const auto timer = [](const char* name, std::int64_t ms, int times) {
    return timer_text({{"timer", {{"name", name}, {"in_ms", ms}, {"retransmissions", times}}}});
  };
  EXPECT_EQ(timer("keepalive", 119'900, 0), "timer:(keepalive,1min59sec,0)");
  EXPECT_EQ(timer("keepalive", 60'000, 0), "timer:(keepalive,1min,0)");
  EXPECT_EQ(timer("keepalive", 7'199'000, 0), "timer:(keepalive,119min,0)");
  EXPECT_EQ(timer("timewait", 59'999, 0), "timer:(timewait,59sec,0)");
  EXPECT_EQ(timer("on", 7500, 3), "timer:(on,7.500ms,3)");  // its own way to write 7.5 s
  EXPECT_EQ(timer("on", 7000, 3), "timer:(on,7sec,3)");
  EXPECT_EQ(timer("on", 204, 0), "timer:(on,204ms,0)");
  EXPECT_EQ(timer("persist", 5, 0), "timer:(persist,005ms,0)");
  EXPECT_EQ(timer("on", 0, 0), "timer:(on,,0)");
  EXPECT_EQ(timer_text(Json::object()), "");
}

TEST(SocketRows, Internals) {
  const Json tcp{{"ts", true},
                 {"sack", true},
                 {"congestion", "reno"},
                 {"snd_wscale", 7},
                 {"rcv_wscale", 10},
                 {"rto_ms", 204.0},
                 {"backoff", 0},
                 {"rtt_ms", 1.5},
                 {"rttvar_ms", 0.75},
                 {"ato_ms", 40.0},
                 {"mss", 1448},
                 {"pmtu", 1500},
                 {"rcvmss", 536},
                 {"advmss", 1448},
                 {"cwnd", 10},
                 {"cwnd_octets", 14600},
                 {"bytes_acked", 8'000'000'000},
                 {"bytes_received", 0},
                 {"lastsnd_ms", 12},
                 {"lastack_ms", 0},
                 {"notsent", 77},
                 {"snd_wnd", 0},
                 {"rcv_wnd", 65536}};
  const std::string before =
      "ts sack reno wscale:7,10 rto:204 rtt:1.5/0.75 ato:40 mss:1448 pmtu:1500 rcvmss:536 "
      "advmss:1448 cwnd:10 bytes_acked:8000000000 send ";
  const std::string behind = "bps lastsnd:12 notsent:77 snd_wnd:0 rcv_wnd:65536";
  EXPECT_EQ(internals_text({{"tcp", tcp}}, false), before + "77.2M" + behind);
  EXPECT_EQ(internals_text({{"tcp", tcp}}, true), before + "77226667" + behind);
  EXPECT_EQ(
      internals_text(
          {{"tcp",
            {{"ts", false}, {"sack", false}, {"rto_ms", 1000.5}, {"backoff", 3}, {"ssthresh", 2}}}},
          false),
      "rto:1000.5 backoff:3 ssthresh:2");
  EXPECT_EQ(internals_text(Json::object(), false), "");
}

TEST(SocketRows, InternalsStandBelowTheirRowAndHistoryBelowThem) {
  Json one = plain_row("CLOSE_WAIT");
  one["tcp"] = {{"mss", 1448}};
  one["history"] = {
      {{"ago_ms", 130'000}, {"from", "SYN_RCVD"}, {"event", "acks_syn"}, {"to", "ESTABLISHED"}},
      {{"ago_ms", 2500}, {"from", "ESTABLISHED"}, {"event", "fin"}, {"to", "CLOSE_WAIT"}}};
  const std::string line = "CLOSE-WAIT 3 14 10.9.0.2:80 10.9.0.1:40001\n";
  const std::string info = "\t mss:1448\n";
  const std::string past =
      "            in CLOSE_WAIT for 2 s, from ESTABLISHED by fin\n"
      "              SYN_RCVD -> ESTABLISHED by acks_syn, 2 min ago\n";
  EXPECT_EQ(socket_table({row(one)}, {.header = false}), line);
  EXPECT_EQ(socket_table({row(one)}, {.header = false, .internals = true}), line + info);
  EXPECT_EQ(socket_table({row(one)}, {.header = false, .extended = true}), line + past);
  EXPECT_EQ(socket_table({row(one)}, {.header = false, .extended = true, .internals = true}),
            line + info + past);
}

TEST(SocketRows, HowLongInItsState) {
  Json one = plain_row("FIN_WAIT_2");
  const auto since = [&one](std::int64_t ms) {
    one["since_ms"] = ms;
    return extended_text(one);
  };
  EXPECT_EQ(since(999), "            in FIN_WAIT_2 for 999 ms\n");
  EXPECT_EQ(since(119'999), "            in FIN_WAIT_2 for 119 s\n");
  EXPECT_EQ(since(120'000), "            in FIN_WAIT_2 for 2 min\n");
  EXPECT_EQ(since(7'200'000), "            in FIN_WAIT_2 for 2 h\n");
  one["orphan"] = true;
  EXPECT_EQ(since(1), "            in FIN_WAIT_2 for 1 ms; nobody holds it any more\n");
}

TEST(SocketRows, Totals) {
  Json six = plain_row();
  six["local"] = "[fd00::1]:80";
  Json orphan = plain_row("FIN_WAIT_2");
  orphan["orphan"] = true;
  const std::vector<SocketRow> rows{row(plain_row()), row(six), row(plain_row("CLOSE_WAIT")),
                                    row(orphan), row(plain_row("TIME_WAIT"))};
  EXPECT_EQ(socket_summary(rows),
            "TCP:   5 (estab 3, orphaned 1, timewait 1)\n"
            "\n"
            "State       Total     IP        IPv6\n"
            "ESTAB       2         1         1\n"
            "FIN-WAIT-2  1         1         0\n"
            "CLOSE-WAIT  1         1         0\n"
            "TIME-WAIT   1         1         0\n");
}

}  // namespace
}  // namespace lastack::cli
