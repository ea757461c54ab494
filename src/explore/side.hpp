// One end of what is explored with sockets: a host, what its program holds, and what it may do.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/buffer.hpp"
#include "base/sequence.hpp"
#include "base/time.hpp"
#include "explore/encoder.hpp"
#include "explore/socket_action.hpp"
#include "explore/world.hpp"
#include "host/host.hpp"
#include "socket/sockets.hpp"

namespace lastack::explore {

class Side {
 public:
  using Kind = SocketAction::Kind;

  Side& operator=(const Side&) = delete;
  virtual ~Side() = default;
  /// What the host and its sockets are is copied.
  [[nodiscard]] virtual std::unique_ptr<Side> copy() const = 0;

  /// The calls that may be made, and `timer` where one runs.
  [[nodiscard]] virtual std::vector<Kind> actions() const = 0;
  /// Does one of them.
  virtual void act(Kind kind) = 0;
  virtual void deliver(const Slice& packet) = 0;
  /// Packets that the last of these made, in order.
  [[nodiscard]] const std::vector<Slice>& sent() const { return sent_; }
  /// What was wrong with it or is with what it led to; empty where nothing is.
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

  /// Equal sides are equal octets: times relative to its clock, sequence numbers to the initial
  /// ones; no random value, no counter.
  virtual void encode(Encoder& out) const = 0;
  /// Where both streams begin, as far as it knows: what packets are compared by.
  [[nodiscard]] virtual Seq iss() const { return {}; }
  [[nodiscard]] virtual Seq peers() const { return {}; }
  [[nodiscard]] TimePoint now() const { return now_; }
  /// TCP's, of its connection.
  [[nodiscard]] virtual tcp::State state() const { return tcp::State::closed; }
  /// Where it stands, in a word.
  [[nodiscard]] virtual std::string standing() const = 0;
  [[nodiscard]] virtual bool can_read() const = 0;
  /// Nobody holds anything, and no timer runs.
  [[nodiscard]] virtual bool is_over() const = 0;
  [[nodiscard]] const host::Counters& counters() const { return host_->counters(); }

  /// What would be wrong if nothing came from the peer any more.
  [[nodiscard]] virtual std::string waits_for_ever() const = 0;
  /// Once is_over(): what has not been given back, where anything is.
  [[nodiscard]] virtual std::string left() = 0;
  /// Whether calls do what poll() says of them. They are made: this is for a copy.
  [[nodiscard]] virtual std::string wrong_with_calls() = 0;
  /// Whether what is only asked says what there is; this changes nothing but an error that is due.
  [[nodiscard]] virtual std::string wrong_with_answers() = 0;

 protected:
  /// `bounds` outlives it.
  Side(std::uint8_t index, const Bounds& bounds, const host::Config& config);
  /// What the last step has led to is not copied.
  Side(const Side& other);
  /// Hands the host's events to the sockets; nobody sleeps on those.
  void hear();
  void wrong(const std::string& what) {
    if (wrong_.empty()) wrong_ = what + " at " + "AB"[index_];
  }

  std::uint8_t index_;
  const Bounds* bounds_;
  TimePoint now_{std::chrono::seconds(1000)};
  std::unique_ptr<host::Host> host_;
  socket::Sockets sockets_;
  std::vector<socket::Fd> copies_;  ///< descriptors of the open socket that is looked at
  std::uint8_t opens_left_;
  std::uint8_t calls_left_;
  std::uint8_t octets_left_;
  std::vector<Slice> sent_;
  std::string wrong_;
};

/// Side `i` as it begins: of connections, or of datagrams. `bounds` outlives it.
[[nodiscard]] std::unique_ptr<Side> make_side(std::uint8_t i, const Bounds& bounds);

}  // namespace lastack::explore
