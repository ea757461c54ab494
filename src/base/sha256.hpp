// SHA-256 (FIPS 180-4): what was sent is what was received, said in 32 octets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace lastack {

/// Takes octets in pieces of any size. For comparing streams, not for keeping secrets.
class Sha256 {
 public:
  using Digest = std::array<std::byte, 32>;

  void add(std::span<const std::byte> octets);
  /// The digest of all that was added so far; more may be added afterwards.
  [[nodiscard]] Digest digest() const;
  /// The same as 64 hexadecimal digits.
  [[nodiscard]] std::string hex() const;
  /// Octets added so far.
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  static constexpr std::size_t kBlock = 64;

  void block(const std::byte* octets);

  std::array<std::uint32_t, 8> state_{0x6a09e667U, 0xbb67ae85U, 0x3c6ef372U, 0xa54ff53aU,
                                      0x510e527fU, 0x9b05688cU, 0x1f83d9abU, 0x5be0cd19U};
  std::array<std::byte, kBlock> partial_{};
  std::uint64_t size_ = 0;
};

}  // namespace lastack
