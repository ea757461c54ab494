// The public Loop: stacks on links, timers and coroutines around one EventLoop.
#include "lastack/loop.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <unordered_set>
#include <vector>

#include "io/event_loop.hpp"
#include "io/host_driver.hpp"
#include "io/tun_of_stack.hpp"
#include "link/impaired.hpp"
#include "link/memory.hpp"
#include "link/tun.hpp"
#include "socket/stack_core.hpp"

namespace lastack {

using socket::StackAccess;

struct Timer::Timers {
  std::multimap<TimePoint, std::shared_ptr<Entry>> by_time;
};

struct Timer::Entry {
  std::function<void()> call;
  std::weak_ptr<Timers> among;  ///< expired once it was called
  std::multimap<TimePoint, std::shared_ptr<Entry>>::iterator at;
};

Timer& Timer::operator=(Timer&& other) noexcept {
  if (this != &other) {
    cancel();
    entry_ = std::move(other.entry_);
  }
  return *this;
}

void Timer::cancel() {
  if (!entry_) return;
  if (const auto among = entry_->among.lock()) among->by_time.erase(entry_->at);
  entry_.reset();
}

namespace {

/// The coroutine around one that was started: it ends itself, and is ended with the loop.
struct Started {
  struct promise_type;
};

}  // namespace

struct Loop::Parts {
  /// A stack and the link that it is on.
  struct Attachment {
    Attachment(std::shared_ptr<socket::StackCore> of, std::unique_ptr<link::Link> on,
               std::uint64_t& news)
        : core(std::move(of)), link(std::move(on)), driver(core->host, *link) {
      core->clock = io::monotonic_now;
      driver.on_event = [this, &news](const host::HostEvent& event, TimePoint) {
        ++news;
        core->sockets.heard(event);
        core->waiters.call_due();
      };
    }

    void act() {
      core->waiters.call_due();
      driver.turn();
    }
    [[nodiscard]] TimePoint next_deadline() const {
      return core->waiters.due() ? TimePoint{} : driver.next_deadline();
    }

    std::shared_ptr<socket::StackCore> core;
    std::unique_ptr<link::Link> link;
    const link::Tun* device = nullptr;  ///< `link`, where it is one
    std::string name;                   ///< of the device
    io::HostDriver driver;
  };

  /// Calls of users come from within: none of them may wait.
  class Acting {
   public:
    explicit Acting(Parts& parts) : parts_(&parts), before_(std::exchange(parts.acting, true)) {}
    Acting(const Acting&) = delete;
    Acting& operator=(const Acting&) = delete;
    ~Acting() { parts_->acting = before_; }

   private:
    Parts* parts_;
    bool before_;
  };

  [[nodiscard]] TimePoint next_deadline() const;
  void act();
  void wait(TimePoint until);
  void call_timers();
  std::expected<void, SystemError> check();
  void set_alarm(TimePoint at) const;

  io::EventLoop loop;
  std::shared_ptr<Timer::Timers> timers = std::make_shared<Timer::Timers>();
  std::deque<link::MemoryWire> wires;  ///< outlive the links around their ends
  std::deque<Attachment> attachments;
  std::unordered_set<void*> running;  ///< coroutines that were started
  std::exception_ptr problem;
  std::uint64_t news = 0;  ///< events and timers so far
  bool any_started = false;
  bool stopped = false;
  bool acting = false;
  int signals = -1;
  int alarm = -1;  ///< what makes the loop's descriptor readable when it is time
};

namespace {

struct Started::promise_type {
  promise_type(std::unordered_set<void*>& set, std::exception_ptr& problem, const Task<void>& task)
      : running(&set), problem_at(&problem) {
    static_cast<void>(task);
    running->insert(coroutine().address());
  }
  promise_type(const promise_type&) = delete;
  promise_type& operator=(const promise_type&) = delete;
  ~promise_type() { running->erase(coroutine().address()); }

  std::coroutine_handle<promise_type> coroutine() {
    return std::coroutine_handle<promise_type>::from_promise(*this);
  }
  [[nodiscard]] Started get_return_object() const noexcept { return {}; }
  [[nodiscard]] std::suspend_never initial_suspend() const noexcept { return {}; }
  [[nodiscard]] std::suspend_never final_suspend() const noexcept { return {}; }
  void return_void() const noexcept {}
  void unhandled_exception() const {
    if (!*problem_at) *problem_at = std::current_exception();
  }

