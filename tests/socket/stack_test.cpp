// The public face: what it adds to Sockets is lifetimes, ids and names of errors.
#include "lastack/lastack.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace lastack {
namespace {

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<Socket> &&
              std::is_nothrow_move_constructible_v<Socket>);
static_assert(!std::is_copy_assignable_v<Listener> && std::is_nothrow_move_assignable_v<Listener>);

class StackTest : public ::testing::Test {
 protected:
  static StackOptions at(IpAddress address, Profile profile = Profile::bsd) {
    return {.addresses = {{address, 24}}, .profile = profile};
  }
  static std::size_t carry(Stack& from, Stack& to) {
    std::array<std::byte, 1500> packet{};
    std::size_t packets = 0;
    while (const std::size_t size = from.transmit(packet)) {
      to.packet_arrives(std::span(packet).first(size));
      ++packets;
    }
    return packets;
  }
  void settle() {
    while (carry(*a_, b_) + carry(b_, *a_) > 0) {
    }
  }
  void pass(Duration span) {
    const TimePoint now = a_->now() + span;
    a_->advance(now);
    b_.advance(now);
    settle();
  }
  void connect() {
    client_ = a_->connect(remote_).value();
    settle();
    server_ = listener_->accept().value();
  }
  std::string read(Socket& socket) {
    std::array<std::byte, 100> into{};
    const auto n = socket.receive(into);
    return n ? std::string(reinterpret_cast<const char*>(into.data()), *n) : "(nothing)";
  }

  std::optional<Stack> a_{std::in_place, at(IpAddress::v4(10, 0, 0, 1)), Seed::fixed(1)};
  Stack b_{at(IpAddress::v4(10, 0, 0, 2)), Seed::fixed(2)};
  Endpoint remote_{IpAddress::v4(10, 0, 0, 2), 80};
  std::optional<Listener> listener_ = b_.listen({.port = 80}).value();
  std::optional<Socket> client_;
  std::optional<Socket> server_;
};

TEST_F(StackTest, OctetsAndNames) {
  connect();
  EXPECT_EQ(client_->state(), State::established);
  EXPECT_EQ(client_->remote(), remote_);
  EXPECT_EQ(server_->remote(), client_->local());
  EXPECT_EQ(client_->send("hello").value(), 5U);
  settle();
  EXPECT_TRUE(server_->ready().readable);
  EXPECT_EQ(read(*server_), "hello");
  std::array<std::byte, 1> one{};
  EXPECT_EQ(server_->receive(one).error(), std::errc::resource_unavailable_try_again);
}

TEST_F(StackTest, TheLastOfItsDescriptorsCloses) {
  connect();
  std::vector<Socket> others;
  for (int i = 0; i < 3; ++i) others.push_back(client_->dup().value());
  EXPECT_EQ(client_->references(), 4U);
  EXPECT_EQ(others[0].id(), client_->id());
  client_.reset();
  others.pop_back();
  others[0].close();
  others[0].close();  // the second time nothing happens
  settle();
  EXPECT_EQ(others[1].references(), 1U);
  EXPECT_EQ(server_->state(), State::established);
  others.clear();
  settle();
  EXPECT_EQ(server_->state(), State::close_wait);
}

TEST_F(StackTest, MovingHandsTheReferenceOn) {
  connect();
  Socket moved = std::move(*client_);
  EXPECT_FALSE(client_->open());
  EXPECT_EQ(moved.references(), 1U);
  *client_ = std::move(moved);
  EXPECT_EQ(client_->references(), 1U);
  *client_ = a_->connect(remote_).value();  // the old one is closed
  settle();
  EXPECT_EQ(server_->state(), State::close_wait);
}

TEST_F(StackTest, MovingToItselfChangesNothing) {
  connect();
  Socket& same = *client_;
  *client_ = std::move(same);
  EXPECT_TRUE(client_->open());
  EXPECT_EQ(client_->references(), 1U);
  EXPECT_EQ(client_->state(), State::established);
  Stack moved = std::move(*a_);
  *a_ = std::move(moved);
  EXPECT_TRUE(client_->send("x"));
  settle();
  EXPECT_EQ(read(*server_), "x");
}

