// Whole packets cut by hand, and what reassembly makes of the pieces.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "ip/reassembly.hpp"
#include "wire/packets.hpp"

namespace lastack_test {

using lastack::BufferPool;
using lastack::Slice;
using lastack::TimePoint;
using lastack::ip::PieceFate;
using lastack::ip::Reassembly;
using lastack::ip::ReassemblyLimits;

inline constexpr std::uint8_t kUdp = 17;

/// A range of a payload, and whether more follows.
struct Cut {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool more = false;
};

/// The piece `cut` of a packet whose payload counted() names.
inline Octets piece(bool v6, Cut cut, std::uint8_t id = 1, std::uint8_t protocol = kUdp) {
  const Octets payload = counted(cut.end - cut.begin, cut.begin);
  return v6 ? piece_v6(protocol, payload, cut.begin, cut.more, id)
            : piece_v4(protocol, payload, cut.begin, cut.more, id);
}

/// Reassembly with a pool and a clock of its own.
struct Desk {
  explicit Desk(const ReassemblyLimits& limits = {}) : reassembly(limits) {}

  Reassembly::Added add(const Slice& packet) {
    const auto read = lastack::wire::parse_fragment(packet.bytes());
    return reassembly.add(read.value(), packet, now, &pool);
  }
  Reassembly::Added add(const Octets& packet) { return add(Slice::copy_of(packet, &pool)); }
  std::string_view fate(const Octets& packet) { return to_string(add(packet).fate); }

  BufferPool pool;
  Reassembly reassembly;
  TimePoint now{std::chrono::seconds(1000)};
};

}  // namespace lastack_test
