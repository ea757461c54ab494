// shutdown(SHUT_RDWR) is SHUT_RD, then SHUT_WR: the same state, octets and events in each of the
// eleven states.
#include <string>
#include <vector>

#include "socket/fixture.hpp"

namespace lastack::socket {
namespace {

/// Everything that can be told apart from outside.
struct Transcript {
  std::string state;
  std::vector<std::string> packets;
  std::vector<std::string> events;
  std::vector<std::string> answers;
  friend bool operator==(const Transcript&, const Transcript&) = default;
};

class Shutdown : public SocketTest {
 protected:
  void SetUp() override {}

  /// A fresh world with A's socket in `state`; where octets can be unread there, some are.
  void reach(State state) {
    begin({});
    world->on_event = [this](std::size_t side, const host::HostEvent& event) { note(side, event); };
    switch (state) {
      case State::closed: client = *a().socket(); return;
      case State::listen:
        client = *a().socket();
        ASSERT_TRUE(a().listen(client, 5, now()));
        return;
      case State::syn_sent:
        client = *a().socket();
        (void)a().connect(client, remote(), now());
        world->flush();
        return;
      case State::syn_rcvd: open_both(); return;
      default: break;
    }
    connect();
    ASSERT_TRUE(b().send(server, octets(100), now()));
    settle();
    close_until(state);
  }
  void close_until(State state) {
    switch (state) {
      case State::fin_wait_1:
        ASSERT_TRUE(a().shutdown(client, kShutWr, now()));
        world->flush();
        return;
      case State::fin_wait_2:
        ASSERT_TRUE(a().shutdown(client, kShutWr, now()));
        settle();
        return;
      case State::close_wait:
        ASSERT_TRUE(b().shutdown(server, kShutWr, now()));
        settle();
        return;
      case State::closing:
        ASSERT_TRUE(a().shutdown(client, kShutWr, now()));
        ASSERT_TRUE(b().shutdown(server, kShutWr, now()));
        world->run(11ms);
        return;
      case State::last_ack:
        close_until(State::close_wait);
        ASSERT_TRUE(a().shutdown(client, kShutWr, now()));
        world->flush();
        return;
      case State::time_wait:
        close_until(State::fin_wait_2);
        ASSERT_TRUE(b().shutdown(server, kShutWr, now()));
        settle();
        return;
      default: return;
    }
  }
  /// Two SYNs that cross: the only way into SYN_RCVD for somebody who holds a descriptor.
  void open_both() {
    both_connect();
    world->run(10ms);
  }
  void note(std::size_t side, const host::HostEvent& event) {
    std::string line = side == kA ? "A " : "B ";
    for (const tcp::Transition& t : event.news.transitions()) {
      line += std::string(to_string(t.from)) + ">" + std::string(to_string(t.to)) + " ";
    }
    said.events.push_back(line + std::to_string(event.news.ready));
  }
  void answer(const auto& result) {
    said.answers.push_back(result ? std::to_string(*result)
                                  : std::string(to_string(result.error())));
  }

  /// The story of `calls` in `state`, to the end of all timers.
  Transcript run(State state, const std::vector<int>& calls) {
    reach(state);
    EXPECT_EQ(to_string(*a().state(client)), to_string(state));
    said = {};
    world->on_sent = [this](const sim::Flight& flight) {
      std::string text = flight.from == kA ? "A" : "B";
      for (const std::byte b : flight.packet.bytes()) {
        text += "0123456789abcdef"[std::to_integer<unsigned>(b) >> 4U];
        text += "0123456789abcdef"[std::to_integer<unsigned>(b) & 15U];
      }
      said.packets.push_back(text);
    };
    for (const int how : calls) (void)a().shutdown(client, how, now());
    said.state = to_string(*a().state(client));
    std::array<std::byte, 200> into{};
    answer(a().recv(client, into, now()));
    answer(a().send(client, octets(5), now()));
    answer(a().poll(client));
    settle();
    if (server >= 0) {
      answer(b().send(server, octets(50), now()));
      settle();
      answer(b().recv(server, into, now()));
      answer(b().poll(server));
    }
    answer(a().recv(client, into, now()));
    answer(a().poll(client));
    (void)a().close(client, now());
    world->run(10min);
    said.state += " > " + std::to_string(world->host(kA).flows());
    client = server = -1;
    return said;
  }

  Transcript said;
};

INSTANTIATE_TEST_SUITE_P(Family, Shutdown, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "v6" : "v4"; });

TEST_P(Shutdown, RdwrIsRdThenWrInEachState) {
  for (std::size_t i = 0; i < tcp::kStateCount; ++i) {
    const auto state = static_cast<State>(i);
    SCOPED_TRACE(std::string(to_string(state)));
    const Transcript both = run(state, {kShutRdwr});
    const Transcript one_by_one = run(state, {kShutRd, kShutWr});
    EXPECT_EQ(both.state, one_by_one.state);
    EXPECT_EQ(both.packets, one_by_one.packets);
    EXPECT_EQ(both.events, one_by_one.events);
    EXPECT_EQ(both.answers, one_by_one.answers);
    // The comparison can fail: in a state in which reading matters, WR alone is something else.
    if (state == State::established) {
      EXPECT_NE(run(state, {kShutWr}).answers, both.answers);
    }
  }
}

/// Said before connect() or listen(), SHUT_RD counts for the connection: by default what comes is
/// discarded, as Linux does it stays readable, and resets once SHUT_WR was said, too.
TEST_P(Shutdown, RdSaidBeforeThereIsAConnectionCounts) {
  for (const bool as_linux : {false, true}) {
    for (const bool listens : {false, true}) {
      tcp::Settings settings;
      settings.close_as_linux(as_linux);
      begin(settings);
      client = *a().socket();
      const Fd early = listens ? *b().socket() : client;
      Sockets& its = listens ? b() : a();
      EXPECT_EQ(its.shutdown(early, kShutRd, now()).error(), Errno::enotconn);
      const std::uint16_t port = listens ? 81 : 80;
      const host::Endpoint at{world->address(kB), port};
      if (listens) {
        ASSERT_TRUE(b().bind(early, at) && b().listen(early, 5, now()));
      }
      (void)a().connect(client, at, now());
      settle();
      server = *b().accept(listens ? early : listener);
      const Fd reads = listens ? server : client;
      Sockets& others = listens ? a() : b();
      const Fd writes = listens ? client : server;

      ASSERT_TRUE(others.send(writes, octets(5), now()));
      settle();
      EXPECT_EQ(its.recv(reads, ten_, now()), as_linux ? 5U : 0U);
      ASSERT_TRUE(its.shutdown(reads, kShutWr, now()));
      settle();
      ASSERT_TRUE(others.send(writes, octets(5), now()));
      settle();
      EXPECT_EQ(*its.state(reads), as_linux ? State::closed : State::fin_wait_2);
    }
  }
}

/// What SHUT_RD was said of is over: the next connection reads.
TEST_P(Shutdown, RdIsForgottenWithItsConnection) {
  begin({});
  connect();
  ASSERT_TRUE(a().shutdown(client, kShutRd, now()));
  ASSERT_TRUE(a().disconnect(client, now()));
  (void)a().connect(client, remote(), now());
  settle();
  server = *b().accept(listener);
  ASSERT_TRUE(b().send(server, octets(5), now()));
  settle();
  EXPECT_EQ(a().recv(client, ten_, now()), 5U);
}

}  // namespace
}  // namespace lastack::socket
