// What is explored where endpoints are open sockets: two hosts, each with descriptors that may be
// copied, and a wire.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/buffer.hpp"
#include "explore/encoder.hpp"
#include "explore/world.hpp"
#include "tcp/state.hpp"

namespace lastack::explore {

/// What may happen next.
struct SocketAction {
  enum class Kind : std::uint8_t {
    deliver,
    lose,
    duplicate,
    timer,
    connect,  ///< or again: what has become of it
    accept,
    dup,
    close,  ///< one descriptor
    shut_rd,
    shut_wr,
    shut_rdwr,
    linger_zero,
    linger_timed,
    disconnect,  ///< connect() with AF_UNSPEC: aborts
    send,
    receive,
    // of the listener
    listen,
    dup_listener,
    close_listener,
    shut_listener_rd,
    shut_listener_wr,
  };
  Kind kind = Kind::deliver;
  std::uint8_t which = 0;  ///< a packet's place on the wire, or a side
};
[[nodiscard]] std::string to_string(const SocketAction& action);
/// Nobody calls and nothing goes wrong on the wire.
[[nodiscard]] constexpr bool by_itself(SocketAction::Kind kind) {
  return kind == SocketAction::Kind::deliver || kind == SocketAction::Kind::timer;
}

struct SocketSide;

/// A value, as World is: a copy goes its own way.
class SocketWorld {
 public:
  /// Who opens has a socket that connects to the other side's place, who listens has a listener.
  explicit SocketWorld(const Bounds& bounds);
  SocketWorld(const SocketWorld& other);
  SocketWorld(SocketWorld&&) noexcept;
  SocketWorld& operator=(SocketWorld&&) noexcept;
  ~SocketWorld();

  [[nodiscard]] std::vector<SocketAction> actions() const;
  /// Does it. What is wrong with it, or with what it led to, stands in violation().
  void act(const SocketAction& action);
  void canonical(std::vector<std::uint8_t>& into) const;
  [[nodiscard]] const std::string& violation() const { return violation_; }
  /// What is wrong with a state in which nothing happens by itself any more. Where nobody holds
  /// anything either, that is whatever is left: a count, a buffer, a record, a port, a timer.
  [[nodiscard]] std::string wrong_when_quiet();
  /// Whether the calls do what poll() says of them, for whoever holds the socket. They are made:
  /// this is for a copy.
  [[nodiscard]] std::string wrong_with_calls();
  /// A user could act: read what lies there.
  [[nodiscard]] bool waits_for_user() const;
  /// Nothing happens by itself any more, and nobody holds anything.
  [[nodiscard]] bool is_final() const;
  /// Rows of tcp::kTable that were taken on the way here.
  void note_rows(std::array<bool, tcp::kTable.size()>& rows) const;

 private:
  using Kind = SocketAction::Kind;
  struct Packet {
    std::uint8_t to = 0;
    Slice octets;
  };
  /// What a call is measured by.
  struct Before {
    tcp::State state = tcp::State::closed;
    bool has_flow = false;
    bool unread = false;
    bool linger_zero = false;
    std::vector<std::uint8_t> form;  ///< of the host, where nothing may change
  };

  // socket_world.cpp
  void add_socket_actions(std::vector<SocketAction>& all, std::uint8_t i) const;
  void add_listener_actions(std::vector<SocketAction>& all, std::uint8_t i) const;
  void call(SocketSide& side, Kind kind);
  void call_on_socket(SocketSide& side, Kind kind);
  void receive(SocketSide& side);
  void send_all(SocketSide& side);
  void fire(SocketSide& side);
  void deliver(const Packet& packet);
  [[nodiscard]] SocketSide& peer_of(const SocketSide& side) const;
  void wrong(std::string what);

  // socket_form.cpp
  void encode_packets(Encoder& out) const;
  void encode_host(Encoder& out, const SocketSide& side) const;
  void encode_socket(Encoder& out, const SocketSide& side) const;

  // socket_checks.cpp
  [[nodiscard]] Before before(const SocketSide& side, Kind kind) const;
  void check_call(const SocketSide& side, Kind kind, const Before& before);
  [[nodiscard]] static tcp::State left_of(const SocketSide& side, const Before& before);
  void check_last_close(const SocketSide& side, const Before& before);
  void check_shutdown(const SocketSide& side, Kind kind, const Before& before);
  void check_reset(const SocketSide& side, const Before& before);
  void check_books(SocketSide& side);
  void check_holders(const SocketSide& side);
  void check_pair(const SocketSide& side);
  [[nodiscard]] std::string wrong_with_calls_of(SocketSide& side);
  [[nodiscard]] std::string waits_for_ever(const SocketSide& side) const;
  [[nodiscard]] static std::string left_at(SocketSide& side);

  Bounds bounds_;
  std::array<std::unique_ptr<SocketSide>, 2> sides_;
  std::vector<Packet> wire_;
  std::uint8_t losses_left_ = 0;
  std::uint8_t duplicates_left_ = 0;
  std::uint8_t sent_ = 0;    ///< packets that the last step made
  std::uint8_t resets_ = 0;  ///< of them RSTs
  std::string violation_;
};

}  // namespace lastack::explore
