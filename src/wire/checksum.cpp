#include "wire/checksum.hpp"

#include <algorithm>
#include <cstring>

namespace lastack::wire {
namespace {

std::uint64_t load(const std::byte* from) {
  std::uint64_t word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

/// 32-bit halves into 64-bit lanes, which compilers turn into vector code.
std::uint64_t native_sum(Bytes octets) {
  const std::byte* at = octets.data();
  std::size_t left = octets.size();
  std::uint64_t lanes[4] = {0, 0, 0, 0};
  for (; left >= 32; at += 32, left -= 32) {
    for (std::size_t i = 0; i < 4; ++i) {
      const std::uint64_t word = load(at + 8 * i);
      lanes[i] += (word & 0xffffffffU) + (word >> 32U);
    }
  }
  std::uint64_t sum = 0;
  for (const std::uint64_t lane : lanes) sum += (lane & 0xffffffffU) + (lane >> 32U);
  for (; left >= 8; at += 8, left -= 8) {
    const std::uint64_t word = load(at);
    sum += (word & 0xffffffffU) + (word >> 32U);
  }
  if (left == 0) return sum;
  std::byte rest[8] = {};
  std::memcpy(rest, at, left);
  const std::uint64_t word = load(rest);
  return sum + (word & 0xffffffffU) + (word >> 32U);
}

constexpr std::size_t kBlock = 4096;  // summed while still in the nearest cache

}  // namespace

void Sum::add(Bytes octets) { value_ += native_sum(octets); }

Sum copy_and_sum(Bytes from, MutableBytes to) {
  Sum sum;
  for (std::size_t at = 0; at < from.size(); at += kBlock) {
    const Bytes block = from.subspan(at, std::min(kBlock, from.size() - at));
    std::memcpy(to.data() + at, block.data(), block.size());
    sum.add(block);
  }
  return sum;
}

Sum pseudo_header(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                  std::uint32_t length) {
  Sum sum;
  sum.add(source.bytes());
  sum.add(destination.bytes());
  sum.add_word(protocol);
  sum.add_word(static_cast<std::uint16_t>(length >> 16U));
  sum.add_word(static_cast<std::uint16_t>(length));
  return sum;
}

}  // namespace lastack::wire
