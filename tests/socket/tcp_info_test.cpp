// TCP_INFO: what it says of connections and listeners, and what it says nothing of.
#include "socket/tcp_info.hpp"

#include "socket/fixture.hpp"

namespace lastack::socket {
namespace {

class Info : public SocketTest {
 protected:
  TcpInfo info(Sockets& sockets, Fd fd) {
    TcpInfo told;
    const auto into = std::as_writable_bytes(std::span(&told, 1));
    EXPECT_EQ(sockets.get_option(fd, kSolTcp, kTcpInfo, into, now()), sizeof(told));
    return told;
  }
  TcpInfo of_client() { return info(a(), client); }
};

INSTANTIATE_TEST_SUITE_P(Family, Info, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "v6" : "v4"; });

TEST_P(Info, IsOfTheConnection) {
  connect();
  ASSERT_TRUE(a().send(client, octets(1000), now()));
  world->flush();
  EXPECT_EQ(of_client().state, 1);
  EXPECT_EQ(of_client().unacked, 1U);
  EXPECT_EQ(of_client().rtt, 20'000U);
  EXPECT_EQ(a().ioctl(client, kSiocOutq), 1000);
  settle();
  EXPECT_EQ(of_client().unacked, 0U);
  EXPECT_EQ(of_client().bytes_acked, 1000U);
  EXPECT_EQ(info(b(), server).bytes_received, 1000U);
  EXPECT_EQ(info(b(), server).rcv_ssthresh, 256U * 1024U);
  EXPECT_EQ(b().ioctl(server, kSiocInq), 1000);
}

TEST_P(Info, OfAListenerIsHowManyWait) {
  EXPECT_EQ(info(b(), listener).state, 10);
  EXPECT_EQ(info(b(), listener).unacked, 0U);
  for (int i = 0; i < 2; ++i) (void)a().connect(*a().socket(), remote(), now());
  settle();
  EXPECT_EQ(info(b(), listener).unacked, 2U);
  const Fd child = *b().accept(listener);
  EXPECT_EQ(info(b(), listener).unacked, 1U);
  EXPECT_EQ(info(b(), child).unacked, 0U);
}

TEST_P(Info, ThePathIsTheLinksUntilIcmpSaysLess) {
  connect();
  EXPECT_EQ(of_client().pmtu, 1500U);
  EXPECT_EQ(of_client().snd_mss, 1500U - (GetParam() ? 60U : 40U) - 12U);
  EXPECT_EQ(of_client().pmtu, info(b(), server).pmtu);
}

/// A timeout takes everything for lost; what goes out then was sent again.
TEST_P(Info, AfterATimeoutWhatIsOutIsLost) {
  connect();
  EXPECT_EQ(of_client().snd_ssthresh, TcpInfo::kNoThreshold);
  world->pause(true);
  ASSERT_TRUE(a().send(client, octets(3 * of_client().snd_mss), now()));
  world->flush();
  EXPECT_EQ(of_client().unacked, 3U);
  EXPECT_EQ(of_client().lost + of_client().retrans, 0U);
  const int before = sent[kA].all;
  while (sent[kA].all < before + 2) ASSERT_TRUE(world->step(now() + 10s));
  EXPECT_EQ(of_client().ca_state, 4);
  EXPECT_EQ(of_client().retransmits, 2);
  EXPECT_EQ(of_client().unacked, 3U);
  EXPECT_EQ(of_client().lost, 3U);
  EXPECT_EQ(of_client().retrans, 1U);
  EXPECT_LT(of_client().snd_ssthresh, 10U);
  world->pause(false);
  settle();
  EXPECT_EQ(of_client().ca_state, 0);
  EXPECT_EQ(of_client().unacked + of_client().lost + of_client().retrans, 0U);
}

/// Of a hole the peer tells by SACK what lies behind it: that is not lost.
TEST_P(Info, InFastRecoveryOneIsLostAndTheOthersAreThere) {
  connect();
  const std::uint32_t mss = of_client().snd_mss;
  world->drop(world->packets() + 1);
  ASSERT_TRUE(a().send(client, octets(5 * mss), now()));
  while (of_client().ca_state == 0) ASSERT_TRUE(world->step(now() + 100ms));
  EXPECT_EQ(of_client().ca_state, 3);
  EXPECT_EQ(of_client().unacked, 5U);
  EXPECT_GE(of_client().sacked, 3U);
  EXPECT_EQ(of_client().lost, 1U);
  world->flush();
  EXPECT_EQ(of_client().retrans, 1U);
  settle();
  EXPECT_EQ(drain(kB, server), 5U * mss);
  EXPECT_EQ(of_client().ca_state, 0);
  EXPECT_EQ(of_client().lost + of_client().sacked, 0U);
}

TEST_P(Info, AgesAreThoseOfOurOctetsAndOfWhateverCame) {
  connect();
  ASSERT_TRUE(b().send(server, octets(10), now()));
  settle();
  world->run(5s);
  ASSERT_TRUE(a().send(client, octets(10), now()));
  settle();
  world->run(2s);
  const TcpInfo told = of_client();
  EXPECT_GE(told.last_data_sent, 2000U);
  EXPECT_LT(told.last_data_sent, 3000U);
  EXPECT_LT(told.last_ack_recv, 3000U);
  EXPECT_EQ(told.last_data_recv, told.last_ack_recv);
  EXPECT_GE(info(b(), server).last_data_sent, 7000U);
}

/// As Linux counts: who connects has sent its SYN and the ACK, who listened has had both.
TEST_P(Info, SegmentsAreCountedBothWays) {
  connect();
  EXPECT_EQ(of_client().segs_out, 2U);
  EXPECT_EQ(of_client().segs_in, 1U);
  EXPECT_EQ(info(b(), server).segs_in, 2U);
  EXPECT_EQ(info(b(), server).segs_out, 0U);
  ASSERT_TRUE(a().send(client, octets(3000), now()));
  settle();
  const TcpInfo there = info(b(), server);
  EXPECT_EQ(of_client().segs_out, 5U);
  EXPECT_EQ(there.segs_in, 5U);
  EXPECT_EQ(of_client().segs_in, 1U + there.segs_out);
}

/// The SYN, octets and a FIN alike; and none of them makes the round trip look shorter.
TEST_P(Info, WhatWasSentAgainIsCountedInAll) {
  connect();
  EXPECT_EQ(of_client().total_retrans, 0U);
  EXPECT_EQ(of_client().min_rtt, 20'000U);
  world->pause(true);
  ASSERT_TRUE(a().send(client, octets(1000), now()));
  for (int i = 0; i < 4; ++i) world->step(now() + 10s);
  const TcpInfo lost = of_client();
  EXPECT_GT(lost.retransmits, 0);
  EXPECT_EQ(lost.total_retrans, lost.retransmits);
  EXPECT_EQ(lost.segs_out, 3U + lost.retransmits);
  world->pause(false);
  world->run(120s);
  ASSERT_EQ(of_client().unacked, 0U);
  EXPECT_EQ(of_client().retransmits, 0);
  EXPECT_GE(of_client().total_retrans, lost.total_retrans);
  EXPECT_EQ(of_client().min_rtt, 20'000U);
}

TEST_P(Info, ASynThatWasSentAgainCounts) {
  world->pause(true);
  client = *a().socket();
  (void)a().connect(client, remote(), now());
  for (int i = 0; i < 2; ++i) world->step(now() + 1500ms);
  EXPECT_EQ(of_client().total_retrans, 1U);
  EXPECT_EQ(of_client().segs_out, 2U);
  EXPECT_EQ(of_client().min_rtt, 0U);
}

TEST_P(Info, OfAListenerTheBacklog) {
  const std::uint32_t before = info(b(), listener).sacked;
  ASSERT_TRUE(b().listen(listener, 7, now()));
  EXPECT_NE(before, 7U);
  EXPECT_EQ(info(b(), listener).sacked, 7U);
}

/// docs/options.md says which.
TEST_P(Info, WhatIsNotCountedIsZero) {
  connect();
  const TcpInfo told = of_client();
  EXPECT_EQ(told.fackets + told.last_ack_sent + told.rcv_rtt + told.pacing_rate, 0U);
}

}  // namespace
}  // namespace lastack::socket
