#include "socket/waiters.hpp"

#include <utility>

namespace lastack::socket {

/// The head of a ring that ends sets free those who are in it.
RingPlace::~RingPlace() { leave(); }

void RingPlace::leave() {
  next_->previous_ = previous_;
  previous_->next_ = next_;
  next_ = previous_ = this;
}

void RingPlace::enter(RingPlace& head) {
  leave();
  previous_ = head.previous_;
  next_ = &head;
  previous_->next_ = this;
  head.previous_ = this;
}

bool Waiters::is_ready(const Waiter& waiter) const {
  const auto bits = sockets_->poll(waiter.fd);
  return !bits || (*bits & waiter.bits) != 0;
}

void Waiters::add(Waiter& waiter) {
  const auto open = sockets_->open_of(waiter.fd);
  if (!open || is_ready(waiter)) {
    waiter.enter(due_);
    return;
  }
  while (waiting_.size() <= *open) waiting_.emplace_back();
  waiter.enter(waiting_[*open]);
}

void Waiters::closes(Fd fd) {
  const auto open = sockets_->open_of(fd);
  if (!open || *open >= waiting_.size()) return;
  RingPlace& head = waiting_[*open];
  for (RingPlace* at = head.next(); at != &head;) {
    auto& waiter = static_cast<Waiter&>(*std::exchange(at, at->next()));
    if (waiter.fd == fd) waiter.enter(due_);
  }
}

void Waiters::look_at(std::uint32_t open) {
  if (open >= waiting_.size()) return;
  RingPlace& head = waiting_[open];
  for (RingPlace* at = head.next(); at != &head;) {
    auto& waiter = static_cast<Waiter&>(*std::exchange(at, at->next()));
    if (is_ready(waiter)) waiter.enter(due_);
  }
}

namespace {

void move_all(RingPlace& from, RingPlace& to) {
  while (!from.alone()) from.next()->enter(to);
}

/// Those whose turn it is. Where a call throws the others keep their turn for the next time.
struct Turn {
  explicit Turn(RingPlace& from) : due(from) { move_all(due, now); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (now.alone()) return;
    move_all(due, now);  // behind them
    move_all(now, due);
  }
  RingPlace now{};
  RingPlace& due;
};

}  // namespace

std::size_t Waiters::call_due() {
  while (const auto wakeup = sockets_->next_wake()) look_at(wakeup->open);
  Turn turn(due_);
  RingPlace& now = turn.now;
  std::size_t calls = 0;
  for (; !now.alone(); ++calls) {
    auto& waiter = static_cast<Waiter&>(*now.next());
    waiter.leave();
    // It may end itself, or others that are due.
    const std::function<void()> call = std::move(waiter.call);
    call();
  }
  return calls;
}

}  // namespace lastack::socket
