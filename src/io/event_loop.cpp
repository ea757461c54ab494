#include "io/event_loop.hpp"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <utility>

namespace lastack::io {

TimePoint monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return TimePoint(std::chrono::seconds(now.tv_sec) + Duration(now.tv_nsec / 1000));
}

Duration wall_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::chrono::seconds(now.tv_sec) + Duration(now.tv_nsec / 1000);
}

EventLoop::EventLoop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

EventLoop::~EventLoop() { ::close(epoll_); }

bool EventLoop::add(int descriptor, std::function<void()> ready, Watch watch) {
  epoll_event event{};
  if (watch == Watch::input) event.events = EPOLLIN;
  if (watch == Watch::output) event.events = EPOLLOUT;
  event.data.fd = descriptor;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) return false;
  handlers_[descriptor] = std::move(ready);
  return true;
}

void EventLoop::remove(int descriptor) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
  handlers_.erase(descriptor);
}

void EventLoop::wait(TimePoint deadline) {
  std::array<epoll_event, 64> events{};
  const auto ask = [&](int milliseconds) {
    return ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), milliseconds);
  };
  int n = 0;
  if (busy_ > Duration(0)) {
    const TimePoint until = std::min(deadline, monotonic_now() + busy_);
    do {
      n = ask(0);
    } while (n == 0 && monotonic_now() < until);
  }
  if (n == 0) {
    int milliseconds = -1;
    if (deadline != kNever) {
      const Duration left = std::max(deadline - monotonic_now(), Duration(0));
      milliseconds = static_cast<int>(std::min<std::int64_t>((left + 999us) / 1ms, 60'000));
    }
    n = ask(milliseconds);
  }
  for (int i = 0; i < n; ++i) {
    const auto found = handlers_.find(events[static_cast<std::size_t>(i)].data.fd);
    if (found == handlers_.end()) continue;  // removed by a handler before it
    const auto handler = found->second;
    handler();
  }
}

int stop_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return -1;
  return ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

int take_signal(int descriptor) {
  signalfd_siginfo signal{};
  const ssize_t n = ::read(descriptor, &signal, sizeof signal);
  return n == sizeof signal ? static_cast<int>(signal.ssi_signo) : 0;
}

}  // namespace lastack::io
