#include "wire/checksum.hpp"

#include <algorithm>
#include <cstring>

namespace lastack::wire {
namespace {

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// 32-bit halves, so that nothing is carried out of 64 bits.
std::uint64_t halves(std::uint64_t word) { return (word & 0xffffffffU) + (word >> 32U); }

std::uint64_t plain_sum(Bytes octets) {
  const std::byte* at = octets.data();
  std::size_t left = octets.size();
  std::uint64_t sum = 0;
  for (; left >= 8; at += 8, left -= 8) sum += halves(load<std::uint64_t>(at));
  if ((left & 4U) != 0) {
    sum += load<std::uint32_t>(at);
    at += 4;
  }
  if ((left & 2U) != 0) {
    sum += load<std::uint16_t>(at);
    at += 2;
  }
  if ((left & 1U) == 0) return sum;
  std::uint16_t last = 0;
  std::memcpy(&last, at, 1);
  return sum + last;
}

using Vector = std::uint64_t __attribute__((vector_size(32)));  // GCC's and Clang's, on any machine
constexpr std::size_t kPair = 2 * sizeof(Vector);

/// Inlined into functions for different machines. Sums of the lower and of the upper halves grow
/// side by side: an addition need not wait for the one before.
[[gnu::always_inline]] inline std::uint64_t vector_sum(Bytes octets) {
  const std::byte* at = octets.data();
  std::size_t left = octets.size();
  Vector low{};
  Vector high{};
  Vector low2{};
  Vector high2{};
  for (; left >= kPair; at += kPair, left -= kPair) {
    Vector first;
    Vector second;
    std::memcpy(&first, at, sizeof first);
    std::memcpy(&second, at + sizeof first, sizeof second);
    low += first & 0xffffffffU;
    high += first >> 32U;
    low2 += second & 0xffffffffU;
    high2 += second >> 32U;
  }
  const Vector all = (low + low2) + (high + high2);
  return halves(all[0]) + halves(all[1]) + halves(all[2]) + halves(all[3]) +
         plain_sum(octets.last(left));
}

std::uint64_t any_machine_sum(Bytes octets) { return vector_sum(octets); }

#if defined(__x86_64__)
[[gnu::target("avx2")]] std::uint64_t avx2_sum(Bytes octets) { return vector_sum(octets); }
const auto has_avx2 = [] { return __builtin_cpu_supports("avx2") != 0; };
#endif

constexpr std::size_t kBlock = 4096;  // summed while still in the nearest cache

}  // namespace

std::uint64_t Sum::sum_of(Bytes octets) {
  if (octets.size() < 2 * kPair) return plain_sum(octets);
#if defined(__x86_64__)
  if (has_avx2()) return avx2_sum(octets);
#endif
  return any_machine_sum(octets);
}

Sum copy_and_sum(Bytes from, MutableBytes to) {
  Sum sum;
  for (std::size_t at = 0; at < from.size(); at += kBlock) {
    const Bytes block = from.subspan(at, std::min(kBlock, from.size() - at));
    std::memcpy(to.data() + at, block.data(), block.size());
    sum.add(block);
  }
  return sum;
}

}  // namespace lastack::wire
