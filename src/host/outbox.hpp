// Whole packets that wait to be sent, and go out in pieces where the way takes less at once.
#pragma once

#include <cstddef>
#include <optional>

#include "base/buffer.hpp"
#include "base/ring.hpp"
#include "host/packet.hpp"
#include "ip/fragmenter.hpp"

namespace lastack::host {

class Outbox {
 public:
  [[nodiscard]] bool empty() const { return packets_.empty(); }
  [[nodiscard]] std::size_t size() const { return packets_.size(); }
  /// Of all that wait; the pieces of the first one that have gone are still among them.
  [[nodiscard]] std::size_t octets() const { return octets_; }
  void push(Slice packet);
  /// The one that goes out next, or of which the next piece goes; only where there is one.
  [[nodiscard]] const Slice& front() const { return packets_.front(); }
  /// A piece of it has gone already.
  [[nodiscard]] bool cutting() const { return cutting_.has_value(); }
  /// The first one goes out as `fragmenter` cuts its payload.
  void cut(const ip::Fragmenter& fragmenter) { cutting_ = fragmenter; }
  /// Fills `out`, which is clear, with the first one, or its next piece.
  void next(PacketOut& out);

 private:
  Slice pop();

  Ring<Slice> packets_;
  std::optional<ip::Fragmenter> cutting_;
  std::size_t octets_ = 0;
};

}  // namespace lastack::host
