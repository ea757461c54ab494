// One host of an explored pair, its sockets, and who holds them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "explore/encoder.hpp"
#include "explore/socket_action.hpp"
#include "explore/world.hpp"
#include "host/host.hpp"
#include "socket/sockets.hpp"

namespace lastack::explore {

/// A value: what the host and its sockets are is copied.
class SocketSide {
 public:
  using Kind = SocketAction::Kind;

  /// Whoever opens has a socket, whoever listens a listener, both bound. `bounds` outlives it.
  SocketSide(std::uint8_t i, const Bounds& bounds);
  SocketSide(const SocketSide& other);
  SocketSide& operator=(const SocketSide&) = delete;

  /// The calls that may be made, and `timer` where one runs.
  [[nodiscard]] std::vector<Kind> actions() const;
  /// Does one of them.
  void act(Kind kind);
  void deliver(const Slice& packet);
  /// Packets that the last of these made, in order.
  [[nodiscard]] const std::vector<Slice>& sent() const { return sent_; }
  /// What was wrong with it or is with what it led to; empty where nothing is.
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

  /// Equal sides are equal octets: times relative to its clock, sequence numbers to the initial
  /// ones; no random value, no counter.
  void encode(Encoder& out) const;
  /// Where both streams begin, as far as it knows: what packets are compared by.
  [[nodiscard]] Seq iss() const { return iss_; }
  [[nodiscard]] Seq peers() const;
  [[nodiscard]] TimePoint now() const { return now_; }
  [[nodiscard]] tcp::State state() const { return host_->state_of(flow()); }
  [[nodiscard]] bool can_receive() const;
  /// The reader stands at an urgent octet, which is not read in its place.
  [[nodiscard]] bool stands_at_urgent() const;
  [[nodiscard]] bool can_read() const;
  /// Nobody holds anything, and no timer runs.
  [[nodiscard]] bool is_over() const;
  [[nodiscard]] const host::Counters& counters() const { return host_->counters(); }

  /// What would be wrong if nothing came from the peer any more.
  [[nodiscard]] std::string waits_for_ever() const;
  /// Once is_over(): what has not been given back, where anything is.
  [[nodiscard]] std::string left();
  /// Whether calls do what poll() says of them. They are made: this is for a copy.
  [[nodiscard]] std::string wrong_with_calls();
  /// Whether what is only asked says what there is; this changes nothing but an error that is due.
  [[nodiscard]] std::string wrong_with_answers();

 private:
  /// What a call is measured by.
  struct Before {
    tcp::State state = tcp::State::closed;
    bool has_flow = false;
    bool unread = false;
    bool linger_zero = false;
    std::vector<std::uint8_t> form;  ///< of the host, where nothing may change
  };

  [[nodiscard]] host::Endpoint place() const;
  [[nodiscard]] host::Flow flow() const;
  [[nodiscard]] const socket::OpenSocket* held() const;
  [[nodiscard]] const socket::OpenSocket* held_listener() const;
  [[nodiscard]] const host::ConnectionEntry* entry() const;
  [[nodiscard]] TimePoint next_deadline() const;
  void add_listener_actions(std::vector<Kind>& all) const;
  void add_socket_actions(std::vector<Kind>& all) const;
  void add_options(std::vector<Kind>& all) const;
  void fire();
  void send_all();
  void wrong(std::string what);

  // socket_calls.cpp
  std::optional<socket::Fd> make_listener();
  void call(Kind kind);
  void call_on_listener(Kind kind);
  void call_on_socket(Kind kind);
  void set_option(Kind kind);
  void transfer(Kind kind);
  void restart();
  void begin_stream();
  void send(int flags, std::size_t buffers);
  void receive(Kind kind);
  void receive_urgent();

  // socket_form.cpp
  void encode_host(Encoder& out) const;
  void encode_socket(Encoder& out) const;

  // socket_checks.cpp
  [[nodiscard]] Before before(Kind kind) const;
  [[nodiscard]] tcp::State left_of(const Before& before) const;
  void check_call(Kind kind, const Before& before);
  void check_option(Kind kind, const Before& before);
  void check_last_close(const Before& before);
  void check_shutdown(Kind kind, const Before& before);
  void check_reset(const Before& before);
  void check_books();
  void check_holders();

  std::uint8_t index_;
  const Bounds* bounds_;
  TimePoint now_{std::chrono::seconds(1000)};
  std::unique_ptr<host::Host> host_;
  socket::Sockets sockets_;
  std::vector<socket::Fd> listeners_;  ///< descriptors of the listener
  std::vector<socket::Fd> others_;     ///< ... of the second one at the same place
  std::vector<socket::Fd> copies_;     ///< descriptors of the connection's open socket
  std::uint8_t opens_left_;
  std::uint8_t calls_left_;
  std::uint8_t octets_left_;
  std::uint8_t octets_in_ = 0;   ///< into its connection
  std::uint8_t octets_out_ = 0;  ///< out of it
  bool reads_all_ = true;        ///< nothing was discarded
  Seq iss_;                      ///< of the last SYN that it sent
  host::PacketOut out_;
  std::vector<Slice> sent_;
  std::uint8_t resets_ = 0;  ///< RSTs among those
  std::string wrong_;
};

}  // namespace lastack::explore
