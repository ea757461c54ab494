// A script of socket calls that can be run in more than one world: on lastack's sockets and on the
// kernel's. Whatever it shows is numbers that mean the same in both: results, errno, bits of
// poll(), and the TCP state of both sides after each step.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lastack/address.hpp"

namespace lastack::worlds {

enum class Op : std::uint8_t {
  stream,      ///< slot = socket(AF_INET, SOCK_STREAM) at `side`; a: 1 for AF_INET6, b: its holder
  datagrams,   ///< the same with SOCK_DGRAM
  dup,         ///< slot `to` = dup(slot); a: how (Sharing), b: the holder that gets it
  bind,        ///< to place `a`; b: kAny, kOther
  listen,      ///< backlog a
  connect,     ///< to place `a` of the other side; b: kOther
  disconnect,  ///< connect() with AF_UNSPEC
  accept,      ///< slot `to` = accept(slot)
  send,        ///< a octets, flags b
  send_to,     ///< a octets to place b of the other side; to: kOther
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
  pass,   ///< `a` packets of those that are held arrive
  release,
  exec,  ///< the holder of slot executes itself anew
  kill,  ///< holder `a`
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

/// Whether so many octets go and come in several buffers of one call: some do, the same everywhere.
[[nodiscard]] constexpr bool in_several(std::size_t octets) {
  return octets >= 40 && octets % 3 == 1;
}
/// The three buffers then; there is nothing in the second.
template <typename Octet>
[[nodiscard]] std::array<std::span<Octet>, 3> three_parts(std::span<Octet> octets) {
  const std::size_t first = octets.size() / 3;
  return {octets.first(first), octets.subspan(first, 0), octets.subspan(first)};
}

// Linux's numbers of TCP's states.
inline constexpr int kTcpSynSent = 2;
inline constexpr int kTcpFinWait1 = 4;
inline constexpr int kTcpFinWait2 = 5;
inline constexpr int kTcpClosed = 7;
inline constexpr int kTcpCloseWait = 8;
inline constexpr int kTcpListen = 10;

/// Processes that hold sockets, where a world has more than one.
inline constexpr int kHolders = 4;
/// How a copy of a descriptor comes to a holder.
enum class Sharing : std::uint8_t { within, by_passing, by_fork };

/// Bits of which address a step means.
enum Address : int {
  kAny = 1,    ///< the unspecified one, not the side's own
  kOther = 2,  ///< one of the family that the socket is not of: IPv4-mapped for AF_INET6
};

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
    OptionChoice{"SO_REUSEADDR", 1, 2},
    OptionChoice{"SO_TYPE", 1, 3},
    OptionChoice{"SO_KEEPALIVE", 1, 9},
    OptionChoice{"SO_OOBINLINE", 1, 10},
    OptionChoice{"SO_REUSEPORT", 1, 15},
    OptionChoice{"SO_RCVLOWAT", 1, 18},
    OptionChoice{"SO_ACCEPTCONN", 1, 30},
    OptionChoice{"SO_PROTOCOL", 1, 38},
    OptionChoice{"SO_DOMAIN", 1, 39},
    OptionChoice{"IP_TTL", 0, 2},
    OptionChoice{"IP_TOS", 0, 1},
    OptionChoice{"TCP_NODELAY", 6, 1},
    OptionChoice{"TCP_CORK", 6, 3},
    OptionChoice{"TCP_KEEPIDLE", 6, 4},
    OptionChoice{"TCP_KEEPINTVL", 6, 5},
    OptionChoice{"TCP_KEEPCNT", 6, 6},
    OptionChoice{"TCP_SYNCNT", 6, 7},
    OptionChoice{"TCP_LINGER2", 6, 8},
    OptionChoice{"TCP_DEFER_ACCEPT", 6, 9},
    OptionChoice{"TCP_USER_TIMEOUT", 6, 18},
    OptionChoice{"IPV6_V6ONLY", 41, 26},
    OptionChoice{"an unknown one", 6, 999},
    OptionChoice{"TCP_NOTSENT_LOWAT", 6, 25},
    OptionChoice{"UDP_CORK", 17, 1},
    OptionChoice{"SO_BROADCAST", 1, 6},
    OptionChoice{"SO_SNDLOWAT", 1, 19},
    OptionChoice{"SO_RCVTIMEO", 1, 20},
    OptionChoice{"SO_SNDTIMEO", 1, 21},
    OptionChoice{"SO_KEEPALIVE, short", 1, 9},
    OptionChoice{"SO_TYPE, short", 1, 3},
    OptionChoice{"an unknown one, short", 6, 999},
    OptionChoice{"IP_TOS, short", 0, 1},
    OptionChoice{"TCP_NODELAY, short", 6, 1},
    OptionChoice{"UDP_CORK, short", 17, 1},
    OptionChoice{"IPV6_V6ONLY, short", 41, 26},
    OptionChoice{"IPV6_UNICAST_HOPS", 41, 16},
    OptionChoice{"IPV6_TCLASS", 41, 67},
    OptionChoice{"TCP_MAXSEG", 6, 2},
    OptionChoice{"TCP_INFO", 6, 11},
    OptionChoice{"TCP_CONGESTION", 6, 13},
    OptionChoice{"SO_LINGER", 1, 13},  // linger 0 (b != 0) or off
};

/// Its place in kOptionChoices.
constexpr int option(std::string_view name) {
  const auto at =
      std::ranges::find_if(kOptionChoices, [=](const OptionChoice& o) { return o.name == name; });
  return static_cast<int>(at - kOptionChoices.begin());
}

/// As `send c3 5 flags 0`.
[[nodiscard]] std::string to_string(const Step& step);

/// One end of a connection: a place, or a port that the world chose. IPv4 addresses of AF_INET6
/// sockets are the IPv4-mapped ones.
using End = Endpoint;

using Packet = std::vector<std::byte>;

/// The sockets of one side. Calls answer a number, or less than 0: -errno.
class Side {
 public:
  Side() = default;
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
  virtual ~Side() = default;
  virtual int open(bool v6, bool stream) = 0;
  virtual int dup(int fd) = 0;
  virtual int bind(int fd, const End& at) = 0;
  virtual int listen(int fd, int backlog) = 0;
  /// An address of 0.0.0.0 port 0 is AF_UNSPEC.
  virtual int connect(int fd, const End& to) = 0;
  virtual int accept(int fd) = 0;
  virtual int send(int fd, const std::vector<std::byte>& octets, int flags,
                   const std::optional<End>& to) = 0;
  /// Whether the last send() raised SIGPIPE.
  virtual bool raised() = 0;
  /// `from` is the sender of a datagram.
  virtual int recv(int fd, std::vector<std::byte>& into, int flags, End& from) = 0;
  virtual int shutdown(int fd, int how) = 0;
  virtual int close(int fd) = 0;
  virtual int set(int fd, int level, int name, const std::vector<std::byte>& value) = 0;
  virtual int get(int fd, int level, int name) = 0;
  virtual int name(int fd, bool peer, End& end) = 0;
  virtual int poll(int fd) = 0;
  /// Linux's number of the state that TCP_INFO tells.
  virtual int state(int fd) = 0;
  /// What an edge-triggered epoll that watches all of `fd` says: bits of poll(), 0 for nothing new.
  virtual int edges(int fd) = 0;
  virtual int ioctl(int fd, unsigned request) = 0;
  /// Linux's number of the state of a connection that perhaps nobody holds; 7 where there is none.
  virtual int state_of(const End& local, const End& remote) = 0;

