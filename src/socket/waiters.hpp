// Who waits for a descriptor, and is called when its answer may be another one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>

#include "socket/sockets.hpp"

namespace lastack::socket {

/// A place in a ring of such: it leaves by itself when it ends, whatever ring it is in by then.
class RingPlace {
 public:
  RingPlace() = default;
  RingPlace(const RingPlace&) = delete;
  RingPlace& operator=(const RingPlace&) = delete;
  ~RingPlace();

  void leave();
  /// As the last of the ring that `head` stands for.
  void enter(RingPlace& head);
  [[nodiscard]] bool alone() const { return next_ == this; }
  [[nodiscard]] RingPlace* next() { return next_; }

 private:
  RingPlace* next_ = this;
  RingPlace* previous_ = this;
};

/// A wish: one call, as soon as poll() of `fd` gives one of `bits`, or `fd` is closed. It ends with
/// the call, or when it is destroyed.
struct Waiter : RingPlace {
  Waiter(Fd on, std::uint16_t for_bits, std::function<void()> then)
      : fd(on), bits(for_bits), call(std::move(then)) {}
  Fd fd;
  std::uint16_t bits;
  std::function<void()> call;
};

class Waiters {
 public:
  explicit Waiters(Sockets& sockets) : sockets_(&sockets) {}

  /// It is called by the next call_due() where the descriptor is ready already.
  void add(Waiter& waiter);
  /// Say so before Sockets::close(): those who wait on `fd` learn that it is gone.
  void closes(Fd fd);
  /// Calls everybody whose wish has come true, once each; how many. Those whose wish comes true
  /// meanwhile are left for the next time, so that nobody can keep others from their turn. What a
  /// call throws goes to who called this; the others' turn comes the next time.
  std::size_t call_due();
  /// Whether call_due() has somebody to call, or to look at.
  [[nodiscard]] bool due() const { return !due_.alone(); }

 private:
  [[nodiscard]] bool is_ready(const Waiter& waiter) const;
  void look_at(std::uint32_t open);

  Sockets* sockets_;
  std::deque<RingPlace> waiting_;  ///< a ring for each open socket
  RingPlace due_;
};

}  // namespace lastack::socket