TEST_F(StackTest, WhatWasMovedFromAnswersThatThereIsNothing) {
  connect();
  const Socket moved = std::move(*client_);
  Socket& empty = *client_;
  std::array<std::byte, 1> octet{};
  EXPECT_FALSE(empty.open());
  EXPECT_EQ(empty.references(), 0U);
  EXPECT_EQ(empty.state(), State::closed);
  EXPECT_EQ(empty.local(), Endpoint{});
  EXPECT_EQ(empty.remote(), Endpoint{});
  EXPECT_EQ(empty.error(), std::nullopt);
  EXPECT_TRUE(empty.history().empty());
  EXPECT_FALSE(empty.ready().readable || empty.ready().hung_up);
  for (const std::errc error :
       {empty.send("x").error(), empty.receive(octet).error(), empty.peek(octet).error(),
        empty.connected().error(), empty.dup().error(), empty.shutdown(Shut::both).error()}) {
    EXPECT_EQ(error, std::errc::bad_file_descriptor);
  }
  empty.set_linger_zero(true);
  empty.close();
  EXPECT_EQ(moved.state(), State::established);
}

TEST_F(StackTest, ShutdownActsForAll) {
  connect();
  const Socket other = client_->dup().value();
  ASSERT_TRUE(client_->shutdown(Shut::write));
  EXPECT_EQ(other.state(), State::fin_wait_1);
  settle();
  EXPECT_EQ(other.state(), State::fin_wait_2);
  EXPECT_EQ(client_->send("x").error(), std::errc::broken_pipe);
  EXPECT_TRUE(server_->ready().peer_closed);
  EXPECT_EQ(read(*server_), "");
}

TEST_F(StackTest, ConnectSaysWhatBecameOfIt) {
  auto refused = a_->connect({IpAddress::v4(10, 0, 0, 2), 81}).value();
  EXPECT_EQ(refused.connected().error(), std::errc::connection_already_in_progress);
  settle();
  EXPECT_TRUE(refused.ready().error);
  EXPECT_EQ(refused.connected().error(), std::errc::connection_refused);
  EXPECT_EQ(a_->connect({IpAddress::parse("fd00::1").value(), 80}).error(),
            std::errc::network_unreachable);
  EXPECT_EQ(b_.listen({.port = 80}).error(), std::errc::address_in_use);
  EXPECT_EQ(b_.listen({IpAddress::v4(10, 9, 9, 9), 1}).error(), std::errc::address_not_available);
  auto good = a_->connect(remote_).value();
  settle();
  EXPECT_TRUE(good.connected());
  EXPECT_TRUE(good.connected());
}

TEST_F(StackTest, EventsCarryIdsAndTransitions) {
  while (a_->next_event()) {
  }
  client_ = a_->connect(remote_).value();
  settle();
  bool waits = false;
  while (const auto event = b_.next_event()) waits |= event->id == listener_->id();
  EXPECT_TRUE(waits);
  std::vector<State> path;
  while (const auto event = a_->next_event()) {
    EXPECT_EQ(event->id, client_->id());
    for (const Transition& t : event->transitions()) path.push_back(t.to);
  }
  EXPECT_EQ(path, (std::vector{State::syn_sent, State::established}));
  const auto history = client_->history();
  ASSERT_EQ(history.size(), 2U);
  EXPECT_EQ(history[1].cause, "syn_ack");
}

TEST_F(StackTest, AResetIsToldOnce) {
  connect();
  server_->set_linger_zero(true);
  server_.reset();
  settle();
  EXPECT_EQ(client_->state(), State::closed);
  EXPECT_EQ(client_->error(), std::errc::connection_reset);
  EXPECT_EQ(client_->error(), std::nullopt);
}

TEST_F(StackTest, SocketsMayOutliveTheirStack) {
  connect();
  a_.reset();
  EXPECT_EQ(client_->state(), State::established);
  EXPECT_TRUE(client_->send("into the void"));
  client_.reset();
}