  // --- Of worlds whose sockets are held by several processes.
  virtual void opens_in(int /*holder*/) {}
  virtual int share(int fd, Sharing, int /*holder*/) { return dup(fd); }
  virtual void exec(int /*fd*/) {}
  /// With all that it holds.
  virtual void kill(int /*holder*/) {}

  /// The next packet that it sends, and one that comes to it, where a world carries them by hand.
  virtual bool transmit(Packet&) { return false; }
  virtual void arrives(const Packet&) {}
};

/// Two sides and a wire.
class World {
 public:
  World() = default;
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  virtual ~World() = default;
  /// Nothing of an earlier script is left.
  virtual void begin() = 0;
  [[nodiscard]] virtual Side& side(int which) = 0;
  /// What is on its way arrives, until nothing is; while it is held it waits.
  virtual void settle() = 0;
  virtual void hold(bool on) = 0;
  /// The first packet that is held arrives.
  virtual void pass() = 0;
  /// The addresses of a side.
  [[nodiscard]] static IpAddress address(int side, bool v6) {
    const auto last = static_cast<std::uint8_t>(side + 1);
    if (!v6) return IpAddress::v4(10, 0, 0, last);
    std::array<std::byte, 16> octets{std::byte{0xfd}};
    octets[15] = std::byte{last};
    return IpAddress::from(octets);
  }
  /// Place `place` of a side for a script whose ports begin there; 0 for any port.
  [[nodiscard]] virtual End at(int side, bool v6, std::uint16_t ports, int place) const {
    return {address(side, v6), static_cast<std::uint16_t>(place == 0 ? 0 : ports + place)};
  }
  /// How a transcript names an end, which is neither of any address nor of none.
  struct Name {
    std::string host;
    std::string port;  ///< "any" where the world chose it: it differs from run to run
  };
  [[nodiscard]] virtual Name name_of(const End& end, std::uint16_t ports) const;
};

/// How a slot stands at the end of a script: its TCP state, or "UDP", and bits of poll(), tab
/// between them.
[[nodiscard]] std::string standing(World& world, const Script& script, int slot,
                                   std::uint16_t ports);

/// As in "SYN_SENT".
[[nodiscard]] std::string state_name(int state);
/// As in "IN|OUT"; "-" for none.
[[nodiscard]] std::string poll_text(int bits);

/// The transcript: a line for each step, with what it answered and how everything stands then.
[[nodiscard]] std::vector<std::string> run(World& world, const Script& script, std::uint16_t ports);

}  // namespace lastack::worlds
