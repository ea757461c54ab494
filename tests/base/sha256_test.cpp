#include "base/sha256.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace lastack {
namespace {

std::string hash_of(std::string_view text, std::size_t piece = 1U << 20U) {
  Sha256 sha;
  const auto octets = std::as_bytes(std::span(text.data(), text.size()));
  for (std::size_t at = 0; at < octets.size(); at += piece) {
    sha.add(octets.subspan(at, std::min(piece, octets.size() - at)));
  }
  return sha.hex();
}

// The examples of FIPS 180-4's validation programme.
TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(hash_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hash_of(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// Every length around the block's edges, in pieces of every size: the same as in one piece.
TEST(Sha256, PiecesOfAnySizeGiveTheSame) {
  for (const std::size_t length : {1U, 54U, 55U, 56U, 57U, 63U, 64U, 65U, 119U, 120U, 128U, 200U}) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += static_cast<char>(i * 7);
    const std::string whole = hash_of(text);
    for (const std::size_t piece : {1U, 2U, 3U, 7U, 63U, 64U, 65U}) {
      EXPECT_EQ(hash_of(text, piece), whole) << length << " octets by " << piece;
    }
  }
}

TEST(Sha256, MoreMayBeAddedAfterADigest) {
  Sha256 sha;
  sha.add(std::as_bytes(std::span("ab", 2)));
  (void)sha.digest();
  sha.add(std::as_bytes(std::span("c", 1)));
  EXPECT_EQ(sha.hex(), hash_of("abc"));
  EXPECT_EQ(sha.size(), 3U);
}

}  // namespace
}  // namespace lastack
