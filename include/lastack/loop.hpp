// A thread's loop: stacks on their links, timers, coroutines, descriptors of the system (Linux).
//
//   lastack::Loop loop;
//   loop.attach(stack, {.name = "la0", .kernel =
//   {*lastack::Prefix::parse("10.9.0.1/24")}}).value(); loop.start(serve(stack));  // a coroutine:
//   lastack/async.hpp loop.run().value();
//
// It can live in another one's loop, too (Asio's, GLib's, asyncio's): watch descriptor() for input,
// and call turn() when it is readable, and after calls on sockets.
#pragma once

#include <coroutine>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "lastack/stack.hpp"
#include "lastack/system.hpp"
#include "lastack/task.hpp"
#include "lastack/time.hpp"

namespace lastack {

/// A call that is to come at a time, from Loop::after(): once, unless this is destroyed before.
class [[nodiscard]] Timer {
 public:
  Timer() = default;
  Timer(Timer&& other) noexcept = default;
  Timer& operator=(Timer&& other) noexcept;
  ~Timer() { cancel(); }
  void cancel();

 private:
  friend class Loop;
  struct Entry;
  struct Timers;
  explicit Timer(std::shared_ptr<Entry> entry) : entry_(std::move(entry)) {}
  std::shared_ptr<Entry> entry_;
};

/// Whoever is called by it may call it, but not end it. One that was moved from may be assigned to
/// and destroyed, nothing else.
class Loop {
 public:
  Loop();
  Loop(Loop&&) noexcept;
  Loop& operator=(Loop&&) noexcept;
  /// Coroutines that have not ended go no further. Sockets stay, and nothing moves any more.
  ~Loop();

  // --- Stacks. A stack is on one link. From then on its time is the monotonic clock's, and the
  // loop is who pulls its events.

  /// A TUN device joins the stack to this machine's kernel. The device goes when the loop does,
  /// unless it was prepared: `ip tuntap add … user`.
  [[nodiscard]] std::expected<void, SystemError> attach(Stack& stack, const TunOptions& options);
  /// A wire in memory joins two stacks; a packet is `delay` on its way.
  void join(Stack& a, Stack& b, Duration delay = Duration(0));

  // --- Running.

  /// Goes on until the last coroutine of start() has ended, or stop() is called; without any, until
  /// stop(). Rethrows what a coroutine threw. Fails when a device was deleted under a stack.
  std::expected<void, SystemError> run();
  void stop();
  /// SIGINT and SIGTERM end run() from now on, and not the process.
  void stop_on_signals();

  /// In another's loop: does all that can be done now, and waits for nothing.
  std::expected<void, SystemError> turn();
  /// Does what can be done now; where that brings nobody any news, waits for something to do, to
  /// `until` at the most. EDEADLK from within a coroutine or a call of this loop.
  std::expected<void, SystemError> turn(TimePoint until);
  /// In another's loop: readable whenever turn() has something to do.
  [[nodiscard]] int descriptor();
  /// In another's loop: makes descriptor() readable, where it is not the time to call turn().
  void wake();

  // --- Coroutines and calls.

  /// Begins a coroutine, which goes on by itself; it runs to where it first waits.
  void start(Task<void> task);
  /// Has `call` made in `span`, once.
  Timer after(Duration span, std::function<void()> call);
  /// Has `ready` called whenever a descriptor of the system's has something to read, or takes
  /// something. False where it can't be waited for: a regular file never has to be.
  bool watch(int descriptor, Until until, std::function<void()> ready);
  void unwatch(int descriptor);

  /// `co_await loop.sleep(1s)`
  class Sleep {
   public:
    Sleep(Loop& loop, Duration span) : loop_(&loop), span_(span) {}
    [[nodiscard]] bool await_ready() const noexcept { return span_ <= Duration(0); }
    void await_suspend(std::coroutine_handle<> sleeper) {
      timer_ = loop_->after(span_, [sleeper] { sleeper.resume(); });
    }
    void await_resume() const noexcept {}

   private:
    Loop* loop_;
    Duration span_;
    Timer timer_;
  };
  Sleep sleep(Duration span) { return {*this, span}; }

  /// What `task` brings, if it ends within `span`; else it is ended, and nothing:
  /// `co_await loop.within(1s, ask(socket))`
  template <typename T>
  class Within {
   public:
    Within(Loop& loop, Duration span, Task<T> task)
        : loop_(&loop), span_(span), task_(std::move(task)) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) {
      timer_ = loop_->after(span_, [this, awaiting] {
        task_.reset();
        awaiting.resume();
      });
      return task_->begin(awaiting);
    }
    std::optional<T> await_resume() {
      timer_.cancel();
      return task_ ? std::optional<T>(task_->take()) : std::nullopt;
    }

   private:
    Loop* loop_;
    Duration span_;
    std::optional<Task<T>> task_;
    Timer timer_;
  };
  template <typename T>
  Within<T> within(Duration span, Task<T> task) {
    return {*this, span, std::move(task)};
  }

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace lastack
