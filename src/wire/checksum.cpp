#include "wire/checksum.hpp"

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

/// What is carried out of the upper end comes in at the lower one, as folding has it anyway: two
/// instructions, and no register beside the sum's.
void add_around(std::uint64_t& sum, std::uint64_t word) {
  const bool carried = __builtin_add_overflow(sum, word, &sum);
  sum += carried ? 1U : 0U;
}

std::uint64_t plain_sum(Bytes octets) {
  const std::byte* at = octets.data();
  std::size_t left = octets.size();
  std::uint64_t around = 0;
  for (; left >= 32; at += 32, left -= 32) {
    add_around(around, load<std::uint64_t>(at));
    add_around(around, load<std::uint64_t>(at + 8));
    add_around(around, load<std::uint64_t>(at + 16));
    add_around(around, load<std::uint64_t>(at + 24));
  }
  for (; left >= 8; at += 8, left -= 8) add_around(around, load<std::uint64_t>(at));
  std::uint64_t sum = halves(around);
  if (left == 0) return sum;
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

/// The same of fewer than a hundred, which are stored at `to` on the way.
std::uint64_t plain_copy(Bytes octets, std::byte* to) {
  const std::byte* at = octets.data();
  std::size_t left = octets.size();
  std::uint64_t around = 0;
  for (; left >= 8; at += 8, to += 8, left -= 8) {
    const auto word = load<std::uint64_t>(at);
    std::memcpy(to, &word, sizeof word);
    add_around(around, word);
  }
  const std::uint64_t sum = halves(around);
  if (left == 0) return sum;
  std::memcpy(to, at, left);
  return sum + plain_sum(octets.last(left));
}

using Vector = std::uint64_t __attribute__((vector_size(32)));  // GCC's and Clang's, on any machine
constexpr std::size_t kPair = 2 * sizeof(Vector);

/// Inlined into functions for different machines. Sums of the lower and of the upper halves grow
/// side by side: an addition need not wait for the one before. What is loaded is also stored at
/// `to`, unless that is null.
template <bool kCopy>
[[gnu::always_inline]] inline std::uint64_t vector_sum(Bytes octets, std::byte* to) {
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
    if constexpr (kCopy) {
      std::memcpy(to, &first, sizeof first);
      std::memcpy(to + sizeof first, &second, sizeof second);
      to += kPair;
    }
    low += first & 0xffffffffU;
    high += first >> 32U;
    low2 += second & 0xffffffffU;
    high2 += second >> 32U;
  }
  const Vector all = (low + low2) + (high + high2);
  const std::uint64_t sum = halves(all[0]) + halves(all[1]) + halves(all[2]) + halves(all[3]);
  if constexpr (kCopy) return sum + plain_copy(octets.last(left), to);
  return sum + plain_sum(octets.last(left));
}

template <bool kCopy>
std::uint64_t any_machine_sum(Bytes octets, std::byte* to) {
  return vector_sum<kCopy>(octets, to);
}

#if defined(__x86_64__)
template <bool kCopy>
[[gnu::target("avx2")]] std::uint64_t avx2_sum(Bytes octets, std::byte* to) {
  const std::uint64_t sum = vector_sum<kCopy>(octets, to);
  // GCC leaves it out where only a function's attribute asks for AVX. Without it the next SSE
  // instruction, wherever it is, costs more than the whole sum on some machines.
  __builtin_ia32_vzeroupper();
  return sum;
}
const auto has_avx2 = [] { return __builtin_cpu_supports("avx2") != 0; };
#endif

}  // namespace

std::uint64_t Sum::sum_of(Bytes octets) {
  if (octets.size() < 2 * kPair) return plain_sum(octets);
#if defined(__x86_64__)
  if (has_avx2()) return avx2_sum<false>(octets, nullptr);
#endif
  return any_machine_sum<false>(octets, nullptr);
}

Sum copy_and_sum(Bytes from, MutableBytes to) {
  Sum sum;
  if (from.size() < 2 * kPair) {
    if (!from.empty()) std::memcpy(to.data(), from.data(), from.size());
    sum.value_ = plain_sum(from);
    return sum;
  }
#if defined(__x86_64__)
  if (has_avx2()) {
    sum.value_ = avx2_sum<true>(from, to.data());
    return sum;
  }
#endif
  sum.value_ = any_machine_sum<true>(from, to.data());
  return sum;
}

}  // namespace lastack::wire
