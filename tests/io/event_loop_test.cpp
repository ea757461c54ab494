// Descriptors that become ready: those with a handler each, and many that one watches by edges.
#include "io/event_loop.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>
#include <vector>

namespace lastack::io {
namespace {

class EventLoopTest : public testing::Test {
 protected:
  ~EventLoopTest() override {
    for (const int descriptor : open) ::close(descriptor);
  }

  /// What is written to the second is there to be read at the first.
  std::array<int, 2> pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    open.insert(open.end(), ends.begin(), ends.end());
    return ends;
  }
  static void say(int descriptor) { EXPECT_EQ(::write(descriptor, "x", 1), 1); }
  /// Whose news are written down, and how often it was let act.
  EventLoop::WatcherId watcher() {
    return loop.add({.note = [this](std::uint64_t number,
                                    std::uint32_t events) { noted.emplace_back(number, events); },
                     .act = [this] { ++acted; }});
  }
  std::vector<std::uint64_t> numbers() {
    std::vector<std::uint64_t> all;
    for (const auto& [number, events] : std::exchange(noted, {})) all.push_back(number);
    return all;
  }

  using Numbers = std::vector<std::uint64_t>;
  EventLoop loop;
  std::vector<int> open;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> noted;
  int acted = 0;
};

TEST_F(EventLoopTest, edges_are_told_once_under_their_number) {
  const auto id = watcher();
  const auto ends = pair();
  loop.watch(id, ends[0], 0xab'1234'5678'9abc, EPOLLIN | EPOLLET);
  say(ends[1]);
  loop.wait(TimePoint{});
  ASSERT_EQ(noted.size(), 1U);
  EXPECT_EQ(noted[0], std::pair(std::uint64_t{0xab'1234'5678'9abc}, std::uint32_t{EPOLLIN}));
  EXPECT_EQ(acted, 1);
  loop.wait(TimePoint{});
  EXPECT_EQ(noted.size(), 1U);
  EXPECT_EQ(acted, 1);
  loop.watch_anew(id, ends[0], 7, EPOLLIN | EPOLLET);
  loop.wait(TimePoint{});
  EXPECT_EQ(noted.back().first, 7U);
}

TEST_F(EventLoopTest, all_news_of_a_wait_are_noted_before_anybody_acts) {
  const auto handled = pair();
  const auto watched = pair();
  std::size_t known = 0;
  loop.add(handled[0], [&] { known = noted.size(); });
  loop.watch(watcher(), watched[0], 1, EPOLLIN | EPOLLET);
  say(handled[1]);
  say(watched[1]);
  loop.wait(TimePoint{});
  EXPECT_EQ(known, 1U);
  EXPECT_EQ(acted, 1);
}

TEST_F(EventLoopTest, look_notes_what_is_news_and_calls_nobody) {
  const auto handled = pair();
  const auto watched = pair();
  int calls = 0;
  loop.add(handled[0], [&] { ++calls; });
  const auto id = watcher();
  loop.watch(id, watched[0], 1, EPOLLIN | EPOLLET);
  say(handled[1]);
  say(watched[1]);
  loop.look();
  EXPECT_EQ(numbers(), Numbers{1});
  EXPECT_EQ(std::pair(calls, acted), std::pair(0, 0));
  loop.look();
  EXPECT_TRUE(noted.empty());
  loop.wait(TimePoint{});
  EXPECT_EQ(std::pair(calls, acted), std::pair(1, 0));
}

TEST_F(EventLoopTest, look_finds_news_behind_more_handlers_than_one_question_tells_of) {
  constexpr int kMany = 150;
  for (int i = 0; i < kMany; ++i) {
    const auto ends = pair();
    loop.add(ends[0], [] {});
    say(ends[1]);
  }
  const auto watched = pair();
  loop.watch(watcher(), watched[0], 9, EPOLLIN | EPOLLET);
  say(watched[1]);
  loop.look();
  EXPECT_EQ(numbers(), Numbers{9});
}

TEST_F(EventLoopTest, what_is_no_edge_is_told_until_it_is_over) {
  const auto ends = pair();
  loop.watch(watcher(), ends[0], 3, EPOLLIN);
  say(ends[1]);
  loop.look();
  loop.look();
  EXPECT_EQ(numbers(), (Numbers{3, 3}));
  char octet = 0;
  EXPECT_EQ(::read(ends[0], &octet, 1), 1);
  loop.look();
  EXPECT_TRUE(noted.empty());
}

TEST_F(EventLoopTest, who_does_not_watch_any_more_is_told_nothing) {
  const auto id = watcher();
  const auto ends = pair();
  loop.watch(id, ends[0], 1, EPOLLIN | EPOLLET);
  loop.remove_watcher(id);
  say(ends[1]);
  loop.wait(TimePoint{});
  EXPECT_TRUE(noted.empty());
  EXPECT_EQ(acted, 0);
}

}  // namespace
}  // namespace lastack::io
