// One host of an explored pair, its sockets, and who holds them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "explore/side.hpp"
#include "host/host.hpp"
#include "socket/sockets.hpp"

namespace lastack::explore {

/// Octets: the least that SO_RCVBUF makes of a receive buffer.
inline constexpr std::uint32_t kLeastReceiveBuffer = 2304;

/// Of connections.
class SocketSide : public Side {
 public:
  /// Whoever opens has a socket, whoever listens a listener, both bound. `bounds` outlives it.
  SocketSide(std::uint8_t i, const Bounds& bounds);
  SocketSide(const SocketSide& other);
  [[nodiscard]] std::unique_ptr<Side> copy() const override {
    return std::make_unique<SocketSide>(*this);
  }

  [[nodiscard]] std::vector<Kind> actions() const override;
  void act(Kind kind) override;
  void deliver(const Slice& packet) override;
  void encode(Encoder& out) const override;
  [[nodiscard]] Seq iss() const override { return iss_; }
  [[nodiscard]] Seq peers() const override;
  [[nodiscard]] tcp::State state() const override { return host_->state_of(flow()); }
  [[nodiscard]] std::string standing() const override { return std::string(to_string(state())); }
  [[nodiscard]] bool can_read() const override;
  [[nodiscard]] bool is_over() const override;
  [[nodiscard]] std::string waits_for_ever() const override;
  [[nodiscard]] std::string left() override;
  [[nodiscard]] std::string wrong_with_calls() override;
  [[nodiscard]] std::string wrong_with_answers() override;

 private:
  /// What a call is measured by.
  struct Before {
    tcp::State state = tcp::State::closed;
    bool has_flow = false;
    bool unread = false;
    bool linger_zero = false;
    bool no_fin_wait = false;
    std::vector<std::uint8_t> form;  ///< of the host, where nothing may change
  };

  [[nodiscard]] bool can_receive() const;
  /// The reader stands at an urgent octet, which is not read in its place.
  [[nodiscard]] bool stands_at_urgent() const;
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
  [[nodiscard]] bool mixes_urgent() const;

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

  std::vector<socket::Fd> listeners_;  ///< descriptors of the listener
  std::vector<socket::Fd> others_;     ///< ... of the second one at the same place
  std::uint8_t octets_in_ = 0;         ///< into its connection
  std::uint8_t octets_out_ = 0;        ///< out of it
  bool reads_all_ = true;              ///< nothing was discarded
  Seq iss_;                            ///< of the last SYN that it sent
  host::PacketOut out_;
  std::uint8_t resets_ = 0;  ///< RSTs among those
};

}  // namespace lastack::explore
