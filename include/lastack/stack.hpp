// A TCP/IP host to put into a program, and the sockets on it.
//
// There is no thread, clock or network hidden inside: packets and the time are handed in, packets
// and deadlines are pulled out. Nothing blocks: a call that would have to wait says so
// (std::errc::resource_unavailable_try_again), and next_event() tells when to ask again. Who would
// rather be called says when() to a descriptor, and dispatch() to the stack. One stack and its
// sockets belong to one thread.
//
// lastack/loop.hpp drives stacks on real links, and lastack/async.hpp waits in coroutines.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#include "lastack/address.hpp"
#include "lastack/state.hpp"
#include "lastack/time.hpp"

namespace lastack {

namespace socket {
struct StackAccess;
struct StackCore;
struct Waiter;
}  // namespace socket

/// What a call brings, or why it did not: the errno value that POSIX gives it.
template <typename T>
using Result = std::expected<T, std::errc>;

/// Where every unpredictable number of a stack comes from (initial sequence numbers, ports, keys).
/// system_seed() in lastack/system.hpp draws one; the same seed and calls give the same run.
struct Seed {
  std::array<std::uint64_t, 4> words{};
  [[nodiscard]] static Seed fixed(std::uint64_t number);
};

/// Whose meaning shutdown() and TIME_WAIT have where systems differ (docs/deviations.md).
enum class Profile : std::uint8_t { bsd, linux_kernel };

struct StackOptions {
  std::vector<Prefix> addresses;  ///< ours, and the networks they are on
  std::uint16_t mtu = 1500;       ///< octets of the largest IP packet, 1280 to 65535
  Profile profile = Profile::bsd;
  Duration msl = std::chrono::seconds(30);     ///< TIME_WAIT lasts twice this
  std::uint32_t receive_buffer = 256U * 1024;  ///< octets, for each connection
  std::uint32_t send_buffer = 256U * 1024;
  /// The link cuts segments of up to 64 KiB itself, sums and verifies checksums (TunDriver does).
  bool offload = false;
};

/// Names what a descriptor refers to, in events. It stays the same for all of its duplicates.
enum class SocketId : std::uint64_t {};

/// One change of a connection's state, and why.
struct Transition {
  TimePoint at{};  ///< to a hundredth of a second where it comes from history()
  State from = State::closed;
  State to = State::closed;
  std::string_view cause;  ///< the event of the state table, as in "fin"
};

/// Something happened to a socket: look at what it is ready for.
struct Event {
  TimePoint at{};
  SocketId id{};
  std::array<Transition, 4> taken{};
  std::size_t taken_count = 0;
  [[nodiscard]] std::span<const Transition> transitions() const {
    return std::span(taken).first(taken_count);
  }
};

/// What would not have to wait, as poll() tells it.
struct Ready {
  bool readable = false;     ///< receive() or accept() answers, be it with the end of the stream
  bool writable = false;     ///< send() takes something, or answers with an error
  bool peer_closed = false;  ///< the peer's FIN has come, or reading was shut (POLLRDHUP)
  bool hung_up = false;      ///< both directions have ended (POLLHUP)
  bool error = false;        ///< error() has something to say (POLLERR)
};

enum class Shut : std::uint8_t { read, write, both };

/// What a descriptor can be waited for: that one of these calls would answer at once, be it with an
/// error or the end of the stream.
enum class Until : std::uint8_t {
  readable,  ///< receive(), accept()
  writable,  ///< send(), connected()
};

/// A call that is to come, from Descriptor::when(): once. It does not come any more once this is
/// destroyed, or cancelled.
class [[nodiscard]] Waiting {
 public:
  Waiting();
  Waiting(Waiting&& other) noexcept;
  Waiting& operator=(Waiting&& other) noexcept;
  ~Waiting();
  void cancel();

