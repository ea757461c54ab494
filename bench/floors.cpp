// What copies and sums cost by themselves: floors [--seconds N]. Nanoseconds for each, from and to
// memory that the caches hold; `from_memory` goes through more than they hold.
#include <algorithm>
#include <cstring>
#include <span>

#include "peer.hpp"
#include "wire/checksum.hpp"

namespace {

constexpr std::size_t kPacket = 1460;
constexpr std::size_t kHot = std::size_t{128} << 10U;
constexpr std::size_t kCold = std::size_t{256} << 20U;

/// Keeps what was computed, and the stores in front of it, from being left out.
template <typename T>
void used(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

struct Areas {
  explicit Areas(std::size_t size) : from(size, std::byte{1}), to(size, std::byte{2}) {}
  /// Calls once(from, to) with one piece of the areas after another.
  template <typename Once>
  double time(double seconds, std::size_t piece, Once once) {
    std::size_t at = 0;
    const auto next = [&] {
      if (at + piece > from.size()) at = 0;
      once(std::span(from).subspan(at, piece), std::span(to).subspan(at, piece));
      at += piece;
    };
    for (std::size_t i = 0; i < from.size() / piece; ++i) next();
    return bench::ns_per_call(seconds, 1000, next);
  }
  std::vector<std::byte> from;
  std::vector<std::byte> to;
};

void copy(std::span<const std::byte> from, std::span<std::byte> to) {
  std::memcpy(to.data(), from.data(), from.size());
  used(to.front());
}
void sum(std::span<const std::byte> from, std::span<std::byte>) {
  lastack::wire::Sum sum;
  sum.add(from);
  const auto result = sum.folded();
  used(result);
}
void copy_and_sum(std::span<const std::byte> from, std::span<std::byte> to) {
  const auto result = lastack::wire::copy_and_sum(from, to).folded();
  used(result);
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 2 ? bench::number<double>(argv[2]) : 0.2;
  Areas hot(kHot / 2);
  const double copied = hot.time(seconds, kPacket, copy);
  const double summed = hot.time(seconds, kPacket, sum);
  const double both = hot.time(seconds, kPacket, copy_and_sum);
  Areas cold(kCold / 2);
  const double from_memory = cold.time(seconds, kPacket, copy);
  std::printf(
      "{\"copy\": %.2f, \"sum\": %.2f, \"copy_and_sum\": %.2f, \"copy_from_memory\": %.2f}\n",
      copied, summed, both, from_memory);
}
