// Traces told: which events are one connection's, and how they read.
#include "insight/trace_ladder.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "insight/reasons.hpp"
#include "insight/traced.hpp"
#include "sim/two_hosts.hpp"

namespace lastack::insight {
namespace {

using host::TraceEvent;
using tcp::Event;
using tcp::State;
using wire::Flag;

std::vector<TraceEvent> kept_by(const host::Host& host) {
  std::vector<TraceEvent> events;
  for (auto i = host.trace().begin(); i < host.trace().end(); ++i) {
    events.push_back(host.trace()[i]);
  }
  return events;
}

std::vector<std::string> texts(const Ladder& ladder, LadderEvent::Kind kind) {
  std::vector<std::string> all;
  for (const LadderEvent& e : ladder.events) {
    if (e.kind == kind && !e.text.empty()) all.push_back(e.text);
  }
  return all;
}

/// A handshake and both closes, the peer's first.
void whole_life(Traced& t, std::uint32_t iss, std::uint32_t irs) {
  t.arrives(Flag::syn, irs, 0);
  t.takes(State::listen, Event::syn);
  t.goes(Flag::syn | Flag::ack, iss, irs + 1);
  t.arrives(Flag::ack, irs + 1, iss + 1);
  t.takes(State::syn_rcvd, Event::acks_syn);
  t.arrives(Flag::fin | Flag::ack, irs + 1, iss + 1);
  t.takes(State::established, Event::fin);
  t.calls(TraceEvent::Call::close);
  t.takes(State::close_wait, Event::close);
  t.goes(Flag::fin | Flag::ack, iss + 1, irs + 2);
  t.arrives(Flag::ack, irs + 2, iss + 2);
  t.takes(State::last_ack, Event::acks_fin);
}

TEST(TracedConnections, TheSameEndsAgainAreAnotherConnection) {
  Traced t;
  whole_life(t, 100, 500);
  whole_life(t, 7000, 9000);
  const auto found = connections_of(t.events);
  ASSERT_EQ(found.size(), 2U);
  for (const TracedConnection& c : found) {
    EXPECT_EQ(c.events.size(), t.events.size() / 2);
    EXPECT_TRUE(c.from_start);
    EXPECT_EQ(c.state, State::closed);
  }
  EXPECT_EQ(found[1].events.front(), t.events.size() / 2);
}

/// RFC 6191: the SYN stands before the end of the connection that it ends.
TEST(TracedConnections, ASynThatTakesOverFromTimeWaitBelongsToTheNewOne) {
  Traced t;
  t.arrives(Flag::fin | Flag::ack, 500, 100);
  t.takes(State::fin_wait_2, Event::fin);
  t.arrives(Flag::syn, 90000, 0);
  t.takes(State::time_wait, Event::reuse);
  t.takes(State::listen, Event::syn);
  const auto found = connections_of(t.events);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].events, (std::vector<std::size_t>{0, 1, 3}));
  EXPECT_EQ(found[0].state, State::closed);
  EXPECT_FALSE(found[0].from_start);
  EXPECT_EQ(found[1].events, (std::vector<std::size_t>{2, 4}));
  EXPECT_EQ(found[1].state, State::syn_rcvd);
  EXPECT_TRUE(found[1].from_start);
}

TEST(TracedConnections, EachTryAtAClosedPortIsItsOwnAndASynAgainIsNot) {
  Traced t;
  for (const std::uint32_t syn : {10U, 10U, 70000U}) {
    t.arrives(Flag::syn, syn, 0).drop = tcp::Drop::no_connection;
    t.goes(Flag::rst | Flag::ack, 0, syn + 1);
  }
  const auto found = connections_of(t.events);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].events.size(), 4U);
  EXPECT_EQ(found[1].events.size(), 2U);
  EXPECT_FALSE(found[0].state);
}

TEST(TracedConnections, AHandshakeThatACookieRemembersIsOne) {
  Traced t;
  t.arrives(Flag::syn, 500, 0);
  t.goes(Flag::syn | Flag::ack, 100, 501);
  t.arrives(Flag::ack, 501, 101);
  t.takes(State::listen, Event::syn);
  t.takes(State::syn_rcvd, Event::acks_syn);
  const auto found = connections_of(t.events);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].state, State::established);
}

