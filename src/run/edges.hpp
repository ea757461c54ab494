// Many descriptors, each under a number of ours, whose news are told once: an epoll by edges, so
// that to watch one costs a call in its whole life. It stands in a loop as one descriptor; where
// every call counts, descriptors stand in the loop's own (io::Watcher).
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "run/descriptor.hpp"

namespace lastack::run {

/// An end, or a mark for urgent octets: a read stops there, and one that brought less than there
/// was room for has not brought everything.
constexpr std::uint32_t kStops = EPOLLERR | EPOLLHUP | EPOLLRDHUP | EPOLLPRI;

class Edges {
 public:
  /// To be polled for input.
  [[nodiscard]] int descriptor() const { return epoll_.get(); }

  /// `events`: EPOLLIN and so on. It is watched until it is closed.
  void add(int descriptor, std::uint64_t number, std::uint32_t events) const {
    epoll_event event{};
    event.events = events | EPOLLET;
    event.data.u64 = number;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event);
  }
  /// Calls `tell(number, events)` for all that is news now.
  template <typename Tell>
  void each(Tell&& tell) const {
    std::array<epoll_event, 64> events{};
    for (;;) {
      const int n = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
      for (int i = 0; i < n; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        tell(std::uint64_t{event.data.u64}, std::uint32_t{event.events});
      }
      if (n < static_cast<int>(events.size())) return;
    }
  }

 private:
  OwnedFd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
};

}  // namespace lastack::run
