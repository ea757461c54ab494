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
  event.data.u64 = static_cast<std::uint64_t>(descriptor);
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) return false;
  handlers_[descriptor] = std::move(ready);
  return true;
}

void EventLoop::remove(int descriptor) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
  handlers_.erase(descriptor);
}

// --- watchers

EventLoop::WatcherId EventLoop::add(Watcher watcher) {
  watchers_.push_back(std::move(watcher));
  return static_cast<WatcherId>(watchers_.size() - 1);
}

void EventLoop::watch(WatcherId id, int descriptor, std::uint64_t number,
                      std::uint32_t events) const {
  control(EPOLL_CTL_ADD, id, descriptor, number, events);
}

void EventLoop::watch_anew(WatcherId id, int descriptor, std::uint64_t number,
                           std::uint32_t events) const {
  control(EPOLL_CTL_MOD, id, descriptor, number, events);
}

void EventLoop::control(int what, WatcherId id, int descriptor, std::uint64_t number,
                        std::uint32_t events) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = std::uint64_t{id} << kIdAt | (number & kNumber);
  ::epoll_ctl(epoll_, what, descriptor, &event);
}

/// Which watchers were told something, a bit for each.
std::uint64_t EventLoop::note(std::span<const epoll_event> events) {
  std::uint64_t told = 0;
  for (const epoll_event& event : events) {
    const std::uint64_t data = event.data.u64;
    const std::size_t id = data >> kIdAt;
    if (id == 0 || !watchers_[id].note) continue;
    watchers_[id].note(data & kNumber, event.events);
    told |= std::uint64_t{1} << id;
  }
  return told;
}

/// Those with handlers are ready until they are called, and may stand before what is news. Once one
/// of them has come again, all have.
void EventLoop::look() {
  std::size_t handled = 0;
  for (;;) {
    std::array<epoll_event, kMostEvents> room;  // NOLINT: written before it is read
    const int n = ::epoll_wait(epoll_, room.data(), static_cast<int>(room.size()), 0);
    const auto events = std::span(room).first(static_cast<std::size_t>(std::max(n, 0)));
    note(events);
    if (events.size() < room.size()) return;
    for (const epoll_event& event : events) handled += event.data.u64 >> kIdAt == 0 ? 1 : 0;
    if (handled > handlers_.size()) return;
  }
}

// --- waiting

/// How long to ask before we sleep, for those who expect more; not where a timer ends it before.
Duration EventLoop::patience(TimePoint deadline) {
  if (!std::exchange(expects_more_, false)) return Duration(0);
  const bool in_time = deadline - Patience::kMost > monotonic_now();
  return in_time ? patience_.before_sleep() : Duration(0);
}

int EventLoop::ask(std::span<epoll_event> room, TimePoint deadline) {
  const auto ask = [&](int milliseconds) {
    return ::epoll_wait(epoll_, room.data(), static_cast<int>(room.size()), milliseconds);
  };
  int n = 0;
  const Duration patience = this->patience(deadline);
  const Duration busy = std::max(busy_, patience);
  if (busy > Duration(0)) {
    const TimePoint until = std::min(deadline, monotonic_now() + busy);
    do {
      n = ask(0);
    } while (n == 0 && monotonic_now() < until);
  }
  if (patience > Duration(0)) patience_.tried(n > 0);
  if (n != 0) return n;
  int milliseconds = -1;
  if (deadline != kNever) {
    const Duration left = std::max(deadline - monotonic_now(), Duration(0));
    milliseconds = static_cast<int>(std::min<std::int64_t>((left + 999us) / 1ms, 60'000));
  }
  return ask(milliseconds);
}

void EventLoop::wait(TimePoint deadline) {
  std::array<epoll_event, kMostEvents> room;  // NOLINT: written before it is read
  const int n = ask(room, deadline);
  const auto events = std::span(room).first(static_cast<std::size_t>(std::max(n, 0)));
  const std::uint64_t told = note(events);
  for (const epoll_event& event : events) {
    if (event.data.u64 >> kIdAt != 0) continue;
    const auto found = handlers_.find(static_cast<int>(event.data.u64));
    if (found == handlers_.end()) continue;  // removed by a handler before it
    const auto handler = found->second;
    handler();
  }
  for (std::size_t id = 1; told >> id != 0; ++id) {
    if ((told >> id & 1U) == 0 || !watchers_[id].act) continue;
    const auto act = watchers_[id].act;
    act();
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
