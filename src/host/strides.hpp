// Who comes next, where one comes after another at equal steps.
#pragma once

#include <cstdint>

namespace lastack::host {

/// Indices as they come. Connections that were made one after another are often served so, too: by
/// a program that goes through all of them, by the peer that answers it, by timers that were set in
/// turn. After two equal steps a third is expected.
class Strides {
 public:
  void take(std::uint32_t index) {
    const std::uint32_t step = index - last_;
    steady_ = step == step_ && step != 0;
    step_ = step;
    last_ = index;
  }
  [[nodiscard]] bool steady() const { return steady_; }
  /// The one that comes after `n` more, if they do so as before; there may be none of that index.
  [[nodiscard]] std::uint32_t next(std::uint32_t n = 1) const { return last_ + n * step_; }

 private:
  std::uint32_t last_ = 0;
  std::uint32_t step_ = 0;  ///< modulo 2^32: may well be backwards
  bool steady_ = false;
};

}  // namespace lastack::host
