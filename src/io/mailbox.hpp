// Work for a thread from another one: what its loop does when it comes round.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "io/event_loop.hpp"

namespace lastack::io {

/// For what is rare, as questions to a host: no packet comes this way.
class Mailbox {
 public:
  /// The loop of the thread that does the work; it outlives this.
  explicit Mailbox(EventLoop& loop);
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox();

  /// By any thread. False once it is closed: then nobody will do it.
  bool post(std::function<void()> work);
  /// By the thread itself: does what waits, and takes no more.
  void close();

 private:
  void do_all();

  EventLoop& loop_;
  int descriptor_;
  std::mutex mutex_;
  std::vector<std::function<void()>> waiting_;
  bool closed_ = false;
};

}  // namespace lastack::io
