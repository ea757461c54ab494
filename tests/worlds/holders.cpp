#include "worlds/holders.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

namespace lastack::worlds {
namespace {

constexpr std::size_t kMostOctets = 70000;
static_assert(std::is_trivially_copyable_v<Request> && std::is_trivially_copyable_v<Answered>);

template <typename T>
std::span<const std::byte> octets_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

/// One message, with what follows its head.
void say(int channel, std::span<const std::byte> head, std::span<const std::byte> rest) {
  std::vector<std::byte> all(head.begin(), head.end());
  all.insert(all.end(), rest.begin(), rest.end());
  if (::send(channel, all.data(), all.size(), MSG_NOSIGNAL) < 0) give_up("a holder is gone");
}

/// A message of one octet, with room for a descriptor beside it.
struct DescriptorMessage {
  DescriptorMessage() {
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
  }
  DescriptorMessage(const DescriptorMessage&) = delete;
  DescriptorMessage& operator=(const DescriptorMessage&) = delete;

  char octet = 0;
  iovec part{&octet, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
};

void give_descriptor(int channel, int fd) {
  DescriptorMessage given;
  cmsghdr* const head = CMSG_FIRSTHDR(&given.message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
  if (::sendmsg(channel, &given.message, MSG_NOSIGNAL) < 0) give_up("a descriptor to a holder");
}

int take_descriptor(int channel) {
  int fd = -1;
  DescriptorMessage taken;
  if (::recvmsg(channel, &taken.message, 0) < 0) give_up("a descriptor from a holder");
  const cmsghdr* const head = CMSG_FIRSTHDR(&taken.message);
  if (head == nullptr) give_up("no descriptor from a holder");
  std::memcpy(&fd, CMSG_DATA(head), sizeof fd);
  return fd;
}

void close_all_but(int one, int other) {
  const auto low = static_cast<unsigned>(std::min(one, other));
  const auto high = static_cast<unsigned>(std::max(one, other));
  if (low > 3) ::close_range(3, low - 1, 0);
  if (high > low + 1) ::close_range(low + 1, high - 1, 0);
  ::close_range(high + 1, ~0U, 0);
}

/// Tells who it is: what a holder says first.
void greets(int channel) { say(channel, octets_of(Answered{.result = ::getpid(), .end = {}}), {}); }

void forks(int channel, int fd) {
  const int theirs = take_descriptor(channel);
  const pid_t child = ::fork();
  if (child < 0) give_up("fork");
  if (child == 0) {
    close_all_but(theirs, fd);
    serve_as_holder(theirs);
  }
  ::close(theirs);
}

void becomes_itself_again(int channel) {
  const std::string number = std::to_string(channel);
  ::execl("/proc/self/exe", "worlds", "holder", number.c_str(), nullptr);
  give_up("exec");
}

int does_with_octets(PlainSockets& sockets, const Request& r, std::span<const std::byte> octets,
                     std::vector<std::byte>& in, Answered& answer) {
  const std::vector<std::byte> out(octets.begin(), octets.end());
  if (r.ask == Ask::set) return sockets.set(r.fd, r.a, r.b, out);
  if (r.ask == Ask::recv) {
    in.resize(static_cast<std::size_t>(r.a));
    const int n = sockets.recv(r.fd, in, r.b, answer.end);
    in.resize(std::min(in.size(), static_cast<std::size_t>(std::max(n, 0))));
    return n;
  }
  const int n = sockets.send(r.fd, out, r.b, r.with_end ? std::optional(r.end) : std::nullopt);
  answer.raised = sockets.raised();
  return n;
}

int does(PlainSockets& sockets, int channel, const Request& r, Answered& answer) {
  switch (r.ask) {
    case Ask::open: return sockets.open(r.a != 0, r.b != 0);
    case Ask::dup: return sockets.dup(r.fd);
    case Ask::take: return take_descriptor(channel);
    case Ask::fork: forks(channel, r.fd); return 0;
    case Ask::bind: return sockets.bind(r.fd, r.end);
    case Ask::listen: return sockets.listen(r.fd, r.a);
    case Ask::connect: return sockets.connect(r.fd, r.end);
    case Ask::accept: return sockets.accept(r.fd);
    case Ask::shutdown: return sockets.shutdown(r.fd, r.a);
    case Ask::close: return sockets.close(r.fd);
    case Ask::get: return sockets.get(r.fd, r.a, r.b);
    case Ask::name: return sockets.name(r.fd, r.a != 0, answer.end);
    case Ask::poll: return sockets.poll(r.fd);
    case Ask::state: return sockets.state(r.fd);
    case Ask::edges: return sockets.edges(r.fd);
    case Ask::ioctl: return sockets.ioctl(r.fd, static_cast<unsigned>(r.a));
    default: return -ENOSYS;
  }
}

}  // namespace

void serve_as_holder(int channel) {
  (void)std::signal(SIGCHLD, SIG_IGN);  // nobody waits for those that it forks
  PlainSockets sockets;
  greets(channel);
  std::vector<std::byte> message(sizeof(Request) + kMostOctets);
  for (;;) {
    const ssize_t n = ::recv(channel, message.data(), message.size(), 0);
    if (n < static_cast<ssize_t>(sizeof(Request))) ::_exit(0);
    Request request;
    std::memcpy(&request, message.data(), sizeof request);
    const auto octets =
        std::span(message).first(static_cast<std::size_t>(n)).subspan(sizeof request);
    Answered answer{.end = {}};
    std::vector<std::byte> in;
    const bool moves =
        request.ask == Ask::send || request.ask == Ask::recv || request.ask == Ask::set;
    if (request.ask == Ask::exec) becomes_itself_again(channel);
    if (request.ask == Ask::give) {
      give_descriptor(channel, request.fd);
      continue;
    }
    answer.result = moves ? does_with_octets(sockets, request, octets, in, answer)
                          : does(sockets, channel, request, answer);
    say(channel, octets_of(answer), in);
  }
}

// --- who asks

Holders::~Holders() {
  for (int i = 0; i < kHolders; ++i) kill(i);
}

Holders::Holder& Holders::at(int fd_or_holder) {
  const int holder = fd_or_holder >= kEach ? fd_or_holder / kEach - 1 : fd_or_holder;
  return holders_.at(static_cast<std::size_t>(holder));
}

void Holders::greet(Holder& holder) {
  Answered answer{.end = {}};
  if (::recv(holder.channel, &answer, sizeof answer, 0) != sizeof answer) give_up("a holder");
  if (answer.result == holder.process) return;
  holder.process = answer.result;
  holder.alive = static_cast<int>(::syscall(SYS_pidfd_open, holder.process, 0));
}

void Holders::start(int holder) {
  Holder& new_one = holders_.at(static_cast<std::size_t>(holder));
  if (new_one.channel >= 0) return;
  (void)std::signal(SIGCHLD, SIG_IGN);
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends.data()) != 0) give_up("a pair of sockets");
  const pid_t child = ::fork();
  if (child < 0) give_up("fork");
  if (child == 0) {
    close_all_but(ends[1], ends[1]);
    serve_as_holder(ends[1]);
  }
  ::close(ends[1]);
  new_one.channel = ends[0];
  greet(new_one);
}

void Holders::kill(int holder) {
  Holder& one = holders_.at(static_cast<std::size_t>(holder));
  if (one.channel < 0) return;
  ::kill(one.process, SIGKILL);
  pollfd ended{.fd = one.alive, .events = POLLIN, .revents = 0};
  while (::poll(&ended, 1, -1) < 0 && errno == EINTR) {
  }
  ::close(one.alive);
  ::close(one.channel);
  one = {};
}

Answered Holders::ask(int fd, Request request, std::span<const std::byte> out,
                      std::span<std::byte> in) {
  Holder& holder = at(fd);
  request.fd = fd % kEach;
  say(holder.channel, octets_of(request), out);
  std::vector<std::byte> message(sizeof(Answered) + in.size());
  const ssize_t n = ::recv(holder.channel, message.data(), message.size(), 0);
  if (n < static_cast<ssize_t>(sizeof(Answered))) give_up("a holder's answer");
  Answered answer{.end = {}};
  std::memcpy(&answer, message.data(), sizeof answer);
  const auto size = static_cast<std::size_t>(n) - sizeof answer;
  std::copy_n(message.begin() + sizeof answer, size, in.begin());
  return answer;
}

int Holders::share(int fd, Sharing how, int holder) {
  const bool elsewhere = &at(fd) != &at(holder);
  if (how == Sharing::within || !elsewhere) return dup(fd);
  return how == Sharing::by_fork && at(holder).channel < 0 ? fork_to(fd, holder)
                                                           : pass_to(fd, holder);
}

int Holders::fork_to(int fd, int holder) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends.data()) != 0) give_up("a pair of sockets");
  Request request{.ask = Ask::fork, .fd = fd % kEach, .end = {}};
  say(at(fd).channel, octets_of(request), {});
  give_descriptor(at(fd).channel, ends[1]);
  ::close(ends[1]);
  Answered answer{.end = {}};
  if (::recv(at(fd).channel, &answer, sizeof answer, 0) != sizeof answer) give_up("a holder");
  at(holder).channel = ends[0];
  greet(at(holder));
  return (holder + 1) * kEach + fd % kEach;
}