TEST(TraceLadder, AHalfCloseOfARealHostReadsAsItWas) {
  sim::TwoHosts world({.trace = 100});
  auto& a = world.sockets(0);
  auto& b = world.sockets(1);
  const auto listener = *b.socket();
  ASSERT_TRUE(b.bind(listener, {world.address(1), 80}));
  ASSERT_TRUE(b.listen(listener, 8, world.now()));
  const auto fd = *a.socket();
  (void)a.connect(fd, {world.address(1), 80}, world.now());
  world.run(100ms);
  const auto child = *b.accept(listener);
  ASSERT_TRUE(a.shutdown(fd, 1, world.now()));
  world.run(1s);
  ASSERT_TRUE(b.close(child, world.now()));
  world.run(1s);

  const auto ladders = ladders_of(kept_by(world.host(1)));
  ASSERT_EQ(ladders.size(), 1U);
  const Ladder& ladder = ladders[0];
  EXPECT_TRUE(ladder.title.starts_with("10.0.0.2:80 <-> 10.0.0.1:")) << ladder.title;
  EXPECT_EQ(ladder.begin, TimePoint(1000s + 10ms));
  EXPECT_EQ(
      texts(ladder, LadderEvent::Kind::state),
      (std::vector<std::string>{"SYN_RCVD", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"}));
  const auto sent = texts(ladder, LadderEvent::Kind::sent);
  EXPECT_EQ(sent.front(), "SYN seq 0");
  EXPECT_EQ(sent[1], "SYN,ACK seq 0 ack 1");
  EXPECT_EQ(sent.back(), "ACK ack 2");
  const std::string text = render(ladder, {.ascii = true, .micros = true});
  EXPECT_NE(text.find("   0.000000                  <-"), std::string::npos) << text;
  EXPECT_NE(text.find("CLOSE_WAIT"), std::string::npos) << text;
}

TEST(TraceLadder, ARetransmissionSaysWhichItIsOfHowManyAndHowLongTheTimerWas) {
  sim::TwoHosts world({.trace = 100, .drop = {1, 2, 3}});
  auto& a = world.sockets(0);
  const auto fd = *a.socket();
  (void)a.connect(fd, {world.address(1), 80}, world.now());
  world.run(10s);  // three SYNs are lost, the fourth is refused
  const auto events = kept_by(world.host(0));
  std::vector<std::string> reasons;
  TimePoint last{};
  for (const TraceEvent& event : events) {
    if (event.kind != TraceEvent::Kind::sent) continue;
    if (last != TimePoint{}) {
      EXPECT_EQ(event.at - last, event.rto);  // it was as long as it says
    }
    last = event.at;
    reasons.push_back(why_text(event));
  }
  const std::vector<std::string> expected{"", "RTO 1 of 7, 1 s", "RTO 2 of 7, 2 s",
                                          "RTO 3 of 7, 4 s"};
  EXPECT_EQ(reasons, expected);
  const auto ladders = ladders_of(events);
  ASSERT_EQ(ladders.size(), 1U);
  EXPECT_EQ(texts(ladders[0], LadderEvent::Kind::remark),
            std::vector<std::string>(expected.begin() + 1, expected.end()));
  const std::string text = render(ladders[0], {.ascii = true});
  EXPECT_NE(text.find("  1.000  RTO 1 of 7, 1 s --SYN seq 0-"), std::string::npos) << text;
}

TEST(TraceLadder, ALongReasonLeavesTheArrowItsPlace) {
  Traced t;
  TraceEvent& again = t.goes(Flag::ack, 101, 501, 100);
  again.why = tcp::Why::timeout;
  again.attempt = 2;
  again.attempts = 15;
  again.rto = 400ms;
  const std::string text = render(ladders_of(t.events)[0], {.ascii = true});
  EXPECT_NE(text.find("  0.000  RTO 2 of 15, 400 ms\n"
                      "                         --1:101 ACK ack 1-"),
            std::string::npos)
      << text;
}

TEST(TraceLadder, ADropIsExplainedOnceInEachLanguage) {
  Traced t;
  for (int i = 0; i < 3; ++i) t.arrives(Flag::ack, 500, 100, 9).drop = tcp::Drop::old_duplicate;
  t.arrives(Flag::rst, 500, 100).drop = tcp::Drop::rst_not_exact;
  const Ladder english = ladders_of(t.events)[0];
  EXPECT_EQ(texts(english, LadderEvent::Kind::remark),
            (std::vector<std::string>{"(old_duplicate)", "(old_duplicate)", "(old_duplicate)",
                                      "(rst_not_exact)"}));
  EXPECT_EQ(texts(english, LadderEvent::Kind::note),
            (std::vector<std::string>{
                "old_duplicate: all of it was here already",
                "rst_not_exact: a RST in the window but not exactly next: challenged"}));
  const auto chinese = texts(ladders_of(t.events, Language::chinese)[0], LadderEvent::Kind::note);
  ASSERT_EQ(chinese.size(), 2U);
  EXPECT_EQ(chinese[0], "old_duplicate：全部内容早已收到");
}

TEST(Reasons, EachDropHasASentenceOfItsOwn) {
  std::vector<std::string_view> seen;
  for (std::size_t i = 1; i < tcp::kDropCount; ++i) {
    const Text text = drop_text(static_cast<tcp::Drop>(i));
    EXPECT_FALSE(text.en.empty() || text.zh.empty()) << i;
    EXPECT_EQ(std::ranges::count(seen, text.en), 0) << text.en;
    seen.push_back(text.en);
  }
}

TEST(Reasons, SpansReadAsPeopleSayThem) {
  EXPECT_EQ(span_text(Duration(0)), "0 us");
  EXPECT_EQ(span_text(Duration(999)), "999 us");
  EXPECT_EQ(span_text(Duration(203'400)), "203 ms");
  EXPECT_EQ(span_text(1s), "1 s");
  EXPECT_EQ(span_text(1600ms), "1.6 s");
  EXPECT_EQ(span_text(100s), "100 s");
}

TEST(EventTeller, TellsEachEventAndKeepsTheState) {
  Traced t;
  whole_life(t, 100, 500);
  EventTeller teller;
  std::vector<std::string> told;
  for (const TraceEvent& event : t.events) told.push_back(teller.text(event));
  EXPECT_EQ(told,
            (std::vector<std::string>{
                "<- SYN seq 0", "LISTEN --syn--> SYN_RCVD", "-> SYN,ACK seq 0 ack 1",
                "<- ACK ack 1", "SYN_RCVD --acks_syn--> ESTABLISHED", "<- FIN,ACK seq 1 ack 1",
                "ESTABLISHED --fin--> CLOSE_WAIT", "SHUT_WR", "CLOSE_WAIT --close--> LAST_ACK",
                "-> FIN,ACK seq 1 ack 2", "<- ACK ack 2", "LAST_ACK --acks_fin--> CLOSED"}));
  EXPECT_EQ(teller.state_of(t.flow), State::closed);
  // The same ends again: numbers begin anew.
  Traced again;
  whole_life(again, 70, 90);
  EXPECT_EQ(teller.text(again.events[0]), "<- SYN seq 0");
  EXPECT_EQ(teller.text(again.events[2]), "-> SYN,ACK seq 0 ack 1");
}

TEST(EventTeller, ManyThatAreOverTakeNoMemory) {
  EventTeller teller;
  Traced alive("10.0.0.2:80", "10.9.9.9:9");
  alive.takes(State::syn_rcvd, Event::acks_syn);
  (void)teller.text(alive.events[0]);
  for (int i = 0; i < 20000; ++i) {
    const std::string remote =
        "10.0." + std::to_string(i / 200) + "." + std::to_string(i % 200) + ":7";
    Traced t("10.0.0.2:80", remote);
    t.takes(State::last_ack, Event::acks_fin);
    (void)teller.text(t.events[0]);
  }
  EXPECT_LE(teller.remembered(), 4096U);
  EXPECT_EQ(teller.state_of(alive.flow), State::established);
}

}  // namespace
}  // namespace lastack::insight
