// The events of a trace on their way to whoever asks: nothing changes, and nothing wrong gets in.
#include "control/trace_events.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace lastack::control {
namespace {

using host::TraceEvent;
using Json = nlohmann::json;

host::Flow flow_of(bool v6) {
  return v6 ? host::Flow{*host::Endpoint::parse("[fd00::2]:80"), *host::Endpoint::parse("[::1]:1")}
            : host::Flow{*host::Endpoint::parse("10.0.0.2:80"),
                         *host::Endpoint::parse("10.0.0.1:65535")};
}

TraceEvent at(std::int64_t us, TraceEvent::Kind kind, bool v6 = false) {
  return {.at = TimePoint(Duration(us)), .flow = flow_of(v6), .kind = kind};
}

void add_header(TraceEvent& event, std::size_t size) {
  event.header_size = static_cast<std::uint8_t>(size);
  for (std::size_t i = 0; i < size; ++i) event.header[i] = static_cast<std::byte>(i * 37 + size);
}

/// Every kind, and of each every value that it may have in each member.
std::vector<TraceEvent> every_event() {
  std::vector<TraceEvent> all;
  for (std::size_t i = 0; i < tcp::kDropCount; ++i) {
    TraceEvent event = at(1, TraceEvent::Kind::arrived, i % 2 != 0);
    event.drop = static_cast<tcp::Drop>(i);
    event.octets = i == 0 ? 0 : UINT32_MAX;
    add_header(event, 20 + i % 11 * 4);
    all.push_back(event);
  }
  for (std::size_t i = 0; i < tcp::kWhyCount; ++i) {
    TraceEvent event = at(kMostTraceTime.count(), TraceEvent::Kind::sent);
    event.why = static_cast<tcp::Why>(i);
    event.attempt = static_cast<std::uint8_t>(i);
    event.attempts = i % 2 != 0 ? 255 : 0;
    event.rto = Duration(static_cast<std::int64_t>(i) * 1'000'000);
    add_header(event, 60);
    all.push_back(event);
  }
  for (const tcp::Row& row : tcp::kTable) {
    TraceEvent event = at(0, TraceEvent::Kind::transition);
    event.transition = {row.from, row.event, row.to};
    all.push_back(event);
  }
  for (std::size_t i = 0; i < host::kTraceCalls; ++i) {
    TraceEvent event = at(7, TraceEvent::Kind::called, true);
    event.call = static_cast<TraceEvent::Call>(i);
    event.octets = static_cast<std::uint32_t>(i * 1000);
    all.push_back(event);
  }
  return all;
}

TEST(TraceEvents, EveryKindComesBackAsItWas) {
  for (const TraceEvent& event : every_event()) {
    const Json json = json_of(event);
    EXPECT_EQ(event_of(json), event) << json;
    EXPECT_EQ(event_of(Json::parse(json.dump())), event) << json;
  }
}

TEST(TraceEvents, WhatIsWrongIsNoEvent) {
  TraceEvent event = at(5, TraceEvent::Kind::sent);
  event.attempt = 2;
  event.attempts = 15;
  event.rto = 400ms;
  event.drop = tcp::Drop::paws;
  event.transition = {tcp::State::listen, tcp::Event::syn, tcp::State::syn_rcvd};
  event.call = TraceEvent::Call::abort;
  event.octets = 1;
  add_header(event, 20);
  const Json good = json_of(event);
  ASSERT_EQ(event_of(good), event);
  const std::vector<Json> wrong{
      nullptr, -1,   1.5,           1e300,          "",        "zz",   "0",
      "a:b:c", true, Json::array(), Json::object(), INT64_MAX, "[::1", std::string(122, '0')};
  for (const auto& [name, value] : good.items()) {
    for (const Json& other : wrong) {
      if (name == "header" && other == "") continue;  // as short as can be
      Json bad = good;
      bad[name] = other;
      EXPECT_FALSE(event_of(bad)) << name << " " << other;
    }
  }
  for (const char* name : {"local", "remote", "kind"}) {
    Json bad = good;
    bad.erase(name);
    EXPECT_FALSE(event_of(bad)) << name;
  }
  for (const Json& other : wrong) EXPECT_FALSE(event_of(other)) << other;
}

host::Trace trace_of(std::size_t keeps, std::size_t happened) {
  host::Trace trace(keeps);
  for (std::size_t i = 0; i < happened; ++i) {
    trace.next() = at(static_cast<std::int64_t>(i), TraceEvent::Kind::called);
  }
  return trace;
}

TracePage asked(const host::Trace& trace, const Json& request) {
  const Json answer = trace_answer(trace, request, TimePoint(9s), 1'700'000'000s);
  const auto page = page_of(Json::parse(answer.dump()));
  EXPECT_TRUE(page) << page.error();
  return page.value_or(TracePage{});
}

TEST(TraceEvents, PageByPageAllThatIsKeptComesOnce) {
  const host::Trace trace = trace_of(1000, 2500);
  std::uint64_t next = 0;
  std::int64_t expected = 1500;
  do {
    const TracePage page = asked(trace, {{"ask", "trace"}, {"from", next}});
    EXPECT_EQ(page.begin, 1500U);
    EXPECT_EQ(page.end, 2500U);
    EXPECT_EQ(page.keeps, 1000U);
    EXPECT_EQ(page.now, TimePoint(9s));
    EXPECT_EQ(page.wall, Duration(1'700'000'000s));
    ASSERT_FALSE(page.events.empty());
    ASSERT_LE(page.events.size(), kMostTraceEvents);
    for (const TraceEvent& event : page.events) {
      EXPECT_EQ(event.at, TimePoint(Duration(expected++)));
    }
    next = page.next();
  } while (next < 2500);
  EXPECT_EQ(expected, 2500);
}

TEST(TraceEvents, AnAnswerIsBoundedWhateverIsAsked) {
  host::Trace trace(5000);
  for (const auto& pattern : every_event()) {
    for (int i = 0; i < 50; ++i) trace.next() = pattern;
  }
  for (const Json& most : {Json(1), Json(300), Json(UINT64_MAX)}) {
    const Json answer = trace_answer(trace, {{"from", 0}, {"most", most}}, {}, {});
    EXPECT_EQ(answer["events"].size(), std::min<std::uint64_t>(most.get<std::uint64_t>(), 256));
    EXPECT_LT(answer.dump().size(), 128U * 1024);
  }
  EXPECT_TRUE(asked(trace, {{"from", UINT64_MAX}}).events.empty());
  EXPECT_TRUE(asked(trace, {{"from", trace.end()}}).events.empty());
  EXPECT_TRUE(asked(trace, {{"most", 0}}).events.empty());
  for (const Json& wrong : {Json(-1), Json("7"), Json(1.5), Json(nullptr), Json::array()}) {
    EXPECT_TRUE(trace_answer(trace, {{"from", wrong}}, {}, {}).contains("error")) << wrong;
    EXPECT_TRUE(trace_answer(trace, {{"most", wrong}}, {}, {}).contains("error")) << wrong;
  }
}

TEST(TraceEvents, AHostThatKeepsNoneSaysSo) {
  const TracePage page = asked(host::Trace(0), {{"from", 5}});
  EXPECT_EQ(page.keeps, 0U);
  EXPECT_EQ(page.end, 0U);
  EXPECT_TRUE(page.events.empty());
}

/// Octets of an answer changed at random: it may be read or not, but only as what it can be.
TEST(TraceEvents, DamagedAnswersAreRefusedOrMakeSense) {
  host::Trace trace(500);
  for (const TraceEvent& event : every_event()) trace.next() = event;
  const std::string good = trace_answer(trace, {{"most", 200}}, {}, {}).dump();
  ASSERT_TRUE(page_of(Json::parse(good)));
  Random random(std::array<std::uint64_t, 4>{1, 2, 3, 4});
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string text = good;
    for (int n = 0; n < 3; ++n) {
      constexpr std::string_view kParts = "0123456789-.e\"{}[],:truefalsn";
      text[random.next() % text.size()] = kParts[random.next() % kParts.size()];
    }
    const Json json = Json::parse(text, nullptr, false);
    const auto page = page_of(json);
    if (!page) {
      ++refused;
      continue;
    }
    EXPECT_LE(page->next(), page->end);
    for (const TraceEvent& event : page->events) EXPECT_LE(event.header_size, event.header.size());
  }
  EXPECT_GT(refused, 100);
  for (const Json& other : {Json(), Json(3), Json::array(), Json::object(), Json("trace")}) {
    EXPECT_FALSE(page_of(other)) << other;
  }
  EXPECT_EQ(page_of({{"error", "no"}}).error(), "it answers: no");
}

}  // namespace
}  // namespace lastack::control
