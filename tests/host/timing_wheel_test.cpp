#include "host/timing_wheel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <utility>

#include "tools/sanitized.hpp"

namespace lastack::host {
namespace {

TEST(TimingWheel, NeverEarlyAndLessThanATickLate) {
  TimingWheel wheel;
  const TimerId id = wheel.create(7);
  std::vector<std::uint32_t> due;
  for (const Duration after : {1us, 999us, 1000us, 1001us, 63'000us, 64'000us, 65'500us}) {
    TimingWheel fresh;
    const TimerId t = fresh.create(7);
    fresh.set(t, TimePoint(after));
    due.clear();
    fresh.advance(TimePoint(after - 1us), due);
    EXPECT_TRUE(due.empty()) << after.count();
    fresh.advance(TimePoint(after + TimingWheel::kTick - 1us), due);
    EXPECT_EQ(due.size(), 1U) << after.count();
  }
  wheel.destroy(id);
  EXPECT_EQ(wheel.size(), 0U);
}

TEST(TimingWheel, HandedOnATimerIsAnothers) {
  TimingWheel wheel;
  const TimerId id = wheel.create(7);
  wheel.set(id, TimePoint(10ms));
  wheel.hand_on(id, 8);
  EXPECT_EQ(wheel.next_deadline(), kNever);
  wheel.set(id, TimePoint(20ms));
  std::vector<std::uint32_t> due;
  wheel.advance(TimePoint(1s), due);
  EXPECT_EQ(due, std::vector<std::uint32_t>{8});
}

TEST(TimingWheel, AgreesWithAPlainOne) {
  std::mt19937_64 random(3);
  TimingWheel wheel;
  std::map<std::uint32_t, TimePoint> plain;  // running timers by cookie
  std::vector<TimerId> ids;
  for (std::uint32_t i = 0; i < 300; ++i) ids.push_back(wheel.create(i));
  TimePoint now{};
  std::vector<std::uint32_t> due;
  for (int step = 0; step < 200'000; ++step) {
    const auto which = static_cast<std::uint32_t>(random() % ids.size());
    const auto kind = random() % 10;
    if (kind < 5) {
      // From a millisecond to beyond the wheel's reach.
      const auto range = std::uint64_t{1} << (10 + random() % 32);
      const TimePoint at = now + Duration(static_cast<std::int64_t>(random() % range));
      wheel.set(ids[which], at);
      plain[which] = at;
    } else if (kind < 6) {
      wheel.stop(ids[which]);
      plain.erase(which);
    } else {
      const auto range = std::uint64_t{1} << (10 + random() % 26);
      TimePoint to = now + Duration(static_cast<std::int64_t>(random() % range));
      if (random() % 3 == 0 && wheel.next_deadline() != kNever) {
        to = std::max(now, wheel.next_deadline());
      }
      due.clear();
      wheel.advance(to, due);
      now = to;
      for (const std::uint32_t cookie : due) {
        ASSERT_TRUE(plain.contains(cookie)) << "step " << step;
        ASSERT_LE(plain[cookie], now) << "early, step " << step;
        plain.erase(cookie);
      }
      for (const auto& [cookie, at] : plain) {
        ASSERT_GT(at + TimingWheel::kTick, now) << "missed " << cookie << ", step " << step;
      }
    }
    if (step % 100 == 0) {
      TimePoint first = kNever;
      for (const auto& [cookie, at] : plain) first = std::min(first, at);
      ASSERT_LE(wheel.next_deadline(), std::max(first, now) == kNever
                                           ? kNever
                                           : std::max(first, now) + TimingWheel::kTick);
      ASSERT_EQ(wheel.next_deadline() == kNever, plain.empty());
    }
  }
}

/// A million at once, moved earlier, stopped and destroyed at random while others fire: what fires
/// was due, less than a tick ago, and fires once. A timer costs 0.6 us of processor time, all that
/// checks it here included (2-core Xeon; user time of the whole test):
///   g++ -std=c++23 -O2 -Isrc -Iinclude -Itests tests/host/timing_wheel_test.cpp
///     src/host/timing_wheel.cpp -lgtest_main -lgtest
TEST(TimingWheel, AMillionTimers) {
  constexpr std::uint32_t kTimers = lastack_test::kSanitized ? 100'000 : 1'000'000;
  constexpr TimePoint kEnd{60s};
  std::mt19937_64 random(5);
  const auto below = [&random](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };
  TimingWheel wheel;
  std::vector<TimerId> ids;
  std::vector<TimePoint> plain;  // when each is due, by cookie; kNever for one that does not run
  for (std::uint32_t i = 0; i < kTimers; ++i) {
    ids.push_back(wheel.create(i));
    plain.emplace_back(Duration(below(60'000'000)));
    wheel.set(ids[i], plain[i]);
  }
  TimePoint now{};
  std::size_t destroyed = 0;
  std::vector<std::uint32_t> due;
  while (now < kEnd) {
    for (int i = 0; i < 500; ++i) {
      const auto which = static_cast<std::uint32_t>(below(kTimers));
      if (plain[which] == kNever) continue;
      switch (below(4)) {
        case 0:
          plain[which] = kNever;
          wheel.stop(ids[which]);
          break;
        case 1:
          plain[which] = kNever;
          wheel.destroy(std::exchange(ids[which], kNoTimer));
          ++destroyed;
          break;
        default:
          plain[which] = std::min(plain[which], now + Duration(below(20'000'000)));
          wheel.set_earlier(ids[which], plain[which]);
      }
    }
    const TimePoint before = std::exchange(now, now + Duration(below(200'000)));
    due.clear();
    wheel.advance(now, due);
    for (const std::uint32_t cookie : due) {
      ASSERT_LE(plain[cookie], now) << "early, stopped or twice: " << cookie;
      ASSERT_GT(plain[cookie] + TimingWheel::kTick, before) << "late: " << cookie;
      plain[cookie] = kNever;
    }
  }
  wheel.advance(kEnd + TimingWheel::kTick + 200ms, due);
  EXPECT_EQ(wheel.next_deadline(), kNever);
  EXPECT_EQ(wheel.size(), kTimers - destroyed);
  EXPECT_GT(destroyed, kTimers / 100);
}

}  // namespace
}  // namespace lastack::host
