// A segment too large for the link, as the packets that the link takes: what a device does for
// those who leave it to it (TSO), at the very bottom for those that can't.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/buffer.hpp"
#include "wire/bytes.hpp"
#include "wire/checksum.hpp"

namespace lastack::wire {

class Splitter {
 public:
  /// A TCP segment in one IP packet, as it lies with the sender. What `header` and `payload` point
  /// at must stay until the last packet is written.
  struct Whole {
    Bytes header;  ///< of the frame, where there is one, of IP, and of TCP
    std::span<const Slice> payload;
    std::size_t payload_size = 0;    ///< octets in all of them; at least one
    std::size_t ip_at = 0;           ///< where in `header` IP's begins; no options, no extensions
    std::size_t tcp_at = 0;          ///< and TCP's
    std::uint16_t segment_size = 0;  ///< payload octets of one packet, at least one
    bool checksums = true;           ///< write TCP's; else the pseudo-header's sum, for offloads
  };
  explicit Splitter(const Whole& whole);

  [[nodiscard]] bool done() const { return at_ == whole_.payload_size; }
  /// Octets of the next packet.
  [[nodiscard]] std::size_t next_size() const { return whole_.header.size() + next_payload(); }
  /// Writes the next packet to the front of `into`, its octets summed while they are copied; what
  /// is behind it there may change, too. Octets written; 0 where there are none left, or too little
  /// room for it (then it is still the next).
  std::size_t next(MutableBytes into);

 private:
  [[nodiscard]] std::size_t next_payload() const {
    const std::size_t left = whole_.payload_size - at_;
    return left < whole_.segment_size ? left : whole_.segment_size;
  }
  void write_ip(MutableBytes ip, std::size_t payload) const;
  [[nodiscard]] Sum write_tcp(MutableBytes tcp, std::size_t payload) const;
  Sum copy_payload(MutableBytes into);
  Sum copy_parts(MutableBytes into);

  /// More than nearly all headers have: so many are copied at once.
  static constexpr std::size_t kHeaders = 64;

  Whole whole_;
  std::array<std::byte, kHeaders> header_{};  ///< where they do
  bool v4_;
  std::size_t at_ = 0;      ///< payload octets of the packets written
  std::size_t part_ = 0;    ///< the slice that the next octet lies in,
  std::size_t within_ = 0;  ///< and where in it
  std::uint16_t written_ = 0;
  Sum ip_;      ///< of what is the same in all of their IPv4 headers
  Sum pseudo_;  ///< of addresses and protocol
  Sum tcp_;     ///< of what is the same in all of their TCP headers
};

}  // namespace lastack::wire
