// Inputs as steps: records of eight octets, so that a mutation of one step leaves the others alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace lastack::fuzz {

inline constexpr std::size_t kStep = 8;

/// What the first octet of a step asks for: one of a range of values that starts here.
/// (seeds.py reads these.)
enum What : std::uint8_t {
  kCall = 0,      ///< a socket call: kCall + Call
  kSegment = 24,  ///< a segment comes, or in a world of two hosts something befalls the wire
  kPacket = 80,   ///< another packet comes
  kWait = 96,     ///< time passes
  kLast = 128,
};

struct Step {
  std::array<std::uint8_t, kStep> octets{};

  [[nodiscard]] std::uint8_t what() const { return octets[0] & 0x7fU; }
  /// Nothing is sent after this step: the next one belongs to the same batch.
  [[nodiscard]] bool held() const { return (octets[0] & 0x80U) != 0; }
  [[nodiscard]] std::uint8_t operator[](std::size_t i) const { return octets[i]; }
  /// The last two octets as one number.
  [[nodiscard]] std::uint16_t amount() const {
    return static_cast<std::uint16_t>(octets[6] | octets[7] << 8U);
  }
  /// The same, from -32768 on.
  [[nodiscard]] std::int16_t signed_amount() const { return static_cast<std::int16_t>(amount()); }
};

/// Takes an input apart. What is left of its end is no step.
class Steps {
 public:
  explicit Steps(std::span<const std::uint8_t> input) : input_(input) {}

  std::optional<Step> next() {
    if (input_.size() < kStep) return std::nullopt;
    Step step;
    for (std::size_t i = 0; i < kStep; ++i) step.octets[i] = input_[i];
    input_ = input_.subspan(kStep);
    return step;
  }

 private:
  std::span<const std::uint8_t> input_;
};

/// Bodies of LLVMFuzzerCustomMutator and LLVMFuzzerCustomCrossOver: whole steps come, go, are
/// repeated and change places, and octets of one step change.
std::size_t mutate_steps(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed);
std::size_t cross_steps(std::span<const std::uint8_t> one, std::span<const std::uint8_t> other,
                        std::span<std::uint8_t> out, unsigned seed);

}  // namespace lastack::fuzz