TEST_F(StackTest, TheProfileDecidesWhatShutReadKeeps) {
  for (const Profile profile : {Profile::bsd, Profile::linux_kernel}) {
    Stack c(at(IpAddress::v4(10, 0, 0, 3), profile), Seed::fixed(3));
    auto listener = c.listen({.port = 80}).value();
    auto client = a_->connect({IpAddress::v4(10, 0, 0, 3), 80}).value();
    while (carry(*a_, c) + carry(c, *a_) > 0) {
    }
    auto server = listener.accept().value();
    ASSERT_TRUE(client.send("buffered"));
    while (carry(*a_, c) + carry(c, *a_) > 0) {
    }
    ASSERT_TRUE(server.shutdown(Shut::read));
    EXPECT_EQ(read(server), profile == Profile::bsd ? "" : "buffered");
  }
}

TEST_F(StackTest, ConnectionsAreListedAndTimeWaitEnds) {
  connect();
  client_.reset();
  settle();
  server_.reset();
  settle();
  const auto states = [this] {
    std::string all;
    for (const ConnectionInfo& c : a_->connections()) all += to_string(c.state);
    return all;
  };
  EXPECT_EQ(states(), "TIME_WAIT");
  pass(59s);
  EXPECT_EQ(states(), "TIME_WAIT");
  pass(1s + 1ms);
  EXPECT_EQ(states(), "");
  ASSERT_EQ(b_.connections().size(), 1U);
  EXPECT_EQ(b_.connections()[0].state, State::listen);
}

TEST(Endpoint, ReadsWhatItWrites) {
  for (const char* const text : {"10.0.0.1:80", "[fd00::1]:65535", "0.0.0.0:0"}) {
    const auto endpoint = Endpoint::parse(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(endpoint->to_string(), text);
  }
  for (const char* const text :
       {"", "10.0.0.1", "10.0.0.1:", "10.0.0.1:65536", "fd00::1:80", "[10.0.0.1]:80", ":80"}) {
    EXPECT_FALSE(Endpoint::parse(text)) << text;
  }
}

TEST_F(StackTest, OptionsHaveLinuxsNumbers) {
  connect();
  constexpr int kTcp = 6;
  constexpr int kNoDelay = 1;
  EXPECT_EQ(client_->option(kTcp, kNoDelay), 0);
  ASSERT_TRUE(client_->set_option(kTcp, kNoDelay, 1));
  EXPECT_EQ(client_->option(kTcp, kNoDelay), 1);
  EXPECT_EQ(client_->set_option(kTcp, 9999, 1).error(), std::errc::no_protocol_option);
  std::array<std::byte, 4> value{};
  EXPECT_EQ(client_->option(kTcp, kNoDelay, value), 4U);
  EXPECT_EQ(value[0], std::byte{1});
  client_->close();
  EXPECT_EQ(client_->option(kTcp, kNoDelay).error(), std::errc::bad_file_descriptor);
}

TEST_F(StackTest, DatagramsAndWhatTheyAreTold) {
  const IpAddress b = IpAddress::v4(10, 0, 0, 2);
  Datagrams asks = a_->datagrams().value();
  Datagrams answers = b_.datagrams({b, 53}).value();
  EXPECT_EQ(b_.datagrams({b, 53}).error(), std::errc::address_in_use);
  const std::array<std::byte, 10> octets{};
  EXPECT_EQ(asks.send(octets).error(), std::errc::destination_address_required);
  EXPECT_EQ(asks.send(octets, Endpoint{b, 53}), 10U);
  settle();
  std::optional<SocketId> told;
  b_.dispatch([&told](const Event& event) { told = event.id; });
  EXPECT_EQ(told, answers.id());
  std::array<std::byte, 4> little{};
  const auto got = answers.receive(little);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->octets, 4U);
  EXPECT_TRUE(got->truncated);
  EXPECT_EQ(got->from.port, asks.local().port);
  EXPECT_EQ(answers.receive(little).error(), std::errc::resource_unavailable_try_again);
  ASSERT_TRUE(asks.connect({b, 54}));
  ASSERT_TRUE(asks.send(octets));
  settle();
  EXPECT_EQ(asks.receive(little).error(), std::errc::connection_refused);
}

// --- Waiting to be called

class WaitingTest : public StackTest {
 protected:
  void SetUp() override {
    connect();
    while (a_->next_event()) {
    }
  }
  void deliver() {
    settle();
    a_->dispatch();
  }
  [[nodiscard]] std::function<void()> noting(std::string what) {
    return [this, what = std::move(what)] { called_ += what; };
  }
  std::string called_;
};

