// The socket calls with POSIX's meaning over one host: descriptors, references, shutdown, close.
//
// Three things that are easily taken for one: a descriptor is a number in this table; an open
// socket is what all descriptors made by dup() share; a connection is TCP's. close() takes one
// descriptor away, and only the last one of an open socket closes the connection. shutdown() does
// not count: it acts on the connection at once, for everybody who holds it.
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
#include "base/time.hpp"
#include "host/host.hpp"
#include "socket/errno.hpp"
#include "socket/open_socket.hpp"

namespace lastack::socket {

/// A descriptor: the lowest free number, as POSIX has it.
using Fd = int;

template <typename T>
using Result = std::expected<T, Errno>;

/// shutdown()'s second argument, with POSIX's numbers.
inline constexpr int kShutRd = 0;
inline constexpr int kShutWr = 1;
inline constexpr int kShutRdwr = 2;

/// Nothing here blocks: a call that would have to wait answers EAGAIN, or EINPROGRESS for
/// connect(), and poll() tells when to ask again.
class Sockets {
 public:
  explicit Sockets(host::Host& host) : host_(&host) {}

  /// A fresh socket. EMFILE when no number is left.
  Result<Fd> socket();
  /// Another descriptor of the same open socket. EBADF.
  Result<Fd> dup(Fd fd);
  /// EINVAL where it is bound already, EADDRNOTAVAIL where the address is not ours, EADDRINUSE.
  /// Port 0 picks one, which local_name() tells.
  Result<void> bind(Fd fd, const host::Endpoint& local);
  /// EADDRINUSE, EINVAL on a connected socket. `backlog`: connections that may wait for accept();
  /// said again it replaces the last one.
  Result<void> listen(Fd fd, std::uint32_t backlog, TimePoint now);
  /// EAGAIN while none waits, EINVAL where it does not listen. What was set on the listener holds.
  Result<Fd> accept(Fd fd);
  /// EINPROGRESS at first; POLLOUT says that it is answered, and the second call how. EALREADY,
  /// EISCONN, ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH.
  Result<void> connect(Fd fd, const host::Endpoint& remote, TimePoint now);

  /// Octets taken, at least one. EAGAIN where the buffer is full, EPIPE after SHUT_WR or where
  /// there is no connection; the connection's own error once.
  Result<std::size_t> send(Fd fd, std::span<const std::byte> octets, TimePoint now);
  /// Octets read; 0 at the end of the peer's stream and after SHUT_RD. EAGAIN, ENOTCONN.
  Result<std::size_t> recv(Fd fd, std::span<std::byte> into, TimePoint now);
  /// As recv(), and leaves the octets where they are (MSG_PEEK).
  Result<std::size_t> peek(Fd fd, std::span<std::byte> into);
  /// As send(), and the octets end in urgent data (MSG_OOB, RFC 6093).
  Result<std::size_t> send_urgent(Fd fd, std::span<const std::byte> octets, TimePoint now);

  /// Acts for every holder at once, whatever the count. EINVAL for another `how`, ENOTCONN.
  Result<void> shutdown(Fd fd, int how, TimePoint now);
  /// Takes this descriptor away. The last one closes: with RST where received octets were never
  /// read or linger is 0, with FIN after what is queued otherwise. EBADF.
  Result<void> close(Fd fd, TimePoint now);

  /// SO_REUSEADDR: a later bind() may share its place with others that say so, unless one listens.
  /// DEVIATES: connections keep nobody from binding their port, as if all said so.
  Result<void> set_reuse_address(Fd fd, bool on);
  /// SO_LINGER with time 0. A longer time changes nothing here: nothing blocks.
  Result<void> set_linger_zero(Fd fd, bool on);
  Result<void> set_no_delay(Fd fd, bool on, TimePoint now);
  Result<void> set_keepalive(Fd fd, bool on, TimePoint now);
  /// SO_ERROR: why the connection ended, told once; nothing where there is no error.
  Result<std::optional<Errno>> take_error(Fd fd);
  [[nodiscard]] Result<host::Endpoint> local_name(Fd fd) const;
  [[nodiscard]] Result<host::Endpoint> peer_name(Fd fd) const;

  /// Bits of Poll, as Linux's poll() gives them.
  [[nodiscard]] Result<std::uint16_t> poll(Fd fd) const;
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
  static constexpr std::uint32_t kFree = UINT32_MAX;
  static constexpr std::size_t kMostDescriptors = 1U << 20U;

  OpenSocket* get(Fd fd);
  [[nodiscard]] bool no_descriptor_left() const;
  Result<Fd> install(std::uint32_t index);
  std::uint32_t make(OpenSocket::Kind kind);
  [[nodiscard]] const tcp::Connection* connection(const OpenSocket& s) const;
  [[nodiscard]] tcp::State state_of(const OpenSocket& s) const;
  [[nodiscard]] std::optional<Errno> error_of(const OpenSocket& s) const;
  std::optional<Errno> tell_error(OpenSocket& s);
  [[nodiscard]] bool at_end(const OpenSocket& s) const;
  [[nodiscard]] bool has_all(const OpenSocket& s) const;
  void let_go(std::uint32_t index, TimePoint now);
  void back_to_fresh(OpenSocket& s, TimePoint now);
  Result<std::size_t> put(Fd fd, std::span<const std::byte> octets, TimePoint now, bool urgent);
  Result<void> shut_listener(OpenSocket& s, int how, TimePoint now);
  Result<void> answer_of_connect(OpenSocket& s, TimePoint now);
  Result<std::size_t> nothing_to_read(OpenSocket& s);
  [[nodiscard]] std::uint16_t poll_flow(const OpenSocket& s) const;
  tcp::SettingsPtr shared(const tcp::Settings& settings);
  Result<void> change_settings(Fd fd, bool tcp::Settings::* field, bool on, TimePoint now);

  host::Host* host_;
  std::vector<std::uint32_t> descriptors_;  ///< index into open_, or kFree
  std::priority_queue<Fd, std::vector<Fd>, std::greater<>> free_descriptors_;
  BlockVector<OpenSocket> open_;
  std::uint32_t free_open_ = kFree;  ///< places in open_ that are free, linked through `index`
  std::size_t open_sockets_ = 0;
  std::array<tcp::SettingsPtr, 8> lately_;  ///< what was chosen last
  std::size_t next_lately_ = 0;
};

}  // namespace lastack::socket
