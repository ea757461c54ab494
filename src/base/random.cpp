#include "base/random.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace lastack {
namespace {

struct Sip {
  explicit Sip(const HashKey& key)
      : v0(key[0] ^ 0x736f6d6570736575U),
        v1(key[1] ^ 0x646f72616e646f6dU),
        v2(key[0] ^ 0x6c7967656e657261U),
        v3(key[1] ^ 0x7465646279746573U) {}

  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void absorb(std::uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
  std::uint64_t finish(std::uint64_t last) {
    absorb(last);
    v2 ^= 0xff;
    for (int i = 0; i < 4; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

std::uint64_t little_endian(std::span<const std::byte, 8> octets) {
  std::uint64_t word = 0;
  std::memcpy(&word, octets.data(), sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = std::byteswap(word);
  return word;
}

}  // namespace

std::uint64_t keyed_hash(const HashKey& key, std::span<const std::byte> octets) {
  const std::size_t length = octets.size();
  Sip sip(key);
  while (octets.size() >= 8) {
    sip.absorb(little_endian(octets.first<8>()));
    octets = octets.subspan(8);
  }
  std::array<std::byte, 8> last{};
  std::ranges::copy(octets, last.begin());
  last[7] = static_cast<std::byte>(length);
  return sip.finish(little_endian(last));
}

std::uint64_t keyed_hash(const HashKey& key, std::span<const std::uint64_t> words,
                         std::uint64_t last) {
  Sip sip(key);
  for (const std::uint64_t word : words) sip.absorb(word);
  return sip.finish(last);
}

}  // namespace lastack