TEST_F(WaitingTest, IsCalledOnceAndForWhatItWaitsFor) {
  const Waiting reads = client_->when(Until::readable, noting("in "));
  const Waiting writes = client_->when(Until::writable, noting("out "));
  a_->dispatch();
  EXPECT_EQ(called_, "out ");  // there is room already
  (void)server_->send("x");
  deliver();
  EXPECT_EQ(called_, "out in ");
  (void)server_->send("y");
  deliver();
  EXPECT_EQ(called_, "out in ");
}

TEST_F(WaitingTest, IsNotCalledOnceItIsCancelledOrGone) {
  Waiting cancelled = client_->when(Until::readable, noting("cancelled "));
  const Waiting second = client_->when(Until::readable, [&] {
    called_ += "second ";
    cancelled.cancel();
  });
  {
    const Waiting gone = client_->when(Until::readable, noting("gone "));
  }
  Waiting third = client_->when(Until::readable, noting("third "));
  Waiting moved = std::move(third);
  cancelled = client_->when(Until::readable, noting("last "));
  (void)server_->send("x");
  deliver();
  EXPECT_EQ(called_, "second third ");
}

/// Who waits anew for what is ready already is called the next time, and keeps nobody waiting.
TEST_F(WaitingTest, HasItsTurnAndNoMore) {
  Waiting again;
  std::function<void()> always = [&] {
    called_ += "a";
    again = client_->when(Until::writable, always);
  };
  again = client_->when(Until::writable, always);
  EXPECT_EQ(a_->dispatch(), 1U);
  EXPECT_EQ(a_->dispatch(), 1U);
  EXPECT_EQ(called_, "aa");
}

TEST_F(WaitingTest, HearsOfTheEndAndOfErrors) {
  auto another = client_->dup().value();
  const Waiting closed = another.when(Until::readable, noting("closed "));
  another.close();
  a_->dispatch();
  EXPECT_EQ(called_, "closed ");
  const Waiting end = client_->when(Until::readable, noting("end "));
  server_->set_linger_zero(true);
  server_->close();
  deliver();
  EXPECT_EQ(called_, "closed end ");
  EXPECT_EQ(client_->error(), std::errc::connection_reset);
}

/// Who throws has had its turn; the others have theirs, in their order, before who came since.
TEST_F(WaitingTest, OneThatThrowsTakesNobodysTurn) {
  Waiting since;
  const Waiting before = client_->when(Until::writable, noting("before "));
  const Waiting throws = client_->when(Until::writable, [&] {
    since = client_->when(Until::writable, noting("since "));
    throw std::runtime_error("of a call");
  });
  const Waiting second = client_->when(Until::writable, noting("second "));
  Waiting cancelled = client_->when(Until::writable, noting("cancelled "));
  const Waiting third = client_->when(Until::writable, noting("third "));
  EXPECT_THROW(a_->dispatch(), std::runtime_error);
  EXPECT_EQ(called_, "before ");
  cancelled.cancel();
  EXPECT_EQ(a_->dispatch(), 3U);
  EXPECT_EQ(called_, "before second third since ");
  EXPECT_EQ(a_->dispatch(), 0U);
}

TEST_F(WaitingTest, ListenersToo) {
  const Waiting accepts = listener_->when(Until::readable, noting("accept "));
  auto other = a_->connect(remote_).value();
  settle();
  EXPECT_EQ(b_.dispatch(), 1U);
  EXPECT_EQ(called_, "accept ");
}

TEST_F(WaitingTest, MayOutliveItsStack) {
  const Waiting reads = client_->when(Until::readable, noting("in "));
  client_.reset();
  a_.reset();
  EXPECT_EQ(called_, "");
}

TEST_F(WaitingTest, AWatcherSeesEachEvent) {
  std::vector<SocketId> seen;
  (void)server_->send("x");
  settle();
  a_->dispatch([&seen](const Event& event) { seen.push_back(event.id); });
  EXPECT_EQ(seen, std::vector<SocketId>{client_->id()});
}

}  // namespace
}  // namespace lastack
