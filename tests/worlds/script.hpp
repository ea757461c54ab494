// A script of socket calls that can be run in more than one world: on lastack's sockets and on the
// kernel's. Whatever it shows is numbers that mean the same in both: results, errno, bits of
// poll(), and the TCP state of both sides after each step.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lastack::worlds {

enum class Op : std::uint8_t {
  stream,      ///< slot = socket(AF_INET, SOCK_STREAM) at `side`
  datagrams,   ///< the same with SOCK_DGRAM
  dup,         ///< slot `to` = dup(slot)
  bind,        ///< to place `a`; b: 0 its own address, 1 any
  listen,      ///< backlog a
  connect,     ///< to place `a` of the other side
  disconnect,  ///< connect() with AF_UNSPEC
  accept,      ///< slot `to` = accept(slot)
  send,        ///< a octets, flags b
  send_to,     ///< a octets to place b of the other side
  recv,        ///< up to a octets, flags b
  shutdown,    ///< how: a
  close,
  error,  ///< SO_ERROR
  names,  ///< getsockname(), getpeername()
  set,    ///< option a (an index into kOptionChoices) to b
  get,    ///< option a
  fill,   ///< sends until it would block
  drain,  ///< receives until there is nothing
  hold,   ///< nothing arrives any more ...
  release,
};

struct Step {
  Op op = Op::hold;
  int side = 0;
  int slot = 0;
  int to = 0;
  int a = 0;
  int b = 0;
  friend bool operator==(const Step&, const Step&) = default;
};

using Script = std::vector<Step>;

/// Descriptors that a script can have.
inline constexpr int kSlots = 12;
/// Ports of a script: its own ones, so that scripts do not meet. Place 0 means "any".
inline constexpr int kPlaces = 5;

struct OptionChoice {
  const char* name;
  int level;
  int number;
};
inline constexpr std::array kOptionChoices{
    OptionChoice{"SO_REUSEADDR", 1, 2},     OptionChoice{"SO_TYPE", 1, 3},
    OptionChoice{"SO_KEEPALIVE", 1, 9},     OptionChoice{"SO_OOBINLINE", 1, 10},
    OptionChoice{"SO_REUSEPORT", 1, 15},    OptionChoice{"SO_RCVLOWAT", 1, 18},
    OptionChoice{"SO_ACCEPTCONN", 1, 30},   OptionChoice{"SO_PROTOCOL", 1, 38},
    OptionChoice{"SO_DOMAIN", 1, 39},       OptionChoice{"IP_TTL", 0, 2},
    OptionChoice{"IP_TOS", 0, 1},           OptionChoice{"TCP_NODELAY", 6, 1},
    OptionChoice{"TCP_CORK", 6, 3},         OptionChoice{"TCP_KEEPIDLE", 6, 4},
    OptionChoice{"TCP_KEEPINTVL", 6, 5},    OptionChoice{"TCP_KEEPCNT", 6, 6},
    OptionChoice{"TCP_SYNCNT", 6, 7},       OptionChoice{"TCP_LINGER2", 6, 8},
    OptionChoice{"TCP_DEFER_ACCEPT", 6, 9}, OptionChoice{"TCP_USER_TIMEOUT", 6, 18},
    OptionChoice{"IPV6_V6ONLY", 41, 26},    OptionChoice{"an unknown one", 6, 999},
    OptionChoice{"SO_LINGER", 1, 13},  // set to linger 0 (b != 0) or off
};

/// As `send c3 5 flags 0`.
[[nodiscard]] std::string to_string(const Step& step);

/// One end of a connection: a place, or a port that the world chose.
struct End {
  std::uint32_t address = 0;  ///< host order
  std::uint16_t port = 0;
  friend bool operator==(const End&, const End&) = default;
};

/// A world: calls answer a number, or less than 0: -errno.
class World {
 public:
  World() = default;
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  virtual ~World() = default;
  /// Nothing of an earlier script is left, and ports begin at `ports`.
  virtual void begin(std::uint16_t ports) = 0;
  virtual int open(int side, bool stream) = 0;
  virtual int dup(int side, int fd) = 0;
  virtual int bind(int side, int fd, const End& at) = 0;
  virtual int listen(int side, int fd, int backlog) = 0;
  /// An address of 0.0.0.0 port 0 is AF_UNSPEC.
  virtual int connect(int side, int fd, const End& to) = 0;
  virtual int accept(int side, int fd) = 0;
  virtual int send(int side, int fd, const std::vector<std::byte>& octets, int flags,
                   const std::optional<End>& to) = 0;
  virtual int recv(int side, int fd, std::vector<std::byte>& into, int flags) = 0;
  virtual int shutdown(int side, int fd, int how) = 0;
  virtual int close(int side, int fd) = 0;
  virtual int set(int side, int fd, int level, int name, const std::vector<std::byte>& value) = 0;
  virtual int get(int side, int fd, int level, int name) = 0;
  virtual int name(int side, int fd, bool peer, End& end) = 0;
  virtual int poll(int side, int fd) = 0;
  /// Linux's number of the state that TCP_INFO tells.
  virtual int state(int side, int fd) = 0;
  /// What an edge-triggered epoll that watches all of `fd` says: bits of poll(), 0 for nothing new.
  virtual int edges(int side, int fd) = 0;
  virtual int ioctl(int side, int fd, unsigned request) = 0;
  /// Linux's number of the state of a connection that perhaps nobody holds; 7 where there is none.
  virtual int state_of(int side, const End& local, const End& remote) = 0;
  /// What is on its way arrives, until nothing is; while it is held it waits.
  virtual void settle() = 0;
  virtual void hold(bool on) = 0;
  /// The address of a side.
  [[nodiscard]] static std::uint32_t address(int side) {
    return 0x0a000001U + static_cast<std::uint32_t>(side);
  }
};

/// The transcript: a line for each step, with what it answered and how everything stands then.
[[nodiscard]] std::vector<std::string> run(World& world, const Script& script, std::uint16_t ports);

}  // namespace lastack::worlds
