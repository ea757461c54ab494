// A count in three octets, for the gaps between what is aligned.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace lastack {

/// 0 to 2^24 - 1; what is beyond that stays at kMost.
class Count24 {
 public:
  static constexpr std::uint32_t kMost = 0xffffff;

  constexpr Count24() = default;
  constexpr explicit Count24(std::uint64_t value) {
    const std::uint64_t v = std::min<std::uint64_t>(value, kMost);
    octets_ = {static_cast<std::uint8_t>(v), static_cast<std::uint8_t>(v >> 8U),
               static_cast<std::uint8_t>(v >> 16U)};
  }
  [[nodiscard]] constexpr std::uint32_t value() const {
    return octets_[0] | std::uint32_t{octets_[1]} << 8U | std::uint32_t{octets_[2]} << 16U;
  }
  constexpr Count24& operator++() { return *this = Count24(std::uint64_t{value()} + 1); }

 private:
  std::array<std::uint8_t, 3> octets_{};
};

static_assert(sizeof(Count24) == 3 && alignof(Count24) == 1);

}  // namespace lastack
