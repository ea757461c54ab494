// What is explored where endpoints are open sockets: two hosts, each with descriptors that may be
// copied, and a wire. A host can't be copied: a state is the calls and packets that led to it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "explore/encoder.hpp"
#include "explore/world.hpp"
#include "socket/sockets.hpp"

namespace lastack::explore {

/// What may happen next.
struct SocketAction {
  enum class Kind : std::uint8_t {
    deliver,
    lose,
    timer,
    connect,  ///< again: what has become of it
    accept,
    dup,
    close,  ///< one descriptor
    close_listener,
    shut_rd,
    shut_wr,
    shut_rdwr,
    linger_zero,
    linger_timed,
    disconnect,  ///< connect() with AF_UNSPEC: aborts
    send,
    receive,
  };
  Kind kind = Kind::deliver;
  std::uint8_t which = 0;  ///< a packet's place on the wire, or a side
};
[[nodiscard]] std::string to_string(const SocketAction& action);

class SocketWorld {
 public:
  /// A connects to B, which listens.
  explicit SocketWorld(const Bounds& bounds);
  SocketWorld(SocketWorld&&) noexcept;
  SocketWorld& operator=(SocketWorld&&) noexcept;
  ~SocketWorld();

  [[nodiscard]] std::vector<SocketAction> actions() const;
  void act(const SocketAction& action);
  void canonical(std::vector<std::uint8_t>& into) const;
  /// Nothing happens by itself any more, and nobody holds anything.
  [[nodiscard]] bool is_final() const;
  /// Everybody lets go of everything, and what follows from that comes to its end. What is left
  /// then, where anything is: a count, a buffer, a record, a port, a timer.
  [[nodiscard]] std::string left_over();

 private:
  struct Side;
  struct Packet {
    std::uint8_t to = 0;
    Slice octets;
  };

  void call(Side& side, SocketAction::Kind kind);
  void send_all(Side& side);
  void fire(Side& side);
  void deliver(std::size_t at);
  void encode_packets(Encoder& out) const;
  void encode_side(Encoder& out, const Side& side, const Side& peer) const;
  [[nodiscard]] Side& peer_of(const Side& side) const;
  [[nodiscard]] std::string left_at(Side& side) const;

  Bounds bounds_;
  std::array<std::unique_ptr<Side>, 2> sides_;
  std::vector<Packet> wire_;
  std::uint8_t losses_left_ = 0;
};

}  // namespace lastack::explore