 private:
  friend class Descriptor;
  explicit Waiting(std::unique_ptr<socket::Waiter> waiter);
  std::unique_ptr<socket::Waiter> waiter_;
};

/// A row of what Stack::connections() shows.
struct ConnectionInfo {
  State state = State::closed;
  Endpoint local;
  Endpoint remote;
  std::size_t receive_queue = 0;  ///< octets not read; of a listener, connections that wait
  std::size_t send_queue = 0;     ///< octets not acknowledged; of a listener, its backlog
  TimePoint since{};              ///< when it entered this state
};

/// What all descriptors have in common: one reference to an open socket, let go by close() or the
/// destructor. Moving hands it on; dup() makes another one.
class Descriptor {
 public:
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  /// Takes this reference away. The last one closes: see Socket and Listener. Nothing happens the
  /// second time.
  void close();
  /// Whether close() has not been called.
  [[nodiscard]] bool open() const { return core_ != nullptr; }
  /// How many descriptors refer to the open socket; 0 after close().
  [[nodiscard]] std::uint32_t references() const;
  [[nodiscard]] State state() const;
  [[nodiscard]] Ready ready() const;
  /// Has `call` made by the first Stack::dispatch() that finds the descriptor ready, or closed. It
  /// may do anything with sockets, and wait anew.
  Waiting when(Until until, std::function<void()> call) const;
  [[nodiscard]] SocketId id() const;
  /// Port and address of this end.
  [[nodiscard]] Endpoint local() const;
  /// setsockopt() and getsockopt(), with Linux's numbers (docs/options.md has all that there are).
  /// no_protocol_option, invalid_argument.
  Result<void> set_option(int level, int name, int value);
  Result<void> set_option(int level, int name, std::span<const std::byte> value);
  [[nodiscard]] Result<int> option(int level, int name) const;
  /// Octets written to `into`.
  Result<std::size_t> option(int level, int name, std::span<std::byte> into) const;

 protected:
  friend class Stack;
  friend struct socket::StackAccess;
  Descriptor(std::shared_ptr<socket::StackCore> core, int number);
  [[nodiscard]] Result<int> duplicate() const;

  std::shared_ptr<socket::StackCore> core_;
  int number_ = -1;
};

/// A connection. Closing the last descriptor sends FIN behind what is queued; RST where received
/// octets were never read (RFC 1122 4.2.2.13) or linger_zero() was set.
class Socket : public Descriptor {
 public:
  /// Another descriptor of the same open socket.
  [[nodiscard]] Result<Socket> dup() const;

  /// What has become of Stack::connect(): nothing once the handshake is over,
  /// connection_already_in_progress before that, else why it failed (connection_refused, timed_out,
  /// host_unreachable).
  [[nodiscard]] Result<void> connected();
  /// Octets taken, at least one. resource_unavailable_try_again where the buffer is full,
  /// broken_pipe after Shut::write or the end of the connection; its own error once.
  Result<std::size_t> send(std::span<const std::byte> octets);
  Result<std::size_t> send(std::string_view text);
  /// Octets read; 0 at the end of the peer's stream and after Shut::read.
  /// resource_unavailable_try_again where nothing is there.
  Result<std::size_t> receive(std::span<std::byte> into);
  /// As receive(), and leaves the octets where they are.
  Result<std::size_t> peek(std::span<std::byte> into);
  /// Acts at once and for every descriptor, whatever the count: write queues FIN behind pending
  /// data, read discards what is buffered and what still arrives. not_connected.
  Result<void> shutdown(Shut how);

  [[nodiscard]] Endpoint remote() const;
  /// Why the connection ended, told once; nothing where there is no error.
  [[nodiscard]] std::optional<std::errc> error();
  /// The last eight transitions, the earliest first.
  [[nodiscard]] std::vector<Transition> history() const;
  /// SO_LINGER with time 0: the last close resets.
  void set_linger_zero(bool on);
  /// TCP_NODELAY: small segments go out at once (off by default).
  void set_no_delay(bool on);
  /// SO_KEEPALIVE (off by default, RFC 9293 MUST-25).
  void set_keepalive(bool on);

