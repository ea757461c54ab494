// Stacks on a loop: coroutines wait for sockets, time passes, and what is ended goes no further.
#include "lastack/loop.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

#include "lastack/async.hpp"

namespace lastack {
namespace {

using namespace std::chrono_literals;

Stack stack_at(std::uint8_t last) {
  return {{.addresses = {{IpAddress::v4(10, 0, 0, last), 24}}}, Seed::fixed(last)};
}

std::string text_of(std::span<const std::byte> octets) {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

class LoopTest : public testing::Test {
 protected:
  LoopTest() { loop.join(a, b); }

  Task<> echo(Socket socket) {
    std::array<std::byte, 1000> buffer{};
    for (;;) {
      const auto got = co_await async_receive(socket, buffer);
      if (!got || *got == 0) co_return;
      if (!co_await async_send(socket, std::span(buffer).first(*got))) co_return;
    }
  }
  Task<> serve(std::size_t clients) {
    for (std::size_t i = 0; i < clients; ++i) {
      auto socket = co_await async_accept(listener);
      if (socket) loop.start(echo(std::move(*socket)));
    }
  }
  Task<std::string> ask(Socket& socket, std::string question) {
    std::array<std::byte, 1000> buffer{};
    (void)co_await async_send(socket, question);
    const auto got = co_await async_receive(socket, buffer);
    co_return got ? text_of(std::span(buffer).first(*got)) : "";
  }
  Task<> client(std::string name, std::vector<std::string>& answers) {
    auto socket = co_await async_connect(a, server);
    if (!socket) co_return;
    answers.push_back(co_await ask(*socket, name));
  }

  const Endpoint server{IpAddress::v4(10, 0, 0, 2), 7};
  Stack a = stack_at(1);
  Stack b = stack_at(2);
  Listener listener = b.listen(server).value();
  Loop loop;
};

TEST_F(LoopTest, RunsUntilTheLastCoroutineHasEnded) {
  std::vector<std::string> answers;
  loop.start(serve(3));
  for (const char* name : {"one", "two", "three"}) loop.start(client(name, answers));
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(answers, (std::vector<std::string>{"one", "two", "three"}));
}

/// More than both buffers hold, both ways at once: each side has to wait for the other.
TEST_F(LoopTest, SendsAllThoughTheBufferIsFull) {
  static constexpr std::size_t kOctets = 3'000'000;
  std::size_t received = 0;
  const auto send = [](Socket& socket) -> Task<> {
    const std::vector<std::byte> octets(kOctets, std::byte{7});
    EXPECT_EQ(co_await async_send(socket, octets), kOctets);
    (void)socket.shutdown(Shut::write);
  };
  const auto both = [&]() -> Task<> {
    auto socket = co_await async_connect(a, server);
    loop.start(send(*socket));
    std::array<std::byte, 50'000> buffer{};
    for (;;) {
      const auto got = co_await async_receive(*socket, buffer);
      if (!got || *got == 0) co_return;
      received += *got;
    }
  };
  loop.start(serve(1));
  loop.start(both());
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(received, kOctets);
}

TEST_F(LoopTest, AConnectionRefusedIsAnAnswer) {
  std::errc why{};
  loop.start([](Stack& stack, std::errc& error) -> Task<> {
    const auto socket = co_await async_connect(stack, {IpAddress::v4(10, 0, 0, 2), 8});
    error = socket.error();
  }(a, why));
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(why, std::errc::connection_refused);
}

/// One waits, another closes: with a duplicate left, nothing happens to the connection.
TEST_F(LoopTest, ClosingEndsTheWaitOfThatDescriptorAlone) {
  std::vector<std::string> ended;
  const auto wait_on = [&](Socket& socket, std::string name) -> Task<> {
    std::array<std::byte, 10> buffer{};
    const auto got = co_await async_receive(socket, buffer);
    ended.push_back(name + (got                                             ? " read"
                            : got.error() == std::errc::bad_file_descriptor ? " is closed"
                                                                            : " failed"));
  };
  const auto all = [&]() -> Task<> {
    auto socket = co_await async_connect(a, server);
    auto peer = co_await async_accept(listener);
    auto second = socket->dup();
    loop.start(wait_on(*socket, "first"));
    loop.start(wait_on(*second, "second"));
    co_await loop.sleep(1ms);
    socket->close();
    co_await loop.sleep(1ms);
    EXPECT_EQ(ended, std::vector<std::string>{"first is closed"});
    EXPECT_EQ(peer->state(), State::established);
    (void)co_await async_send(*peer, "here");
    while (ended.size() < 2) co_await loop.sleep(1ms);
  };
  loop.start(all());
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(ended, (std::vector<std::string>{"first is closed", "second read"}));
}

TEST_F(LoopTest, ShutdownWakesWhoReads) {
  std::optional<Result<std::size_t>> got;
  const auto all = [&]() -> Task<> {
    auto socket = co_await async_connect(a, server);
    const auto reads = [](Socket& from, std::optional<Result<std::size_t>>& into) -> Task<> {
      std::array<std::byte, 10> buffer{};
      into = co_await async_receive(from, buffer);
    };
    loop.start(reads(*socket, got));
    EXPECT_FALSE(got);
    (void)socket->shutdown(Shut::read);
    co_await loop.sleep(1ms);
  };
  loop.start(all());
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(got, Result<std::size_t>(0));
}

TEST_F(LoopTest, WithinEndsWhatTakesTooLong) {
  std::optional<std::string> late{"something"};
  std::optional<std::string> early;
  bool wait_over = false;
  const auto all = [&]() -> Task<> {
    loop.start(serve(1));
    auto socket = co_await async_connect(a, server);
    early = co_await loop.within(1h, ask(*socket, "quick"));
    const auto silent = [](Socket& from, bool& over) -> Task<std::string> {
      struct AtTheEnd {
        bool* flag;
        ~AtTheEnd() { *flag = true; }
      } const end{&over};
      std::array<std::byte, 10> buffer{};
      (void)co_await async_receive(from, buffer);
      co_return "an answer";
    };
    late = co_await loop.within(1ms, silent(*socket, wait_over));
    EXPECT_TRUE(wait_over);
  };
  loop.start(all());
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(early, "quick");
  EXPECT_EQ(late, std::nullopt);
}

TEST_F(LoopTest, WhatACoroutineThrowsComesOutOfRun) {
  loop.start([]() -> Task<> {
    throw std::runtime_error("no more");
    co_return;
  }());
  EXPECT_THROW((void)loop.run(), std::runtime_error);
}

/// Coroutines that wait when the loop ends give back what they hold.
TEST(Loop, EndsWhatStillWaits) {
  Stack a = stack_at(1);
  Stack b = stack_at(2);
  Listener listener = b.listen({.port = 7}).value();
  auto extra = listener.dup().value();
  {
    Loop loop;
    loop.join(a, b);
    loop.start([](Listener on) -> Task<> { (void)co_await async_accept(on); }(std::move(extra)));
    EXPECT_EQ(listener.references(), 2U);
  }
  EXPECT_EQ(listener.references(), 1U);
}

TEST(Loop, TimersAreCalledInTurnAndOnlyWhileHeld) {
  Loop loop;
  std::string order;
  const Timer second = loop.after(2ms, [&] {
    order += "2";
    loop.stop();
  });
  const Timer first = loop.after(1ms, [&] { order += "1"; });
  {
    const Timer none = loop.after(Duration(0), [&] { order += "never"; });
  }
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(order, "12");
}

TEST(Loop, WatchesDescriptorsOfTheSystem) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  Loop loop;
  char octet = 0;
  ASSERT_TRUE(loop.watch(ends[0], Until::readable, [&] {
    EXPECT_EQ(::read(ends[0], &octet, 1), 1);
    loop.unwatch(ends[0]);
    loop.stop();
  }));
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(octet, 'x');
  for (const int end : ends) ::close(end);
}

/// In another's loop: its descriptor alone says when to call turn(), timers included.
TEST_F(LoopTest, LivesInAnothersLoop) {
  std::vector<std::string> answers;
  bool slept = false;
  loop.start(serve(1));
  loop.start(client("guest", answers));
  loop.start([](Loop& on, bool& over) -> Task<> {
    co_await on.sleep(5ms);
    over = true;
  }(loop, slept));
  pollfd wanted{.fd = loop.descriptor(), .events = POLLIN, .revents = 0};
  int turns = 0;
  while (answers.empty() || !slept) {
    ASSERT_EQ(::poll(&wanted, 1, 10'000), 1);
    ASSERT_TRUE(loop.turn());
    ASSERT_LT(++turns, 100);
  }
  EXPECT_EQ(answers, std::vector<std::string>{"guest"});
  ASSERT_TRUE(loop.turn());
  EXPECT_EQ(::poll(&wanted, 1, 0), 0);  // nothing to do, nothing to say
  loop.wake();
  EXPECT_EQ(::poll(&wanted, 1, 10'000), 1);
}

/// Stacks come while others are on their way; the loop itself may move meanwhile.
TEST_F(LoopTest, StacksMayComeLater) {
  std::vector<Stack> more;
  std::size_t answered = 0;
  const auto come = [&](Loop& on) -> Task<> {
    for (std::uint8_t i = 10; i < 30; i += 2) {
      more.push_back(stack_at(i));
      more.push_back(stack_at(i + 1));
      Stack& near = more[more.size() - 2];
      const Endpoint there{IpAddress::v4(10, 0, 0, i + 1), 7};
      const Listener far = more.back().listen(there).value();
      on.join(near, more.back());
      const auto socket = co_await async_connect(near, there);
      answered += socket ? 1 : 0;
    }
  };
  more.reserve(20);
  Loop moved = std::move(loop);
  moved.start(come(moved));
  ASSERT_TRUE(moved.run());
  EXPECT_EQ(answered, 10U);
}

TEST_F(LoopTest, AWireMayBeLong) {
  Stack c = stack_at(3);
  Stack d = stack_at(4);
  Listener far = d.listen({.port = 7}).value();
  loop.join(c, d, 3ms);
  const TimePoint begin = monotonic_now();
  loop.start([](Stack& from) -> Task<> {
    const auto socket = co_await async_connect(from, {IpAddress::v4(10, 0, 0, 4), 7});
    EXPECT_TRUE(socket);
  }(c));
  ASSERT_TRUE(loop.run());
  EXPECT_GE(monotonic_now() - begin, 6ms);
}

}  // namespace
}  // namespace lastack
