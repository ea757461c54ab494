// What a link is: IP packets in and out, in batches, with the time handed in.
//
// Links wrap links: one that impairs, captures or counts is a Link around a Link. None knows what a
// host is; whoever has both (io/, sim/) carries packets between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.hpp"
#include "base/time.hpp"

namespace lastack::link {

using Bytes = std::span<const std::byte>;

/// An IP packet in one piece, owned by whoever holds it.
struct Packet {
  Slice octets;
  TimePoint at{};  ///< when it came, or is to be handed on
  /// Payload octets of one segment where this is several in one (super-segment); else 0.
  std::uint16_t segment_size = 0;
};

/// An IP packet on its way out, as it lies with the sender: a header, then pieces of payload. Only
/// good for the call it is given to.
struct PacketRef {
  Bytes header;
  std::span<const Slice> payload;
  std::uint16_t segment_size = 0;  ///< as Packet's: the link has to cut it, or carry it whole
  bool checksum_partial = false;   ///< the TCP checksum holds the pseudo-header's sum only
  std::uint16_t tcp_at = 0;        ///< where the TCP header begins; used where checksum_partial

  [[nodiscard]] std::size_t size() const;
};

/// A copy of `packet` in a block of its own, its checksum finished: a Packet has no place to say
/// that it is not.
[[nodiscard]] Packet copy_of(const PacketRef& packet, TimePoint now, BufferPool* pool = nullptr);

/// The packet itself where its octets lie behind room for its header (Slice::allocate_behind) and
/// nobody but the sender has them; else a copy. For a link whose other end changes nothing.
[[nodiscard]] Packet without_copy(const PacketRef& packet, TimePoint now, BufferPool* pool);

class Link {
 public:
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  virtual ~Link() = default;

  /// Takes a packet to be sent. What can't be sent is dropped: IP promises no more.
  virtual void send(const PacketRef& packet, TimePoint now) { pass_on(copy_of(packet, now), now); }
  /// The same for one that the link may keep.
  virtual void pass_on(Packet packet, TimePoint now) = 0;
  /// The end of a batch of send(): what was held back for company goes out.
  virtual void flush(TimePoint) {}
  /// Appends the packets that have come by `now`, the earliest first. Packets appended; 0 when
  /// there are none.
  virtual std::size_t receive(std::vector<Packet>& into, TimePoint now) = 0;
  /// When advance() or receive() has something to do that no descriptor announces; kNever for
  /// never.
  [[nodiscard]] virtual TimePoint next_deadline() const { return kNever; }
  /// Time has come as far as `now`: packets held until then go on.
  virtual void advance(TimePoint) {}
  /// Octets of the largest IP packet it takes, a super-segment aside.
  [[nodiscard]] virtual std::uint16_t mtu() const = 0;
  /// Whether it takes super-segments; where not, they are cut before they come here.
  [[nodiscard]] virtual bool takes_super_segments() const { return true; }
};

/// A link around another, which must outlive it: everything goes straight through unless
/// overridden.
class Wrapper : public Link {
 public:
  explicit Wrapper(Link& inner) : inner_(&inner) {}

  void pass_on(Packet packet, TimePoint now) override { inner_->pass_on(std::move(packet), now); }
  void flush(TimePoint now) override { inner_->flush(now); }
  std::size_t receive(std::vector<Packet>& into, TimePoint now) override {
    return inner_->receive(into, now);
  }
  [[nodiscard]] TimePoint next_deadline() const override { return inner_->next_deadline(); }
  void advance(TimePoint now) override { inner_->advance(now); }
  [[nodiscard]] std::uint16_t mtu() const override { return inner_->mtu(); }
  [[nodiscard]] bool takes_super_segments() const override {
    return inner_->takes_super_segments();
  }

 protected:
  [[nodiscard]] Link& inner() { return *inner_; }
  [[nodiscard]] const Link& inner() const { return *inner_; }

 private:
  Link* inner_;
};

}  // namespace lastack::link
