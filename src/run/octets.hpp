// Octets between a descriptor and a connection, copied by nobody but the kernel.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <span>

#include "base/buffer.hpp"
#include "base/ring.hpp"
#include "base/time.hpp"
#include "socket/sockets.hpp"

namespace lastack::run {

/// Where octets are read to that a connection is to send: as many as make whole segments of it, so
/// that a wire which can takes them as they lie.
class Room {
 public:
  Room(socket::Sockets& sockets, socket::Fd fd);
  [[nodiscard]] std::span<std::byte> octets() { return slice_.tail_room().first(size_); }
  /// The first `octets` of them.
  [[nodiscard]] Slice filled(std::size_t octets) &&;

 private:
  Slice slice_;
  std::size_t size_ = 0;
};

/// Octets that TCP has no room for yet.
class Backlog {
 public:
  [[nodiscard]] bool empty() const { return octets_ == 0; }
  [[nodiscard]] std::size_t size() const { return octets_; }
  /// `urgent`: the last of them is (RFC 9293 §3.8.5).
  void add(Slice octets, bool urgent = false);
  /// Hands over what there is room for. The connection's error, EAGAIN aside.
  socket::Result<void> send(socket::Sockets& sockets, socket::Fd fd, TimePoint now);
  void clear();

 private:
  struct Piece {
    Slice octets;
    bool urgent = false;
  };
  Ring<Piece> waiting_;
  std::size_t octets_ = 0;
};

/// What waits to be read, in pieces that lie where TCP has them, or in the scratch they were looked
/// up with; good until the next call for the socket.
struct Readable {
  static constexpr std::size_t kPieces = 4;
  std::array<std::span<const std::byte>, kPieces> pieces;
  std::size_t count = 0;

  [[nodiscard]] std::size_t octets() const;
  /// Into a socket of the machine, as far as it has room; -1 and errno as of sendmsg().
  [[nodiscard]] ssize_t send_to(int descriptor) const;
};
/// As recv() with MSG_PEEK: nothing at the end of the stream.
[[nodiscard]] socket::Result<Readable> look(socket::Sockets& sockets, socket::Fd fd,
                                            std::span<std::byte> scratch, TimePoint now);

}  // namespace lastack::run
