// The socket calls with POSIX's meaning over one host: descriptors, references, shutdown, close.
//
// Three things that are easily taken for one: a descriptor is a number in this table; an open
// socket is what all descriptors made by dup() share; a connection is TCP's. close() takes one
// descriptor away, and only the last one of an open socket closes the connection. shutdown() does
// not count: it acts on the connection at once, for everybody who holds it.
//
// Nothing here waits and nothing is called back. A call that would have to wait answers EAGAIN, or
// EINPROGRESS for connect(); waits_for() says for which bits of poll() and until when, next_wake()
// which sockets to look at again. What blocks (socket/blocking.hpp) or watches edges, as epoll
// does, stands on these. Where POSIX leaves a choice the answers are Linux's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <vector>

#include "base/block_vector.hpp"
#include "base/ring.hpp"
#include "base/time.hpp"
#include "host/host.hpp"
#include "socket/errno.hpp"
#include "socket/numbers.hpp"
#include "socket/open_socket.hpp"

namespace lastack::socket {

/// A descriptor: the lowest free number, as POSIX has it.
using Fd = int;

template <typename T>
using Result = std::expected<T, Errno>;

/// What a call that answered EAGAIN, or EINPROGRESS, waits for: any of these bits of poll(), until
/// then (SO_RCVTIMEO, SO_SNDTIMEO; kNever for as long as it takes).
struct Wait {
  std::uint16_t bits = 0;
  TimePoint until = kNever;
};
enum class Call : std::uint8_t { accept, connect, send, receive };

/// What is left of a timed SO_LINGER after the last close(): who can wait does, while lingers(),
/// until then. Whether anybody does or not, what is left at that time is reset; in the linux
/// profile it goes on.
struct Lingering {
  host::Flow flow;
  TimePoint until{};
  [[nodiscard]] explicit operator bool() const { return until != TimePoint{}; }
};

/// An open socket that poll() may answer otherwise than before, and what woke its waiters: bits of
/// OpenSocket::Wake. It speaks for all that happened since it was last pulled.
struct Wakeup {
  std::uint32_t open = 0;  ///< as Sockets::open_of() numbers them
  std::uint8_t wakes = 0;
};

/// Octets received, and what recvmsg() says of them.
struct Received {
  std::size_t octets = 0;  ///< copied; with kMsgTrunc all that there were
  int flags = 0;           ///< kMsgTrunc: a datagram was longer; kMsgOob
  host::Endpoint from;     ///< of a datagram
};

/// Buffers of one call, in order.
using PartsIn = std::span<const std::span<const std::byte>>;
using PartsOut = std::span<const std::span<std::byte>>;

/// Whether EPIPE raises SIGPIPE in the caller: for TCP, unless kMsgNoSignal was said.
[[nodiscard]] constexpr bool raises_sigpipe(Errno error, int flags) {
  return error == Errno::epipe && (flags & kMsgNoSignal) == 0;
}

class Sockets {
 public:
  explicit Sockets(host::Host& host) : host_(&host) {}
  /// The same descriptors and open sockets over `copy`, which is a copy of the other's host.
  Sockets(const Sockets& other, host::Host& copy) : Sockets(other) { host_ = &copy; }
  Sockets& operator=(const Sockets&) = delete;

  /// A fresh socket for TCP and addresses of either family. EMFILE when no number is left.
  Result<Fd> socket();
  /// As socket(2). EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT, EMFILE.
  Result<Fd> socket(int domain, int type, int protocol = 0);
  /// Another descriptor of the same open socket. EBADF.
  Result<Fd> dup(Fd fd);
  /// EINVAL where it is bound already, EADDRNOTAVAIL where the address is not ours, EADDRINUSE,
  /// EAFNOSUPPORT. Port 0 picks one, which local_name() tells.
  Result<void> bind(Fd fd, const host::Endpoint& local);
  /// EADDRINUSE, EINVAL on a connected socket. `backlog`: one less than may wait for accept(); said
  /// again it replaces the last one.
  Result<void> listen(Fd fd, std::uint32_t backlog, TimePoint now);
  /// EAGAIN while none waits, EINVAL where it does not listen. What was set on the listener holds.
  Result<Fd> accept(Fd fd);
  /// EINPROGRESS at first; POLLOUT says that it is answered, and the second call how. EALREADY,
  /// EISCONN, ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH. Of UDP: whom it talks to, at once.
  Result<void> connect(Fd fd, const host::Endpoint& remote, TimePoint now);
  /// connect() with AF_UNSPEC: a connection is reset, a listener ends, and the socket is fresh.
  Result<void> disconnect(Fd fd, TimePoint now);

