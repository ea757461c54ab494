// Two programs that talk to each other, over the kernel's TCP or over what `lastack run` puts in
// its place: stand_in bulk|pingpong|calls|answers --over tcp|pair [--seconds N] [--chunk N].
//
// `tcp` is a connection over loopback: started by `lastack run` it is lastack's. `pair` is what no
// run can be faster than: two socketpairs, and a relay between them that does nothing else.
// `calls --over tcp|filter` talks to nobody: it asks the kernel who it is, which no filter minds.
// `answers --over tcp` asks a socket for its name, which under `lastack run` lastack answers.
// Prints {"seconds": …, "count": …}, octets, round trips or answers; of calls {"ns": …}, processor
// time.
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <span>
#include <utility>

#include "peer.hpp"

namespace {

using Clock = std::chrono::steady_clock;

struct Ends {
  int client = -1;
  int server = -1;
  std::array<int, 2> relay{-1, -1};
};

void check(bool well, std::string_view what) {
  if (!well) bench::fail(what);
}

Ends tcp() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in name{
      .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof name;
  auto* address = reinterpret_cast<sockaddr*>(&name);
  check(::bind(listener, address, size) == 0 && ::listen(listener, 1) == 0, "can't listen");
  ::getsockname(listener, address, &size);
  Ends ends;
  ends.client = ::socket(AF_INET, SOCK_STREAM, 0);
  check(::connect(ends.client, address, size) == 0, "can't connect");
  ends.server = ::accept(listener, nullptr, nullptr);
  const int on = 1;
  for (const int end : {ends.client, ends.server}) {
    ::setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ::close(listener);
  return ends;
}

Ends pair() {
  Ends ends;
  for (auto [end, relay] :
       {std::pair{&ends.client, ends.relay.data()}, {&ends.server, &ends.relay[1]}}) {
    std::array<int, 2> both{};
    check(::socketpair(AF_UNIX, SOCK_STREAM, 0, both.data()) == 0, "no socketpair");
    const int room = 1 << 20;  // as a run asks for
    ::setsockopt(both[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    *end = both[0];
    *relay = both[1];
  }
  return ends;
}

/// Whatever either end writes, to the other.
void relay(const Ends& ends) {
  std::vector<std::byte> octets(std::size_t{256} << 10U);
  for (;;) {
    std::array<pollfd, 2> asked{pollfd{ends.relay[0], POLLIN, 0}, pollfd{ends.relay[1], POLLIN, 0}};
    ::poll(asked.data(), asked.size(), -1);
    for (std::size_t i = 0; i < 2; ++i) {
      if (asked[i].revents == 0) continue;
      const ssize_t n = ::read(asked[i].fd, octets.data(), octets.size());
      if (n <= 0) return;
      for (ssize_t at = 0; at < n;) {
        const ssize_t given =
            ::write(asked[1 - i].fd, octets.data() + at, static_cast<std::size_t>(n - at));
        if (given <= 0) return;
        at += given;
      }
    }
  }
}

void serve(int server, const bench::Options& options) {
  std::vector<std::byte> octets(options.chunk);
  const bool answers = options.what == "pingpong";
  for (;;) {
    const ssize_t n = ::read(server, octets.data(), octets.size());
    if (n <= 0) return;
    if (answers && ::write(server, octets.data(), static_cast<std::size_t>(n)) != n) return;
  }
}

/// Octets written, or octets sent and come back.
double use(int client, const bench::Options& options) {
  std::vector<std::byte> octets(options.what == "pingpong" ? 1 : options.chunk);
  const auto until = Clock::now() + std::chrono::duration<double>(options.seconds);
  double count = 0;
  while (Clock::now() < until) {
    const ssize_t n = ::write(client, octets.data(), octets.size());
    check(n > 0, "can't write");
    if (options.what == "pingpong") check(::read(client, octets.data(), 1) == 1, "no answer");
    count += static_cast<double>(n);
  }
  return count;
}

/// The least filter there can be.
void let_everything_pass() {
  sock_filter only = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const sock_fprog program{.len = 1, .filter = &only};
  check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
            ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0,
        "no filter");
}

/// Answers in that time, without what begins and ends it.
double answers(double seconds) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in name{};
  double count = 0;
  for (const auto end = Clock::now() + std::chrono::duration<double>(seconds); Clock::now() < end;
       ++count) {
    socklen_t size = sizeof name;
    check(::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) == 0, "no name");
  }
  return count;
}

void tell(double seconds, double count) {
  std::printf("{\"seconds\": %.6f, \"count\": %.0f}\n", seconds, count);
}

template <typename Work>
pid_t begin(const Ends& ends, std::initializer_list<int> its, Work work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  for (const int end : {ends.client, ends.server, ends.relay[0], ends.relay[1]}) {
    if (end >= 0 && std::ranges::find(its, end) == its.end()) ::close(end);
  }
  work();
  ::_exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  const bench::Options options = bench::options(argc, argv);
  if (options.what == "calls") {
    if (std::string_view(argv[argc - 1]) == "filter") let_everything_pass();
    bench::report(bench::ns_per_call(options.seconds, 1000, [] { ::syscall(SYS_getuid); }));
    return 0;
  }
  if (options.what == "answers") {
    tell(options.seconds, answers(options.seconds));
    return 0;
  }
  const bool paired = std::string_view(argv[argc - 1]) == "pair";
  const Ends ends = paired ? pair() : tcp();
  if (paired) begin(ends, {ends.relay[0], ends.relay[1]}, [&] { relay(ends); });
  begin(ends, {ends.server}, [&] { serve(ends.server, options); });
  ::close(ends.server);
  for (const int end : ends.relay) ::close(end);
  const auto before = Clock::now();
  const double count = use(ends.client, options);
  ::shutdown(ends.client, SHUT_WR);
  while (::wait(nullptr) > 0) {
  }
  tell(std::chrono::duration<double>(Clock::now() - before).count(), count);
}
