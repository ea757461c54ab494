// Copying octets, however many, at the pace of the caches.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace lastack {

/// Copies up to 16 octets: in two words that may overlap, from both ends.
inline void copy_few(std::span<const std::byte> from, std::span<std::byte> to) {
  const std::size_t size = from.size();
  const auto both_ends = [&]<typename Word>(Word) {
    Word first = 0;
    Word last = 0;
    std::memcpy(&first, from.data(), sizeof first);
    std::memcpy(&last, from.data() + size - sizeof last, sizeof last);
    std::memcpy(to.data(), &first, sizeof first);
    std::memcpy(to.data() + size - sizeof last, &last, sizeof last);
  };
  if (size >= 8) return both_ends(std::uint64_t{});
  if (size >= 4) return both_ends(std::uint32_t{});
  if (size >= 2) return both_ends(std::uint16_t{});
  if (size == 1) to[0] = from[0];
}

/// memcpy(), but for few octets, of which a call would cost more, and the one case that it is bad
/// at. From some 2 KiB on the C library leaves a copy to one string instruction, and where the
/// destination lies a little further on in its page than the source in its own, that takes up to
/// twenty times as long on some machines. In strides it takes vector registers instead. `to` is at
/// least as large as `from`.
inline void copy_octets(std::span<const std::byte> from, std::span<std::byte> to) {
  constexpr std::size_t kStride = 1536;
  constexpr std::uintptr_t kPage = 4096;
  constexpr std::uintptr_t kLittle = 64;
  if (from.size() <= 16) return copy_few(from, to);
  const auto further =
      (std::bit_cast<std::uintptr_t>(to.data()) - std::bit_cast<std::uintptr_t>(from.data())) %
      kPage;
  if (from.size() <= kStride || further >= kLittle) {
    std::memcpy(to.data(), from.data(), from.size());
    return;
  }
  while (!from.empty()) {
    const auto part = from.first(std::min(from.size(), kStride));
    std::memcpy(to.data(), part.data(), part.size());
    from = from.subspan(part.size());
    to = to.subspan(part.size());
  }
}

}  // namespace lastack
