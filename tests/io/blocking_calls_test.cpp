// The public calls that wait, on two stacks joined by a wire in memory.
#include "lastack/blocking.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <string>

#include "lastack/lastack.hpp"

namespace lastack {
namespace {

using namespace std::chrono_literals;

class BlockingLoop : public testing::Test {
 protected:
  static constexpr Duration kDelay = 5ms;

  BlockingLoop() { loop.join(a, b, kDelay); }

  static Task<> echo_all(Listener listener) {
    auto socket = co_await async_accept(listener);
    std::array<std::byte, 100> octets{};
    for (;;) {
      const auto got = co_await async_receive(*socket, octets);
      if (!got || *got == 0) co_return;
      (void)co_await async_send(*socket, std::span(octets).first(*got));
    }
  }
  static std::string text(std::span<const std::byte> octets) {
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
  }
  /// A connection, whose other end nobody reads.
  void connect() {
    listener.emplace(b.listen(server).value());
    client.emplace(blocking_connect(loop, a, server).value());
    served.emplace(blocking_accept(loop, *listener).value());
  }
  template <typename T>
  static void set(Descriptor& on, int name, const T& value) {
    ASSERT_TRUE(on.set_option(SOL_SOCKET, name, std::as_bytes(std::span(&value, 1))));
  }

  const Endpoint server{IpAddress::v4(10, 0, 0, 2), 80};
  Stack a{{.addresses = {{IpAddress::v4(10, 0, 0, 1), 24}}}, Seed::fixed(1)};
  Stack b{{.addresses = {{server.address, 24}}}, Seed::fixed(2)};
  Loop loop;
  std::optional<Listener> listener;
  std::optional<Socket> client;
  std::optional<Socket> served;
  std::array<std::byte, 10> ten{};
};

TEST_F(BlockingLoop, OneThingAfterTheOther) {
  loop.start(echo_all(b.listen(server).value()));
  auto socket = blocking_connect(loop, a, server).value();
  EXPECT_EQ(blocking_send(loop, socket, "0123456789"), 10U);
  EXPECT_EQ(blocking_receive(loop, socket, ten, Least::all), 10U);
  EXPECT_EQ(text(ten), "0123456789");
  ASSERT_TRUE(socket.shutdown(Shut::write));
  EXPECT_EQ(blocking_receive(loop, socket, ten), 0U);
  EXPECT_TRUE(blocking_close(loop, socket));
  EXPECT_FALSE(socket.open());
  EXPECT_EQ(blocking_close(loop, socket).error(), std::errc::bad_file_descriptor);
}

TEST_F(BlockingLoop, ConnectTellsWhyItWasRefused) {
  EXPECT_EQ(blocking_connect(loop, a, server).error(), std::errc::connection_refused);
}

TEST_F(BlockingLoop, ReceiveWaitsForAsManyAsItsLowMark) {
  ASSERT_NO_FATAL_FAILURE(connect());
  set(*client, SO_RCVLOWAT, 6);
  const auto sent = loop.after(Duration(0), [this] { (void)served->send("four"); });
  const auto more = loop.after(20ms, [this] { (void)served->send("four"); });
  EXPECT_EQ(blocking_receive(loop, *client, ten), 8U);
}

TEST_F(BlockingLoop, ReceiveEndsWithItsTime) {
  ASSERT_NO_FATAL_FAILURE(connect());
  set(*client, SO_RCVTIMEO, timeval{.tv_sec = 0, .tv_usec = 10'000});
  const TimePoint begun = monotonic_now();
  EXPECT_EQ(blocking_receive(loop, *client, ten).error(),
            std::errc::resource_unavailable_try_again);
  EXPECT_GE(monotonic_now() - begun, 10ms);
  set(*listener, SO_RCVTIMEO, timeval{.tv_sec = 0, .tv_usec = 10'000});
  EXPECT_EQ(blocking_accept(loop, *listener).error(), std::errc::resource_unavailable_try_again);
}

TEST_F(BlockingLoop, ATimedLingerWaitsForTheLastAck) {
  ASSERT_NO_FATAL_FAILURE(connect());
  set(*client, SO_LINGER, linger{.l_onoff = 1, .l_linger = 20});
  ASSERT_TRUE(client->send("all of it"));
  const TimePoint begun = monotonic_now();
  EXPECT_TRUE(blocking_close(loop, *client));
  EXPECT_GE(monotonic_now() - begun, 2 * kDelay);  // there and back
  EXPECT_LT(monotonic_now() - begun, 10s);
  EXPECT_EQ(served->receive(ten), 9U);
  EXPECT_EQ(served->state(), State::close_wait);
}

TEST_F(BlockingLoop, ATimedLingerResetsWhatTookLonger) {
  ASSERT_NO_FATAL_FAILURE(connect());
  const std::string much(200'000, 'x');
  while (client->send(much)) {  // more than the peer takes, who does not read
  }
  set(*client, SO_LINGER, linger{.l_onoff = 1, .l_linger = 1});
  EXPECT_TRUE(blocking_close(loop, *client));
  const TimePoint end = monotonic_now() + 10s;
  while (served->state() != State::closed && monotonic_now() < end) {
    ASSERT_TRUE(loop.turn(end));
  }
  EXPECT_EQ(served->state(), State::closed);
}

/// Another holder's close() does not wait: it ends nothing.
TEST_F(BlockingLoop, OnlyTheLastCloseLingers) {
  ASSERT_NO_FATAL_FAILURE(connect());
  set(*client, SO_LINGER, linger{.l_onoff = 1, .l_linger = 20});
  auto other = client->dup().value();
  ASSERT_TRUE(client->send("all of it"));
  EXPECT_TRUE(blocking_close(loop, *client));
  EXPECT_EQ(other.state(), State::established);
  EXPECT_EQ(other.references(), 1U);
}

TEST_F(BlockingLoop, NothingWaitsWithinACallOfTheLoop) {
  ASSERT_NO_FATAL_FAILURE(connect());
  std::errc told{};
  const auto call = loop.after(Duration(0), [&] {
    told = blocking_receive(loop, *client, ten).error();
    loop.stop();
  });
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(told, std::errc::resource_deadlock_would_occur);
}

}  // namespace
}  // namespace lastack
