// What a program has in the place of a socket: one end of a pair that the kernel made. Its reads,
// writes and waits are the kernel's, and so is the count of those who hold it; the near end is
// ours.
//
// The far end is borrowed where a trick needs it, for as long as a call takes: a copy that is kept
// hides the last close.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <utility>

#include "run/descriptor.hpp"
#include "run/octets.hpp"

namespace lastack::run {

/// What take() brings.
struct Taken {
  std::size_t octets = 0;
  bool ended = false;   ///< the program's stream has: there is nothing more, ever
  bool unread = false;  ///< the program closed it and left octets unread
};

class StandIn {
 public:
  struct Pair;
  /// A pair for a stream, or for datagrams. errno where there can be none.
  [[nodiscard]] static std::expected<Pair, int> make(bool non_blocking, bool datagrams = false);

  [[nodiscard]] int descriptor() const { return near_.get(); }
  /// For who closes it.
  [[nodiscard]] OwnedFd near() && { return std::move(near_); }
  /// The far end's.
  [[nodiscard]] std::uint64_t inode() const { return inode_; }
  /// False once it was reset: who holds the far end is not known any more.
  [[nodiscard]] bool open() const { return static_cast<bool>(near_); }

  /// What the program has written, as much as there is room for; it ends before an urgent octet.
  [[nodiscard]] Taken take(std::span<std::byte> into);
  /// For the program to read; octets that it has room for.
  [[nodiscard]] std::size_t give(const Readable& octets);
  /// Whether an urgent octet is the next that take() brings.
  [[nodiscard]] bool at_urgent() const;
  /// An urgent octet for the program; false where there is no room.
  [[nodiscard]] bool give_urgent(std::byte octet);
  /// Of a pair for datagrams: the size of the next one that the program has written.
  [[nodiscard]] std::optional<std::size_t> take_message(std::span<std::byte> into);
  /// One for the program to read; false where there is no room.
  [[nodiscard]] bool give_message(std::span<const std::byte> octets);
  /// Whether the program has read all that it was given.
  [[nodiscard]] bool was_read() const;
  /// Whether the program closed it and left octets unread, where take() does not say so.
  [[nodiscard]] bool left_unread() const;
  /// Octets that the program wrote and take() has not brought.
  [[nodiscard]] std::size_t waiting() const;

  // --- Ends. Each direction by itself; once both have ended the kernel tells of the last close by
  // an event only, and not by what poll() says.

  /// The program reads what it was given, and then the end.
  void end_reading();
  /// The program's writes fail with EPIPE. A mark stays behind, for reset().
  void end_writing(int far);
  [[nodiscard]] bool both_ended() const { return reading_ended_ && writing_ended_; }
  [[nodiscard]] bool reading_ended() const { return reading_ended_; }
  [[nodiscard]] bool writing_ended() const { return writing_ended_; }
  /// The program gets ECONNRESET, once it has read what it was given; poll() tells it at once.
  /// Where reading has ended it stays at that. `far` may be -1 where something stands in the way of
  /// writing, or was stuffed.
  void reset(int far);
  /// As if it were new: what lies there is thrown away. False where anything of it has ended: then
  /// only what the program could have read is.
  [[nodiscard]] bool clear(int far);

  // --- Readiness.

  /// Who waits for edges hears that the program can write, which it could before.
  static void touch(int far);
  /// The program can't write (POLLOUT is off) until unstuff().
  void stuff(int far);
  void unstuff();
  [[nodiscard]] bool stuffed() const { return stuffing_ > 0; }
  /// A listener's far end is readable while connections wait: one octet stands for each of them, as
  /// long as they fit. False where `far` is needed for that and is -1.
  bool show_waiting(std::size_t connections, int far);

 private:
  StandIn(OwnedFd near, std::uint64_t inode) : near_(static_cast<OwnedFd&&>(near)), inode_(inode) {}

  OwnedFd near_;
  std::uint64_t inode_ = 0;
  std::size_t stuffing_ = 0;  ///< octets in the way of the program's writes
  std::size_t shown_ = 0;     ///< connections that octets stand for
  bool reading_ended_ = false;
  bool writing_ended_ = false;
  bool last_closed_ = false;  ///< so take() was told, and whether anything was left unread
  bool roomy_ = false;        ///< has as much room for what the program is to read as there can be
};

struct StandIn::Pair {
  StandIn near;
  OwnedFd far;
};

/// Octets that lie there to be read.
[[nodiscard]] std::size_t unread_at(int descriptor);
/// Whatever lies there unread is thrown away.
void discard_unread(int far);

}  // namespace lastack::run
