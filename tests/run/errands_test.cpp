#include "run/errands.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <optional>
#include <vector>

namespace lastack::run {
namespace {

struct Pipe {
  OwnedFd out;  ///< to read from
  OwnedFd in;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  return {OwnedFd(ends[0]), OwnedFd(ends[1])};
}

/// Waits for that, as long as it takes.
bool has_ended(const Pipe& pipe) {
  char octet = 0;
  return ::read(pipe.out.get(), &octet, 1) == 0;
}

TEST(Errands, WhatIsToBeClosedIsClosedSoon) {
  Errands errands;
  for (int i = 0; i < 3; ++i) {  // the first one begins the thread, others find it at work
    Pipe pipe = make_pipe();
    errands.close(std::move(pipe.in));
    EXPECT_TRUE(has_ended(pipe));
  }
}

TEST(Errands, AreAllDoneWhereManyComeAtOnceAndItEnds) {
  std::vector<Pipe> pipes;
  std::optional<Errands> errands(std::in_place);
  for (int i = 0; i < 300; ++i) {
    pipes.push_back(make_pipe());
    errands->close(std::move(pipes.back().in));
  }
  errands.reset();
  for (const Pipe& pipe : pipes) EXPECT_TRUE(has_ended(pipe));
}

TEST(Errands, AreDoneByWhoCannotWait) {
  Errands errands;
  for (int round = 0; round < 20; ++round) {
    std::vector<Pipe> pipes;
    for (int i = 0; i < 10; ++i) {
      pipes.push_back(make_pipe());
      errands.close(std::move(pipes.back().in));
    }
    errands.finish();
    for (const Pipe& pipe : pipes) {
      pollfd asked{.fd = pipe.out.get(), .events = 0, .revents = 0};
      ASSERT_EQ(::poll(&asked, 1, 0), 1);
      EXPECT_NE(asked.revents & POLLHUP, 0);
    }
  }
}

TEST(Errands, SignalsAreForTheOtherThreads) {
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  Errands errands;
  errands.close(make_pipe().in);  // its thread has begun
  ::pthread_sigmask(SIG_BLOCK, &term, nullptr);
  ::kill(::getpid(), SIGTERM);  // would end the process if any thread took it
  const timespec at_once{};
  EXPECT_EQ(::sigtimedwait(&term, nullptr, &at_once), SIGTERM);
  ::pthread_sigmask(SIG_UNBLOCK, &term, nullptr);
}

}  // namespace
}  // namespace lastack::run
