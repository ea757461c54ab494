// What is explored: two endpoints, each in any stage of its life, and a wire that may misbehave.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "explore/socket_action.hpp"
#include "tcp/connection.hpp"
#include "tcp/listener.hpp"
#include "tcp/syn_rcvd.hpp"
#include "tcp/time_wait.hpp"

namespace lastack::explore {

/// How far the search goes. Everything within is visited; a wire that is full drops what is more.
struct Bounds {
  std::string name;
  std::size_t in_flight = 2;  ///< segments on the wire
  std::uint8_t losses = 1;
  std::uint8_t duplicates = 1;              ///< segments delivered and kept as well
  std::array<std::uint8_t, 2> opens{1, 0};  ///< active OPENs of each endpoint
  std::array<bool, 2> listens{false, true};
  std::array<std::uint8_t, 2> octets{1, 1};  ///< that each may send, one by one
  std::array<std::uint8_t, 2> calls{2, 2};   ///< shutdowns, closes and aborts of each
  bool icmp = false;                         ///< hard ICMP errors may come during a handshake
  bool keepalive = false;
  bool linux_profile = false;
  bool self_connect = false;  ///< endpoint 0 talks to itself
  std::uint32_t window = 64;  ///< octets of each receive buffer; few enough and it closes
  bool nagle = true;          ///< off: several octets are out at once, and come in any order
  bool options = false;       ///< timestamps and SACK are offered
  /// Descriptors that may refer to each end's open socket. 0: endpoints are bare connections.
  std::array<std::uint8_t, 2> holders{0, 0};
  std::uint8_t listener_holders = 1;  ///< the same for each listener
  /// Calls of open sockets besides those that are always made: options, and other ways to send and
  /// to receive.
  std::vector<SocketAction::Kind> also{};
  bool shuts = true;            ///< shutdown(), SO_LINGER and AF_UNSPEC are among the calls
  bool reuses_address = false;  ///< SO_REUSEADDR, of every socket
  /// Sockets are UDP's: `octets` are datagrams, of which each call begins or goes on with one.
  bool datagrams = false;
  bool second = false;         ///< the second end has another socket of UDP, that sends, too
  bool two_listeners = false;  ///< at the same place, with SO_REUSEPORT
  /// As `calls` of open sockets: any number, since only what they lead to differs, not how often.
  static constexpr std::uint8_t kNoLimit = 255;
};

/// Of both endpoints.
[[nodiscard]] tcp::Settings settings_for(const Bounds& bounds);

/// A segment on the wire. `payload` names octets by their true place with the sender.
struct Segment {
  std::uint8_t to = 0;
  std::uint8_t incarnation = 0;  ///< of the sender's connection
  wire::TcpHeader header;
  Range payload;
};

/// One endpoint, with its own clock: that moves only when one of its timers fires. Two hosts'
/// clocks need not agree on anything, so a timer may fire at any point of the other's life.
struct Endpoint {
  enum class Kind : std::uint8_t { closed, syn_rcvd, connection, time_wait };
  Kind kind = Kind::closed;
  bool held = false;  ///< a user holds the connection
  std::uint8_t opens_left = 0;
  std::uint8_t octets_left = 0;
  std::uint8_t calls_left = 0;
  std::uint8_t incarnation = 0;       ///< connections begun so far
  std::uint8_t peer_incarnation = 0;  ///< whose SYN this connection was made of
  Offset delivered = 0;               ///< octets of the peer's that became readable
  TimePoint now{std::chrono::seconds(1000)};
  tcp::Listener listener;
  tcp::Connection connection;
  std::optional<tcp::SynRcvd> record;
  std::optional<tcp::TimeWait> time_wait;

  [[nodiscard]] tcp::State state() const;
  [[nodiscard]] TimePoint next_deadline() const;
};

/// What may happen next.
struct Action {
  enum class Kind : std::uint8_t {
    deliver,
    lose,
    duplicate,
    timer,
    open,
    listen_close,
    listen_abort,
    send,
    receive,
    shut_rd,
    shut_wr,
    shut_rdwr,
    close,
    abort,
    icmp,
  };
  Kind kind = Kind::deliver;
  std::uint8_t which = 0;  ///< a segment's place on the wire, or an endpoint
};
[[nodiscard]] std::string to_string(const Action& action);
/// Nobody calls and nothing goes wrong on the wire: a segment arrives, or a timer fires.
[[nodiscard]] constexpr bool by_itself(Action::Kind kind) {
  return kind == Action::Kind::deliver || kind == Action::Kind::timer;
}

class World {
 public:
  explicit World(const Bounds& bounds);

  [[nodiscard]] std::vector<Action> actions() const;
  /// Does it, and lets the endpoint that was touched send. What is wrong with the outcome, if
  /// anything is, stands in violation().
  void act(const Action& action);
  /// The state in a form in which equal states are equal octets: times relative to the endpoint's
  /// clock, no initial sequence numbers, no counters, the wire in order.
  void canonical(std::vector<std::uint8_t>& into) const;
  [[nodiscard]] const std::string& violation() const { return violation_; }
  /// Something is wrong with a state in which nothing happens by itself any more.
  [[nodiscard]] std::string wrong_when_quiet() const;
  /// A user could act: read what lies there, or call.
  [[nodiscard]] bool waits_for_user() const;
  [[nodiscard]] const std::array<Endpoint, 2>& endpoints() const { return endpoints_; }
  [[nodiscard]] const std::vector<Segment>& wire() const { return wire_; }
  /// Rows of tcp::kTable taken by the last act(), as indices.
  [[nodiscard]] const std::vector<std::uint8_t>& rows() const { return rows_; }

 private:
  void deliver(const Segment& segment);
  void to_connection(Endpoint& e, const Segment& segment);
  void to_record(Endpoint& e, const Segment& segment);
  void to_time_wait(Endpoint& e, const Segment& segment);
  void to_listener(Endpoint& e, const Segment& segment);
  void fire_timer(Endpoint& e);
  void call(Endpoint& e, Action::Kind kind);
  void take(Endpoint& e, const tcp::Effects& fx);
  void check_arrival(Endpoint& e, const Segment& segment, const tcp::Effects& fx);
  void check_invariants(const Endpoint& e);
  void settle(std::size_t i);
  void put(std::size_t from, const tcp::Outgoing& out);
  void reset(std::size_t from, const tcp::Reset& reset);
  [[nodiscard]] std::size_t index_of(const Endpoint& e) const {
    return static_cast<std::size_t>(&e - endpoints_.data());
  }
  [[nodiscard]] std::size_t peer_of(std::size_t i) const { return self_ ? i : 1 - i; }
  [[nodiscard]] tcp::Open how_to_open(const Endpoint& e) const;
  void wrong(std::string what);

  std::array<Endpoint, 2> endpoints_;
  std::vector<Segment> wire_;
  std::uint8_t losses_left_ = 0;
  std::uint8_t duplicates_left_ = 0;
  std::uint8_t in_flight_ = 0;
  bool icmp_ = false;
  bool self_ = false;
  tcp::SettingsPtr settings_;
  std::vector<std::uint8_t> rows_;
  std::string violation_;
};

}  // namespace lastack::explore
