// What stands behind lastack/asio.hpp: a Loop inside Asio's, and operations that wait for sockets.
#pragma once

#include <utility>  // Boost 1.74 relies on others to include it

#include <poll.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>

#include "lastack/loop.hpp"
#include "lastack/stack.hpp"

namespace lastack::asio {

using ErrorCode = boost::system::error_code;
using Executor = boost::asio::any_io_executor;

namespace detail {

/// As Asio's own errors compare.
[[nodiscard]] inline ErrorCode code_of(std::errc error) {
  return {static_cast<int>(error), boost::system::system_category()};
}

[[nodiscard]] inline bool would_wait(const ErrorCode& error) {
  return error == boost::asio::error::try_again || error == boost::asio::error::already_started;
}

/// A Loop inside Asio's: turned when its descriptor is readable, and after calls on sockets.
class Turning : public std::enable_shared_from_this<Turning> {
 public:
  explicit Turning(const Executor& executor) : executor_(executor), watched_(executor) {}
  /// The loop has its descriptor, and closes it.
  ~Turning() {
    if (watched_.is_open()) watched_.release();
  }
  Turning(const Turning&) = delete;
  Turning& operator=(const Turning&) = delete;

  [[nodiscard]] Loop& loop() { return loop_; }
  [[nodiscard]] const Executor& executor() const { return executor_; }
  void begin() {
    watched_.assign(loop_.descriptor());
    watch();
  }
  void stop() {
    stopped_ = true;
    if (watched_.is_open()) watched_.release();  // ends the wait
  }
  /// Something may be there to be sent: soon, once for all calls until then.
  void soon() {
    if (std::exchange(posted_, true)) return;
    boost::asio::post(executor_, [self = shared_from_this()] {
      self->posted_ = false;
      self->turn();
    });
  }
  /// For calls that block: what can be done now, and sleep until there is more to do.
  void turn() {
    const auto fine = loop_.turn();
    if (!fine && on_trouble) on_trouble(fine.error());
    if (!fine) stop();
  }
  void sleep() {
    pollfd wanted{.fd = loop_.descriptor(), .events = POLLIN, .revents = 0};
    ::poll(&wanted, 1, -1);
  }

 private:
  void watch() {
    watched_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                        [self = shared_from_this()](const ErrorCode& error) {
                          if (error || self->stopped_) return;
                          self->turn();
                          if (!self->stopped_) self->watch();
                        });
  }

 public:
  std::function<void(const SystemError&)> on_trouble;

 private:
  Executor executor_;
  Loop loop_;
  boost::asio::posix::stream_descriptor watched_;
  bool posted_ = false;
  bool stopped_ = false;
};

/// Something asynchronous that is under way.
class Pending {
 public:
  Pending() = default;
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  virtual ~Pending() = default;
  /// Makes the call; false where it would still have to wait.
  virtual bool go_on() = 0;
  virtual void abort() = 0;
};

/// `Attempt` answers with the error and, behind it, what else the handler is given.
template <typename Attempt, typename Handler>
class Operation final : public Pending {
 public:
  Operation(const Executor& executor, Attempt attempt, Handler handler)
      : attempt_(std::move(attempt)),
        handler_(std::move(handler)),
        work_(boost::asio::get_associated_executor(handler_, executor)) {}

  bool go_on() override {
    auto answer = attempt_();
    if (would_wait(std::get<0>(answer))) return false;
    complete(std::move(answer));
    return true;
  }
  void abort() override { complete(attempt_.aborted(boost::asio::error::operation_aborted)); }

 private:
  /// Never from within the call that began it.
  template <typename Answer>
  void complete(Answer answer) {
    boost::asio::post(work_.get_executor(),
                      [handler = std::move(handler_), answer = std::move(answer)]() mutable {
                        std::apply(std::move(handler), std::move(answer));
                      });
    work_.reset();
  }

  Attempt attempt_;
  Handler handler_;
  boost::asio::executor_work_guard<
      typename boost::asio::associated_executor<Handler, Executor>::type>
      work_;
};

/// What waits for one way of a descriptor, in the order in which it was begun.
class Queue {
 public:
  explicit Queue(Until until) : until_(until) {}

  void add(const Descriptor& on, std::unique_ptr<Pending> operation) {
    operations_.push_back(std::move(operation));
    if (operations_.size() == 1) go_on(on);
  }
  void abort() {
    waiting_.cancel();
    for (auto ended = std::exchange(operations_, {}); const auto& one : ended) one->abort();
  }

 private:
  void go_on(const Descriptor& on) {
    while (!operations_.empty()) {
      if (!operations_.front()->go_on()) {
        waiting_ = on.when(until_, [this, &on] { go_on(on); });
        return;
      }
      operations_.pop_front();
    }
  }

  Until until_;
  std::deque<std::unique_ptr<Pending>> operations_;
  Waiting waiting_;
};

/// A descriptor and what is under way on it; stays where it is when its stream is moved.
template <typename Kind>
struct Holder {
  Holder(std::shared_ptr<Turning> of, std::optional<Kind> made)
      : turning(std::move(of)), descriptor(std::move(made)) {}
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { close(); }

  void close() {
    reads.abort();
    writes.abort();
    if (descriptor) turning->soon();  // its FIN
    descriptor.reset();
  }
  /// Begins an operation whose handler is given what `Attempt` answers.
  template <typename Attempt, typename Handler>
  void begin(Queue& queue, Attempt attempt, Handler handler) {
    auto operation = std::make_unique<Operation<Attempt, Handler>>(
        turning->executor(), std::move(attempt), std::move(handler));
    if (!descriptor) {
      operation->go_on();  // says so
      return;
    }
    queue.add(*descriptor, std::move(operation));
    turning->soon();
  }
  /// The same where the caller waits.
  template <typename Attempt>
  auto finish(Attempt attempt) {
    for (;; turning->sleep()) {
      turning->turn();
      auto answer = attempt();
      if (would_wait(std::get<0>(answer))) continue;
      turning->turn();
      return answer;
    }
  }

  std::shared_ptr<Turning> turning;
  std::optional<Kind> descriptor;
  Queue reads{Until::readable};
  Queue writes{Until::writable};
};

inline void throw_if(const ErrorCode& error) {
  if (error) throw boost::system::system_error(error);
}

}  // namespace detail

}  // namespace lastack::asio
