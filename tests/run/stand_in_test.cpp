// One end of a pair in the place of a socket: what the program sees at the far end.
#include "run/stand_in.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

namespace lastack::run {
namespace {

class StandInTest : public testing::Test {
 protected:
  static StandIn::Pair make(bool non_blocking = true) {
    auto pair = StandIn::make(non_blocking);
    EXPECT_TRUE(pair);
    return std::move(*pair);
  }
  static bool writable(const OwnedFd& far) {
    pollfd asked{.fd = far.get(), .events = POLLOUT, .revents = 0};
    return ::poll(&asked, 1, 0) == 1 && (asked.revents & POLLOUT) != 0;
  }
  static std::size_t give(StandIn& near, std::size_t octets) {
    const std::vector<std::byte> all(octets);
    Readable readable;
    readable.pieces[0] = all;
    readable.count = 1;
    return near.give(readable);
  }

  std::array<std::byte, 100> room{};
};

TEST_F(StandInTest, blocks_or_not_as_the_program_wants_and_we_never_wait) {
  for (const bool non_blocking : {false, true}) {
    auto [near, far] = make(non_blocking);
    EXPECT_EQ((::fcntl(far.get(), F_GETFL) & O_NONBLOCK) != 0, non_blocking);
    EXPECT_EQ(near.take(room).octets, 0U);
    while (give(near, 100'000) > 0) {
    }
    EXPECT_FALSE(near.was_read());
  }
}

TEST_F(StandInTest, gets_more_room_once_what_it_has_is_full) {
  auto [near, far] = make();
  int before = 0;
  int after = 0;
  socklen_t size = sizeof before;
  ::getsockopt(near.descriptor(), SOL_SOCKET, SO_SNDBUF, &before, &size);
  EXPECT_EQ(give(near, 1000), 1000U);
  while (give(near, 50'000) == 50'000) {
  }
  ::getsockopt(near.descriptor(), SOL_SOCKET, SO_SNDBUF, &after, &size);
  EXPECT_GT(after, before);
}

TEST_F(StandInTest, stuffed_it_can_not_be_written_until_it_is_unstuffed) {
  auto [near, far] = make();
  EXPECT_TRUE(writable(far));
  near.stuff(far.get());
  EXPECT_TRUE(near.stuffed());
  EXPECT_FALSE(writable(far));
  near.unstuff();
  EXPECT_FALSE(near.stuffed());
  EXPECT_TRUE(writable(far));
  EXPECT_EQ(near.waiting(), 0U);
}

TEST_F(StandInTest, touched_it_is_news_that_it_can_be_written_and_nothing_else_changes) {
  auto [near, far] = make();
  const OwnedFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLET;
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, far.get(), &event), 0);
  const auto news = [&] { return ::epoll_wait(epoll.get(), &event, 1, 0); };
  const auto room_of_far = [&] {
    int octets = 0;
    socklen_t size = sizeof octets;
    ::getsockopt(far.get(), SOL_SOCKET, SO_SNDBUF, &octets, &size);
    return octets;
  };
  const int before = room_of_far();
  EXPECT_EQ(news(), 1);
  EXPECT_EQ(news(), 0);
  StandIn::touch(far.get());
  EXPECT_EQ(news(), 1);
  EXPECT_EQ(event.events, std::uint32_t{EPOLLOUT});
  EXPECT_EQ(news(), 0);
  EXPECT_EQ(room_of_far(), before);
  EXPECT_EQ(near.waiting(), 0U);
}

TEST_F(StandInTest, unstuffing_leaves_what_the_program_has_written_behind_it) {
  auto [near, far] = make();
  near.stuff(far.get());
  ASSERT_EQ(::send(far.get(), "abc", 3, MSG_DONTWAIT), 3);
  near.unstuff();
  EXPECT_EQ(near.take(room).octets, 3U);
  EXPECT_EQ(room[0], std::byte{'a'});
}

TEST_F(StandInTest, an_end_is_in_order_where_the_program_has_read_everything) {
  auto [near, far] = make();
  EXPECT_EQ(give(near, 5), 5U);
  ASSERT_EQ(::recv(far.get(), room.data(), 5, 0), 5);
  ASSERT_EQ(::send(far.get(), "abc", 3, 0), 3);
  far.close();
  EXPECT_EQ(near.take(room).octets, 3U);
  const Taken last = near.take(room);
  EXPECT_TRUE(last.ended);
  EXPECT_FALSE(last.unread);
  EXPECT_FALSE(near.left_unread());
}

TEST_F(StandInTest, octets_left_unread_are_told_by_take_or_where_it_does_not_by_a_question) {
  auto [near, far] = make();
  EXPECT_EQ(give(near, 5), 5U);
  far.close();
  const Taken last = near.take(room);
  EXPECT_TRUE(last.ended);
  EXPECT_TRUE(last.unread);
  auto [other, its_far] = make();
  other.end_writing(its_far.get());
  EXPECT_EQ(give(other, 5), 5U);
  its_far.close();
  EXPECT_FALSE(other.take(room).ended);
  EXPECT_TRUE(other.left_unread());
}

TEST_F(StandInTest, clearing_throws_away_what_lies_there_also_where_something_has_ended) {
  for (const bool ended : {false, true}) {
    auto [near, far] = make(true);
    ASSERT_EQ(give(near, 5), 5U);
    ASSERT_TRUE(near.give_urgent(std::byte{'u'}));
    if (ended) near.end_writing(far.get());
    EXPECT_EQ(near.clear(far.get()), !ended);
    EXPECT_EQ(::recv(far.get(), room.data(), room.size(), 0), -1);
    EXPECT_EQ(errno, EAGAIN);
  }
}

TEST_F(StandInTest, clearing_leaves_the_reset_to_be_told) {
  auto [near, far] = make(true);
  ASSERT_EQ(give(near, 5), 5U);
  near.reset(far.get());
  EXPECT_FALSE(near.clear(far.get()));
  EXPECT_EQ(::recv(far.get(), room.data(), room.size(), 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(StandInTest, a_listener_is_readable_while_connections_wait) {
  auto [near, far] = make();
  EXPECT_TRUE(near.show_waiting(300, far.get()));
  EXPECT_EQ(::recv(far.get(), room.data(), 1, MSG_PEEK), 1);
  EXPECT_FALSE(near.show_waiting(1, -1));
  EXPECT_TRUE(near.show_waiting(1, far.get()));
  EXPECT_TRUE(near.show_waiting(0, far.get()));
  EXPECT_EQ(::recv(far.get(), room.data(), 1, MSG_PEEK), -1);
}

}  // namespace
}  // namespace lastack::run
