// The programs at a host: they make the socket calls that steps ask for, and hold each answer
// against what it must be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/time.hpp"
#include "fuzz/steps.hpp"
#include "socket/sockets.hpp"

namespace lastack::fuzz {

/// Step::what() less kCall. (seeds.py reads these.)
enum class Call : std::uint8_t {
  socket,
  bind,
  listen,
  accept,
  connect,
  send,
  send_urgent,
  recv,
  peek,
  shutdown,
  dup,
  close,
  linger_zero,
  no_delay,
  keepalive,
  take_error,
  poll,
  listen_at,   ///< socket, bind and listen in one step
  connect_to,  ///< socket and connect in one step
  drain,       ///< recv until there is nothing
  count,
};

/// Octets handed over and read, by the sender's initial sequence number: both sides' users of a
/// world of two hosts write into one.
class Ledger {
 public:
  void sent(Seq iss, Offset upto);
  /// A reader came to the end of the stream: all that was sent must have been read.
  void ended(Seq iss, Offset read) const;

 private:
  std::map<std::uint32_t, Offset> sent_;
};

class User {
 public:
  static constexpr std::uint32_t kMostBacklog = 3;

  struct Places {
    std::vector<host::Endpoint> local;   ///< where bind() may go
    std::vector<host::Endpoint> remote;  ///< where connect() may go
  };
  /// With a `ledger` all peers are hosts whose users have the same; without, anything may come.
  User(socket::Sockets& sockets, Places places, Ledger* ledger)
      : sockets_(sockets), places_(std::move(places)), ledger_(ledger) {}

  /// step[1] names a descriptor, step[2] and amount() are arguments.
  void call(Call call, const Step& step, TimePoint now);
  /// Asks all that can be asked of each descriptor without changing anything.
  void look() const;
  /// An orderly end: accepts what waits, reads what is there, and says that nothing more comes. To
  /// be called again as long as the peers do the same.
  void finish(TimePoint now);
  /// Whether no connection waits for anything but its holder.
  [[nodiscard]] bool finished() const;
  void close_all(TimePoint now);
  /// Octets are what content.hpp says; false from now on where somebody has sent others.
  void content_is_known(bool known) { content_is_known_ = known; }

 private:
  static constexpr std::size_t kMostDescriptors = 20;

  /// What one open socket has read, by its connection.
  struct Reading {
    Offset read = 0;
    bool shut = false;
  };
  using Key = std::pair<std::uint32_t, std::uint32_t>;

  [[nodiscard]] socket::Fd choose(std::uint8_t which) const;
  [[nodiscard]] const host::Endpoint& local(std::uint8_t which) const;
  [[nodiscard]] const host::Endpoint& remote(std::uint8_t which) const;
  [[nodiscard]] const tcp::Tcb* tcb(socket::Fd fd) const;
  [[nodiscard]] Reading* reading(socket::Fd fd);
  void opened(const socket::Result<socket::Fd>& fd);
  void connect(socket::Fd fd, std::uint8_t which, TimePoint now);
  void send(socket::Fd fd, std::size_t octets, bool urgent, TimePoint now);
  /// Octets read; nothing where the answer was another one.
  std::size_t receive(socket::Fd fd, std::size_t octets, bool peek, TimePoint now);
  void check_read(socket::Fd fd, const tcp::Tcb& before, std::span<const std::byte> got, bool peek);
  void check_end(socket::Fd fd) const;
  void shutdown(socket::Fd fd, std::uint8_t how, TimePoint now);
  void close(socket::Fd fd, TimePoint now);
  void poll(socket::Fd fd) const;
  void options(Call call, socket::Fd fd, bool on, TimePoint now);

  socket::Sockets& sockets_;
  Places places_;
  Ledger* ledger_;
  std::vector<socket::Fd> descriptors_;
  std::map<Key, Reading> readings_;
  std::vector<std::byte> room_;
  bool content_is_known_ = true;
};

}  // namespace lastack::fuzz