  /// Octets taken, at least one where there are any. EAGAIN where the buffer is full, EPIPE after
  /// SHUT_WR or where there is no connection (raises_sigpipe()); the connection's own error once.
  /// `flags`: kMsgOob (the octets end in urgent data, RFC 6093), kMsgMore.
  Result<std::size_t> send(Fd fd, std::span<const std::byte> octets, TimePoint now, int flags = 0);
  /// The same of several buffers; of UDP they are one datagram, to `to` where it is given.
  [[gnu::noinline]] Result<std::size_t> sendmsg(Fd fd, PartsIn parts, TimePoint now, int flags = 0,
                                                const std::optional<host::Endpoint>& to = {});
  /// Octets read; 0 at the end of the peer's stream and after SHUT_RD. EAGAIN, ENOTCONN.
  /// `flags`: kMsgPeek leaves them, kMsgTrunc throws them away unread, kMsgOob.
  Result<std::size_t> recv(Fd fd, std::span<std::byte> into, TimePoint now, int flags = 0);
  [[gnu::noinline]] Result<Received> recvmsg(Fd fd, PartsOut parts, TimePoint now, int flags = 0);
  Result<std::size_t> peek(Fd fd, std::span<std::byte> into, TimePoint now = {}) {
    return recv(fd, into, now, kMsgPeek);
  }
  /// All of `slice` without a copy, where there is room for any of it; else as send().
  Result<std::size_t> send(Fd fd, Slice slice, TimePoint now);
  /// What recv() would bring, as it lies: as many pieces as `to` has room for, good until the next
  /// call for this socket. None where recv() does anything else than bring the next octets.
  std::size_t lend(Fd fd, std::span<std::span<const std::byte>> to) const;
  /// As if so many octets were read, and thrown away; how many there were.
  std::size_t discard(Fd fd, std::size_t octets, TimePoint now);
  Result<std::size_t> send_urgent(Fd fd, std::span<const std::byte> octets, TimePoint now) {
    return send(fd, octets, now, kMsgOob);
  }

  /// Acts for every holder at once, whatever the count. EINVAL for another `how`, ENOTCONN.
  Result<void> shutdown(Fd fd, int how, TimePoint now);
  /// Takes this descriptor away. The last one closes: with RST where received octets were never
  /// read or linger is 0, with FIN after what is queued otherwise. EBADF.
  Result<Lingering> close(Fd fd, TimePoint now);
  /// Whether what was closed so still has something that the peer has not acknowledged.
  [[nodiscard]] bool lingers(const Lingering& closed) const;

  /// setsockopt() and getsockopt() with Linux's levels, names and layouts (socket/options.hpp has
  /// them all). ENOPROTOOPT for one that is not there, EINVAL, EDOM. What was written to `into`.
  Result<void> set_option(Fd fd, int level, int name, std::span<const std::byte> value,
                          TimePoint now);
  Result<std::size_t> get_option(Fd fd, int level, int name, std::span<std::byte> into,
                                 TimePoint now);
  /// The same for those that are an int.
  Result<void> set_option(Fd fd, int level, int name, int value, TimePoint now) {
    return set_option(fd, level, name, std::as_bytes(std::span(&value, 1)), now);
  }
  Result<int> get_option(Fd fd, int level, int name, TimePoint now);
  /// SIOCINQ (FIONREAD): octets to be read; SIOCOUTQ: octets not acknowledged. EINVAL of a
  /// listener, ENOTTY for another request.
  [[nodiscard]] Result<int> ioctl(Fd fd, unsigned request) const;
  /// How many octets lie before the urgent one; nothing where there is none, or it was passed. A
  /// call of recv() ends there.
  [[nodiscard]] std::optional<std::size_t> before_mark(Fd fd) const;

