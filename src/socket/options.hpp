// Socket options as one table: what there is, of which type and range, and how it is read and set.
#pragma once

#include <cstdint>
#include <expected>
#include <limits>
#include <span>
#include <string_view>

#include "socket/sockets.hpp"

namespace lastack::socket {

/// What getters and setters work on. A setter changes `settings` and `s`; the caller takes it to
/// the connection.
struct OptionContext {
  Sockets& sockets;
  Fd fd;
  OpenSocket& s;
  tcp::Settings settings;
  TimePoint now{};
  bool writers = false;  ///< there may be more room to send now: they are told

  [[nodiscard]] const tcp::Connection* connection() const { return sockets.connection(s); }
  [[nodiscard]] tcp::State state() const { return sockets.state_of(s); }
  [[nodiscard]] bool is_over() const { return sockets.is_over(s); }
  [[nodiscard]] bool has_udp_port() const {
    return s.kind == OpenSocket::Kind::datagram && sockets.has_port(s);
  }
  std::int64_t take_error();
  void give_port_back() { sockets.give_port_back(s); }
  void send_begun() { sockets.send_begun(s, now); }
  void flush(bool corked);
  void wake_reader();
  void wake_writer();
  void share(bool address, bool port);
};

/// Times are told and taken in microseconds.
inline constexpr std::int64_t kSecond = 1'000'000;

struct Option {
  enum class Type : std::uint8_t {
    number,  ///< an int
    flag,    ///< an int: 0, or anything else for 1
    octet,   ///< an int, or one octet (IP_TTL, IP_TOS)
    linger,  ///< struct linger: on, seconds
    time,    ///< struct timeval: seconds, microseconds
    text,    ///< a name
    info,    ///< struct tcp_info
  };
  /// Which sockets have it.
  enum class For : std::uint8_t { all, stream, datagram, inet6 };
  /// A range that is passed is an error, or the nearer end is taken.
  enum class Outside : std::uint8_t { error, nearest };
  using Get = std::int64_t (*)(OptionContext&);
  using Set = Errno (*)(OptionContext&, std::int64_t);

  std::string_view name;
  int level;
  int number;
  Type type;
  For whom;
  std::int64_t least;
  std::int64_t most;
  Outside outside;
  Get get;  ///< flag, number, octet, time in microseconds, linger in seconds or -1
  Set set;  ///< null where it can only be read
};

/// All that are supported, by level and number.
[[nodiscard]] std::span<const Option> options();

}  // namespace lastack::socket
