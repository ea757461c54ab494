// What has arrived and the user has not read yet, put back in order.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/box.hpp"
#include "base/buffer.hpp"
#include "base/sequence.hpp"
#include "tcp/stream/stretch.hpp"

namespace lastack::tcp {

/// Octets of the receive stream: those in order that wait to be read, and those that arrived ahead
/// of a gap. Offset 0 is the first octet of data (the buffer knows neither SYN nor FIN).
///
/// It holds what Connection says it accepted (Effects::accepted), and the rule is the same on both
/// sides: the in-order end is the first gap. Where an octet arrives twice the first one stays: what
/// was acknowledged must not change (RFC 9293 leaves it open). A value; empty it holds no memory.
class ReceiveBuffer {
 public:
  /// How many separate stretches may lie ahead of gaps. Connection's limit is the same.
  static constexpr std::size_t kMostAhead = 64;

  /// Takes the octets `data` that lie at `at`. They may overlap what is held, or lie wholly before
  /// it. False, and nothing changed, where they would make one separate stretch too many. The
  /// window is the caller's business.
  bool insert(Offset at, Slice data, BufferPool* pool = nullptr);

  /// The same for a run of packets, in each of which `from` octets come before its part of the run.
  /// Only where it goes on where all before it ends; else false, and nothing is changed.
  bool append(Offset at, std::span<const Slice> packets, std::size_t from, BufferPool* pool) {
    if (ahead_ || at != ready_.end()) return false;
    ready_.append_all(packets, from, pool);
    return true;
  }

  /// What can be read: from the first octet not read to the first gap.
  [[nodiscard]] Range readable() const { return ready_.range(); }
  /// Octets held, those ahead of gaps included.
  [[nodiscard]] std::size_t held() const {
    return ahead_ ? ready_.size() + held_ahead() : ready_.size();
  }
  /// The stretches ahead of gaps, in order.
  [[nodiscard]] std::span<const Stretch> ahead() const {
    return ahead_ ? std::span<const Stretch>(*ahead_) : std::span<const Stretch>{};
  }

  /// Copies octets to the user, and forgets them. Returns how many.
  std::size_t read(std::span<std::byte> to);
  /// Copies octets from `skip` octets behind the first unread one on; they stay.
  std::size_t peek(std::span<std::byte> to, std::size_t skip = 0) const;
  /// The first readable octets as they lie, as many pieces as `to` has room for. Good until the
  /// buffer changes. Returns how many pieces.
  std::size_t lend(std::span<std::span<const std::byte>> to) const;
  /// Forgets up to `octets` readable octets. Returns how many.
  std::size_t discard(std::size_t octets);
  /// Forgets everything before `at`, held or not, and reads on from there: what SHUT_RD does with
  /// what is queued, and then with rcv.nxt as it advances. Never goes back.
  void skip_to(Offset at, BufferPool* pool = nullptr);
  /// Copies what it holds into blocks of `pool`, and lets go of those it lay in.
  void move_to(BufferPool& pool);

  /// The same octets at the same places, wherever they lie in memory.
  friend bool operator==(const ReceiveBuffer&, const ReceiveBuffer&) = default;

 private:
  bool insert_ahead(Offset at, Slice data, BufferPool* pool);
  void catch_up(BufferPool* pool);
  [[nodiscard]] std::size_t held_ahead() const;

  Stretch ready_;
  Box<std::vector<Stretch>> ahead_;  ///< in order, never touching; not there while there is no gap
};

static_assert(sizeof(ReceiveBuffer) <= 32);

}  // namespace lastack::tcp
