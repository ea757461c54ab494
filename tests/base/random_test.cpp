// The keyed hash gives what SipHash-2-4's authors say it gives.
#include "base/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

namespace lastack {
namespace {

constexpr HashKey kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

std::vector<std::byte> counting(std::size_t size) {
  std::vector<std::byte> octets(size);
  for (std::size_t i = 0; i < size; ++i) octets[i] = static_cast<std::byte>(i);
  return octets;
}

TEST(KeyedHash, IsSipHash) {
  EXPECT_EQ(keyed_hash(kKey, counting(0)), 0x726fdb47dd0e0e31U);
  EXPECT_EQ(keyed_hash(kKey, counting(8)), 0x93f5f5799a932462U);
  EXPECT_EQ(keyed_hash(kKey, counting(15)), 0xa129ca6149be45e5U);
}

TEST(KeyedHash, OfWordsIsThatOfTheirOctets) {
  for (std::size_t size = 0; size < 48; ++size) {
    const auto octets = counting(size);
    std::vector<std::uint64_t> words(size / 8);
    std::uint64_t last = static_cast<std::uint64_t>(size) << 56U;
    for (std::size_t i = 0; i < size; ++i) {
      const std::uint64_t octet = std::to_integer<std::uint64_t>(octets[i]) << i % 8 * 8;
      (i / 8 < words.size() ? words[i / 8] : last) |= octet;
    }
    EXPECT_EQ(keyed_hash(kKey, words, last), keyed_hash(kKey, octets)) << size << " octets";
  }
}

}  // namespace
}  // namespace lastack
