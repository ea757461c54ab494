// A coroutine that brings a T: it begins when it is awaited, and ends with its Task.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace lastack {

template <typename T = void>
class Task;

namespace detail {

/// What a coroutine does for whoever awaits it, its result aside.
class TaskPromiseBase {
 public:
  struct ToWhoeverAwaits {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      return ended.promise().awaiting;
    }
    void await_resume() const noexcept {}
  };

  [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
  [[nodiscard]] ToWhoeverAwaits final_suspend() const noexcept { return {}; }
  void unhandled_exception() { problem = std::current_exception(); }

  std::coroutine_handle<> awaiting = std::noop_coroutine();
  std::exception_ptr problem;
};

template <typename T>
class TaskPromise : public TaskPromiseBase {
 public:
  Task<T> get_return_object();
  void return_value(T value) { value_.emplace(std::move(value)); }
  T take() {
    if (problem) std::rethrow_exception(problem);
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class TaskPromise<void> : public TaskPromiseBase {
 public:
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const {
    if (problem) std::rethrow_exception(problem);
  }
};

}  // namespace detail

/// `co_await` it for its T, or hand it to Loop::start(). One that is destroyed before it has ended
/// goes no further: what it holds is given back, what it waits for is waited for no more.
template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;

  Task() = default;
  explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}
  Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, {})) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(coroutine_, other.coroutine_);
    return *this;
  }
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  /// The two steps of awaiting it, for those who await one of several things.
  std::coroutine_handle<> begin(std::coroutine_handle<> awaiting) {
    coroutine_.promise().awaiting = awaiting;
    return coroutine_;
  }
  T take() { return coroutine_.promise().take(); }

  auto operator co_await() && noexcept {
    struct Awaiting {
      Task& task;
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const {
        return task.begin(awaiting);
      }
      T await_resume() const { return task.take(); }
    };
    return Awaiting{*this};
  }

 private:
  std::coroutine_handle<promise_type> coroutine_;
};

namespace detail {

template <typename T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

}  // namespace detail
}  // namespace lastack