  std::unordered_set<void*>* running;
  std::exception_ptr* problem_at;
};

Started begin(std::unordered_set<void*>& /*running*/, std::exception_ptr& /*problem*/,
              Task<void> task) {
  co_await std::move(task);
}

}  // namespace

// --- Parts

TimePoint Loop::Parts::next_deadline() const {
  TimePoint next = timers->by_time.empty() ? kNever : timers->by_time.begin()->first;
  for (const Attachment& a : attachments) next = std::min(next, a.next_deadline());
  return next;
}

/// Those that are due, but for those that they start themselves.
void Loop::Parts::call_timers() {
  const TimePoint now = io::monotonic_now();
  for (std::size_t n = timers->by_time.size(); n > 0; --n) {
    const auto first = timers->by_time.begin();
    if (first == timers->by_time.end() || first->first > now) return;
    const std::shared_ptr<Timer::Entry> entry = std::move(first->second);
    timers->by_time.erase(first);
    entry->among.reset();
    ++news;
    const std::function<void()> call = std::move(entry->call);
    call();
  }
}

void Loop::Parts::wait(TimePoint until) {
  const Acting acting_now(*this);
  loop.wait(until);
}

void Loop::Parts::act() {
  const Acting acting_now(*this);
  call_timers();
  for (std::size_t i = 0; i < attachments.size(); ++i) attachments[i].act();  // there may be more
}

std::expected<void, SystemError> Loop::Parts::check() {
  if (problem) std::rethrow_exception(std::exchange(problem, nullptr));
  for (const Attachment& a : attachments) {
    if (a.device != nullptr && !a.device->alive()) {
      return std::unexpected(SystemError{"use TUN device " + a.name + ": it was deleted", ENODEV});
    }
  }
  return {};
}

/// 0 would switch it off: what is due now is due in a nanosecond.
void Loop::Parts::set_alarm(TimePoint at) const {
  itimerspec when{};
  if (at != kNever) {
    const Duration left = std::max(at - io::monotonic_now(), Duration(0));
    when.it_value.tv_sec = left / 1s;
    when.it_value.tv_nsec = left % 1s / 1us * 1000 + 1;
  }
  ::timerfd_settime(alarm, 0, &when, nullptr);
}

// --- Loop

Loop::Loop() : parts_(std::make_unique<Parts>()) {}
Loop::Loop(Loop&&) noexcept = default;
Loop& Loop::operator=(Loop&&) noexcept = default;

Loop::~Loop() {
  if (!parts_) return;
  while (!parts_->running.empty()) {
    std::coroutine_handle<>::from_address(*parts_->running.begin()).destroy();
  }
  for (const int descriptor : {parts_->signals, parts_->alarm}) {
    if (descriptor >= 0) ::close(descriptor);
  }
}

std::expected<void, SystemError> Loop::attach(Stack& stack, const TunOptions& options) {
  auto tun = io::open_tun(StackAccess::core(stack)->host.config(), options);
  if (!tun) return std::unexpected(tun.error());
  const link::Tun& device = **tun;
  Parts::Attachment& made =
      parts_->attachments.emplace_back(StackAccess::core(stack), std::move(*tun), parts_->news);
  made.device = &device;
  made.name = options.name;
  made.driver.watch(parts_->loop, device.descriptor());
  stack.advance(io::monotonic_now());
  return {};
}

void Loop::join(Stack& a, Stack& b, Duration delay) {
  const std::uint16_t mtu =
      std::min(StackAccess::core(a)->host.config().mtu, StackAccess::core(b)->host.config().mtu);
  link::MemoryWire& wire = parts_->wires.emplace_back(mtu);
  for (Stack* stack : {&a, &b}) {
    link::Link& end = wire.end(stack == &a ? 0 : 1);
    parts_->attachments.emplace_back(
        StackAccess::core(*stack),
        std::make_unique<link::ImpairedLink>(end, link::Impairment{.delay = delay},
                                             Random(parts_->attachments.size())),
        parts_->news);
    stack->advance(io::monotonic_now());
  }
}

std::expected<void, SystemError> Loop::run() {
  parts_->stopped = false;
  for (;;) {
    parts_->act();
    const auto fine = parts_->check();
    const bool over = parts_->any_started && parts_->running.empty();
    if (!fine || parts_->stopped || over) return fine;
    parts_->wait(parts_->next_deadline());
  }
}

void Loop::stop() { parts_->stopped = true; }

void Loop::stop_on_signals() {
  Parts& parts = *parts_;
  if (parts.signals >= 0) return;
  parts.signals = io::stop_signals();
  parts.loop.add(parts.signals, [&parts] {
    io::take_signal(parts.signals);
    parts.stopped = true;
  });
}

std::expected<void, SystemError> Loop::turn(TimePoint until) {
  Parts& parts = *parts_;
  if (parts.acting) return std::unexpected(SystemError{"wait within a call of the loop", EDEADLK});
  const std::uint64_t before = parts.news;
  parts.act();
  if (parts.news == before && parts.check()) {
    parts.wait(std::min(parts.next_deadline(), until));
    parts.act();
  }
  if (parts.alarm >= 0) parts.set_alarm(parts.next_deadline());
  return parts.check();
}

std::expected<void, SystemError> Loop::turn() {
  constexpr int kMostRounds = 16;  // the other loop has more to do than this
  std::expected<void, SystemError> fine;
  for (int round = 0; round < kMostRounds && fine; ++round) {
    parts_->wait(TimePoint{});
    parts_->act();
    fine = parts_->check();
    if (parts_->next_deadline() > io::monotonic_now()) break;
  }
  if (parts_->alarm >= 0) parts_->set_alarm(parts_->next_deadline());
  return fine;
}

int Loop::descriptor() {
  Parts& parts = *parts_;
  if (parts.alarm < 0) {
    parts.alarm = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    // Setting it anew, which each turn does, is what makes it unreadable.
    parts.loop.add(parts.alarm, [] {});
    wake();
  }
  return parts.loop.descriptor();
}

void Loop::wake() {
  if (parts_->alarm >= 0) parts_->set_alarm(TimePoint{});
}

void Loop::start(Task<void> task) {
  parts_->any_started = true;
  begin(parts_->running, parts_->problem, std::move(task));
}

Timer Loop::after(Duration span, std::function<void()> call) {
  auto entry = std::make_shared<Timer::Entry>();
  entry->call = std::move(call);
  entry->among = parts_->timers;
  entry->at = parts_->timers->by_time.emplace(io::monotonic_now() + span, entry);
  return Timer(std::move(entry));
}

bool Loop::watch(int descriptor, Until until, std::function<void()> ready) {
  const io::Watch what = until == Until::readable ? io::Watch::input : io::Watch::output;
  return parts_->loop.add(descriptor, std::move(ready), what);
}

void Loop::unwatch(int descriptor) { parts_->loop.remove(descriptor); }

}  // namespace lastack