  Result<void> set_reuse_address(Fd fd, bool on);
  /// SO_LINGER with time 0, or off.
  Result<void> set_linger_zero(Fd fd, bool on);
  Result<void> set_no_delay(Fd fd, bool on, TimePoint now);
  Result<void> set_keepalive(Fd fd, bool on, TimePoint now);
  /// SO_ERROR: why the connection ended, told once; nothing where there is no error.
  Result<std::optional<Errno>> take_error(Fd fd);
  [[nodiscard]] Result<host::Endpoint> local_name(Fd fd) const;
  [[nodiscard]] Result<host::Endpoint> peer_name(Fd fd) const;

  /// Bits of Poll, as Linux's poll() gives them.
  [[nodiscard]] Result<std::uint16_t> poll(Fd fd) const;
  /// What `call`, made now, would wait for.
  [[nodiscard]] Result<Wait> waits_for(Fd fd, Call call, TimePoint now) const;
  /// Hand in every event that was pulled from the host: what it means for those who wait.
  void heard(const host::HostEvent& event);
  /// The next open socket to look at again; each stands here once, however much happened to it.
  std::optional<Wakeup> next_wake();
  /// The number of the open socket behind `fd`, the same for all that share it.
  [[nodiscard]] Result<std::uint32_t> open_of(Fd fd) const;

  /// TCP's state of what `fd` refers to.
  [[nodiscard]] Result<tcp::State> state(Fd fd) const;
  /// How many descriptors refer to the open socket behind `fd`.
  [[nodiscard]] Result<std::uint32_t> references(Fd fd) const;
  /// The open socket behind `fd`; null for EBADF. Views only.
  [[nodiscard]] const OpenSocket* find(Fd fd) const;
  /// Open sockets in all: 0 when every descriptor is closed.
  [[nodiscard]] std::size_t open_sockets() const { return open_sockets_; }
  [[nodiscard]] host::Host& host() { return *host_; }

 private:
  friend struct OptionContext;
  Sockets(const Sockets&) = default;

  static constexpr std::uint32_t kFree = UINT32_MAX;
  static constexpr std::size_t kMostDescriptors = 1U << 20U;
  /// Which open socket has a thing of the host's, by that one's index.
  using Owners = BlockVector<std::uint32_t, 1024>;

  // sockets.cpp, opening.cpp
  OpenSocket* get(Fd fd);
  [[nodiscard]] bool no_descriptor_left() const;
  Result<Fd> install(std::uint32_t index);
  std::uint32_t make(OpenSocket::Kind kind);
  static void own(Owners& owners, std::uint32_t thing, std::uint32_t open);
  [[nodiscard]] const tcp::Connection* connection(const OpenSocket& s) const;
  [[nodiscard]] tcp::State state_of(const OpenSocket& s) const;
  [[nodiscard]] bool is_over(const OpenSocket& s) const;
  [[nodiscard]] bool fits(const OpenSocket& s, const host::Endpoint& end) const;
  [[nodiscard]] static bool takes_both(const OpenSocket& s, const wire::IpAddress& address);
  [[nodiscard]] static host::Claim claim_to(const OpenSocket& s, const wire::IpAddress& address);
  Lingering let_go(std::uint32_t index, TimePoint now);
  void back_to_fresh(OpenSocket& s, TimePoint now);
  void forget_place(OpenSocket& s);
  void give_port_back(OpenSocket& s);
  void set_address(OpenSocket& s, const wire::IpAddress& address);
  [[nodiscard]] static host::Endpoint own_name(const OpenSocket& s);
  [[nodiscard]] host::Endpoint name_of(const OpenSocket& s) const;
  [[nodiscard]] static bool is_choice(const OpenSocket& s, const wire::IpAddress& address);
  static void choose_address(OpenSocket& s, const wire::IpAddress& address);
  Result<void> start_connecting(Fd fd, OpenSocket& s, const host::Endpoint& remote, TimePoint now);
  Result<void> answer_of_connect(OpenSocket& s, TimePoint now);
  Result<void> shut_flow(OpenSocket& s, int how, TimePoint now);

