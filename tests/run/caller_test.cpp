// Another process: its memory and its descriptors, for as long as it is the one that is meant.
#include "run/caller.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <iterator>

namespace lastack::run {
namespace {

/// A child that has a socket, and waits until it is ended.
class Child {
 public:
  Child() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    inode_ = inode_of(ends[0]);
    process_ = ::fork();
    if (process_ == 0) {
      for (;;) ::pause();
    }
    descriptor_ = ends[0];
    for (const int end : ends) ::close(end);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { end(); }
  void end() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
  }

  [[nodiscard]] pid_t process() const { return process_; }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] std::uint64_t inode() const { return inode_; }

 private:
  pid_t process_ = -1;
  int descriptor_ = -1;
  std::uint64_t inode_ = 0;
};

std::ptrdiff_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return std::distance(begin(all), end(all));
}

TEST(Callers, borrow_the_same_socket_again_and_again) {
  const Child child;
  io::EventLoop loop;
  Callers callers(loop);
  for (int i = 0; i < 3; ++i) {
    const OwnedFd far = callers.borrow(child.process(), child.descriptor());
    ASSERT_TRUE(far);
    EXPECT_EQ(inode_of(far.get()), child.inode());
  }
  EXPECT_FALSE(callers.borrow(child.process(), child.descriptor() + 100));
  EXPECT_TRUE(callers.borrow(child.process(), child.descriptor()));
}

TEST(Callers, nothing_is_kept_of_one_that_has_ended) {
  Child child;
  io::EventLoop loop;
  Callers callers(loop);
  const auto before = open_descriptors();
  EXPECT_TRUE(callers.borrow(child.process(), child.descriptor()));
  EXPECT_EQ(open_descriptors(), before + 1);
  loop.look();
  EXPECT_EQ(open_descriptors(), before + 1);
  child.end();
  loop.look();
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Callers, one_that_has_ended_has_nothing) {
  Child child;
  io::EventLoop loop;
  Callers callers(loop);
  const pid_t process = child.process();
  EXPECT_TRUE(callers.borrow(process, child.descriptor()));
  child.end();
  EXPECT_FALSE(callers.borrow(process, child.descriptor()));
  EXPECT_FALSE(callers.borrow(process, child.descriptor()));
}

TEST(Callers, more_than_are_kept) {
  constexpr std::size_t kMany = 40;
  const std::array<Child, kMany> children;
  io::EventLoop loop;
  Callers callers(loop);
  for (int round = 0; round < 2; ++round) {
    for (const Child& child : children) {
      const OwnedFd far = callers.borrow(child.process(), child.descriptor());
      ASSERT_TRUE(far);
      EXPECT_EQ(inode_of(far.get()), child.inode());
    }
  }
}

TEST(Caller, writes_two_pieces_or_says_that_it_could_not) {
  static std::array<char, 16> there{};  // at the same place in the child
  const Child child;
  const Caller caller(child.process());
  const auto octets = [](const char* text) {
    return std::as_bytes(std::span(text, std::strlen(text)));
  };
  const auto at = reinterpret_cast<std::uint64_t>(there.data());
  EXPECT_TRUE(caller.write({at, octets("abc")}, {at + 8, octets("de")}));
  std::array<char, 16> read{};
  EXPECT_TRUE(caller.read(at, std::as_writable_bytes(std::span(read))));
  EXPECT_STREQ(read.data(), "abc");
  EXPECT_STREQ(read.data() + 8, "de");
  EXPECT_TRUE(caller.write({at, octets("")}, {at, octets("f")}));
  EXPECT_TRUE(caller.write({0, octets("")}, {0, octets("")}));
  EXPECT_FALSE(caller.write({at, octets("abc")}, {8, octets("de")}));
  EXPECT_FALSE(caller.write({8, octets("abc")}, {at, octets("de")}));
}

}  // namespace
}  // namespace lastack::run
