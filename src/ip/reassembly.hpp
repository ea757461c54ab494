// Packets that come in pieces, put together again (RFC 791 §3.2, RFC 815, RFC 8200 §4.5).
//
// A piece is kept as a slice of the frame that brought it, or copied where it would keep much more
// memory than it has octets. Everything a sender can make grow has a limit; where there is no room
// the packet that has waited longest goes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/buffer.hpp"
#include "base/time.hpp"
#include "wire/fragment.hpp"

namespace lastack::ip {

struct ReassemblyLimits {
  std::size_t packets = 256;              ///< incomplete at once; found by looking at each
  std::size_t octets = 4U << 20U;         ///< of memory, for all of them
  std::size_t octets_each = 256U << 10U;  ///< of memory, for one
  std::size_t pieces = 128;               ///< of one packet
  /// DEVIATES: RFC 1122 §3.3.2 recommends 60 to 120 s. IPv4's identification comes round in less
  /// where much is sent (RFC 4963), and pieces of two packets must not meet.
  Duration timeout_v4 = 30s;
  Duration timeout_v6 = 60s;  ///< RFC 8200 §4.5
};

/// What became of a piece.
enum class PieceFate : std::uint8_t {
  held,       ///< others are missing
  completed,  ///< it was the last one
  duplicate,  ///< the very same is here already
  // What follows ends its packet, and all that still comes of it:
  overlap,          ///< with other octets than those that are here (RFC 5722, RFC 8200 §4.5)
  beyond_end,       ///< behind the last piece, or a second one that says it is the last
  too_long,         ///< the packet would have more than 65535 octets
  too_many_pieces,  ///< against ReassemblyLimits::pieces
  too_much_memory,  ///< against ReassemblyLimits::octets_each
  mixed_ecn,        ///< capable of ECN or not: its pieces don't agree (RFC 3168 §5.3)
  late,             ///< of a packet that has been ended so
};
inline constexpr std::size_t kPieceFateCount = 10;
[[nodiscard]] std::string_view to_string(PieceFate fate);

class Reassembly {
 public:
  explicit Reassembly(const ReassemblyLimits& limits = {}) : limits_(limits) {}

  struct Added {
    PieceFate fate = PieceFate::held;
    std::uint32_t evicted = 0;  ///< packets that had to go for it
    Slice whole;                ///< where completed: a packet without a trace of its pieces
  };
  /// Takes the piece that parse_fragment() read from `packet`.
  Added add(const wire::Fragment& piece, const Slice& packet, TimePoint now,
            BufferPool* pool = nullptr);

  struct TimedOut {
    /// The packet that brought the first piece, for the ICMP error about it; empty where it never
    /// came, or where the packet was ended before (RFC 1122 §3.3.2, RFC 8200 §4.5).
    Slice first;
    wire::Family family{};
  };
  /// The next packet whose time is over; call until there is none.
  std::optional<TimedOut> expire(TimePoint now);
  /// When expire() has something; kNever while nothing waits.
  [[nodiscard]] TimePoint next_deadline() const { return deadline_; }

  /// Packets of which something is remembered, those that were ended included.
  [[nodiscard]] std::size_t packets() const { return packets_; }
  /// Octets of memory that pieces keep from other use.
  [[nodiscard]] std::size_t octets() const { return octets_; }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  /// What all pieces of one packet have in common (RFC 791 §3.2; RFC 8200 §4.5 without the
  /// protocol).
  struct Key {
    wire::IpAddress source;
    wire::IpAddress destination;
    std::uint32_t identification = 0;
    std::uint8_t protocol = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Piece {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    Slice octets;
  };
  struct Packet {
    Key key;
    TimePoint deadline{};
    std::vector<Piece> pieces;  ///< by place, none overlapping
    Slice first;                ///< all of the packet that brought the first piece
    wire::Fragment first_piece;
    std::optional<std::uint32_t> end;  ///< where the last piece ended
    std::uint32_t received = 0;
    std::size_t memory = 0;
    std::uint8_t ecn = 0;  ///< a bit for each of the four values seen
    bool ended = false;
    std::uint32_t older = kNone;
    std::uint32_t newer = kNone;
  };
  /// Packets of one family: their time is over in the order in which they came.
  struct Age {
    std::uint32_t oldest = kNone;
    std::uint32_t newest = kNone;
  };

  [[nodiscard]] static Key key_of(const wire::Fragment& piece);
  [[nodiscard]] static std::uint32_t tag_of(const Key& key);
  [[nodiscard]] std::uint32_t find(const Key& key) const;
  std::uint32_t make(const wire::Fragment& piece, TimePoint now);
  void drop(std::uint32_t index);
  void end(Packet& packet);
  void forget_pieces(Packet& packet);
  void mind_deadline();
  [[nodiscard]] std::uint32_t oldest(std::uint32_t but) const;
  std::uint32_t make_room(std::uint32_t but);
  [[nodiscard]] Age& age_of(const Packet& packet) {
    return ages_[packet.key.source.is_v4() ? 0 : 1];
  }

  [[nodiscard]] PieceFate judge(const Packet& packet, const wire::Fragment& piece,
                                wire::Bytes octets) const;
  void keep(Packet& packet, const wire::Fragment& piece, const Slice& frame, BufferPool* pool);
  [[nodiscard]] static Slice join(const Packet& packet, BufferPool* pool);

  ReassemblyLimits limits_;
  std::vector<std::uint32_t> tags_;  ///< a hash of each place's key, 0 where it is free
  std::vector<Packet> places_;
  std::vector<std::uint32_t> free_;
  std::array<Age, 2> ages_{};
  std::size_t packets_ = 0;
  std::size_t octets_ = 0;
  TimePoint deadline_ = kNever;
};

}  // namespace lastack::ip
