// A program that means ill: calls of sockets with whatever arguments, pointers whose target changes
// while it is read, thousands of descriptors, storms of processes, and signals all the time.
//   hostile SEED MILLISECONDS
// It leaves with 0: what it did to itself is its own affair.
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kArena = std::size_t{64} << 10U;
constexpr std::size_t kPage = 4096;
constexpr int kFirst = 3;  // standard input, output and errors stay
constexpr int kPorts = 6;
constexpr int kFirstPort = 7000;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 2654435769U + 1) {}
  std::uint64_t any() {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    state_ ^= state_ << 17U;
    return state_;
  }
  std::uint64_t below(std::uint64_t n) { return any() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

std::byte* arena = nullptr;
std::atomic<bool> over = false;

void set_timer(Dice& dice) {
  itimerval timer{};
  timer.it_interval.tv_usec = static_cast<suseconds_t>(100 + dice.below(3000));
  timer.it_value = timer.it_interval;
  ::setitimer(ITIMER_REAL, &timer, nullptr);
  struct sigaction action{};
  action.sa_handler = [](int) {};
  action.sa_flags = dice.one_in(3) ? SA_RESTART : 0;
  ::sigaction(SIGALRM, &action, nullptr);
}

/// One thread's calls.
class Caller {
 public:
  explicit Caller(std::uint64_t seed) : dice_(seed) {}

  void call() {
    const std::array numbers{
        __NR_socket,     __NR_socket,      __NR_bind,        __NR_listen,   __NR_accept,
        __NR_accept4,    __NR_connect,     __NR_connect,     __NR_shutdown, __NR_getsockopt,
        __NR_setsockopt, __NR_getsockname, __NR_getpeername, __NR_sendmsg,  __NR_sendmmsg,
        __NR_recvmsg,    __NR_recvmmsg,    __NR_sendto,      __NR_recvfrom, __NR_ioctl,
        __NR_read,       __NR_write,       __NR_dup,         __NR_close,    __NR_fcntl};
    const long number = numbers[dice_.below(numbers.size())];
    std::array<std::uint64_t, 6> a{};
    for (auto& argument : a) argument = any_argument();
    a[0] = descriptor();
    if (dice_.below(4) > 0) make_good(number, a);
    const long made = ::syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    const bool opens = number == __NR_socket || number == __NR_dup || number == __NR_accept ||
                       number == __NR_accept4;
    if (opens && made >= kFirst) mine_.push_back(static_cast<int>(made));
    if (mine_.size() > 200) drop_all();
  }

  void thousands() {
    for (int i = 0; i < 3000 && !over; ++i) {
      const int fd = ::socket(AF_INET, dice_.one_in(4) ? SOCK_DGRAM : SOCK_STREAM, 0);
      if (fd < 0) break;
      mine_.push_back(fd);
    }
    drop_all();
  }

  void storm() {
    std::array<pid_t, 8> children{};
    for (pid_t& child : children) {
      child = ::fork();
      if (child != 0) continue;
      if (dice_.one_in(3) && ::fork() != 0) ::_exit(0);  // an orphan goes on
      set_timer(dice_);
      Caller caller(dice_.any() + static_cast<std::uint64_t>(::getpid()));
      for (int i = 0; i < 60; ++i) caller.call();
      ::_exit(0);
    }
    for (const pid_t child : children) {
      if (child > 0 && dice_.one_in(2)) ::kill(child, SIGKILL);
      if (child > 0) ::waitpid(child, nullptr, 0);
    }
  }

  void drop_all() {
    for (const int fd : mine_) ::close(fd);
    mine_.clear();
  }

 private:
  std::uint64_t pointer() {
    const auto base = reinterpret_cast<std::uint64_t>(arena);
    switch (dice_.below(10)) {
      case 0: return 0;
      case 1: return base + kArena - dice_.below(64);  // part of it is beyond
      case 2: return dice_.any();
      case 3: return ~std::uint64_t{0} - dice_.below(4096);
      default: return base + dice_.below(kArena - 256);
    }
  }
  std::uint64_t any_argument() {
    switch (dice_.below(6)) {
      case 0: return dice_.any();
      case 1: return dice_.below(3);
      case 2: return static_cast<std::uint64_t>(-1);
      case 3: return dice_.below(300);
      default: return pointer();
    }
  }
  std::uint64_t descriptor() {
    if (dice_.one_in(12)) return dice_.any();
    if (dice_.one_in(6) || mine_.empty()) return kFirst + dice_.below(200);
    return static_cast<std::uint64_t>(mine_[dice_.below(mine_.size())]);
  }

  /// An address that means something, somewhere in the arena, until the other thread is there.
  std::uint64_t address() {
    sockaddr_in end{};
    end.sin_family = dice_.one_in(10) ? AF_UNSPEC : AF_INET;
    end.sin_addr.s_addr = htonl(dice_.one_in(5) ? INADDR_ANY : INADDR_LOOPBACK);
    end.sin_port = htons(static_cast<std::uint16_t>(kFirstPort + dice_.below(kPorts)));
    std::byte* const at = arena + dice_.below(kArena - 4 * kPage);
    std::memcpy(at, &end, sizeof end);
    return reinterpret_cast<std::uint64_t>(at);
  }

  void make_good(long number, std::array<std::uint64_t, 6>& a) {
    const std::uint64_t flags =
        dice_.one_in(2) ? std::uint64_t{MSG_DONTWAIT} : dice_.below(1U << 16U);
    switch (number) {
      case __NR_socket:
        a[0] = dice_.one_in(3) ? AF_INET6 : AF_INET;
        a[1] = static_cast<std::uint64_t>(dice_.one_in(3) ? SOCK_DGRAM : SOCK_STREAM) |
               (dice_.one_in(2) ? std::uint64_t{SOCK_NONBLOCK} : 0);
        a[2] = 0;
        break;
      case __NR_bind:
      case __NR_connect:
        a[1] = address();
        a[2] = sizeof(sockaddr_in);
        break;
      case __NR_listen: a[1] = dice_.below(20); break;
      case __NR_accept4: a[3] = dice_.one_in(2) ? SOCK_NONBLOCK : 0; break;
      case __NR_shutdown: a[1] = dice_.below(3); break;
      case __NR_getsockopt:
      case __NR_setsockopt:
        a[1] = dice_.one_in(2) ? 1 : 6;
        a[2] = dice_.below(40);
        if (number == __NR_setsockopt) a[4] = dice_.below(20);
        break;
      case __NR_sendto:
      case __NR_recvfrom:
        a[2] = dice_.below(5000);
        a[3] = flags;
        a[4] = dice_.one_in(2) ? address() : 0;
        if (number == __NR_sendto) a[5] = sizeof(sockaddr_in);
        break;
      case __NR_sendmsg:
      case __NR_recvmsg:
        a[1] = message();
        a[2] = flags;
        break;
      case __NR_sendmmsg:
      case __NR_recvmmsg:
        a[1] = message();
        a[2] = dice_.below(8);
        a[3] = flags;
        a[4] = 0;
        break;
      case __NR_ioctl: a[1] = dice_.one_in(2) ? SIOCOUTQ : 0x8900 + dice_.below(256); break;
      case __NR_read:
      case __NR_write:
        a[2] = dice_.below(20000);
        if (a[0] < kFirst) a[0] = kFirst;
        break;
      case __NR_fcntl:
        a[1] = F_SETFL;
        a[2] = dice_.one_in(2) ? O_NONBLOCK : 0;
        break;
      default: break;
    }
  }

  std::uint64_t message() {
    mmsghdr all{};
    std::byte* const at = arena + dice_.below(kArena - 4 * kPage);
    iovec part{at + 512, dice_.below(3000)};
    all.msg_hdr.msg_iov = reinterpret_cast<iovec*>(at + 256);
    all.msg_hdr.msg_iovlen = dice_.one_in(10) ? dice_.any() : 1 + dice_.below(3);
    if (dice_.one_in(2)) {
      all.msg_hdr.msg_name = reinterpret_cast<void*>(address());
      all.msg_hdr.msg_namelen = static_cast<socklen_t>(dice_.one_in(8) ? dice_.any() : 16);
    }
    std::memcpy(at, &all, sizeof all);
    std::memcpy(at + 256, &part, sizeof part);
    return reinterpret_cast<std::uint64_t>(at);
  }

  Dice dice_;
  std::vector<int> mine_;
};

/// What others read changes, and is gone at times.
void scribble(std::uint64_t seed) {
  Dice dice(seed);
  while (!over) {
    const std::size_t at = dice.below(kArena - 64);
    const std::uint64_t what = dice.one_in(3) ? dice.any() : dice.below(64);
    std::memcpy(arena + at, &what, sizeof what);
    if (!dice.one_in(2000)) continue;
    std::byte* const page = arena + dice.below(kArena / kPage) * kPage;
    ::madvise(page, kPage, MADV_DONTNEED);
  }
}

/// Some of its children die of what they do: that is no concern of anybody.
void be_hostile(std::uint64_t seed, Clock::time_point until) {
  arena = static_cast<std::byte*>(
      ::mmap(nullptr, kArena, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  Dice dice(seed);
  set_timer(dice);
  std::vector<std::thread> threads;
  threads.emplace_back(scribble, seed + 1);
  for (std::uint64_t i = 0; i < 2; ++i) {
    threads.emplace_back([seed, i] {
      Caller caller(seed * 7 + i);
      while (!over) caller.call();
    });
  }
  Caller caller(seed * 7 + 6);
  while (Clock::now() < until) {
    for (int i = 0; i < 500 && Clock::now() < until; ++i) caller.call();
    set_timer(dice);
    if (dice.one_in(3)) caller.storm();
    if (dice.one_in(8)) caller.thousands();
  }
  over = true;
  ::_exit(0);  // a thread may wait in a call
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const long milliseconds = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 3000;
  const auto until = Clock::now() + std::chrono::milliseconds(milliseconds);
  (void)std::signal(SIGPIPE, SIG_IGN);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const pid_t leader = ::fork();
  if (leader == 0) {
    ::setsid();
    for (std::uint64_t i = 0; i < 2; ++i) {
      if (::fork() == 0) be_hostile(seed * 16 + i, until);
    }
    for (;;) ::waitpid(-1, nullptr, 0);
  }
  while (Clock::now() < until + std::chrono::milliseconds(500)) ::usleep(20000);
  ::kill(-leader, SIGKILL);  // whoever hangs in a call that waits for ever, too
  ::waitpid(leader, nullptr, 0);
  return 0;
}
