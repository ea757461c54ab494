#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "cli/bench_calls.hpp"
#include "cli/command.hpp"

namespace lastack::cli {
namespace {

constexpr int kKernelBuffer = 512 << 10;  // octets; what a stream of 64 KiB calls goes best with
constexpr int kKernelBacklog = 1024;
constexpr std::size_t kOtherDescriptors = 400;

int kernel_answer(int result, const char* what) {
  if (result < 0) {
    throw Failure{fmt::format("the kernel: {}: {}", what, std::strerror(errno)), kFailed};
  }
  return result;
}

void set_kernel_option(int fd, int level, int name, int value) {
  kernel_answer(::setsockopt(fd, level, name, &value, sizeof value), "setsockopt()");
}

void allow_descriptors(std::size_t count) {
  rlimit limit{};
  kernel_answer(::getrlimit(RLIMIT_NOFILE, &limit), "getrlimit()");
  if (limit.rlim_cur >= count) return;
  if (limit.rlim_max < count) {
    throw Failure{fmt::format("{} descriptors are needed, {} are allowed\n"
                              "  raise the limit (ulimit -Hn), or poll fewer with --sockets",
                              count, limit.rlim_max),
                  kFailed};
  }
  limit.rlim_cur = count;
  kernel_answer(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit()");
}

/// The port that the listener was given, at the kernel's own address.
sockaddr_in loopback_of(int listener) {
  sockaddr_in at{};
  socklen_t size = sizeof at;
  kernel_answer(::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size), "getsockname()");
  return at;
}

}  // namespace

KernelCalls::KernelCalls(std::size_t polled) {
  allow_descriptors(polled + kOtherDescriptors);
  listener_ = kernel_answer(::socket(AF_INET, SOCK_STREAM, 0), "socket()");
  set_kernel_option(listener_, SOL_SOCKET, SO_RCVBUF, kKernelBuffer);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  kernel_answer(::bind(listener_, reinterpret_cast<const sockaddr*>(&any), sizeof any), "bind()");
  kernel_answer(::listen(listener_, kKernelBacklog), "listen()");
  const int client = dialled();
  stream_ = {client, accepted()};
  epoll_ = kernel_answer(::epoll_create1(0), "epoll_create1()");
  while (polled_.size() < polled) {
    const int end = dialled();
    // They leave no TIME_WAIT behind.
    const linger reset{.l_onoff = 1, .l_linger = 0};
    kernel_answer(::setsockopt(end, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), "setsockopt()");
    const int other = accepted();
    opened_.insert(opened_.end(), {end, other});
    watch({end, other});
    if (polled_.size() < polled) watch({other, end});
  }
}

/// Polls the second of them, which the first one stirs.
void KernelCalls::watch(Pair ends) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = polled_.size();
  kernel_answer(::epoll_ctl(epoll_, EPOLL_CTL_ADD, ends.second, &event), "epoll_ctl()");
  polled_.push_back(ends);
  asked_.push_back({.fd = ends.second, .events = POLLIN, .revents = 0});
}

KernelCalls::~KernelCalls() {
  for (const int fd : opened_) ::close(fd);
  for (const int fd : {stream_.first, stream_.second, epoll_, listener_}) ::close(fd);
}

/// Over loopback the handshake is over when connect() returns.
int KernelCalls::dialled() {
  const int fd = kernel_answer(::socket(AF_INET, SOCK_STREAM, 0), "socket()");
  set_kernel_option(fd, SOL_SOCKET, SO_SNDBUF, kKernelBuffer);
  set_kernel_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  const sockaddr_in to = loopback_of(listener_);
  kernel_answer(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), "connect()");
  return fd;
}

int KernelCalls::accepted() {
  return kernel_answer(::accept(listener_, nullptr, nullptr), "accept()");
}

void KernelCalls::dial() { dialled_.push_back(dialled()); }

void KernelCalls::accept() { accepted_.push_back(accepted()); }

void KernelCalls::close(std::deque<int>& which) {
  kernel_answer(::close(which.front()), "close()");
  which.pop_front();
}

void KernelCalls::send(std::span<const std::byte> octets) {
  const auto n = ::send(stream_.first, octets.data(), octets.size(), MSG_NOSIGNAL);
  if (n != static_cast<ssize_t>(octets.size())) kernel_answer(-1, "send()");
}

/// Where the kernel has put a packet off, it waits.
void KernelCalls::receive(std::span<std::byte> octets) {
  const auto n = ::recv(stream_.second, octets.data(), octets.size(), MSG_WAITALL);
  if (n != static_cast<ssize_t>(octets.size())) kernel_answer(-1, "recv()");
}

void KernelCalls::stir(std::size_t nth) {
  kernel_answer(static_cast<int>(::send(polled_[nth].first, "", 1, MSG_NOSIGNAL)), "send()");
}

void KernelCalls::calm(std::size_t nth) {
  char octet = 0;
  kernel_answer(static_cast<int>(::recv(polled_[nth].second, &octet, 1, 0)), "recv()");
}

bool KernelCalls::poll_one() { return kernel_answer(::poll(asked_.data(), 1, 0), "poll()") == 1; }

std::size_t KernelCalls::poll_all() {
  return static_cast<std::size_t>(kernel_answer(::poll(asked_.data(), asked_.size(), 0), "poll()"));
}

std::size_t KernelCalls::next_ready() {
  epoll_event event{};
  constexpr int kMostPutOff = 1000;  // milliseconds: packets that the kernel has put off
  if (kernel_answer(::epoll_wait(epoll_, &event, 1, kMostPutOff), "epoll_wait()") != 1) {
    throw Failure{"the kernel: epoll_wait() has missed one", kFailed};
  }
  return event.data.u64;
}

}  // namespace lastack::cli