  // transfer.cpp
  [[nodiscard]] std::optional<Errno> error_of(const OpenSocket& s) const;
  std::optional<Errno> tell_error(OpenSocket& s);
  std::optional<Errno> may_send(OpenSocket& s);
  [[nodiscard]] std::size_t room_to_send(const OpenSocket& s) const;
  [[nodiscard]] std::size_t room_in_buffer(const OpenSocket& s, bool urgent) const;
  Result<std::size_t> send_part(OpenSocket& s, std::span<const std::byte> part, TimePoint now,
                                bool last, int flags);
  Result<std::size_t> send_stream(OpenSocket& s, PartsIn parts, TimePoint now, int flags);
  [[nodiscard]] bool has_all(const OpenSocket& s) const;
  [[nodiscard]] bool no_more_to_read(const OpenSocket& s) const;
  [[gnu::noinline]] Result<std::size_t> nothing_to_read(OpenSocket& s, bool asked_for_none);
  [[nodiscard]] std::size_t readable(const OpenSocket& s) const;
  [[nodiscard]] std::optional<std::size_t> urgent_in(const OpenSocket& s) const;
  [[nodiscard]] bool urgent_in_place(const OpenSocket& s) const;
  void pass_urgent(OpenSocket& s, TimePoint now);
  std::size_t peek_stream(const OpenSocket& s, PartsOut parts, std::size_t skip, std::size_t most,
                          int flags) const;
  Result<Received> recv_urgent(OpenSocket& s, PartsOut parts, int flags);
  Result<Received> recv_stream(OpenSocket& s, PartsOut parts, TimePoint now, int flags);
  std::size_t take_stream(OpenSocket& s, PartsOut parts, std::size_t most, TimePoint now,
                          int flags);

  // datagrams.cpp
  Result<void> open_datagrams(Fd fd, OpenSocket& s, const host::Endpoint& local, TimePoint now);
  Result<void> connect_datagrams(Fd fd, OpenSocket& s, const host::Endpoint& remote, TimePoint now);
  std::expected<std::size_t, udp::Error> send_whole(host::UdpId id,
                                                    const OpenSocket::BegunDatagram& begun,
                                                    TimePoint now);
  void apply_choices(const OpenSocket& s);  ///< options of UDP that the host minds
  Result<std::size_t> send_datagram(Fd fd, OpenSocket& s, PartsIn parts, TimePoint now, int flags,
                                    const std::optional<host::Endpoint>& to);
  Result<std::size_t> go_on_with_datagram(OpenSocket& s, PartsIn parts, bool more, TimePoint now);
  void send_begun(OpenSocket& s, TimePoint now);
  Result<Received> recv_datagram(OpenSocket& s, PartsOut parts, int flags);
  [[nodiscard]] std::uint16_t poll_datagrams(const OpenSocket& s) const;
  void disconnect_datagrams(OpenSocket& s);
  [[nodiscard]] bool has_port(const OpenSocket& s) const;
  Result<void> shut_datagrams(OpenSocket& s, int how);

  // readiness.cpp
  [[nodiscard]] bool has_room(const OpenSocket& s) const;
  [[nodiscard]] std::optional<std::uint16_t> poll_open(const OpenSocket& s) const;
  [[nodiscard]] std::uint16_t poll_stream(const OpenSocket& s) const;
  [[nodiscard]] std::size_t low_at(const OpenSocket& s) const;
  void wake(std::uint32_t open, unsigned wakes);
  void wake(Fd fd, unsigned wakes) { wake(descriptors_[static_cast<std::size_t>(fd)], wakes); }

  // options.cpp
  [[nodiscard]] tcp::Settings settings_of(const OpenSocket& s) const;
  void change_settings(OpenSocket& s, const tcp::Settings& to, TimePoint now);
  tcp::SettingsPtr shared(const tcp::Settings& settings);

  host::Host* host_;
  BlockVector<std::uint32_t, 1024> descriptors_;  ///< index into open_, or kFree
  std::priority_queue<Fd, std::vector<Fd>, std::greater<>> free_descriptors_;
  BlockVector<OpenSocket> open_;
  std::uint32_t free_open_ = kFree;  ///< places in open_ that are free, linked through `index`
  std::size_t open_sockets_ = 0;
  Owners flow_owners_, listener_owners_, udp_owners_;
  Ring<std::uint32_t> woken_;               ///< places in open_ with OpenSocket::queued
  std::array<tcp::SettingsPtr, 8> lately_;  ///< what was chosen last
  std::size_t next_lately_ = 0;
};

}  // namespace lastack::socket