 private:
  friend class Stack;
  friend class Listener;
  friend struct socket::StackAccess;
  using Descriptor::Descriptor;
};

/// A listening socket. Closing the last descriptor resets connections not yet accepted.
class Listener : public Descriptor {
 public:
  [[nodiscard]] Result<Listener> dup() const;
  /// The connection that has waited longest; resource_unavailable_try_again where none waits.
  [[nodiscard]] Result<Socket> accept();

 private:
  friend class Stack;
  using Descriptor::Descriptor;
};

/// What Datagrams::receive() brings.
struct Datagram {
  std::size_t octets = 0;  ///< copied
  Endpoint from;
  bool truncated = false;  ///< there were more, which are gone
};

/// A UDP socket. It is told of ICMP errors once it is connected, by the next call.
class Datagrams : public Descriptor {
 public:
  [[nodiscard]] Result<Datagrams> dup() const;
  /// Whom it hears from now on, and sends to where nobody is named. Again: somebody else.
  Result<void> connect(const Endpoint& remote);
  /// All octets, as one datagram. destination_address_required, message_size.
  Result<std::size_t> send(std::span<const std::byte> octets,
                           const std::optional<Endpoint>& to = std::nullopt);
  /// The datagram that has waited longest; resource_unavailable_try_again where none waits.
  Result<Datagram> receive(std::span<std::byte> into);

 private:
  friend class Stack;
  using Descriptor::Descriptor;
};

/// One that was moved from may be assigned to and destroyed, nothing else.
class Stack {
 public:
  Stack(const StackOptions& options, const Seed& seed);
  Stack(Stack&&) noexcept;
  Stack& operator=(Stack&&) noexcept;
  ~Stack();

  // --- Time. The time of every other call is that of the last advance().

  /// Timers that are due expire. `now` must not lie before the last one.
  void advance(TimePoint now);
  /// When advance() wants to be called; kNever for never.
  [[nodiscard]] TimePoint next_deadline() const;
  [[nodiscard]] TimePoint now() const;

  // --- The link. Hand in what came, then pull until there is nothing; pull after calls on sockets
  // and after advance(), too.

  /// One IP packet; it is copied.
  void packet_arrives(std::span<const std::byte> packet);
  /// Writes the next packet to send to `into`; its length, 0 where there is none. One that does not
  /// fit is dropped: give it StackOptions::mtu octets, or 64 KiB with offload.
  std::size_t transmit(std::span<std::byte> into);

  // --- Sockets. They outlive the stack without harm, but then nothing moves any more.

  /// Passive OPEN. An unspecified address stands for all of ours, port 0 for any that is free.
  /// address_in_use, address_not_available.
  [[nodiscard]] Result<Listener> listen(const Endpoint& local, std::uint32_t backlog = 128);
  /// Active OPEN: the SYN goes out with the next transmit(). `local` may be left open, in part too.
  /// network_unreachable, address_not_available, address_in_use.
  [[nodiscard]] Result<Socket> connect(const Endpoint& remote,
                                       const std::optional<Endpoint>& local = std::nullopt);
  /// A UDP socket at an address of ours, or all of that family where it is unspecified.
  /// address_in_use, address_not_available.
  [[nodiscard]] Result<Datagrams> datagrams(const Endpoint& local = {});
  /// What happened since the last call, in its order; nothing when that was all.
  [[nodiscard]] std::optional<Event> next_event();
  /// Calls everybody whose wait is over (Descriptor::when()), pulling all events; each is told to
  /// `watcher` where there is one. How many were called. Their calls may bring something to send;
  /// where one throws, the next dispatch() goes on with the others.
  std::size_t dispatch(const std::function<void(const Event&)>& watcher = {});

  // --- Looking in.

  /// Everything there is: listeners, handshakes, connections, TIME_WAIT.
  [[nodiscard]] std::vector<ConnectionInfo> connections() const;

 private:
  friend struct socket::StackAccess;
  std::shared_ptr<socket::StackCore> core_;
};

}  // namespace lastack
