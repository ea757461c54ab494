// A packet on its way out: a header here, the octets still where they were.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.hpp"
#include "tcp/outgoing.hpp"
#include "wire/address.hpp"
#include "wire/splitter.hpp"

namespace lastack::host {

/// Kept by whoever pulls packets and used again for each, so that its vector allocates only once.
struct PacketOut {
  /// Octets kept free for the header of a frame, so that neither the payload nor the headers behind
  /// it move; 16, so that those stay aligned.
  static constexpr std::size_t kFrameRoom = 16;

  std::array<std::byte, kFrameRoom + 100> header{};
  std::size_t front = kFrameRoom;  ///< where in `header` the packet, or the frame, begins
  std::size_t header_size = 0;     ///< octets of `header` that count
  std::vector<Slice> payload;
  std::size_t payload_size = 0;
  std::uint16_t segment_size = 0;  ///< payload of one segment where the link has to cut; else 0
  bool checksum_partial = false;   ///< the link has to finish the TCP checksum
  bool to_us = false;              ///< to an address of our own: it never sees the link
  std::uint16_t tcp_at = 0;        ///< where the TCP header begins, from the front
  tcp::Why why = tcp::Why::data;   ///< for those who tell people
  std::uint8_t attempt = 0;

  [[nodiscard]] std::size_t size() const { return header_size + payload_size; }
  [[nodiscard]] std::span<const std::byte> header_bytes() const {
    return std::span(header).subspan(front, header_size);
  }
  /// Where headers are written to.
  [[nodiscard]] std::span<std::byte> header_room() { return std::span(header).subspan(front); }
  /// Room for `octets` more in front of all there is, to be filled by the caller.
  std::span<std::byte> extend_front(std::size_t octets);
  /// Where it goes, as its IP header says; only while there is no frame around it.
  [[nodiscard]] wire::IpAddress destination() const {
    const auto first = header_size > 0 ? header_bytes() : payload[0].bytes();
    const bool v4 = (std::to_integer<unsigned>(first[0]) >> 4U) == 4;
    return wire::IpAddress::from(v4 ? first.subspan(16, 4) : first.subspan(24, 16));
  }
  /// What wire::Splitter cuts, where segment_size says that it has to be; good as long as this is.
  [[nodiscard]] wire::Splitter::Whole to_cut() const {
    return {.header = header_bytes(),
            .payload = payload,
            .payload_size = payload_size,
            .ip_at = kFrameRoom - front,
            .tcp_at = tcp_at,
            .segment_size = segment_size};
  }
  /// Copies all of it to the front of `into`; octets written, 0 where it does not fit.
  std::size_t copy_to(std::span<std::byte> into) const;
  /// Is `octets`, which are complete.
  void become(Slice octets);
  void clear() {
    if (size() != 0) empty();
  }

 private:
  void empty();
};

/// `part` of the octets of `whole`, as a slice of it.
[[nodiscard]] inline Slice slice_of(const Slice& whole, std::span<const std::byte> part) {
  if (part.empty()) return {};
  return whole.sub(static_cast<std::size_t>(part.data() - whole.bytes().data()), part.size());
}

/// A packet that belongs to another of the hosts that share the addresses.
struct Foreign {
  Slice packet;
  std::uint32_t owner = 0;  ///< Share::index of that host
};

/// A segment in one packet or, where several continue each other, in as many.
struct Run {
  std::span<const Slice> packets;
  std::size_t payload_at = 0;  ///< where in each of them its octets begin
  std::size_t payload = 0;     ///< octets in all of them
};

/// How a packet came: what comes from outside can't have an address of ours.
enum class Via : std::uint8_t { link, loop };

}  // namespace lastack::host
