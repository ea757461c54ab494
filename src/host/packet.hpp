// A packet on its way out: a header here, the octets still where they were.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.hpp"
#include "tcp/outgoing.hpp"

namespace lastack::host {

/// Kept by whoever pulls packets and used again for each, so that its vector allocates only once.
struct PacketOut {
  std::array<std::byte, 100> header{};  ///< IP and TCP; only `header_size` octets count
  std::size_t header_size = 0;
  std::vector<Slice> payload;
  std::size_t payload_size = 0;
  std::uint16_t segment_size = 0;  ///< payload of one segment where the link has to cut; else 0
  bool checksum_partial = false;   ///< the link has to finish the TCP checksum
  std::uint16_t tcp_at = 0;        ///< where the TCP header begins
  tcp::Why why = tcp::Why::data;   ///< for those who tell people
  std::uint8_t attempt = 0;

  [[nodiscard]] std::size_t size() const { return header_size + payload_size; }
  [[nodiscard]] std::span<const std::byte> header_bytes() const {
    return std::span(header).first(header_size);
  }
  /// Copies all of it to the front of `into`; octets written, 0 where it does not fit.
  std::size_t copy_to(std::span<std::byte> into) const;
  void clear();
};

}  // namespace lastack::host