/// Its sender has closed what it sent by the time that it comes there: it lies in a message.
int Holders::pass_to(int fd, int holder) {
  start(holder);
  Request request{.ask = Ask::give, .fd = fd % kEach, .end = {}};
  say(at(fd).channel, octets_of(request), {});
  const int here = take_descriptor(at(fd).channel);
  request.ask = Ask::take;
  say(at(holder).channel, octets_of(request), {});
  give_descriptor(at(holder).channel, here);
  ::close(here);
  Answered answer{.end = {}};
  if (::recv(at(holder).channel, &answer, sizeof answer, 0) != sizeof answer) give_up("a holder");
  return (holder + 1) * kEach + answer.result;
}

void Holders::exec(int fd) {
  const Request request{.ask = Ask::exec, .fd = fd % kEach, .end = {}};
  say(at(fd).channel, octets_of(request), {});
  greet(at(fd));
}

// --- calls

int Holders::open(bool v6, bool stream) {
  start(opens_in_);
  const int base = (opens_in_ + 1) * kEach;
  const int made =
      ask(base, {.ask = Ask::open, .a = v6 ? 1 : 0, .b = stream ? 1 : 0, .end = {}}).result;
  return made < 0 ? made : base + made;
}
int Holders::dup(int fd) {
  const int made = ask(fd, {.ask = Ask::dup, .end = {}}).result;
  return made < 0 ? made : fd / kEach * kEach + made;
}
int Holders::accept(int fd) {
  const int made = ask(fd, {.ask = Ask::accept, .end = {}}).result;
  return made < 0 ? made : fd / kEach * kEach + made;
}
int Holders::bind(int fd, const End& to) { return ask(fd, {.ask = Ask::bind, .end = to}).result; }
int Holders::listen(int fd, int backlog) {
  return ask(fd, {.ask = Ask::listen, .a = backlog, .end = {}}).result;
}
int Holders::connect(int fd, const End& to) {
  return ask(fd, {.ask = Ask::connect, .end = to}).result;
}
int Holders::send(int fd, const std::vector<std::byte>& octets, int flags,
                  const std::optional<End>& to) {
  Request request{.ask = Ask::send, .b = flags, .with_end = to.has_value(), .end = {}};
  if (to) request.end = *to;
  const Answered answer = ask(fd, request, octets);
  raised_ = answer.raised;
  return answer.result;
}
int Holders::recv(int fd, std::vector<std::byte>& into, int flags, End& from) {
  const Answered answer = ask(
      fd, {.ask = Ask::recv, .a = static_cast<int>(into.size()), .b = flags, .end = {}}, {}, into);
  from = answer.end;
  return answer.result;
}
int Holders::shutdown(int fd, int how) {
  return ask(fd, {.ask = Ask::shutdown, .a = how, .end = {}}).result;
}
int Holders::close(int fd) { return ask(fd, {.ask = Ask::close, .end = {}}).result; }
int Holders::set(int fd, int level, int name, const std::vector<std::byte>& value) {
  return ask(fd, {.ask = Ask::set, .a = level, .b = name, .end = {}}, value).result;
}
int Holders::get(int fd, int level, int name) {
  return ask(fd, {.ask = Ask::get, .a = level, .b = name, .end = {}}).result;
}
int Holders::name(int fd, bool peer, End& end) {
  const Answered answer = ask(fd, {.ask = Ask::name, .a = peer ? 1 : 0, .end = {}});
  if (answer.result == 0) end = answer.end;
  return answer.result;
}
int Holders::poll(int fd) { return ask(fd, {.ask = Ask::poll, .end = {}}).result; }
int Holders::state(int fd) { return ask(fd, {.ask = Ask::state, .end = {}}).result; }
int Holders::edges(int fd) { return ask(fd, {.ask = Ask::edges, .end = {}}).result; }
int Holders::ioctl(int fd, unsigned request) {
  return ask(fd, {.ask = Ask::ioctl, .a = static_cast<int>(request), .end = {}}).result;
}

}  // namespace lastack::worlds
