// One host of an explored pair whose sockets are UDP's, beside a model of what they have to say.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "explore/side.hpp"
#include "socket/sockets.hpp"

namespace lastack::explore {

/// The first end's socket is nowhere yet, the second's is bound; each has one port to choose from.
class DatagramSide : public Side {
 public:
  DatagramSide(std::uint8_t i, const Bounds& bounds);
  DatagramSide(const DatagramSide& other);
  [[nodiscard]] std::unique_ptr<Side> copy() const override {
    return std::make_unique<DatagramSide>(*this);
  }

  [[nodiscard]] std::vector<Kind> actions() const override;
  void act(Kind kind) override;
  void deliver(const Slice& packet) override;
  void encode(Encoder& out) const override;
  [[nodiscard]] std::string standing() const override;
  [[nodiscard]] bool can_read() const override { return !model_.queue.empty(); }
  [[nodiscard]] bool is_over() const override { return copies_.empty() && seconds_.empty(); }
  [[nodiscard]] std::string waits_for_ever() const override { return {}; }
  [[nodiscard]] std::string left() override;
  [[nodiscard]] std::string wrong_with_calls() override;
  [[nodiscard]] std::string wrong_with_answers() override;

 private:
  using Errno = socket::Errno;
  struct Waiting {
    host::Endpoint from;
    std::string octets;
  };
  /// What the open socket has to be like.
  struct Model {
    bool has_endpoint = false;  ///< it was somewhere once
    bool has_port = false;
    bool chosen = false;  ///< bind() said which
    bool shut_read = false;
    bool shut_write = false;
    bool corked = false;
    std::optional<host::Endpoint> peer;
    std::optional<Waiting> begun;  ///< `from` is whom it is for
    Errno error = Errno::none;
    std::deque<Waiting> queue;
  };

  [[nodiscard]] host::Endpoint place() const;
  [[nodiscard]] host::Endpoint place_of_peer() const;
  void call(Kind kind);
  void send(Kind kind, bool more);
  /// What send() has to answer; `none` where it takes the octets, and `out` where they go.
  Errno model_of_send(const std::string& octets, const std::optional<host::Endpoint>& to, bool more,
                      std::optional<Waiting>& out);
  void receive(int flags);
  void take_error();
  void shut(int how);
  void connect(const host::Endpoint& to);
  void disconnect();
  void close();
  void check_sent(const std::optional<Waiting>& expected);
  void check_books();
  void send_all();

  std::vector<socket::Fd> seconds_;  ///< descriptors of the second socket
  std::uint8_t said_ = 0;            ///< datagrams that were begun
  std::uint8_t for_second_ = 0;      ///< that wait for the second socket
  Model model_;
};

}  // namespace lastack::explore
