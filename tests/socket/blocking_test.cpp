// Calls that wait, in virtual time.
#include "socket/blocking.hpp"

#include <functional>

#include "socket/fixture.hpp"

namespace lastack::socket {
namespace {

class BlockingCalls : public SocketTest {
 protected:
  /// A world in which something happens at a time of its own.
  Blocking blocking(std::size_t side, TimePoint at = kNever, std::function<void()> act = {}) {
    return {world->sockets(side),
            [this, at, act, done = false](TimePoint until) mutable {
              if (!done && now() >= at) {
                done = true;
                act();
                return now();
              }
              world->step(std::min(until, done ? until : at));
              return now();
            },
            now()};
  }
  static std::array<std::int64_t, 2> seconds(std::int64_t n) { return {n, 0}; }
  /// A client that lingers for 5 s, and 100 octets of it that do not arrive.
  void linger_behind_octets() {
    connect();
    const std::array<int, 2> linger{1, 5};
    ASSERT_TRUE(
        a().set_option(client, kSolSocket, kSoLinger, std::as_bytes(std::span(linger)), now()));
    ASSERT_TRUE(a().send(client, octets(100), now()));
    world->pause(true);
  }
};

INSTANTIATE_TEST_SUITE_P(Family, BlockingCalls, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "v6" : "v4"; });

TEST_P(BlockingCalls, ConnectSaysHowItEnded) {
  client = *a().socket();
  EXPECT_TRUE(blocking(kA).connect(client, remote()));
  const Fd other = *a().socket();
  EXPECT_EQ(blocking(kA).connect(other, {world->address(kB), 81}).error(), Errno::econnrefused);
}

TEST_P(BlockingCalls, AShutdownEndsAnAcceptThatWaits) {
  const TimePoint later = now() + 5s;
  auto waits = blocking(kB, later, [this] { (void)b().shutdown(listener, kShutRd, now()); });
  EXPECT_EQ(waits.accept(listener).error(), Errno::einval);
  EXPECT_EQ(now(), later);
}

TEST_P(BlockingCalls, ATimeoutEndsWaiting) {
  connect();
  const auto time = seconds(3);
  ASSERT_TRUE(
      a().set_option(client, kSolSocket, kSoRcvTimeo, std::as_bytes(std::span(time)), now()));
  const TimePoint begun = now();
  EXPECT_EQ(blocking(kA).recv(client, ten_).error(), Errno::eagain);
  EXPECT_EQ(now() - begun, 3s);
  EXPECT_EQ(blocking(kA).recv(client, ten_, kMsgDontWait).error(), Errno::eagain);
  EXPECT_EQ(now() - begun, 3s);
}

TEST_P(BlockingCalls, WaitAllWaitsForAllAndEndsWithTheStream) {
  connect();
  ASSERT_TRUE(b().send(server, octets(4), now()));
  auto more = blocking(kA, now() + 1s, [this] { (void)b().send(server, octets(6, 4), now()); });
  EXPECT_EQ(more.recv(client, ten_, kMsgWaitAll), 10U);
  ASSERT_TRUE(b().send(server, octets(3), now()));
  auto end = blocking(kA, now() + 1s, [this] { (void)b().shutdown(server, kShutWr, now()); });
  EXPECT_EQ(end.recv(client, ten_, kMsgWaitAll), 3U);
}

TEST_P(BlockingCalls, WaitsForAsManyAsTheLowMark) {
  connect();
  ASSERT_TRUE(a().set_option(client, kSolSocket, kSoRcvLowAt, 8, now()));
  ASSERT_TRUE(b().send(server, octets(4), now()));
  settle();
  auto more = blocking(kA, now() + 1s, [this] { (void)b().send(server, octets(5, 4), now()); });
  EXPECT_EQ(more.recv(client, ten_), 9U);
  // Where fewer are asked for, so many are enough.
  ASSERT_TRUE(b().send(server, octets(2), now()));
  settle();
  EXPECT_EQ(blocking(kA).recv(client, std::span(ten_).first(2)), 2U);
}

TEST_P(BlockingCalls, WaitAllLooksAheadToo) {
  connect();
  ASSERT_TRUE(b().send(server, octets(4), now()));
  settle();
  auto more = blocking(kA, now() + 1s, [this] { (void)b().send(server, octets(6, 4), now()); });
  EXPECT_EQ(more.recv(client, ten_, kMsgWaitAll | kMsgPeek), 10U);
  EXPECT_EQ(drain(kA, client), 10U);
}

TEST_P(BlockingCalls, WaitAllEndsAtTheUrgentOctet) {
  connect();
  ASSERT_TRUE(b().send(server, octets(2), now()));
  ASSERT_TRUE(b().send(server, one_, now(), kMsgOob));
  ASSERT_TRUE(b().send(server, octets(5), now()));
  settle();
  const TimePoint begun = now();
  EXPECT_EQ(blocking(kA).recv(client, ten_, kMsgWaitAll | kMsgPeek), 2U);
  EXPECT_EQ(a().ioctl(client, kSiocAtMark), 0);
  EXPECT_EQ(blocking(kA).recv(client, ten_, kMsgWaitAll), 2U);
  EXPECT_EQ(a().ioctl(client, kSiocAtMark), 1);
  EXPECT_EQ(now(), begun);
}

/// What has been taken is returned, and the error behind it is the next call's.
TEST_P(BlockingCalls, AnErrorBehindOctetsIsToldByTheNextCall) {
  connect();
  const std::array<int, 2> at_once{1, 0};
  ASSERT_TRUE(
      b().set_option(server, kSolSocket, kSoLinger, std::as_bytes(std::span(at_once)), now()));
  ASSERT_TRUE(b().send(server, octets(3), now()));
  settle();
  auto reset = blocking(kA, now() + 1s, [this] { (void)b().close(server, now()); });
  EXPECT_EQ(reset.recv(client, ten_, kMsgWaitAll), 3U);
  EXPECT_EQ(blocking(kA).recv(client, ten_, kMsgWaitAll).error(), Errno::econnreset);
}

TEST_P(BlockingCalls, AnErrorBehindWhatWasSentIsToldByTheNextCall) {
  connect();
  const auto much = octets(2'000'000);
  const std::array<int, 2> at_once{1, 0};
  ASSERT_TRUE(
      b().set_option(server, kSolSocket, kSoLinger, std::as_bytes(std::span(at_once)), now()));
  auto reset = blocking(kA, now() + 1s, [this] { (void)b().close(server, now()); });
  const auto sent = reset.send(client, much);
  ASSERT_TRUE(sent);
  EXPECT_LT(*sent, much.size());
  EXPECT_EQ(blocking(kA).send(client, much).error(), Errno::econnreset);
}

TEST_P(BlockingCalls, ATimedLingerWaitsForTheAckAndNoLonger) {
  connect();
  const std::array<int, 2> linger{1, 5};
  ASSERT_TRUE(
      a().set_option(client, kSolSocket, kSoLinger, std::as_bytes(std::span(linger)), now()));
  ASSERT_TRUE(a().send(client, octets(100), now()));
  const TimePoint begun = now();
  EXPECT_TRUE(blocking(kA).close(client));
  EXPECT_GE(now() - begun, 20ms);  // there and back
  EXPECT_LT(now() - begun, 1s);
  EXPECT_EQ(drain(kB, server), 100U);
}

TEST_P(BlockingCalls, ATimedLingerWaitsAndThenResets) {
  ASSERT_NO_FATAL_FAILURE(linger_behind_octets());
  const TimePoint begun = now();
  EXPECT_TRUE(blocking(kA).close(client));
  EXPECT_EQ(now() - begun, 5s);
  EXPECT_EQ(world->host(kA).flows(), 0U);
  world->pause(false);
  settle();
  EXPECT_EQ(drain(kB, server), 100U);                       // they were on their way before
  EXPECT_EQ(b().take_error(server).value(), Errno::epipe);  // the RST came behind a FIN
}

/// Nobody waits, and the time is the same.
TEST_P(BlockingCalls, WhoDoesNotWaitForATimedLingerIsResetToo) {
  ASSERT_NO_FATAL_FAILURE(linger_behind_octets());
  EXPECT_TRUE(a().close(client, now()));
  world->run(5s - 1ms);
  EXPECT_EQ(world->host(kA).flows(), 1U);
  world->run(1ms);
  EXPECT_EQ(world->host(kA).flows(), 0U);
}

}  // namespace
}  // namespace lastack::socket
